#!/usr/bin/env bash
# Alembic refuses to run a merge revision whose depends_on names a common ancestor of its branches.
#
# The history is valid: two branches grow from one root, a merge joins them, and the merge also
# declares depends_on = root, which is redundant but true. Alembic loads it without a warning. At the
# merge, `upgrade` ends with a bare KeyError that names the root, because Alembic tries to remove the
# row of the root from alembic_version, where it is not; `upgrade --sql` ends in the same way.
#
# It matters because a dependency that was needed when it was written becomes redundant when branches
# are rearranged, and because the error appears first where the merge is applied, at the deployment.
# Without depends_on the same history is applied.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    alembic==1.20.1 sqlalchemy==2.1.9

cat >"$folder/show.py" <<'PYTHON'
import sqlite3
import sys
from pathlib import Path

import alembic
from alembic import command
from alembic.config import Config

ENV = """
from alembic import context
from sqlalchemy import create_engine

if context.is_offline_mode():
    context.configure(dialect_name="postgresql")
    context.run_migrations()
else:
    with create_engine(context.config.get_main_option("sqlalchemy.url")).begin() as connection:
        context.configure(connection=connection, transaction_per_migration=True)
        context.run_migrations()
"""
REVISION = """
revision = {!r}
down_revision = {!r}
depends_on = {!r}
def upgrade(): pass
def downgrade(): pass
"""


def upgrade(folder: Path, depends_on: "str | None", sql: bool = False) -> "tuple[str, list[str]]":
    """Apply root, two branches and their merge; returns the outcome, and the version table."""
    (folder / "versions").mkdir(parents=True)
    (folder / "env.py").write_text(ENV)
    for name, down, needed in (
        ("root", None, None),
        ("left", "root", None),
        ("right", "root", None),
        ("merge", ("left", "right"), depends_on),
    ):
        (folder / "versions" / f"{name}.py").write_text(REVISION.format(name, down, needed))
    config = Config(output_buffer=open(folder / "out.sql", "w"))
    config.set_main_option("script_location", str(folder))
    config.set_main_option("sqlalchemy.url", f"sqlite:///{folder}/db")
    try:
        command.upgrade(config, "heads", sql=sql)
        outcome = "applied"
    except Exception as error:
        outcome = repr(error)
    if sql:
        return outcome, []
    rows = sqlite3.connect(folder / "db").execute("SELECT version_num FROM alembic_version")
    return outcome, sorted(row[0] for row in rows)


folder = Path(sys.argv[1])
print("alembic", alembic.__version__)
seen = {
    "without depends_on": upgrade(folder / "a", None),
    "depends_on = root": upgrade(folder / "b", "root"),
    "depends_on = root, --sql": upgrade(folder / "c", "root", sql=True),
}
for case, (outcome, rows) in seen.items():
    print(f"{case}: {outcome}; alembic_version: {rows}")
assert seen["without depends_on"] == ("applied", ["merge"])
assert seen["depends_on = root"][0] == "KeyError('root')"
assert seen["depends_on = root, --sql"][0] == "KeyError('root')"
PYTHON
"$folder/venv/bin/python" "$folder/show.py" "$folder"
