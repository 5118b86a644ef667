"""One finding of the lint, as data."""

from dataclasses import dataclass

from pybase.migrate.record import ERROR


@dataclass(frozen=True)
class LintFinding:
    """One finding at one place. `file` is relative to the project's root.

    `accepted` is the reason for which a revision accepts it, `statement` its SQL where it has one.
    """

    file: str
    line: int
    revision: str = ""
    direction: str = ""
    relation: str = ""
    code: str = ""
    level: str = ERROR
    message: str = ""
    fix: str = ""
    accepted: str | None = None
    statement: str = ""
