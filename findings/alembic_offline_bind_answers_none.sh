#!/usr/bin/env bash
# In offline mode Alembic's op.get_bind() answers every statement with None, and no error.
#
# A revision that asks the database before it acts - "is there a row?", "how many?" - runs through
# `alembic upgrade --sql` without a complaint: execute() prints the SELECT into the script and
# returns None. So `if bind.execute(...):` takes its other branch, whatever the database holds, and
# the script has the statements of that branch. inspect() of the same bind raises instead.
#
# It matters because the offline script is what a reviewer or a DBA runs: online, the same revision
# would have inserted the row, and nothing in the script shows that a decision was lost.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    alembic==1.20.1 sqlalchemy==2.1.9

cat >"$folder/show.py" <<'PYTHON'
import io
import sys
from pathlib import Path

import alembic
from alembic import command
from alembic.config import Config

ENV = """
from alembic import context
from sqlalchemy import create_engine

if context.is_offline_mode():
    context.configure(dialect_name="postgresql", literal_binds=True)
    context.run_migrations()
else:
    with create_engine(context.config.get_main_option("sqlalchemy.url")).begin() as connection:
        context.configure(connection=connection)
        context.run_migrations()
"""
REVISION = """
import sqlalchemy as sa
from alembic import op

revision, down_revision = "one", None


def upgrade():
    op.execute("CREATE TABLE plans (name text)")
    count = op.get_bind().execute(sa.text("SELECT count(*) FROM plans"))
    print("execute() returned", "None" if count is None else "a result", file=__import__("sys").stderr)
    if count is not None and count.scalar() == 0:
        op.execute("INSERT INTO plans VALUES ('free')")
"""

folder = Path(sys.argv[1])
(folder / "versions").mkdir()
(folder / "env.py").write_text(ENV)
(folder / "versions" / "one.py").write_text(REVISION)
script = io.StringIO()
config = Config(output_buffer=script)
config.set_main_option("script_location", str(folder))
config.set_main_option("sqlalchemy.url", f"sqlite:///{folder}/db")
print("alembic", alembic.__version__)
command.upgrade(config, "head", sql=True)
command.upgrade(config, "head")

import sqlite3

rows = sqlite3.connect(folder / "db").execute("SELECT name FROM plans").fetchall()
print("the offline script inserts a row:", "INSERT INTO plans" in script.getvalue())
print("the offline script holds the question:", "SELECT count(*) FROM plans" in script.getvalue())
print("rows after the online run:", rows)
assert "INSERT INTO plans" not in script.getvalue()
assert "SELECT count(*) FROM plans" in script.getvalue()
assert rows == [("free",)]
PYTHON
"$folder/venv/bin/python" "$folder/show.py" "$folder"
