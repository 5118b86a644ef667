"""Comparison of two real databases, one created by revisions, one by models.

Owns how the second is created, and which differences are left alone: what the models cannot
declare, or do not declare.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager

import psycopg
import sqlalchemy as sa
from msgspec.structs import replace

from pybase.core.errors import CheckFailedError
from pybase.migrate.autogenerate import _source as source
from pybase.migrate.autogenerate._schema_snapshot import Side, read
from pybase.migrate.autogenerate._scope import Scope, read_scope, reflect
from pybase.migrate.catalog import CatalogObject, Change
from pybase.migrate.database import engine, scratch_at
from pybase.migrate.rehearsal import scratch
from pybase.migrate.revisions import History, RenderedHistory
from pybase.migrate.sql.names import parts, quote
from pybase.postgres import connect_scratch


def differences(history: History, rendered: RenderedHistory) -> list[Change]:
    """Return what must change from revisions to models.

    Raises UsageError for an env.py or models that cannot be compared, CheckFailedError where
    models or revisions fail on a server.
    """
    scope = read_scope(history)
    with scratch.at_head(history.settings, rendered) as url:
        head = read_url(url, rendered, scope)
    with models_database(history, rendered, scope, head) as url:
        models = read_url(url, rendered, scope)
    return gap(head, models, scope)


def read_url(url: str, rendered: RenderedHistory, scope: Scope) -> Side:
    """Read a database, without the workflow's own tables and their schema."""
    with connect_scratch(url, autocommit=True) as connection:
        side = read(connection, ignore_tables=rendered.own_tables)
    if scope.include_object is None:
        return side
    return replace(side, reflected=reflect(url, side.tables))


@contextmanager
def models_database(
    history: History, rendered: RenderedHistory, scope: Scope, head: Side
) -> Iterator[str]:
    """Yield the URL of a scratch database in which the models are created.

    What they need without declaring it (extensions, functions, domains of earlier revisions)
    exists in it where they cannot do without. Raises CheckFailedError with the server's message.
    """
    with ExitStack() as stack:
        url = stack.enter_context(scratch.empty(history.settings))
        try:
            _create_all(url, scope, _prerequisites(head, scope))
        except sa.exc.SQLAlchemyError as first:
            end = scratch.at_head(history.settings, rendered, to_change=True)
            url = stack.enter_context(end)
            try:
                _drop_declared(url, head, scope)
                _create_all(url, scope, ())
            except (sa.exc.SQLAlchemyError, psycopg.Error):
                message = " ".join(str(getattr(first, "orig", None) or first).split())
                raise CheckFailedError(
                    f"The models cannot be created on an empty database: {message}",
                    "Fix the model; nothing was written.",
                    code="models-fail",
                ) from first
        yield url


def _create_all(url: str, scope: Scope, prerequisites: Iterable[str]) -> None:
    with engine(scratch_at(url)).begin() as connection:
        for statement in prerequisites:
            connection.exec_driver_sql(statement)
        for metadata in scope.metadata:
            metadata.create_all(connection)


def _prerequisites(head: Side, scope: Scope) -> Iterator[str]:
    """Yield what `create_all` expects to exist: schemas and extensions."""
    for item in head.objects.values():
        if item.kind == "extension":
            schema = item.definition.rpartition(" SCHEMA ")[2]
            if schema != "public":
                yield f"CREATE SCHEMA IF NOT EXISTS {schema}"
            yield item.definition.replace("CREATE EXTENSION", "CREATE EXTENSION IF NOT EXISTS", 1)
    yield from _create_schemas(scope)


def _create_schemas(scope: Scope) -> list[str]:
    return [f"CREATE SCHEMA IF NOT EXISTS {quote(schema)}" for schema in sorted(scope.schemas)]


def _drop_declared(url: str, head: Side, scope: Scope) -> None:
    """Drop what the models declare, and leave what they need."""
    types = {
        (getattr(type_, "schema", None) or "public", getattr(type_, "name", None))
        for type_ in scope.column_types
        if getattr(type_, "create_type", False)
    }
    drops = [f"DROP TABLE IF EXISTS {table} CASCADE" for table in head.tables]
    for item in head.objects.values():
        names = parts(item.name)
        if item.kind in ("type", "domain") and (names[0], names[-1]) in types:
            drops.append(f"DROP {item.kind} IF EXISTS {item.name} CASCADE")
    with connect_scratch(url, autocommit=True) as connection:
        for statement in (*drops, *_create_schemas(scope)):
            connection.execute(statement.encode())


# --- what is compared -------------------------------------------------------------------------

_UNDECLARED = frozenset(
    {
        "view", "materialized view", "function", "procedure", "aggregate", "trigger",
        "event trigger", "rule", "policy", "extension", "statistics", "grants", "owner",
        "default privileges", "publication", "publication table", "publication schema",
        "foreign data wrapper", "server", "operator", "operator class", "operator family", "cast",
        "transform", "language", "access method", "conversion", "collation", "foreign table",
        "text search configuration", "text search dictionary", "text search parser",
        "text search template", "schema",
    }
)  # fmt: skip
"""Kinds that models rarely declare: where only the revisions have one, it stays."""

_TUNING = re.compile(
    r"ROW LEVEL SECURITY$| REPLICA IDENTITY | CLUSTER ON | SET STATISTICS | SET STORAGE "
    r"| SET COMPRESSION |^-- triggers disabled|^-- DETACH| ENABLE (REPLICA|ALWAYS) | DISABLE "
    r"|ALTER COLUMN .* SET \("
)
"""Statements next to a definition that no model can express."""


def gap(old: Side, new: Side, scope: Scope) -> list[Change]:
    """Return what must change from revisions to models, without what is left alone."""
    changes = (
        Change(key, _definition(old, new, key), new.definitions.get(key))
        for key in sorted(old.objects.keys() | new.objects.keys())
    )
    return [
        change
        for change in changes
        if not _is_alike(change) and not _is_left_alone(old, new, change.identity, scope)
    ]


def in_scope(old: Side, new: Side, scope: Scope) -> Side:
    """Return the models' side without new indexes that a filter excludes, as those of new tables.

    Alembic asks for each index of a new table, and for no other part of it.
    """
    excluded = {
        key
        for key, item in new.objects.items()
        if item.kind == "index" and key not in old.objects and scope.excludes(old, new, item)
    }
    if not excluded:
        return new
    objects = {key: item for key, item in new.objects.items() if key not in excluded}
    uses = {key: used for key, used in new.uses.items() if key not in excluded}
    return replace(new, objects=objects, uses=uses)


def _is_alike(change: Change) -> bool:
    before, after = change.before, change.after
    return before is not None and after is not None and source.read_alike(before, after)


def left_alone(old: Side, new: Side, scope: Scope) -> list[str]:
    """Return the identities of what only the revisions have, and stays."""
    return [
        key
        for key in sorted(old.objects.keys() - new.objects.keys())
        if _is_left_alone(old, new, key, scope)
    ]


def _definition(old: Side, new: Side, key: str) -> str | None:
    """Return the older definition, without the tuning that the newer one does not mention."""
    item, other = old.objects.get(key), new.objects.get(key)
    if item is None or other is None:
        return old.definitions.get(key)
    extras = [sql for sql in item.extra if sql in other.extra or not _TUNING.search(sql)]
    return ";\n".join([item.definition, *extras])


def _is_left_alone(old: Side, new: Side, key: str, scope: Scope) -> bool:
    item = new.objects.get(key) or old.objects[key]
    owners = [side for side in (old, new) if key in side.objects]
    return (
        scope.excludes(old, new, item)
        or all(source.is_inherited(side, side.objects[key]) for side in owners)
        # the comment of a NOT NULL constraint, whose name is not compared either
        or (item.kind == "comment" and item.subtype == "n")
        or (key not in new.objects and _is_undeclared(old, new, item, scope))
    )


def _is_undeclared(old: Side, new: Side, item: CatalogObject, scope: Scope) -> bool:
    """Whether models rarely declare what only the revisions have, or cannot."""
    if item.table and item.table not in new.tables:
        if item.table in old.partitions or item.table not in old.tables:
            return True  # an undeclared partition, or a part of a view
    match item.kind:
        case "comment":
            about = old.objects.get(item.about)
            is_undeclared = about is None or about.kind in _UNDECLARED - {"schema"}
            return is_undeclared or _is_left_alone(old, new, item.about, scope)
        case "column":
            return not item.definition
        case "type":
            return item.name not in old.labels  # a composite, range or base type
        case "constraint" if item.table is None:
            return f"domain {item.name.rpartition('.')[0]}" not in new.objects
        case kind:
            return kind in _UNDECLARED
