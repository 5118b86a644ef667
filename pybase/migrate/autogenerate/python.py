"""Operations as Python source: what Alembic can say goes through `op`, the rest is exact SQL.

Every function here takes PostgreSQL's own definition and returns statements of a revision's body.
Where a definition has a part that Alembic has no word for, the whole of it becomes `op.execute`.
"""

import re
from collections.abc import Iterable, Mapping
from textwrap import indent

from pybase.migrate.autogenerate.names import parts, raw, schema_of, shown
from pybase.migrate.autogenerate.side import (
    Column,
    Side,
    column_names,
    constraint_kind,
    constraint_name,
)
from pybase.migrate.autogenerate.types import python_type
from pybase.migrate.catalog import CatalogObject


def execute(sql: str) -> str:
    """Return `op.execute` of one statement, its colons kept from being taken for parameters."""
    text = escaped(sql)
    if "\n" in text and _fits_triple_quotes(text):
        return f'op.execute(\n    """\n{text}\n"""\n)'
    return f"op.execute({text!r})"


def block(sql: str) -> str:
    """Return `op.execute` of SQL of our own, which has no literal that an indent could change."""
    return f'op.execute(\n    """\n{indent(escaped(sql), " " * 8)}\n        """\n)'


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


# --- columns ----------------------------------------------------------------------------------


def column_source(
    side: Side, column: Column, *, in_key: bool = False, **changed: object
) -> str | None:
    """Return `sa.Column(...)`, or None where SQLAlchemy cannot say it.

    `changed` overrides `default`, `required` and the like for a step on the way.
    """
    default = str(changed.get("default", column.default))
    required = bool(changed.get("required", column.required))
    enums = frozenset(side.labels)
    type_ = python_type(column.type, column.collation, enums)
    if type_ is None or not (raw(column.name) and raw(column.table)):
        return None
    arguments = [repr(raw(column.name)), type_]
    options: list[str] = []
    if column.generated:
        persisted = column.storage == "STORED"
        arguments.append(f"sa.Computed({escaped(column.generated)!r}, persisted={persisted})")
    elif column.identity:
        identity = _identity(side, column)
        if identity is None:
            return None
        arguments.append(identity)
    elif column.sequence and default:
        if not (in_key and is_plain_serial(side, column)):
            return None
        options.append("autoincrement=True")
    elif default:
        options.append(f"server_default={text(default)}")
    if in_key and not options and not column.identity:
        options.append("autoincrement=False")
    options.append(f"nullable={not required}")
    comment = comment_of(side, column.identity_key)
    if comment is not None:
        options.append(f"comment={comment!r}")
    return f"sa.Column({', '.join([*arguments, *options])})"


def is_plain_serial(side: Side, column: Column) -> bool:
    """Whether `SERIAL` makes exactly this column and its sequence."""
    sequence = side.objects.get(f"sequence {column.sequence}")
    name = f"{raw(column.table)}_{raw(column.name)}_seq"
    usual = {"integer": 2147483647, "bigint": 9223372036854775807, "smallint": 32767}
    return bool(
        sequence
        and raw(column.sequence) == name
        and column.type in usual
        and re.search(
            rf" AS {column.type} INCREMENT BY 1 MINVALUE 1 MAXVALUE {usual[column.type]}"
            " START WITH 1 CACHE 1$",
            sequence.definition,
        )
    )


def sequence_options(definition: str) -> str:
    """Return the options of a sequence's definition, in full, CYCLE or NO CYCLE among them."""
    found = re.search(r" (INCREMENT BY .*)$", definition)
    options = found[1] if found else ""
    return options if options.endswith(" CYCLE") else f"{options} NO CYCLE"


_USUAL = re.compile(
    r"INCREMENT BY 1 MINVALUE 1 MAXVALUE (32767|2147483647|9223372036854775807) START WITH 1"
    r" CACHE 1 NO CYCLE"
)


def _identity(side: Side, column: Column) -> str | None:
    sequence = side.objects.get(f"sequence {column.sequence}")
    if sequence is None or raw(column.sequence) != f"{raw(column.table)}_{raw(column.name)}_seq":
        return None
    options = sequence_options(sequence.definition)
    always = f"always={column.identity == 'ALWAYS'}"
    if _USUAL.fullmatch(options):
        return f"sa.Identity({always})"
    found = re.fullmatch(
        r"INCREMENT BY (-?\d+) MINVALUE (-?\d+) MAXVALUE (-?\d+) START WITH (-?\d+)"
        r" CACHE (\d+) (NO )?CYCLE",
        options,
    )
    if found is None:
        return None
    words = ("increment", "minvalue", "maxvalue", "start", "cache")
    given = ", ".join(f"{word}={value}" for word, value in zip(words, found.groups(), strict=False))
    return f"sa.Identity({always}, {given}, cycle={found[6] is None})"


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


def column_sql(
    side: Side, column: Column, *, default: str | None = None, required: bool | None = None
) -> str:
    """Return a column as SQL: name, type and everything else."""
    default = column.default if default is None else default
    required = column.required if required is None else required
    words = [column.name, column.type]
    if column.collation:
        words.append(f"COLLATE {column.collation}")
    if column.generated:
        words.append(f"GENERATED ALWAYS AS ({column.generated}) {column.storage}")
    elif column.identity:
        sequence = side.objects.get(f"sequence {column.sequence}")
        options = sequence_options(sequence.definition) if sequence else ""
        name = f"SEQUENCE NAME {column.sequence} " if sequence else ""
        words.append(f"GENERATED {column.identity} AS IDENTITY ({name}{options})")
    elif default:
        words.append(f"DEFAULT {default}")
    if required:
        words.append("NOT NULL")
    return " ".join(words)


# --- constraints ------------------------------------------------------------------------------

_DEFERRABLE = re.compile(r"( DEFERRABLE)?( INITIALLY DEFERRED)?$")
_KEY = re.compile(
    r"(?P<what>PRIMARY KEY|UNIQUE)(?P<nulls> NULLS NOT DISTINCT)? "
    r"\((?P<columns>(?:\"(?:[^\"]|\"\")*\"|[^()\"])*)\)"
    r"(?: INCLUDE \((?P<include>(?:\"(?:[^\"]|\"\")*\"|[^()\"])*)\))?"
    r"(?P<deferrable> DEFERRABLE)?(?P<initially> INITIALLY DEFERRED)?"
)
_FOREIGN = re.compile(
    r"FOREIGN KEY \((?P<columns>(?:\"(?:[^\"]|\"\")*\"|[^()\"])*)\) REFERENCES "
    r"(?P<table>(?:\"(?:[^\"]|\"\")*\"|[^\s(\"])+)\((?P<remote>(?:\"(?:[^\"]|\"\")*\"|[^()\"])*)\)"
    r"(?: MATCH (?P<match>FULL))?"
    r"(?: ON UPDATE (?P<onupdate>CASCADE|RESTRICT|SET NULL|SET DEFAULT))?"
    r"(?: ON DELETE (?P<ondelete>CASCADE|RESTRICT|SET NULL|SET DEFAULT))?"
    r"(?P<deferrable> DEFERRABLE)?(?P<initially> INITIALLY DEFERRED)?"
)


def _list(columns: str) -> list[str]:
    return [raw(each) for each in re.findall(r'"(?:[^"]|"")*"|[^,\s"]+', columns)]


def _timing(match: re.Match[str]) -> dict[str, str | None]:
    return {
        "deferrable": "True" if match["deferrable"] else None,
        "initially": "'DEFERRED'" if match["initially"] else None,
    }


def check_expression(definition: str) -> str | None:
    """Return what stands inside CHECK (...), or None for a check that has more to it."""
    found = re.fullmatch(r"CHECK \((.*)\)", definition, re.DOTALL)
    if found is None:
        return None
    inner = found[1]
    return inner[1:-1] if _is_bracketed(inner) else inner


def _is_bracketed(expression: str) -> bool:
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


def inline_constraint(item: CatalogObject) -> str | None:
    """Return a constraint as an argument of `create_table`, or None."""
    if item.extra:
        return None
    name = conventional(raw(constraint_name(item)))
    key = _KEY.fullmatch(item.definition)
    if key:
        what = "PrimaryKeyConstraint" if key["what"] == "PRIMARY KEY" else "UniqueConstraint"
        options = _timing(key)
        if key["include"]:
            options["postgresql_include"] = repr(_list(key["include"]))
        if key["nulls"]:
            options["postgresql_nulls_not_distinct"] = "True"
        return _construct(what, map(repr, _list(key["columns"])), {"name": name} | options)
    expression = check_expression(item.definition)
    if expression is not None:
        return _construct("CheckConstraint", [repr(escaped(expression))], {"name": name})
    foreign = _FOREIGN.fullmatch(item.definition)
    if foreign and not any(
        "." in each for each in (*parts(foreign["table"]), *_list(foreign["remote"]))
    ):
        target = ".".join(parts(shown(foreign["table"])))
        remote = [f"{target}.{each}" for each in _list(foreign["remote"])]
        options = {"name": name} | _actions(foreign)
        return _construct(
            "ForeignKeyConstraint", [repr(_list(foreign["columns"])), repr(remote)], options
        )
    return None


def _actions(match: re.Match[str]) -> dict[str, str | None]:
    words = {word: match[word] for word in ("onupdate", "ondelete", "match")}
    return {word: repr(value) if value else None for word, value in words.items()} | _timing(match)


def _construct(what: str, arguments: Iterable[str], options: Mapping[str, str | None]) -> str:
    given = [f"{key}={value}" for key, value in options.items() if value is not None]
    return f"sa.{what}({', '.join([*arguments, *given])})"


def add_constraint(item: CatalogObject, *, not_valid: bool = False) -> str:
    """Return the statement that adds a constraint to a table that is there."""
    assert item.table is not None
    if not item.extra:
        found = _add_constraint(item, not_valid)
        if found is not None:
            return found
    return execute(add_constraint_sql(item, not_valid=not_valid))


def add_constraint_sql(item: CatalogObject, *, not_valid: bool = False) -> str:
    """Return ALTER TABLE ... ADD CONSTRAINT with PostgreSQL's definition."""
    suffix = " NOT VALID" if not_valid and not item.definition.endswith(" NOT VALID") else ""
    name = constraint_name(item)
    return f"ALTER TABLE {shown(item.table or '')} ADD CONSTRAINT {name} {item.definition}{suffix}"


def _add_constraint(item: CatalogObject, not_valid: bool) -> str | None:
    table = item.table or ""
    definition = item.definition
    if definition.endswith(" NOT VALID"):
        definition, not_valid = definition.removesuffix(" NOT VALID"), True
    name, owner = conventional(raw(constraint_name(item))), repr(raw(table))
    schema = schema_option(table)
    flag = {"postgresql_not_valid": "True" if not_valid else None}
    key = _KEY.fullmatch(definition)
    if key and not (key["include"] or key["nulls"]):
        word = "create_primary_key" if key["what"] == "PRIMARY KEY" else "create_unique_constraint"
        return call(word, name, owner, repr(_list(key["columns"])), schema=schema, **_timing(key))
    expression = check_expression(definition)
    if expression is not None:
        return call(
            "create_check_constraint", name, owner, repr(escaped(expression)), schema=schema, **flag
        )
    foreign = _FOREIGN.fullmatch(definition)
    if foreign:
        remote = foreign["table"]
        return call(
            "create_foreign_key",
            name,
            owner,
            repr(raw(remote)),
            repr(_list(foreign["columns"])),
            repr(_list(foreign["remote"])),
            source_schema=schema,
            referent_schema=schema_option(remote),
            **_actions(foreign),
            **flag,
        )
    return None


def drop_constraint(item: CatalogObject, *, if_exists: bool = False) -> str:
    """Return the statement that drops a constraint."""
    table = item.table or ""
    kind = constraint_kind(item)
    return call(
        "drop_constraint",
        conventional(raw(constraint_name(item))),
        repr(raw(table)),
        schema=schema_option(table),
        type_=repr(kind) if kind in ("primary", "unique", "check", "foreignkey") else None,
        if_exists="True" if if_exists else None,
    )


# --- indexes ----------------------------------------------------------------------------------

_INDEX = re.compile(
    r"CREATE (?P<unique>UNIQUE )?INDEX (?P<name>(?:\"(?:[^\"]|\"\")*\"|[^\s\"])+)"
    r" ON (?P<only>ONLY )?(?P<table>(?:\"(?:[^\"]|\"\")*\"|[^\s\"])+)"
    r" USING (?P<method>\w+) (?P<rest>.*)",
    re.DOTALL,
)


def create_index(item: CatalogObject, *, concurrently: bool = False, name: str = "") -> str:
    """Return the statement that builds an index, under another name if one is given."""
    found = _INDEX.fullmatch(item.definition)
    source = _create_index(item, found, concurrently, name) if found else None
    if source is not None:
        return source
    return execute(index_sql(item, concurrently=concurrently, name=name))


def index_sql(item: CatalogObject, *, concurrently: bool = False, name: str = "") -> str:
    """Return CREATE INDEX as PostgreSQL writes it, CONCURRENTLY or under another name."""
    found = _INDEX.fullmatch(item.definition)
    if found is None:
        return item.definition
    head = f"CREATE {found['unique'] or ''}INDEX {'CONCURRENTLY ' if concurrently else ''}"
    only = found["only"] or ""
    called = name or found["name"]
    table = shown(found["table"])
    return f"{head}{called} ON {only}{table} USING {found['method']} {found['rest']}"


def _create_index(
    item: CatalogObject, found: re.Match[str], concurrently: bool, name: str
) -> str | None:
    split = _clauses(found["rest"])
    if split is None or found["only"]:
        return None
    elements, clauses = split
    table = found["table"]
    columns = [
        repr(raw(each)) if re.fullmatch(r'[a-z_][a-z0-9_]*|"(?:[^"]|"")*"', each) else text(each)
        for each in elements
    ]
    include = clauses.get("INCLUDE")
    where = clauses.get("WHERE")
    with_ = clauses.get("WITH")
    return call(
        "create_index",
        conventional(raw(name or found["name"])),
        repr(raw(table)),
        f"[{', '.join(columns)}]",
        unique="True" if found["unique"] else None,
        schema=schema_option(table),
        postgresql_using=None if found["method"] == "btree" else repr(found["method"]),
        postgresql_include=repr(_list(include)) if include else None,
        postgresql_nulls_not_distinct="True" if "NULLS NOT DISTINCT" in clauses else None,
        postgresql_with=repr(_options(with_)) if with_ else None,
        postgresql_where=text(_unbracketed(where)) if where else None,
        postgresql_concurrently="True" if concurrently else None,
    )


def _unbracketed(expression: str) -> str:
    return expression[1:-1] if _is_bracketed(expression) else expression


def _options(text_: str) -> dict[str, str]:
    return {
        key: value.strip("'")
        for key, _, value in (each.strip().partition("=") for each in text_.split(","))
    }


def _clauses(rest: str) -> tuple[list[str], dict[str, str]] | None:
    """Cut what follows the method into the elements and the clauses; None if it is not known."""
    if not rest.startswith("("):
        return None
    inner, rest = _bracket(rest)
    elements = _top_level(inner)
    clauses: dict[str, str] = {}
    while rest.strip():
        rest = rest.strip()
        word = next((w for w in ("INCLUDE", "WITH") if rest.startswith(f"{w} (")), None)
        if word:
            clauses[word], rest = _bracket(rest[len(word) + 1 :])
        elif rest.startswith("NULLS NOT DISTINCT"):
            clauses["NULLS NOT DISTINCT"], rest = "", rest[len("NULLS NOT DISTINCT") :]
        elif rest.startswith("WHERE "):
            clauses["WHERE"], rest = rest[len("WHERE ") :], ""
        else:
            return None
    return elements, clauses


def _bracket(sql: str) -> tuple[str, str]:
    """Return what the bracket at the start holds, and what follows it."""
    for end in range(2, len(sql) + 1):
        if sql[end - 1] == ")" and _is_bracketed(sql[:end]):
            return sql[1 : end - 1], sql[end:]
    return sql[1:], ""


def _top_level(sql: str) -> list[str]:
    """Cut at the commas that stand in no bracket and no literal."""
    found, depth, start, quoted = [], 0, 0, ""
    for place, letter in enumerate(sql):
        if quoted:
            quoted = "" if letter == quoted else quoted
        elif letter in "'\"":
            quoted = letter
        elif letter in "([":
            depth += 1
        elif letter in ")]":
            depth -= 1
        elif letter == "," and depth == 0:
            found.append(sql[start:place].strip())
            start = place + 1
    return [*found, sql[start:].strip()]


def drop_index(item: CatalogObject, *, concurrently: bool = False, name: str = "") -> str:
    """Return the statement that drops an index; a concurrent one may be gone already."""
    table = item.table or ""
    return call(
        "drop_index",
        conventional(raw(name or item.name)),
        repr(raw(table)),
        schema=schema_option(table),
        postgresql_concurrently="True" if concurrently else None,
        if_exists="True" if concurrently else None,
    )


def names_in_key(item: CatalogObject) -> list[str]:
    """Return the columns of a primary key or unique constraint, unquoted."""
    return column_names(item.definition)


def key_index(item: CatalogObject, name: str) -> CatalogObject:
    """Return the unique index that a primary key or unique constraint may take over."""
    from dataclasses import replace

    found = _KEY.match(item.definition)
    table = item.table or ""
    assert found is not None
    include = f" INCLUDE ({found['include']})" if found["include"] else ""
    nulls = found["nulls"] or ""
    schema = table.removesuffix(table.rpartition(".")[2]) if '"' not in table else ""
    qualified = f"{schema or '.'.join(map(_quoted, parts(table)[:-1])) + '.'}{_quoted(name)}"
    definition = (
        f"CREATE UNIQUE INDEX {_quoted(name)} ON {table} USING btree "
        f"({found['columns']}){include}{nulls}"
    )
    storage = next(
        (
            each.partition(" SET ")[2]
            for each in item.extra or ()
            if each.startswith("ALTER INDEX ") and " SET (" in each
        ),
        "",
    )
    if storage:
        definition += f" WITH {storage}"
    return replace(item, name=qualified, definition=definition, kind="index", extra=None)


def _quoted(name: str) -> str:
    from pybase.migrate.autogenerate.names import quote

    return quote(name)


def orphans(item: CatalogObject) -> str:
    """Return a query for the rows that a foreign key would refuse."""
    found = _FOREIGN.match(item.definition)
    if found is None:
        return ""
    pairs = list(zip(_split_names(found["columns"]), _split_names(found["remote"]), strict=True))
    child, parent = shown(item.table or ""), shown(found["table"])
    present = " AND ".join(f"child.{column} IS NOT NULL" for column, _ in pairs)
    same = " AND ".join(f"parent.{remote} = child.{column}" for column, remote in pairs)
    return (
        f"SELECT child.* FROM {child} AS child WHERE {present} "
        f"AND NOT EXISTS (SELECT FROM {parent} AS parent WHERE {same})"
    )


def _split_names(columns: str) -> list[str]:
    return re.findall(r'"(?:[^"]|"")*"|[^,\s"]+', columns)


def index_elements(item: CatalogObject) -> tuple[list[str], str] | None:
    """Return the expressions of an index and its predicate."""
    found = _INDEX.fullmatch(item.definition)
    split = _clauses(found["rest"]) if found else None
    return (split[0], split[1].get("WHERE", "")) if split else None
