"""Columns as source: `sa.Column(...)` where SQLAlchemy can express it, and as SQL."""

from pybase.migrate.autogenerate._schema_snapshot import Column, Side
from pybase.migrate.autogenerate._source._definitions import option_values, parse_statement
from pybase.migrate.autogenerate._source._printed import readable
from pybase.migrate.autogenerate._source._text import comment_of, escaped, text
from pybase.migrate.autogenerate._source._types import python_type
from pybase.migrate.sql.names import raw

_LARGEST = {"smallint": 2**15 - 1, "integer": 2**31 - 1, "bigint": 2**63 - 1}


def column_source(side: Side, column: Column, *, in_key: bool = False) -> str | None:
    """Return `sa.Column(...)`, or None where SQLAlchemy cannot express it."""
    type_ = python_type(column.type, column.collation, frozenset(side.labels))
    values = _values(side, column, in_key=in_key)
    if type_ is None or values is None or not (raw(column.name) and raw(column.table)):
        return None
    arguments = [repr(raw(column.name)), type_, *values, f"nullable={not column.required}"]
    comment = comment_of(side, column.identity_key)
    if comment is not None:
        arguments.append(f"comment={comment!r}")
    return f"sa.Column({', '.join(arguments)})"


def _values(side: Side, column: Column, *, in_key: bool) -> list[str] | None:
    """Return the arguments for where values come from; None where SQLAlchemy has none."""
    without_sequence = ["autoincrement=False"] if in_key else []
    if column.generated:
        expression = escaped(readable(column.generated))
        computed = f"sa.Computed({expression!r}, persisted={column.storage == 'STORED'})"
        return [computed, *without_sequence]
    if column.identity:
        identity = _identity(side, column)
        return None if identity is None else [identity]
    if column.sequence and column.default:
        is_serial = in_key and _is_plain_serial(side, column)
        return ["autoincrement=True"] if is_serial else None
    return [f"server_default={text(column.default)}"] if column.default else without_sequence


def _sequence(side: Side, column: Column) -> dict[str, str] | None:
    """Return the options of a column's sequence; None if its name is not PostgreSQL's choice."""
    item = side.objects.get(f"sequence {column.sequence}")
    if item is None or raw(column.sequence) != f"{raw(column.table)}_{raw(column.name)}_seq":
        return None
    options = parse_sequence(item.definition)
    is_same_type = f" AS {column.type} " in item.definition
    return {key: value for key, value in options.items() if key != "as" or not is_same_type}


def _usual(column: Column) -> dict[str, str]:
    largest = str(_LARGEST.get(column.type, ""))
    return {"increment": "1", "minvalue": "1", "maxvalue": largest, "start": "1", "cache": "1"}


def _is_plain_serial(side: Side, column: Column) -> bool:
    """Whether `SERIAL` makes exactly this column and its sequence."""
    return _sequence(side, column) == _usual(column)


def _identity(side: Side, column: Column) -> str | None:
    options = _sequence(side, column)
    if options is None or "as" in options:
        return None
    always = f"always={column.identity == 'ALWAYS'}"
    if options == _usual(column):
        return f"sa.Identity({always})"
    given = ", ".join(f"{key}={value}" for key, value in options.items())
    return f"sa.Identity({always}, {given})"


def parse_sequence(definition: str) -> dict[str, str]:
    """Return the options of a sequence by their names: start, increment, ..."""
    return option_values(parse_statement(definition).options)


def sequence_options(definition: str) -> str:
    """Return the options of a sequence's definition, in full, CYCLE or NO CYCLE among them."""
    options = f"INCREMENT BY {definition.rpartition(' INCREMENT BY ')[2]}"
    return options if options.endswith(" CYCLE") else f"{options} NO CYCLE"


def identity_sql(side: Side, column: Column) -> str:
    """Return what makes a column an identity, with options where PostgreSQL would choose others."""
    words = f"GENERATED {column.identity} AS IDENTITY"
    sequence = side.objects.get(f"sequence {column.sequence}")
    if sequence is None or _sequence(side, column) == _usual(column):
        return words
    return f"{words} (SEQUENCE NAME {column.sequence} {sequence_options(sequence.definition)})"


def column_sql(side: Side, column: Column) -> str:
    """Return a column as SQL: name, type and everything else."""
    words = [column.name, column.type]
    if column.collation:
        words.append(f"COLLATE {column.collation}")
    if column.generated:
        words.append(f"GENERATED ALWAYS AS ({readable(column.generated)}) {column.storage}")
    elif column.identity:
        words.append(identity_sql(side, column))
    elif column.default:
        words.append(f"DEFAULT {column.default}")
    if column.required:
        words.append("NOT NULL")
    return " ".join(words)
