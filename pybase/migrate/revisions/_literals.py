"""SQL as the server receives it, with each parameter as a literal of the same value and type.

SQLAlchemy compiles a statement and processes its values as it does online; psycopg then adapts each
value, as it does before it sends it. The connection that SQLAlchemy uses for this leads nowhere.
"""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, TypeVar
from uuid import UUID

import psycopg
import sqlalchemy as sa
from psycopg.adapt import AdaptersMap, Dumper, PyFormat, Transformer
from sqlalchemy.dialects.postgresql.base import PGDDLCompiler
from sqlalchemy.dialects.postgresql.psycopg import PGCompiler_psycopg, PGDialect_psycopg
from sqlalchemy.engine import make_url
from sqlalchemy.sql.compiler import DDLCompiler

_PLACEHOLDER = re.compile(r"%(?:%|\((?P<name>[^)]*)\)s)(?P<cast>::[A-Z][A-Z ]*[A-Z](?:\[\])*)?")
_CONVERTED = ("timestamptz", "timetz")
"""A cast of these is more than another reading of the same text: it moves to the session's zone."""


def as_text(query: str, parameters: Mapping[str, Any] | None) -> str:
    """Return what psycopg makes of a query and its parameters; without any, the query as it is.

    Raises psycopg.Error for a value that it cannot adapt.
    """
    if parameters is None:
        return query

    def replaced(match: re.Match[str]) -> str:
        cast = match["cast"] or ""
        if match["name"] is None:
            return "%" + cast
        text = literal(parameters[match["name"]], cast.removeprefix("::"))
        if cast == "::INTEGER" and re.fullmatch("-?[0-9]{1,9}", text):
            cast = ""  # which is what such a number is
        is_operand = bool(cast) or query[: match.start()].endswith("-")
        # a minus binds less than a cast, and two of them begin a comment
        return f"({text}){cast}" if text.startswith("-") and is_operand else text + cast

    return _PLACEHOLDER.sub(replaced, query)


def literal(value: Any, cast: str = "") -> str:
    """Return a value as SQL of the type that psycopg would send, unless a cast to it follows.

    Raises psycopg.Error for a value that psycopg cannot adapt.
    """
    transformer = Transformer(_ADAPTERS)
    dumper = transformer.get_dumper(value, PyFormat.TEXT)
    known = _ADAPTERS.types.get(dumper.oid) if dumper.oid else None
    quoted = bytes(dumper.quote(value)).decode().strip()
    if not quoted.endswith("'"):  # a number, a truth value or NULL
        is_of_other_type = isinstance(value, float) or (
            isinstance(value, Decimal) and quoted.lstrip("-").isdigit()
        )
        is_cast = cast or "::" in quoted
        return f"{quoted}::{known.name}" if known and is_of_other_type and not is_cast else quoted
    text = bytes(dumper.dump(value) or b"").decode().replace("'", "''")
    if known is None or (cast and known.name not in _CONVERTED) or cast.lower() == known.regtype:
        return f"'{text}'"
    return f"'{text}'::{known.regtype}{'[]' * (dumper.oid == known.array_oid)}"


class _Bytes(Dumper):
    """Bytes in hexadecimal: how libpq writes them depends on the last connection of the process."""

    oid = psycopg.adapters.types["bytea"].oid

    def dump(self, obj: Any) -> bytes:
        return b"\\x" + bytes(getattr(obj, "obj", obj)).hex().encode()


class _Uuid(Dumper):
    """A UUID with its hyphens."""

    oid = psycopg.adapters.types["uuid"].oid

    def dump(self, obj: UUID) -> bytes:
        return str(obj).encode()


_ADAPTERS = AdaptersMap(psycopg.adapters)
for _kind in (bytes, bytearray, memoryview, psycopg.Binary):
    _ADAPTERS.register_dumper(_kind, _Bytes)
_ADAPTERS.register_dumper(UUID, _Uuid)


def recording_connection(record: Callable[[str], None], version: int) -> sa.Connection:
    """Return a connection that hands each statement to `record` instead of executing it.

    It ends there: nothing is returned for a statement, not even an empty result. What is recorded
    is what SQLAlchemy sends to PostgreSQL of the major `version`.
    """
    options: Any = {"dbapi": psycopg, "use_native_hstore": False}  # an extension: its oid varies
    dialect = of_version(LiteralDialect(**options), version)  # type: ignore[no-untyped-call]
    creator: Any = _Nowhere
    pool = sa.StaticPool(creator, dialect=dialect)
    engine = sa.Engine(pool, dialect, make_url("postgresql+psycopg://"))

    def before(_c: Any, _cursor: Any, query: str, values: Any, _context: Any, many: bool) -> None:
        for parameters in values if many else [values]:
            record(as_text(query, parameters))
        raise RecordedError

    sa.event.listen(engine, "before_cursor_execute", before)
    return engine.connect()


_Dialect = TypeVar("_Dialect", bound=sa.Dialect)


def of_version(dialect: _Dialect, version: int) -> _Dialect:
    """Let a dialect that never connects write what it would write for a major version."""
    # what it derives from server_version_info; that itself is a question to a database
    dialect.supports_virtual_generated_columns = version >= _VIRTUAL_FROM  # type: ignore[attr-defined]
    return dialect


_VIRTUAL_FROM = 18


class RecordedError(Exception):
    """A statement was recorded, and has no result."""


class _Compiler(PGCompiler_psycopg):
    """Writes no cast for a text or a number that is the value of a column, which has a type."""

    def visit_bindparam(self, bindparam: Any, *args: Any, **options: Any) -> str:
        text: str = super().visit_bindparam(bindparam, *args, **options)  # type: ignore[no-untyped-call]
        is_plain = isinstance(bindparam.type, sa.String | sa.Integer)
        if bindparam._is_crud and is_plain and not isinstance(bindparam.type, sa.Enum):
            return text.partition("::")[0]
        return text


class _DdlCompiler(PGDDLCompiler):
    """Writes VIRTUAL where that is asked for: the rehearsal shows which version refuses it."""

    def visit_computed_column(self, generated: sa.Computed, **options: Any) -> str:
        text: str = DDLCompiler.visit_computed_column(self, generated, **options)  # type: ignore[no-untyped-call]
        is_stored = not self.dialect.supports_virtual_generated_columns  # type: ignore[attr-defined]
        return f"{text} STORED" if is_stored and generated.persisted is None else text


class LiteralDialect(PGDialect_psycopg):
    """SQLAlchemy's dialect of psycopg, without casts that a column makes redundant."""

    statement_compiler = _Compiler
    ddl_compiler = _DdlCompiler
    supports_statement_cache = True


class _Nowhere:
    """A DBAPI connection of which only the name is used."""

    def cursor(self) -> "_Nowhere":
        return self

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *_arguments, **_options: None
