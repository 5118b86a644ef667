"""Operations as Python source: what every kind of statement is written with.

What Alembic can say goes through `op`, the rest is PostgreSQL's own definition in `op.execute`.
"""

import re

from pybase.migrate.autogenerate._schema_snapshot import Side
from pybase.migrate.sql._names import raw, schema_of
from pybase.migrate.sql.grammar._format import lay_out


def execute(sql: str) -> str:
    """Return `op.execute` of one statement, its colons kept from being taken for parameters."""
    text = escaped(lay_out(sql) if "\n" in sql else sql)
    if "\n" in text and _fits_triple_quotes(text):
        return f'op.execute(\n    """\n{text}\n"""\n)'
    return f"op.execute({text!r})"


OURS = "\x01"
"""Stands before a line of SQL that may be indented, as no literal goes over it."""


def block(sql: str) -> str:
    """Return `op.execute` of SQL of our own, which has no literal that an indent could change."""
    lines = "\n".join(f"{OURS}    {line}" for line in escaped(sql).split("\n"))
    return f'op.execute(\n    """\n{lines}\n{OURS}    """\n)'


def _fits_triple_quotes(text: str) -> bool:
    return '"""' not in text and not text.endswith('"') and "\\" not in text


def escaped(sql: str) -> str:
    """Keep `:word` in SQL from becoming a parameter of `sa.text`."""
    return re.sub(r"(?<![:\w\\]):(?=\w+(?!:))", r"\\:", sql.replace("\\:", "\\\\:"))


def text(sql: str) -> str:
    """Return `sa.text` of an expression."""
    return f"sa.text({escaped(sql)!r})"


def call(name: str, *arguments: str, **options: str | None) -> str:
    """Return a call of `op`, the options that are None left out."""
    given = [f"{key}={value}" for key, value in options.items() if value is not None]
    return f"op.{name}({', '.join([*arguments, *given])})"


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
    if item is None:
        return None
    literal = re.search(r" IS (E?)'(.*)'$", item.definition, re.DOTALL)
    if literal is None:
        return None
    value = literal[2].replace("''", "'")
    return value.replace("\\\\", "\\") if literal[1] else value


def name_list(columns: str) -> list[str]:
    """Return the names in a list of columns, unquoted."""
    return [raw(each) for each in re.findall(r'"(?:[^"]|"")*"|[^,\s"]+', columns)]


def is_bracketed(expression: str) -> bool:
    """Whether the first bracket closes at the very end."""
    depth, in_literal, in_name = 0, False, False
    for place, letter in enumerate(expression):
        if letter == "'" and not in_name:
            in_literal = not in_literal
        elif letter == '"' and not in_literal:
            in_name = not in_name
        elif not in_literal and not in_name:
            depth += (letter == "(") - (letter == ")")
            if depth == 0:
                return place == len(expression) - 1 and expression.startswith("(")
    return False
