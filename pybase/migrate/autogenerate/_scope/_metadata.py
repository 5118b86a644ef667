"""The metadata and the filters of env.py, and what they leave out of a comparison."""

from collections.abc import Callable, Iterable
from typing import Any

import sqlalchemy as sa
from alembic.runtime.migration import MigrationContext, RevisionStep
from msgspec import Struct

from pybase.core.errors import UsageError
from pybase.migrate.autogenerate._schema_snapshot import Side, constraint_name
from pybase.migrate.autogenerate._scope._elements import (
    Element,
    filter_type,
    find_element,
    find_table,
)
from pybase.migrate.autogenerate._scope._pitfalls import require_comparable, warn_of_ignored
from pybase.migrate.catalog import CatalogObject
from pybase.migrate.revisions import History, models_metadata, run_env
from pybase.migrate.sql.names import plain, raw, schema_of


class Scope(Struct, frozen=True):
    """The metadata, and Alembic's include_name and include_object."""

    metadata: tuple[sa.MetaData, ...]
    include_name: Callable[..., bool] | None = None
    include_object: Callable[..., bool] | None = None

    def excludes(self, old: Side, new: Side, item: CatalogObject) -> bool:
        """Whether a filter excludes an object, its table, or all tables that use it."""
        about = new.objects.get(item.about) or old.objects.get(item.about) or item
        if about.kind in ("type", "domain"):
            return self._excludes_users(old, new, about.name)
        if about.table is None or about.table not in old.tables | new.tables:
            return False
        if self._excludes_table(old, new, about.table):
            return True
        kind = filter_type(about)
        return kind is not None and self._excludes_part(old, new, about, kind)

    def _excludes_users(self, old: Side, new: Side, type_name: str) -> bool:
        tables = {c.table for side in (old, new) for c in side.users_of_type(type_name)}
        return bool(tables) and all(self._excludes_table(old, new, table) for table in tables)

    def _excludes_table(self, old: Side, new: Side, table: str) -> bool:
        schema = schema_of(table)
        if self.include_name is not None and not self.include_name(schema, "schema", {}):
            return True
        sides = (side.reflected.get(table) for side in (old, new))
        elements = (find_table(self.metadata, table), *sides)
        return self._excludes(table, "table", raw(table), elements, table in new.tables)

    def _excludes_part(self, old: Side, new: Side, item: CatalogObject, kind: str) -> bool:
        table, is_created = item.table or "", item.identity in new.objects
        tables = (find_table(self.metadata, table), *(s.reflected.get(table) for s in (old, new)))
        elements = (find_element(one, item) for one in tables)
        name = raw(item.name if kind == "index" else constraint_name(item))
        return self._excludes(table, kind, name, elements, is_created)

    def _excludes(
        self,
        table: str,
        kind: str,
        name: str,
        elements: Iterable[Element | None],
        is_created: bool,
    ) -> bool:
        """Ask the filters as Alembic does: with the models' element, else with a reflected one.

        `elements` are those of the models, of the revisions' database, and of the models' database.
        """
        parents = {
            "schema_name": schema_of(table),
            "schema_qualified_table_name": plain(table),
        } | ({} if kind == "table" else {"table_name": raw(table)})
        if self.include_name is not None and not self.include_name(name, kind, parents):
            return True
        declared, before, created = elements
        element = (created if declared is None else declared) if is_created else before
        if self.include_object is None or element is None:
            return False
        other = before if is_created else None
        return not self.include_object(element, name, kind, not is_created, other)

    @property
    def schemas(self) -> set[str]:
        """The schemas that models, sequences and types of the metadata name."""
        schemas: set[str | None] = set()
        for metadata in self.metadata:
            schemas |= {table.schema for table in metadata.tables.values()}
            schemas |= {sequence.schema for sequence in metadata._sequences.values()}
        schemas |= {getattr(type_, "schema", None) for type_ in self.column_types}
        return {schema for schema in schemas if schema and schema != "public"}

    @property
    def column_types(self) -> list[sa.types.TypeEngine[Any]]:
        """The types of all columns."""
        return [
            column.type
            for metadata in self.metadata
            for table in metadata.tables.values()
            for column in table.columns
        ]


def read_scope(history: History) -> Scope:
    """Read the scope from env.py.

    Raises UsageError where there is no metadata, or where no comparison of it could end.
    """
    scopes: list[Scope] = []

    def work(_heads: object, configured: MigrationContext) -> Iterable[RevisionStep]:
        options = configured.opts
        metadata = models_metadata(configured)
        scopes.append(Scope(metadata, options.get("include_name"), options.get("include_object")))
        warn_of_ignored(options)
        return ()

    run_env(history, work)
    (scope,) = scopes
    if not scope.metadata:
        raise UsageError(
            "env.py gives no metadata, so there are no models to compare with.",
            "Pass target_metadata to context.configure(), or write SQL: add --empty.",
            code="no-metadata",
        )
    require_comparable(scope.metadata)
    return scope
