#!/usr/bin/env bash
# `alembic upgrade --sql` changes the values inside string literals: a tab becomes four blanks.
#
# In offline mode Alembic replaces each tab of a statement's text by four blanks before it prints it,
# also inside quoted literals. A data migration that writes or compares a text with a tab (a CSV
# line, a template, a key with a tab in it) therefore writes other bytes, or finds other rows, when a
# DBA runs the printed script than when Alembic runs the same revision online.
#
# An env.py that calls configure(dialect_name="postgresql"), without the paramstyle of the stock
# template, gets every percent sign in a literal doubled as well: '100%' is printed as '100%%', and
# PostgreSQL stores both characters.
#
# It matters because the printed script is what is reviewed and run where a deployment tool may not
# connect to the database; neither difference is reported, and nothing fails.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    alembic==1.20.1 sqlalchemy==2.1.9

cat >"$folder/show.py" <<'PYTHON'
import io

import alembic
import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.operations import Operations

STATEMENTS = (
    "UPDATE notes SET body = 'a\tb' WHERE id = 1",
    "UPDATE notes SET body = '100%' WHERE id = 1",
)


def online(statement: str) -> str:
    """Return what Alembic sends to a database for op.execute(statement)."""
    sent = []
    engine = sa.create_mock_engine("sqlite://", lambda clause, *_: sent.append(str(clause)))
    Operations(MigrationContext.configure(engine.connect())).execute(statement)
    return sent[0]


def offline(statement: str, **how: object) -> str:
    """Return what Alembic prints for op.execute(statement)."""
    printed = io.StringIO()
    opts = {"as_sql": True, "literal_binds": True, "output_buffer": printed}
    Operations(MigrationContext.configure(opts=opts, **how)).execute(statement)
    return printed.getvalue().strip().removesuffix(";")


STOCK = {"dialect_name": "postgresql", "dialect_opts": {"paramstyle": "named"}}
PLAIN = {"dialect_name": "postgresql"}

print("alembic", alembic.__version__, "sqlalchemy", sa.__version__)
seen = []
for statement in STATEMENTS:
    row = [statement, online(statement), offline(statement, **STOCK), offline(statement, **PLAIN)]
    for label, text in zip(("revision", "online", "--sql, stock env.py", "--sql, plain"), row):
        print(f"{label:20}", repr(text))
    seen.append(row)

tab, percent = seen
assert tab[1] == tab[0] and percent[1] == percent[0]
assert tab[2] == tab[3] == tab[0].replace("\t", "    ")
assert percent[2] == percent[0]
assert percent[3] == percent[0].replace("%", "%%")
PYTHON
"$folder/venv/bin/python" "$folder/show.py"
