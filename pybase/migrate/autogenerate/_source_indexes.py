"""Indexes as source, from what `pg_get_indexdef` says."""

import re

from pybase.migrate.autogenerate._source import (
    call,
    conventional,
    execute,
    is_bracketed,
    name_list,
    schema_option,
    text,
)
from pybase.migrate.catalog import CatalogObject
from pybase.migrate.sql._names import raw, shown

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
    called = name or found["name"]  # without ONLY: partitions want their part of it, too
    table = shown(found["table"])
    return f"{head}{called} ON {table} USING {found['method']} {found['rest']}"


def _create_index(
    item: CatalogObject, found: re.Match[str], concurrently: bool, name: str
) -> str | None:
    split = _clauses(found["rest"])
    if split is None:
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
        postgresql_include=repr(name_list(include)) if include else None,
        postgresql_nulls_not_distinct="True" if "NULLS NOT DISTINCT" in clauses else None,
        postgresql_with=repr(_options(with_)) if with_ else None,
        postgresql_where=text(unbracketed(where)) if where else None,
        postgresql_concurrently="True" if concurrently else None,
    )


def unbracketed(expression: str) -> str:
    """Take the outermost brackets off, if they hold all of it."""
    return expression[1:-1] if is_bracketed(expression) else expression


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
        if sql[end - 1] == ")" and is_bracketed(sql[:end]):
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


def index_elements(item: CatalogObject) -> tuple[list[str], str] | None:
    """Return the expressions of an index and its predicate."""
    found = _INDEX.fullmatch(item.definition)
    split = _clauses(found["rest"]) if found else None
    return (split[0], split[1].get("WHERE", "")) if split else None
