"""Scope of a comparison: the metadata and the filters that env.py configures."""

from collections.abc import Callable, Iterable
from typing import Any

import sqlalchemy as sa
from alembic.runtime.migration import MigrationContext, RevisionStep
from msgspec import Struct

from pybase.core.errors import UsageError
from pybase.migrate.revisions import History, models_metadata, run_env
from pybase.migrate.sql.names import parts, plain


class Scope(Struct, frozen=True):
    """The metadata, and Alembic's include_name and include_object."""

    metadata: tuple[sa.MetaData, ...]
    include_name: Callable[..., bool] | None = None
    include_object: Callable[..., bool] | None = None

    def excludes(self, table: str, kind: str = "table", name: str = "") -> bool:
        """Whether a filter excludes a table, or a column or index of it."""
        schema, own = parts(table)[0], parts(table)[-1]
        schema_name = None if schema == "public" else schema
        qualified, name = plain(table), name or own
        if self.include_name is not None:
            parents = {
                "schema_name": schema_name,
                "table_name": own,
                "schema_qualified_table_name": qualified,
            }
            if schema_name and not self.include_name(schema_name, "schema", {}):
                return True
            if not self.include_name(name, kind, parents):
                return True
        if self.include_object is None:
            return False
        declared = next((m.tables[qualified] for m in self.metadata if qualified in m.tables), None)
        stub = sa.Table(own, sa.MetaData(), schema=schema_name)
        element = _element(stub if declared is None else declared, kind, name)
        return not self.include_object(element, name, kind, declared is None, None)

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


def _element(table: sa.Table, kind: str, name: str) -> Any:
    """Return what a filter is asked about; what no model declares, in a table of its own."""
    if kind == "table":
        return table
    if kind == "index":
        return next((index for index in table.indexes if index.name == name), sa.Index(name))
    if name not in table.c:
        column: sa.Column[Any] = sa.Column(name)
        sa.Table(table.name, sa.MetaData(), column, schema=table.schema)
        return column
    return table.c[name]


def read_scope(history: History) -> Scope:
    """Read the scope from env.py. Raises UsageError where there is no metadata."""
    scopes: list[Scope] = []

    def work(_heads: object, configured: MigrationContext) -> Iterable[RevisionStep]:
        options = configured.opts
        metadata = models_metadata(configured)
        scopes.append(Scope(metadata, options.get("include_name"), options.get("include_object")))
        return ()

    run_env(history, work)
    if not scopes[0].metadata:
        raise UsageError(
            "env.py gives no metadata, so there are no models to compare with.",
            "Pass target_metadata to context.configure(), or write SQL: add --empty.",
            code="no-metadata",
        )
    return scopes[0]
