"""Operations as Python source: calls of `op`, and SQL that a call holds."""

import re
from collections.abc import Iterable, Mapping

from pybase.migrate.autogenerate._schema_snapshot import Column, Side
from pybase.migrate.autogenerate._source._definitions import parse_statement
from pybase.migrate.autogenerate._source._printed import readable
from pybase.migrate.sql.grammar import lay_out
from pybase.migrate.sql.names import raw, schema_of, shown


def execute(sql: str) -> str:
    """Return `op.execute` of one statement, its colons kept from being taken for parameters."""
    is_long = "\n" in sql or len(sql) > _LONGEST
    escaped_sql = escaped(lay_out(sql) if is_long else sql)
    if not is_long:
        return f"op.execute({escaped_sql!r})"
    if _fits_triple_quotes(escaped_sql):
        return f'op.execute(\n    """\n{escaped_sql}\n"""\n)'
    return f"op.execute({' '.join(map(repr, escaped_sql.splitlines(keepends=True)))})"


_LONGEST = 76
"""Characters of SQL that fit into a line of a revision, with the call around them."""


def alter_table(table: str, action: str) -> str:
    """Return `op.execute` of ALTER TABLE."""
    return execute(f"ALTER TABLE {shown(table)} {readable(action)}")


def alter_column(column: Column, action: str) -> str:
    """Return `op.execute` of ALTER TABLE ... ALTER COLUMN."""
    return alter_table(column.table, f"ALTER COLUMN {column.name} {action}")


OURS = "\x01"
"""Mark before a line of SQL that may be indented, because no literal crosses it."""


def block(sql: str) -> str:
    """Return `op.execute` of SQL of our own, which has no literal that an indent could change."""
    lines = "\n".join(f"{OURS}    {line}" if line else "" for line in escaped(sql).split("\n"))
    return f'op.execute(\n    """\n{lines}\n{OURS}    """\n)'


def _fits_triple_quotes(sql: str) -> bool:
    return '"""' not in sql and not sql.endswith('"') and "\\" not in sql


def escaped(sql: str) -> str:
    """Keep `:word` in SQL from becoming a parameter of `sa.text`."""
    return re.sub(r"(?<![:\w\\]):(?=\w+(?!:))", r"\\:", sql.replace("\\:", "\\\\:"))


def text(sql: str) -> str:
    """Return `sa.text` of an expression."""
    return f"sa.text({escaped(readable(sql))!r})"


def template(sql: str, **constants: str) -> str:
    """Return an f-string of SQL in which each word of `constants` is the constant of that name."""
    marked = sql.replace("{", "{{").replace("}", "}}")
    for word, constant in constants.items():
        marked = marked.replace(word, f"{{{constant}}}")
    return f"f{marked!r}"


def arguments(positional: Iterable[str], options: Mapping[str, str | None]) -> str:
    """Return the arguments of a call, the options that are None left out."""
    given = [f"{key}={value}" for key, value in options.items() if value is not None]
    return ", ".join([*positional, *given])


def call(name: str, *positional: str, **options: str | None) -> str:
    """Return a call of `op`."""
    return f"op.{name}({arguments(positional, options)})"


def on_table(name: str, table: str, *positional: str, **options: str | None) -> str:
    """Return a call of `op` whose first argument is a table."""
    return call(name, repr(raw(table)), *positional, **options, schema=schema_option(table))


def conventional(name: str) -> str:
    """Return a name that no naming convention may change."""
    return f"op.f({name!r})"


def schema_option(table: str) -> str | None:
    """Return the value of `schema=` for a table, None for public."""
    schema = schema_of(table)
    return repr(schema) if schema else None


def comment_of(side: Side, identity: str) -> str | None:
    """Return the comment on an object, None where there is none."""
    item = side.objects.get(f"comment on {identity}")
    return None if item is None else str(parse_statement(item.definition).comment)
