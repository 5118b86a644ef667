"""Constraints and indexes as source, from the definitions that PostgreSQL printed.

Where a definition has a part that Alembic has no word for, all of it becomes `op.execute`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace
from pglast import ast

from pybase.migrate.autogenerate._schema_snapshot import constraint_kind, constraint_name
from pybase.migrate.autogenerate._source._definitions import (
    check_expression,
    names,
    option_values,
    parse_constraint,
    parse_index,
    parse_statement,
    table_name,
    unbracketed,
)
from pybase.migrate.autogenerate._source._text import (
    alter_table,
    arguments,
    call,
    conventional,
    escaped,
    schema_option,
    text,
)
from pybase.migrate.catalog import CatalogObject
from pybase.migrate.sql.names import parts, quote, raw, shown

_ACTIONS = {"c": "CASCADE", "r": "RESTRICT", "n": "SET NULL", "d": "SET DEFAULT"}


def parsed(item: CatalogObject) -> Any:
    """Return the parse tree of a constraint that Alembic has words for, else None."""
    kind = constraint_kind(item)
    if item.extra or kind not in ("primary", "unique", "check", "foreignkey"):
        return None
    tree = parse_constraint(item.definition)
    is_key = kind in ("primary", "unique")
    is_odd = (
        tree.without_overlaps or tree.fk_with_period or tree.fk_del_set_cols
        or tree.is_no_inherit or not (is_key or tree.is_enforced)
    )  # fmt: skip
    return None if is_odd else tree


def key_columns(item: CatalogObject) -> list[str]:
    """Return the columns of a primary key or unique constraint, unquoted."""
    return names(parse_constraint(item.definition).keys)


def _options(tree: Any) -> dict[str, str | None]:
    """Return the options that `sa` and `op` share."""
    return {
        "onupdate": _action(tree.fk_upd_action),
        "ondelete": _action(tree.fk_del_action),
        "match": "'FULL'" if tree.fk_matchtype == "f" else None,
        "deferrable": "True" if tree.deferrable else None,
        "initially": "'DEFERRED'" if tree.initdeferred else None,
    }


def _action(letter: str) -> str | None:
    return repr(_ACTIONS[letter]) if letter in _ACTIONS else None


def inline_constraint(item: CatalogObject) -> str | None:
    """Return a constraint as an argument of `create_table`, or None."""
    tree = parsed(item)
    if tree is None or tree.skip_validation:
        return None
    kind = constraint_kind(item)
    options: dict[str, str | None] = {"name": conventional(raw(constraint_name(item)))}
    if kind == "check":
        return _construct("CheckConstraint", repr(escaped(check_expression(item.definition))),
                          options=options)  # fmt: skip
    options |= _options(tree)
    if kind == "foreignkey":
        remote = names(tree.pk_attrs)
        target = parts(shown(table_name(tree.pktable)))
        if any("." in name for name in (*target, *remote)):
            return None
        columns = [".".join((*target, name)) for name in remote]
        return _construct("ForeignKeyConstraint", repr(names(tree.fk_attrs)), repr(columns),
                          options=options)  # fmt: skip
    if tree.including:
        options["postgresql_include"] = repr(names(tree.including))
    if tree.nulls_not_distinct:
        options["postgresql_nulls_not_distinct"] = "True"
    word = "PrimaryKeyConstraint" if kind == "primary" else "UniqueConstraint"
    return _construct(word, *map(repr, names(tree.keys)), options=options)


def _construct(word: str, *positional: str, options: Mapping[str, str | None]) -> str:
    return f"sa.{word}({arguments(positional, options)})"


def add_constraint(item: CatalogObject, *, not_valid: bool = False) -> str:
    """Return the statement that adds a constraint to a table that is there."""
    tree = parsed(item)
    kind = constraint_kind(item)
    if tree is None or tree.including or tree.nulls_not_distinct:
        suffix = " NOT VALID" if not_valid and not item.definition.endswith(" NOT VALID") else ""
        name = constraint_name(item)
        action = f"ADD CONSTRAINT {name} {item.definition}{suffix}"
        return alter_table(item.table or "", action)
    name, owner = conventional(raw(constraint_name(item))), repr(raw(item.table or ""))
    schema = schema_option(item.table or "")
    flag = {"postgresql_not_valid": "True" if not_valid or tree.skip_validation else None}
    if kind == "check":
        expression = repr(escaped(check_expression(item.definition)))
        return call("create_check_constraint", name, owner, expression, schema=schema, **flag)
    if kind == "foreignkey":
        return call(
            "create_foreign_key", name, owner, repr(tree.pktable.relname),
            repr(names(tree.fk_attrs)), repr(names(tree.pk_attrs)), source_schema=schema,
            referent_schema=schema_option(table_name(tree.pktable)), **_options(tree), **flag,
        )  # fmt: skip
    word = "create_primary_key" if kind == "primary" else "create_unique_constraint"
    return call(word, name, owner, repr(names(tree.keys)), schema=schema, **_options(tree))


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


def key_index(item: CatalogObject, name: str) -> CatalogObject:
    """Return the unique index that a primary key or unique constraint may take over."""
    tree = parse_constraint(item.definition)
    table = item.table or ""
    columns, included = (
        ", ".join(map(quote, names(nodes))) for nodes in (tree.keys, tree.including)
    )
    schema = quote(parts(table)[0])
    storage = next(
        (extra.partition(" SET ")[2] for extra in item.extra
         if extra.startswith("ALTER INDEX ") and " SET (" in extra), "",
    )  # fmt: skip
    definition = (
        f"CREATE UNIQUE INDEX {quote(name)} ON {table} USING btree ({columns})"
        + (f" INCLUDE ({included})" if included else "")
        + (" NULLS NOT DISTINCT" if tree.nulls_not_distinct else "")
        + (f" WITH {storage}" if storage else "")
    )
    return replace(
        item, name=f"{schema}.{quote(name)}", definition=definition, kind="index", extra=[]
    )


def violations(item: CatalogObject) -> str:
    """Return a query for the rows that a constraint or index would refuse, empty if none can be."""
    table = shown(item.table or "")
    if item.kind == "index":
        index = parse_index(item.definition)
        return _duplicates(table, index.keys, index.tree, index.where) if index.tree.unique else ""
    kind = constraint_kind(item)
    if kind == "check":
        return f"SELECT * FROM {table} WHERE NOT ({check_expression(item.definition)})"
    if kind in ("primary", "unique"):
        columns = [quote(column) for column in key_columns(item)]
        return _duplicates(table, columns, parse_constraint(item.definition))
    return _orphans(table, parse_constraint(item.definition)) if kind == "foreignkey" else ""


def listed_values(item: CatalogObject) -> tuple[str, list[str]] | None:
    """Return the column and the values of a check that is a list of them, else None."""
    if constraint_kind(item) != "check":
        return None
    select: Any = parse_statement(f"SELECT {check_expression(item.definition)}")
    node = select.targetList[0].val
    column, values = getattr(node, "lexpr", None), getattr(node, "rexpr", None)
    if not (isinstance(column, ast.ColumnRef) and column.fields and isinstance(values, tuple)):
        return None
    texts = [value.val.sval for value in values if hasattr(getattr(value, "val", None), "sval")]
    is_list = node.name[0].sval == "=" and len(texts) == len(values)
    return (column.fields[-1].sval, texts) if is_list else None


def _duplicates(table: str, keys: Sequence[str], tree: Any, where: str = "") -> str:
    listed = ", ".join(keys)
    conditions = [where] if where else []
    if not tree.nulls_not_distinct:
        conditions += [f"{key} IS NOT NULL" for key in keys]
    condition = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    return (
        f"SELECT {listed}, count(*) FROM {table}{condition} GROUP BY {listed} HAVING count(*) > 1"
    )


def _orphans(table: str, tree: Any) -> str:
    columns, remote = (list(map(quote, names(nodes))) for nodes in (tree.fk_attrs, tree.pk_attrs))
    present = " AND ".join(f"child.{column} IS NOT NULL" for column in columns)
    pairs = zip(columns, remote, strict=True)
    same = " AND ".join(f"parent.{other} = child.{column}" for column, other in pairs)
    return (
        f"SELECT child.* FROM {table} AS child WHERE {present} AND NOT EXISTS "
        f"(SELECT FROM {shown(table_name(tree.pktable))} AS parent WHERE {same})"
    )


# --- indexes ----------------------------------------------------------------------------------


def create_index(item: CatalogObject, *, concurrently: bool = False, name: str = "") -> str:
    """Return the statement that builds an index, under another name if one is given."""
    parsed = parse_index(item.definition)
    tree = parsed.tree
    elements = (
        repr(column) if column else text(element)
        for column, element in zip(parsed.columns, parsed.elements, strict=True)
    )
    included = [part.name for part in tree.indexIncludingParams or ()]
    storage = option_values(tree.options)
    return call(
        "create_index",
        conventional(name or tree.idxname),
        repr(tree.relation.relname),
        f"[{', '.join(elements)}]",
        unique="True" if tree.unique else None,
        schema=schema_option(parsed.table),
        postgresql_using=None if tree.accessMethod == "btree" else repr(tree.accessMethod),
        postgresql_include=repr(included) if included else None,
        postgresql_nulls_not_distinct="True" if tree.nulls_not_distinct else None,
        postgresql_with=repr(storage) if storage else None,
        postgresql_where=text(unbracketed(parsed.where)) if parsed.where else None,
        postgresql_concurrently="True" if concurrently else None,
    )


def unnamed_index(item: CatalogObject) -> str:
    """Return CREATE INDEX without the name, and without ONLY."""
    parsed = parse_index(item.definition)
    unique = "UNIQUE " if parsed.tree.unique else ""
    return f"CREATE {unique}INDEX ON {shown(parsed.table)} {parsed.tail}"


def drop_index(item: CatalogObject, *, concurrently: bool = False, name: str = "") -> str:
    """Return the statement that drops an index; a concurrent one may be missing."""
    table = item.table or ""
    return call(
        "drop_index",
        conventional(name or raw(item.name)),
        repr(raw(table)),
        schema=schema_option(table),
        postgresql_concurrently="True" if concurrently else None,
        if_exists="True" if concurrently else None,
    )
