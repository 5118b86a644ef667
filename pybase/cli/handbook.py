"""The hazards as a page for people: `python -m pybase.cli.handbook > docs/hazards.md`.

Owns what that page looks like. A test compares the committed one with it.
"""

from collections.abc import Iterator

from pybase.core import terminal as present
from pybase.migrate.rehearsal._hazards import ERROR, HAZARDS, Hazard

COMMAND = "python -m pybase.cli.handbook > docs/hazards.md"
"""What writes the page, in the root of this repository."""

_INTRODUCTION = f"""\
<!-- Written by `{COMMAND}`, with the Python of .nox/environment. -->

# Hazards

What `nox -s sql-lint` finds in the rehearsal of a revision, and what to do instead. An error fails
it; a warning does so with `--strict`. A table, type or view that the revision itself makes is
nobody's problem. How the findings come about, and what they cannot tell:
[rehearsal.md](rehearsal.md).

A revision that is right all the same says why, above its `upgrade()`; the reason is printed in its
SQL:

```python
accepted_hazards = {{
    "drops-column on records": "no reader since 2026-10, see issue 12",  # in one relation
    "blocking-index-drop": "we only go down on a quiet night",  # wherever this revision does it
}}
```

An acceptance without a reason, of an unknown code, or that nothing needs any more, is an error
itself. Every table that was there before counts as large. `small_tables = ["plans"]` in
`[tool.pybase]` of `pyproject.toml` names those that stay small enough to be changed whole, in one
statement.

| hazard | level | consequence | instead |
| --- | --- | --- | --- |
"""


def render() -> str:
    """Return the page."""
    return _INTRODUCTION + "".join(_rows())


def _rows() -> Iterator[str]:
    for hazard in HAZARDS.values():
        level = "**error**" if hazard.level == ERROR else hazard.level
        cells = (f"`{hazard.code}`", level, _consequence(hazard), hazard.recipe)
        yield f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |\n"


def _consequence(hazard: Hazard) -> str:
    said = hazard.consequence.format(relation="*relation*", detail="*detail*")
    return said[0].upper() + said[1:]


if __name__ == "__main__":
    present.data(render())
