#!/usr/bin/env bash
# op.create_table() creates the indexes of `index=True` columns in another order in each process.
#
# SQLAlchemy keeps the indexes of a table in a set, and Alembic's create_table() goes through it, as
# `metadata.create_all()` does. The order of the CREATE INDEX statements depends on where the objects
# lie in memory, so the same revision prints another script each time.
#
# It matters to people who keep the output of `alembic upgrade --sql` for review, or compare it: the
# diff shows changes where nothing has changed, and a digest of the script cannot be trusted. The
# resulting schema is the same; what is reviewed is not, byte for byte, what another run would print.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    alembic==1.20.1 sqlalchemy==2.1.9

cat >"$folder/show.py" <<'PYTHON'
import io

import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.operations import Operations

printed = io.StringIO()
options = {"as_sql": True, "output_buffer": printed}
context = MigrationContext.configure(dialect_name="postgresql", opts=options)
columns = [sa.Column(name, sa.Integer, index=True) for name in "abcdefgh"]
Operations(context).create_table("t", *columns)
lines = [line for line in printed.getvalue().splitlines() if line.startswith("CREATE INDEX")]
print(*(line.partition("(")[2][0] for line in lines), sep="")
PYTHON

"$folder/venv/bin/python" -c 'import alembic, sqlalchemy
print("alembic", alembic.__version__, "sqlalchemy", sqlalchemy.__version__)'
orders=$(for _ in {1..12}; do "$folder/venv/bin/python" "$folder/show.py"; done | sort | uniq -c)
echo "$orders"
[[ $(wc -l <<<"$orders") -gt 1 ]]
