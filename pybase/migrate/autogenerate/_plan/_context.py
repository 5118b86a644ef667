"""What every planner needs: both schemas, the server's answers, the form that is asked for."""

from collections.abc import Mapping
from itertools import chain, count

from msgspec import Struct

from pybase.migrate.autogenerate._schema_snapshot import Column, Side
from pybase.migrate.autogenerate._server_checks import ServerChecks
from pybase.migrate.autogenerate._source import execute
from pybase.migrate.catalog import CatalogObject
from pybase.migrate.sql.names import derived, plain, raw


class Context(Struct, frozen=True):
    """`old` is the schema of the revisions, `new` that of the models.

    `single` asks for one revision in Alembic's own form. `has_backfill` is whether env.py brings
    in `op.backfill`.
    """

    old: Side
    new: Side
    checks: ServerChecks
    single: bool
    has_backfill: bool
    replaced: Mapping[str, tuple[CatalogObject, ...]] = {}
    """The constraints and indexes that are dropped for a new one, by its identity."""

    def is_partitioned(self, table: str) -> bool:
        """Whether a table has partitions, which exclude most of the safe forms."""
        item = self.new.objects.get(f"table {table}") or self.old.objects.get(f"table {table}")
        return item is not None and " PARTITION BY " in item.definition

    def free_name(self, *words: str) -> str:
        """Return a name for what exists between two revisions, which no object has."""
        taken = self.old.names | self.new.names
        names = (derived(*words, *number) for number in chain([()], ([str(n)] for n in count(2))))
        return next(name for name in names if name not in taken)

    def is_unchanged(self, item: CatalogObject) -> bool:
        """Whether an object of the old schema is the same in the new one."""
        return self.new.definitions.get(item.identity) == self.old.definitions[item.identity]


def column_title(column: Column) -> str:
    """Name a column as people write it."""
    return f"{plain(column.table)}.{raw(column.name)}"


def comments(side: Side, identity: str) -> tuple[str, ...]:
    """Return the statement that puts an object's comment back, none where it has none."""
    comment = side.objects.get(f"comment on {identity}")
    return () if comment is None else (execute(comment.definition),)
