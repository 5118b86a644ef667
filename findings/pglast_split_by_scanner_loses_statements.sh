#!/usr/bin/env bash
# pglast.split(with_parser=False) leaves out every statement in which no token is a keyword.
#
# pglast 8.8 (libpg_query for PostgreSQL 18) offers a split by tokens for text that its grammar
# cannot parse, such as a script with statements of a newer server: REPACK is PostgreSQL 19's. The
# split returns a statement only if one of its tokens is a keyword of PostgreSQL 18: of `repack
# accounts; select 1` it returns `select 1` alone, without an error. An empty statement, which it is
# meant to leave out, looks the same to it.
#
# It matters because a tool that falls back to this split runs, or shows to a reviewer, less than the
# script holds. Cut at the terminators that scan() returns instead, outside of brackets.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check pglast==8.8

cat >"$folder/show.py" <<'PYTHON'
import pglast

SCRIPT = "repack accounts; select 1; repack (concurrently) orders"

print("pglast", pglast.__version__)
found = pglast.split(SCRIPT, with_parser=False)
tokens = [token.name for token in pglast.parser.scan(SCRIPT)]
print("script:    ", SCRIPT)
print("split:     ", found)
print("terminators:", tokens.count("ASCII_59"))
assert found == ("select 1", "repack (concurrently) orders"), found
PYTHON
"$folder/venv/bin/python" "$folder/show.py"
