"""Summary of a revision: its record, the name of its SQL files, its hazards."""

from msgspec import Struct
from msgspec.structs import replace

from pybase.migrate.record import Direction, Directions, Effects, Record, Revision
from pybase.migrate.sqlfiles import LintFinding, header, sql_file


class RevisionSummary(Struct, frozen=True):
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

    def sql(self, direction: Direction) -> str:
        """Return the statements of one direction as its file has them.

        Without its header, and the check of the version, which is alike in each.
        """
        scripts = (replace(script, check="") for _, script in self.record.scripts)
        record = replace(self.record, scripts=Directions(*scripts))
        return sql_file(record, direction).text.removeprefix(header(record, direction)).strip()
