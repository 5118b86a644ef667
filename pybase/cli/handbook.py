"""Page of the hazards: `python -m pybase.cli.handbook > docs/hazards.md`.

A test compares the committed page with it.
"""

from collections.abc import Iterator

from pybase.cli import _terminal as terminal
from pybase.migrate.record import ERROR, HAZARDS, Hazard

COMMAND = "python -m pybase.cli.handbook > docs/hazards.md"
"""The command that writes the page, in the root of this repository."""

_INTRODUCTION = f"""\
<!-- Written by `{COMMAND}`, with the Python of .nox/environment. -->

# Hazards

`nox -s sql-lint` reports these hazards of a revision, with the safe alternative. It fails on an
error; with `--strict` also on a warning. What loses nothing is a warning in a downgrade,
whose hour and release can be chosen. A table, type or view that the revision itself creates has
no hazards. How they are detected, and what cannot be: [rehearsal.md](rehearsal.md).

A revision that is right as it is accepts a hazard with a reason, above its `upgrade()`; its SQL
shows the reason:

```python
accepted_hazards = {{
    "drops-column on records.colour": "no reader since 2026-10, see issue 12",
    "downgrade: blocking-index-drop on records.ix_records_colour": "only at a quiet hour",
}}
```

A key names one hazard of one object in one direction, as `sql-lint` prints it. It may leave out the
column, or the relation, as long as only one hazard fits. `downgrade: ` is the direction; codes that
begin with `downgrade-` do without it. An acceptance is itself an error if it has no reason in
words, an unknown code, no hazard that needs it, or more than one.
Every table that existed before the revision counts as large, except those of
`small_tables = ["plans"]` in `[tool.pybase]` of `pyproject.toml`: tables that stay small enough to
be changed in one statement.

| hazard | level | consequence | safe alternative |
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
    text = hazard.consequence.format(relation="*relation*", detail="*detail*")
    return text[0].upper() + text[1:]


if __name__ == "__main__":
    terminal.data(render())
