"""Summary of a revision: its record, the name of its SQL files, its hazards."""

from dataclasses import dataclass

from pybase.migrate.record import Direction, Effects, Record, Revision, Script
from pybase.migrate.sqlfiles import LintFinding, header, sql_file


@dataclass(frozen=True)
class RevisionSummary:
    """A record, the name of its files in `sql/`, and its hazards as sql-lint reports them."""

    record: Record
    stem: str
    hazards: tuple[LintFinding, ...] = ()

    @property
    def revision(self) -> Revision:
        """The revision."""
        return self.record.revision

    @property
    def upgrade(self) -> Effects:
        """What its upgrade was observed to do."""
        return self.record.report.effects.upgrade

    @property
    def open_hazards(self) -> int:
        """How many hazards are not accepted."""
        return sum(finding.accepted is None for finding in self.hazards)

    def script(self, direction: Direction) -> Script:
        """Return the statements of one direction."""
        return self.record.scripts[direction]

    def path(self, direction: Direction) -> str:
        """Return the path of a SQL file below `sql/`."""
        return f"{direction.value}/{self.stem}.sql"

    def sql(self, direction: Direction) -> str:
        """Return the statements of one direction as its file has them, without its header."""
        text = sql_file(self.record, direction).text
        return text.removeprefix(header(self.record, direction)).strip()
