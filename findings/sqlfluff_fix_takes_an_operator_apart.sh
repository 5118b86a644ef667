#!/usr/bin/env bash
# `sqlfluff fix` puts blanks into an operator, and one statement that it cannot parse hides the rest.
#
# sqlfluff 4.5.0 reads the PostgreSQL operator === as three signs, asks for blanks between them
# (LT01), and with `fix` writes = = =, which PostgreSQL refuses. GRANT MAINTAIN, which is PostgreSQL
# 17's, is not parsed; what is reported is one unparsable section up to the end of the file, so that
# faults of the statements behind it, which the same file shows without the GRANT, are not reported.
#
# It matters because a migration that a formatter changed is not the one that was tested, and because
# one new statement switches the lint off for all that follows it in its file.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check sqlfluff==4.5.0

cat >"$folder/show.py" <<'PYTHON'
import sqlfluff

OPERATOR = "CREATE OPERATOR === (LEFTARG = box, RIGHTARG = box, FUNCTION = box_same);\n"
BEHIND = "\nSELECT 1 AS one,2 AS two;\n"

print("sqlfluff", sqlfluff.__version__)
fixed = sqlfluff.fix(OPERATOR, dialect="postgres", rules=["LT01"])
print("before fix:", OPERATOR, end="")
print("after fix: ", fixed, end="")
codes = {}
for privilege in ("SELECT", "MAINTAIN"):
    text = f"GRANT {privilege} ON a TO b;\n{BEHIND}"
    found = sqlfluff.lint(text, dialect="postgres", rules=["LT01"])
    codes[privilege] = [violation["code"] for violation in found]
    print(f"after GRANT {privilege}:", codes[privilege])
assert fixed == OPERATOR.replace("===", "= = =")
assert codes == {"SELECT": ["LT01"], "MAINTAIN": ["PRS"]}
PYTHON
"$folder/venv/bin/python" "$folder/show.py"
