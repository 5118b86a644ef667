"""Reader of the system catalogs into a `State`, complete or for the relations that were touched.

It takes no lock on a user's table, and its own reads are not counted as scans.
"""

from collections.abc import Iterable
from typing import Any, TypeAlias

import psycopg

from pybase.migrate.catalog._model import (
    FIRST_USER_OID,
    Column,
    Constraint,
    Function,
    Index,
    Relation,
    State,
    Type,
)
from pybase.migrate.catalog._session import cursor, prepare

_PREPARED = "pybase_state"

ColumnKey: TypeAlias = tuple[int, int]
"""The oid of a relation, and the number of one of its columns."""


def prepare_reread(connection: psycopg.Connection[Any]) -> None:
    """Prepare the query of `reread_state`, unless it is: planning takes as long as running it."""
    prepare(connection, _PREPARED, f" (oid[]) AS {_QUERY.format(where='AND c.oid = ANY($1)')}")


def read_state(connection: psycopg.Connection[Any]) -> State:
    """Read everything, in the open transaction and under its settings. Raises psycopg.Error."""
    return _state(connection, {}, _QUERY.format(where=""))


def reread_state(
    connection: psycopg.Connection[Any], before: State, touched: Iterable[int]
) -> State:
    """Read again what is new and the relations in `touched`; all others are as `before`.

    `prepare_reread` must have been called on the connection.
    """
    oids = set(touched)
    kept = {oid: relation for oid, relation in before.relations.items() if oid not in oids}
    array = ",".join(map(str, sorted(oids)))
    state = _state(connection, kept, f"EXECUTE {_PREPARED}('{{{array}}}')")
    is_same = all(before.schemas.get(oid, name) == name for oid, name in state.schemas.items())
    return state if is_same else read_state(connection)  # a relation contains its schema's name


def read_comments(connection: psycopg.Connection[Any]) -> dict[ColumnKey, str]:
    """Read the comments on relations, by column number 0, and on columns."""
    rows = cursor(connection).execute(_COMMENTS.encode()).fetchall()
    return {(oid, number): text for oid, number, text in rows}


def read_column_uses(
    connection: psycopg.Connection[Any],
) -> dict[tuple[str, int, int], frozenset[ColumnKey]]:
    """Read which columns each constraint, index, sequence and generated column depends on.

    The key is the system catalog, the oid, and the number of a generated column, else 0.
    """
    uses: dict[tuple[str, int, int], set[ColumnKey]] = {}
    for *key, oid, number in cursor(connection).execute(_USES.encode()):
        uses.setdefault((key[0], key[1], key[2]), set()).add((oid, number))
    return {key: frozenset(columns) for key, columns in uses.items()}


def _state(connection: psycopg.Connection[Any], kept: dict[int, Relation], query: str) -> State:
    row = cursor(connection).execute(query.encode(), prepare=False).fetchone()
    assert row is not None
    relations, schemas, types, functions, extensions, published, replication_role, path = row
    kept.update((oid, _relation(*values)) for oid, *values in relations or ())
    return State(
        relations=dict(sorted(kept.items())),
        schemas=dict(_by_oid(schemas)),
        types={oid: _type(*values) for oid, values in _by_oid(types)},
        functions={oid: Function(*values) for oid, values in _by_oid(functions)},
        extensions=dict(_by_oid(extensions)),
        without_identity=frozenset(published or ()),
        replication_role=replication_role,
        search_path=tuple(path),
    )


def _by_oid(values: dict[str, Any] | None) -> list[tuple[int, Any]]:
    """Return what a query found in the order of creation: its own differs from run to run."""
    return sorted((int(oid), value) for oid, value in (values or {}).items())


def _relation(*values: Any) -> Relation:
    *fields, index, columns, constraints, triggers = values
    fields[5] = tuple(fields[5])  # the parents
    fields += (
        Index(index[0], tuple(index[1]), *index[2:]) if index else None,
        {number: Column(*row) for number, *row in sorted(columns or ())},
        {oid: _constraint(*row) for oid, *row in sorted(constraints or ())},
        dict(sorted(triggers or ())),
    )
    return Relation(*fields)


def _constraint(*values: Any) -> Constraint:
    *fields, columns, referenced, is_match_full, is_copy, definition = values
    fields += (tuple(columns or ()), tuple(referenced or ()), is_match_full, is_copy, definition)
    return Constraint(*fields)


def _type(*values: Any) -> Type:
    *fields, labels, constraints = values
    fields += (dict(labels or ()), dict(sorted(constraints or ())))
    return Type(*fields)


_IS_MEMBER = """EXISTS (
        SELECT FROM pg_depend AS d
        WHERE d.classid = '{catalog}'::regclass AND d.objid = {oid} AND d.deptype = 'e'
    )"""

_QUERY = f"""
SELECT
    (
        SELECT json_agg(json_build_array(
            c.oid::bigint, n.nspname, c.relname, c.relnamespace::bigint, c.relkind,
            pg_relation_filenode(c.oid)::bigint,
            ARRAY(SELECT h.inhparent::bigint FROM pg_inherits AS h
                  WHERE h.inhrelid = c.oid ORDER BY 1),
            c.relispartition,
            {_IS_MEMBER.format(catalog="pg_class", oid="c.oid")},
            c.relispopulated,
            CASE WHEN c.relkind = 'S' THEN EXISTS (
                SELECT FROM pg_depend AS d
                WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
                AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')) ELSE false END,
            c.reltype::bigint,
            CASE WHEN i.indexrelid IS NOT NULL THEN json_build_array(
                i.indrelid::bigint, i.indkey::smallint[], i.indnkeyatts, i.indisprimary,
                i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL,
                (i.indisunique OR i.indisexclusion) AND i.indisvalid, i.indimmediate,
                pg_get_expr(i.indexprs, i.indrelid), pg_get_expr(i.indpred, i.indrelid)) END,
            (SELECT json_agg(json_build_array(
                a.attnum, a.attname, a.attisdropped, format_type(a.atttypid, a.atttypmod),
                a.atttypid::bigint, CASE WHEN t.typelem <> 0 OR a.atttypmod >= 0 THEN
                    format_type(coalesce(nullif(t.typelem, 0), t.oid), NULL) END,
                CASE WHEN a.attcollation NOT IN (0, t.typcollation)
                    THEN a.attcollation::regcollation::text ELSE '' END,
                a.attnotnull, NOT (a.attnotnull OR t.typnotnull), pg_get_expr(d.adbin, d.adrelid),
                t.typdefault, a.attidentity, a.attgenerated, a.attislocal))
             FROM pg_attribute AS a
             -- OFFSET 0 keeps the planner from a sequential scan of pg_type for each relation.
             LEFT JOIN LATERAL (SELECT * FROM pg_type AS t WHERE t.oid = a.atttypid OFFSET 0) AS t
                 ON true
             LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
             WHERE a.attrelid = c.oid AND a.attnum > 0 AND c.relkind NOT IN ('i', 'I', 'S')),
            (SELECT json_agg(json_build_array(
                k.oid::bigint, k.conname, k.contype, k.convalidated, k.conindid::bigint,
                k.confrelid::bigint, k.conkey, k.confkey, k.confmatchtype = 'f',
                k.conparentid <> 0, pg_get_constraintdef(k.oid)))
             FROM pg_constraint AS k WHERE k.conrelid = c.oid),
            (SELECT json_agg(json_build_array(t.oid::bigint, t.tgenabled))
             FROM pg_trigger AS t WHERE t.tgrelid = c.oid)
        ))
        FROM pg_class AS c
        JOIN pg_namespace AS n ON n.oid = c.relnamespace
        LEFT JOIN pg_index AS i ON i.indexrelid = c.oid
        WHERE c.oid >= {FIRST_USER_OID} AND c.relkind <> 't'
        AND n.nspname !~ '^pg_(toast|temp)' {{where}}
    ),
    (
        SELECT json_object_agg(n.oid::bigint, n.nspname) FROM pg_namespace AS n
        WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
    ),
    (
        SELECT json_object_agg(t.oid::bigint, json_build_array(
            n.nspname, t.typname, t.typtype,
            coalesce((SELECT nullif(b.typelem, 0) FROM pg_type AS b WHERE b.oid = t.typbasetype),
                t.typbasetype)::bigint,
            (SELECT json_agg(json_build_array(e.oid::bigint, e.enumlabel) ORDER BY e.enumsortorder)
             FROM pg_enum AS e WHERE e.enumtypid = t.oid),
            (SELECT json_agg(json_build_array(k.oid::bigint, k.convalidated))
             FROM pg_constraint AS k WHERE k.contypid = t.oid)
        ))
        FROM pg_type AS t
        JOIN pg_namespace AS n ON n.oid = t.typnamespace
        WHERE t.oid >= {FIRST_USER_OID} AND n.nspname !~ '^pg_'
        AND (t.typtype IN ('e', 'd', 'r') OR (t.typtype = 'c' AND t.typrelid IN (
            SELECT c.oid FROM pg_class AS c WHERE c.relkind = 'c')))
        AND NOT {_IS_MEMBER.format(catalog="pg_type", oid="t.oid")}
    ),
    (
        SELECT json_object_agg(p.oid::bigint, json_build_array(
            n.nspname, p.proname, pg_get_function_identity_arguments(p.oid),
            p.prorettype IN ('trigger'::regtype, 'event_trigger'::regtype),
            -- the first is enough for most, and far quicker
            CASE WHEN p.proallargtypes IS NULL THEN
                concat(CASE WHEN p.proretset THEN 'SETOF ' END, format_type(p.prorettype, NULL))
                ELSE pg_get_function_result(p.oid) END,
            p.pronargs - p.pronargdefaults
        ))
        FROM pg_proc AS p
        JOIN pg_namespace AS n ON n.oid = p.pronamespace
        WHERE p.oid >= {FIRST_USER_OID} AND n.nspname !~ '^pg_'
        AND NOT {_IS_MEMBER.format(catalog="pg_proc", oid="p.oid")}
    ),
    (
        SELECT json_object_agg(e.oid::bigint, e.extname) FROM pg_extension AS e
        WHERE e.oid >= {FIRST_USER_OID}
    ),
    (
        SELECT json_agg(c.oid::bigint) FROM pg_class AS c
        JOIN pg_namespace AS n ON n.oid = c.relnamespace
        WHERE EXISTS (SELECT FROM pg_publication)  -- nearly always the end of it
        AND c.relkind IN ('r', 'p') AND c.oid >= {FIRST_USER_OID} AND c.relreplident <> 'f'
        AND NOT EXISTS (
            SELECT FROM pg_index AS i WHERE i.indrelid = c.oid AND i.indisvalid
            AND CASE c.relreplident WHEN 'd' THEN i.indisprimary
                WHEN 'i' THEN i.indisreplident ELSE false END
        )
        AND (n.nspname, c.relname) IN (
            SELECT t.schemaname, t.tablename FROM pg_publication_tables AS t
            JOIN pg_publication AS p ON p.pubname = t.pubname
            WHERE p.pubupdate OR p.pubdelete
        )
    ),
    current_setting('session_replication_role'),
    to_json(current_schemas(false))
"""

_COMMENTS = f"""
SELECT objoid::bigint, objsubid, description FROM pg_description
WHERE classoid = 'pg_class'::regclass AND objoid >= {FIRST_USER_OID}
"""

_USES = f"""
SELECT p.classid::regclass::text, coalesce(d.adrelid, p.objid)::bigint, coalesce(d.adnum, 0),
    p.refobjid::bigint, p.refobjsubid
FROM pg_depend AS p
LEFT JOIN pg_attrdef AS d ON p.classid = 'pg_attrdef'::regclass AND d.oid = p.objid
WHERE p.refclassid = 'pg_class'::regclass AND p.refobjsubid > 0 AND p.objid >= {FIRST_USER_OID}
    AND p.classid IN ('pg_class'::regclass, 'pg_constraint'::regclass, 'pg_attrdef'::regclass)
"""
