"""Names of tables and columns, followed through the steps of a plan before any of them runs."""

from collections.abc import Sequence

from pybase.migrate.record import Effects, Rename, TableColumn


class Names:
    """What a name of a later step means on the database as it is now."""

    def __init__(self) -> None:
        """Begin with the names of the database itself."""
        self._origins: dict[TableColumn, TableColumn | None] = {}

    def origin(self, place: TableColumn) -> TableColumn | None:
        """Return the present name of a table or column; None for what an earlier step creates."""
        if place in self._origins or not place.column:
            return self._origins.get(place, place)
        table = self.origin(TableColumn(place.table))
        return table and TableColumn(table.table, place.column)

    def follow(self, effects: Effects) -> None:
        """Go past a step that renames and creates."""
        if effects.renamed:
            self._rename(effects.renamed)
        self._origins.update(dict.fromkeys(effects.created))

    def _rename(self, renamed: Sequence[Rename]) -> None:
        moved = {rename.after: self.origin(rename.before) for rename in renamed}
        tables = {
            rename.before.table: rename.after.table
            for rename in renamed
            if not rename.before.column
        }
        gone = {rename.before for rename in renamed}
        kept = {
            TableColumn(tables.get(place.table, place.table), place.column): origin
            for place, origin in self._origins.items()
            if place not in gone
        }
        self._origins = kept | moved
