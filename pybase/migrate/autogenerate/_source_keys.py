"""Constraints as source, from what `pg_get_constraintdef` says.

Where a definition has a part that Alembic has no word for, the whole of it becomes `op.execute`.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from pybase.migrate.autogenerate._schema_snapshot import (
    constraint_kind,
    constraint_name,
)
from pybase.migrate.autogenerate._source import (
    call,
    conventional,
    escaped,
    execute,
    is_bracketed,
    name_list,
    schema_option,
)
from pybase.migrate.catalog import CatalogObject
from pybase.migrate.sql._names import parts, quote, raw, shown

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
    return inner[1:-1] if is_bracketed(inner) else inner


def inline_constraint(item: CatalogObject) -> str | None:
    """Return a constraint as an argument of `create_table`, or None."""
    if item.extra:
        return None
    name = conventional(raw(constraint_name(item)))
    key = _KEY.fullmatch(item.definition)
    if key:
        what = "PrimaryKeyConstraint" if key["what"] == "PRIMARY KEY" else "UniqueConstraint"
        options: dict[str, str | None] = _timing(key)
        if key["include"]:
            options["postgresql_include"] = repr(name_list(key["include"]))
        if key["nulls"]:
            options["postgresql_nulls_not_distinct"] = "True"
        return _construct(what, map(repr, name_list(key["columns"])), {"name": name, **options})
    expression = check_expression(item.definition)
    if expression is not None:
        return _construct("CheckConstraint", [repr(escaped(expression))], {"name": name})
    foreign = _FOREIGN.fullmatch(item.definition)
    if foreign and not any(
        "." in each for each in (*parts(foreign["table"]), *name_list(foreign["remote"]))
    ):
        target = ".".join(parts(shown(foreign["table"])))
        remote = [f"{target}.{each}" for each in name_list(foreign["remote"])]
        options = {"name": name, **_actions(foreign)}
        return _construct(
            "ForeignKeyConstraint", [repr(name_list(foreign["columns"])), repr(remote)], options
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
        return call(
            word, name, owner, repr(name_list(key["columns"])), schema=schema, **_timing(key)
        )
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
            repr(name_list(foreign["columns"])),
            repr(name_list(foreign["remote"])),
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


def names_in_key(item: CatalogObject) -> list[str]:
    """Return the columns of a primary key or unique constraint, unquoted."""
    return list(item.columns)


def key_index(item: CatalogObject, name: str) -> CatalogObject:
    """Return the unique index that a primary key or unique constraint may take over."""
    found = _KEY.match(item.definition)
    table = item.table or ""
    assert found is not None
    include = f" INCLUDE ({found['include']})" if found["include"] else ""
    nulls = found["nulls"] or ""
    schema = table.removesuffix(table.rpartition(".")[2]) if '"' not in table else ""
    qualified = f"{schema or '.'.join(map(quote, parts(table)[:-1])) + '.'}{quote(name)}"
    definition = (
        f"CREATE UNIQUE INDEX {quote(name)} ON {table} USING btree "
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
