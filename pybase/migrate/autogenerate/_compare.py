"""The truth about what has to change: two real databases, one from revisions, one from models.

Owns how the second is made, and which differences are nobody's to propose: what the models cannot
declare, or have not declared, is left alone.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any

import psycopg
import sqlalchemy as sa
from alembic.runtime.migration import MigrationContext, RevisionStep

from pybase.core.errors import CheckFailedError, UsageError
from pybase.migrate.autogenerate._schema_snapshot import Side, read
from pybase.migrate.catalog import CatalogObject, Change
from pybase.migrate.database._connect import Database, engine
from pybase.migrate.rehearsal import _scratch as scratch
from pybase.migrate.revisions._history import History
from pybase.migrate.revisions._render import RenderedHistory
from pybase.migrate.revisions._run_env import run_env
from pybase.migrate.sql._names import parts, plain, quote


@dataclass(frozen=True)
class Scope:
    """What env.py says should be compared: Alembic's include_name and include_object."""

    metadata: tuple[sa.MetaData, ...]
    include_name: Callable[..., bool] | None = None
    include_object: Callable[..., bool] | None = None

    def is_left_out(self, table: str, kind: str = "table", name: str = "") -> bool:
        """Whether env.py does not want a table, or something in it, to be compared."""
        if self.include_name is None and self.include_object is None:
            return False
        schema, called = parts(table)[0], parts(table)[-1]
        schema_name = None if schema == "public" else schema
        qualified = plain(table)
        name = name or called
        if self.include_name is not None:
            parents = {
                "schema_name": schema_name,
                "table_name": called,
                "schema_qualified_table_name": qualified,
            }
            if schema_name and not self.include_name(schema_name, "schema", {}):
                return True
            if not self.include_name(name, kind, parents):
                return True
        if self.include_object is not None:
            found = self._table(qualified)
            is_declared = found is not None
            table_object = found if found is not None else _stub(called, schema_name)
            element = table_object if kind == "table" else _element(table_object, kind, name)
            if not self.include_object(element, name, kind, not is_declared, None):
                return True
        return False

    def _table(self, key: str) -> sa.Table | None:
        return next((each.tables[key] for each in self.metadata if key in each.tables), None)


def _stub(name: str, schema: str | None) -> sa.Table:
    return sa.Table(name, sa.MetaData(), schema=schema)


def _element(table: sa.Table, kind: str, name: str) -> Any:
    if kind == "column":
        found = table.c.get(name)
        return found if found is not None else _with(table, sa.Column(name))
    if kind == "index":
        found_index = next((each for each in table.indexes if each.name == name), None)
        return found_index if found_index is not None else sa.Index(name)
    found_key = next((each for each in table.constraints if each.name == name), None)
    return found_key if found_key is not None else sa.UniqueConstraint(name=name)


def _with(table: sa.Table, column: sa.Column[Any]) -> sa.Column[Any]:
    _stub(table.name, table.schema).append_column(column)
    return column


def scope(history: History) -> Scope:
    """Ask env.py for its metadata and its filters. Raises UsageError where there is no metadata."""
    found: list[Scope] = []

    def work(_heads: object, configured: MigrationContext) -> Iterable[RevisionStep]:
        options = configured.opts
        given = options.get("target_metadata")
        many = tuple(given) if isinstance(given, Sequence) else (given,)
        metadata = tuple(each for each in many if each is not None)
        found.append(Scope(metadata, options.get("include_name"), options.get("include_object")))
        return ()

    run_env(history, work)
    if not found[0].metadata:
        raise UsageError(
            "env.py gives no metadata, so there are no models to compare with.",
            "Pass target_metadata to context.configure(), or write SQL: add --empty.",
        )
    return found[0]


# --- the two databases ------------------------------------------------------------------------


@contextmanager
def revisions_database(history: History, rendered: RenderedHistory) -> Iterator[str]:
    """Yield the URL of a scratch database at head, to be changed at will."""
    with scratch.at_head(history.settings, rendered) as url:
        yield url


def read_url(url: str, rendered: RenderedHistory) -> Side:
    """Read a database, without Alembic's version table."""
    with psycopg.connect(url, autocommit=True) as connection:
        return read(connection, ignore_tables=rendered.own_tables)


@contextmanager
def models_database(
    history: History, rendered: RenderedHistory, wanted: Scope, head: Side
) -> Iterator[str]:
    """Yield the URL of a scratch database in which the models are created.

    What they lean on without declaring it (extensions, functions, domains of earlier revisions)
    is there, if they cannot do without. Raises CheckFailedError with the server's words.
    """
    with ExitStack() as stack:
        url = stack.enter_context(scratch.empty(history.settings))
        try:
            _create_all(url, wanted, _groundwork(head, wanted))
        except sa.exc.SQLAlchemyError as first:
            url = stack.enter_context(revisions_database(history, rendered))
            try:
                _clear(url, head, wanted)
                _create_all(url, wanted, ())
            except (sa.exc.SQLAlchemyError, psycopg.Error):
                raise CheckFailedError(
                    f"The models cannot be created on an empty database: {_said(first)}",
                    "Mend the model; nothing was written.",
                ) from first
        yield url


def models_side(history: History, rendered: RenderedHistory, wanted: Scope, head: Side) -> Side:
    """Read what the models make. Raises as `models_database`."""
    with models_database(history, rendered, wanted, head) as url:
        return read_url(url, rendered)


def _said(error: Exception) -> str:
    original = getattr(error, "orig", None)
    return " ".join(str(original or error).split())


def _create_all(url: str, wanted: Scope, groundwork: Iterable[str]) -> None:
    with engine(Database(url, is_embedded=True)).begin() as connection:
        for statement in groundwork:
            connection.exec_driver_sql(statement)
        for metadata in wanted.metadata:
            metadata.create_all(connection)


def _groundwork(head: Side, wanted: Scope) -> Iterator[str]:
    """Yield what `create_all` takes for granted: schemas and extensions."""
    for item in head.objects.values():
        if item.kind == "extension":
            schema = item.definition.rpartition(" SCHEMA ")[2]
            if schema != "public":
                yield f"CREATE SCHEMA IF NOT EXISTS {schema}"
            yield item.definition.replace("CREATE EXTENSION", "CREATE EXTENSION IF NOT EXISTS", 1)
    for schema in sorted(declared_schemas(wanted)):
        yield f"CREATE SCHEMA IF NOT EXISTS {quote(schema)}"


def declared_schemas(wanted: Scope) -> set[str]:
    """Return the schemas that models, sequences and types of the metadata name."""
    found: set[str | None] = set()
    for metadata in wanted.metadata:
        found |= {table.schema for table in metadata.tables.values()}
        found |= {sequence.schema for sequence in metadata._sequences.values()}
        found |= {
            getattr(column.type, "schema", None)
            for table in metadata.tables.values()
            for column in table.columns
        }
    return {schema for schema in found if schema and schema != "public"}


def _clear(url: str, head: Side, wanted: Scope) -> None:
    """Take away what the models declare, and leave what they lean on."""
    types = {
        (getattr(each.type, "schema", None) or "public", getattr(each.type, "name", None))
        for metadata in wanted.metadata
        for table in metadata.tables.values()
        for each in table.columns
        if getattr(each.type, "create_type", False)
    }
    with psycopg.connect(url, autocommit=True) as connection:
        for table in head.tables:
            connection.execute(f"DROP TABLE IF EXISTS {table} CASCADE".encode())
        for item in head.objects.values():
            names = parts(item.name)
            if item.kind in ("type", "domain") and (names[0], names[-1]) in types:
                connection.execute(f"DROP {item.kind} IF EXISTS {item.name} CASCADE".encode())
        for schema in declared_schemas(wanted):
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS {quote(schema)}".encode())


# --- what is compared -------------------------------------------------------------------------

_UNDECLARED = frozenset(
    {
        "view", "materialized view", "function", "procedure", "aggregate", "trigger",
        "event trigger", "rule", "policy", "extension", "statistics", "grants", "owner",
        "default privileges", "publication", "publication table", "publication schema",
        "foreign data wrapper", "server", "operator", "operator class", "cast", "collation",
        "text search configuration", "text search dictionary", "foreign table", "schema",
    }
)  # fmt: skip
"""Kinds that models declare only by chance: where only the revisions have one, it stays."""

_TUNING = re.compile(
    r"ROW LEVEL SECURITY$| REPLICA IDENTITY | CLUSTER ON | SET STATISTICS | SET STORAGE "
    r"| SET COMPRESSION |^-- triggers disabled|^-- DETACH| ENABLE (REPLICA|ALWAYS) | DISABLE "
    r"|ALTER COLUMN .* SET \("
)
"""Statements beside a definition that no model can say."""


def gap(old: Side, new: Side, wanted: Scope) -> list[Change]:
    """Return what must change to lead from revisions to models, without what is left alone."""
    return [
        Change(key, _told(old, new, key), new.definitions.get(key))
        for key in sorted(old.objects.keys() | new.objects.keys())
        if _told(old, new, key) != new.definitions.get(key)
        and not _is_left_alone(old, new, key, wanted)
    ]


def left_alone(old: Side, new: Side, wanted: Scope) -> list[str]:
    """Return the identities of what only the revisions have, and nobody proposes to drop."""
    return [
        key
        for key in sorted(old.objects.keys() - new.objects.keys())
        if _is_left_alone(old, new, key, wanted) and " on " not in key.partition(" ")[0]
    ]


def _told(old: Side, new: Side, key: str) -> str | None:
    """Return the older definition, without the tuning that the newer one does not speak of."""
    item, other = old.objects.get(key), new.objects.get(key)
    if item is None or other is None:
        return old.definitions.get(key)
    kept = [
        each for each in item.extra or () if each in (other.extra or ()) or not _TUNING.search(each)
    ]
    return ";\n".join([item.definition, *kept])


def _is_left_alone(old: Side, new: Side, key: str, wanted: Scope) -> bool:
    item = new.objects.get(key) or old.objects[key]
    if item.table and _is_out_of_scope(item, wanted):
        return True
    if key in new.objects:
        return False
    table = item.table
    if table and table not in new.tables:
        if table in old.partitions or table not in old.tables:
            return True  # a partition that nobody declares, or a part of a view
    about = old.objects.get(item.about)
    if item.kind == "comment":
        return about is None or about.kind in _UNDECLARED - {"schema"}
    if item.kind == "column" and item.definition in ("", None):
        return True
    if item.kind == "type" and key.removeprefix("type ") not in old.labels:
        return True  # composite, range and base types: nothing that a model declares
    if item.kind == "constraint" and item.table is None:
        domain = f"domain {item.name.rpartition('.')[0]}"
        return domain not in new.objects
    return item.kind in _UNDECLARED


def _is_out_of_scope(item: CatalogObject, wanted: Scope) -> bool:
    assert item.table is not None
    if wanted.include_name is None and wanted.include_object is None:
        return False
    if wanted.is_left_out(item.table):
        return True
    kinds = {"column": "column", "index": "index"}
    kind = kinds.get(item.kind)
    return kind is not None and wanted.is_left_out(item.table, kind, parts(item.name)[-1])


def without(side: Side, keys: Iterable[str]) -> Side:
    """Return a side without some of its objects."""
    gone = set(keys)
    return replace(side, objects={k: v for k, v in side.objects.items() if k not in gone})
