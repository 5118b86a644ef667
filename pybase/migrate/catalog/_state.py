"""What a revision can change, as the server knows it: by oid, so that a rename is not a drop.

`catalog` compares schemas by name, for people; this module follows objects through a
transaction, for the rehearsal. It reads system catalogs only, so it takes no lock on a table of
the user's and its own reads are not counted as scans.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import psycopg

from pybase.migrate.sql._names import QualifiedName

FIRST_USER_OID = 16384
"""PostgreSQL's FirstNormalObjectId: objects below it belong to the server itself."""


class Column(NamedTuple):
    """A row of pg_attribute. `type` is what format_type says; `default` its expression."""

    name: str
    is_dropped: bool
    type: str
    type_oid: int
    modifier: int
    is_required: bool
    default: str | None
    identity: str
    generated: str


class Constraint(NamedTuple):
    """A row of pg_constraint; `kind` is contype: c, f, p, u, x or, since PostgreSQL 18, n."""

    name: str
    kind: str
    is_valid: bool
    index_oid: int
    references: int
    columns: tuple[int, ...]
    definition: str


class Relation(NamedTuple):
    """A table, view, index or sequence. `table` is what an index is on, else 0."""

    schema_oid: int
    schema: str
    name: str
    kind: str
    file: int | None
    parent: int
    table: int
    index_columns: tuple[int, ...]
    has_row_security: bool
    columns: Mapping[int, Column]
    constraints: Mapping[int, Constraint]
    triggers: Mapping[int, str]

    @property
    def qualified_name(self) -> QualifiedName:
        """Its name and its schema's."""
        return QualifiedName(self.schema, self.name)

    @property
    def label(self) -> str:
        """The name as people write it."""
        return self.qualified_name.label

    @property
    def is_table(self) -> bool:
        """Whether rows are kept in it, or in its partitions."""
        return self.kind in "rpmf"


class Type(NamedTuple):
    """An enum, domain, range or composite type with its enum labels by oid."""

    schema: str
    name: str
    kind: str
    labels: Mapping[int, str]
    constraints: Mapping[int, bool]

    @property
    def qualified_name(self) -> QualifiedName:
        """Its name and its schema's."""
        return QualifiedName(self.schema, self.name)

    @property
    def label(self) -> str:
        """The name as people write it."""
        return self.qualified_name.label


class Function(NamedTuple):
    """A function or procedure."""

    schema: str
    name: str
    arguments: str
    is_trigger: bool

    @property
    def qualified_name(self) -> QualifiedName:
        """Its name and its schema's."""
        return QualifiedName(self.schema, self.name)

    @property
    def label(self) -> str:
        """The name as people write it."""
        return self.qualified_name.label


@dataclass(frozen=True)
class State:
    """All that a revision may change, at one moment."""

    relations: Mapping[int, Relation]
    schemas: Mapping[int, str]
    types: Mapping[int, Type]
    functions: Mapping[int, Function]
    grants: Mapping[int, frozenset[str]]
    """By relation: who may do what, as `grantee:PRIVILEGE`, besides the owner."""
    replication_role: str

    def table_of(self, oid: int) -> int:
        """Return the table to which an index belongs; any other relation is its own."""
        relation = self.relations.get(oid)
        return relation.table if relation is not None and relation.table else oid


_PREPARED = "pybase_state"


def prepare(connection: psycopg.Connection[Any]) -> None:
    """Make `reread` fast: to plan its query takes as long as to run it. Once a session."""
    known = "SELECT FROM pg_prepared_statements WHERE name = %s"
    if connection.execute(known, [_PREPARED]).fetchone() is None:
        query = _QUERY.format(where="AND c.oid = ANY($1)")
        connection.execute(f"PREPARE {_PREPARED} (oid[]) AS {query}".encode())


def read(connection: psycopg.Connection[Any]) -> State:
    """Read everything. Raises psycopg.Error."""
    return _state(connection, {}, None)


def reread(connection: psycopg.Connection[Any], before: State, touched: Iterable[int]) -> State:
    """Read again what is new and the relations in `touched`; all others are as `before`.

    `prepare` has to have been called on the connection.
    """
    oids = set(touched)
    kept = {oid: each for oid, each in before.relations.items() if oid not in oids}
    found = _state(connection, kept, sorted(oids))
    is_same = all(before.schemas.get(oid, name) == name for oid, name in found.schemas.items())
    return found if is_same else read(connection)  # every relation bears the name of its schema


def _state(
    connection: psycopg.Connection[Any], kept: dict[int, Relation], oids: list[int] | None
) -> State:
    if oids is None:
        query = _QUERY.format(where="")
    else:
        query = f"EXECUTE {_PREPARED}('{{{','.join(map(str, oids))}}}')"
    row = connection.execute(query.encode()).fetchone()
    assert row is not None
    relations, schemas, types, functions, grants, replication_role = row
    kept.update((each[0], _relation(each[1:])) for each in relations or ())
    return State(
        relations=kept,
        schemas={int(oid): name for oid, name in (schemas or {}).items()},
        types={int(oid): _type(values) for oid, values in (types or {}).items()},
        functions={int(oid): Function(*values) for oid, values in (functions or {}).items()},
        grants={int(oid): frozenset(given) for oid, given in (grants or {}).items()},
        replication_role=replication_role,
    )


def _relation(values: list[Any]) -> Relation:
    *scalars, numbers, has_row_security, columns, constraints, triggers = values
    fields: list[Any] = [
        *scalars,
        tuple(numbers or ()),
        has_row_security,
        {each[0]: Column(*each[1:]) for each in columns or ()},
        {
            each[0]: Constraint(*each[1:])._replace(columns=tuple(each[6] or ()))
            for each in constraints or ()
        },
        dict(triggers or ()),
    ]
    return Relation(*fields)


def _type(values: list[Any]) -> Type:
    schema, name, kind, labels, constraints = values
    return Type(schema, name, kind, dict(labels or ()), dict(constraints or ()))


# Members of an extension come and go with it, and nobody's revision names them.
_OWN = """
    NOT EXISTS (
        SELECT FROM pg_depend AS d
        WHERE d.classid = '{catalog}'::regclass AND d.objid = {oid} AND d.deptype = 'e'
    )"""

_QUERY = f"""
SELECT
    (
        SELECT json_agg(json_build_array(
            c.oid::bigint, c.relnamespace::bigint, n.nspname, c.relname, c.relkind,
            pg_relation_filenode(c.oid)::bigint,
            coalesce((SELECT min(h.inhparent::bigint) FROM pg_inherits AS h
                      WHERE h.inhrelid = c.oid), 0),
            coalesce(i.indrelid::bigint, 0), i.indkey::smallint[],
            c.relrowsecurity,
            (SELECT json_agg(json_build_array(
                a.attnum, a.attname, a.attisdropped, format_type(a.atttypid, a.atttypmod),
                a.atttypid::bigint, a.atttypmod, a.attnotnull, pg_get_expr(d.adbin, d.adrelid),
                a.attidentity, a.attgenerated))
             FROM pg_attribute AS a
             LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
             WHERE a.attrelid = c.oid AND a.attnum > 0 AND c.relkind NOT IN ('i', 'I', 'S')),
            (SELECT json_agg(json_build_array(
                k.oid::bigint, k.conname, k.contype, k.convalidated, k.conindid::bigint,
                k.confrelid::bigint, k.conkey, pg_get_constraintdef(k.oid)))
             FROM pg_constraint AS k WHERE k.conrelid = c.oid),
            (SELECT json_agg(json_build_array(t.oid::bigint, t.tgenabled))
             FROM pg_trigger AS t WHERE t.tgrelid = c.oid)
        ))
        FROM pg_class AS c
        JOIN pg_namespace AS n ON n.oid = c.relnamespace
        LEFT JOIN pg_index AS i ON i.indexrelid = c.oid
        WHERE c.oid >= {FIRST_USER_OID} AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'i', 'I', 'S')
        AND n.nspname !~ '^pg_(toast|temp)' {{where}}
    ),
    (
        SELECT json_object_agg(n.oid::bigint, n.nspname) FROM pg_namespace AS n
        WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
    ),
    (
        SELECT json_object_agg(t.oid::bigint, json_build_array(
            n.nspname, t.typname, t.typtype,
            (SELECT json_agg(json_build_array(e.oid::bigint, e.enumlabel) ORDER BY e.enumsortorder)
             FROM pg_enum AS e WHERE e.enumtypid = t.oid),
            (SELECT json_agg(json_build_array(k.oid::bigint, k.convalidated))
             FROM pg_constraint AS k WHERE k.contypid = t.oid)
        ))
        FROM pg_type AS t
        JOIN pg_namespace AS n ON n.oid = t.typnamespace
        WHERE t.oid >= {FIRST_USER_OID} AND n.nspname !~ '^pg_'
        AND (t.typtype IN ('e', 'd', 'r') OR (t.typtype = 'c' AND EXISTS (
            SELECT FROM pg_class AS c WHERE c.oid = t.typrelid AND c.relkind = 'c')))
        AND {_OWN.format(catalog="pg_type", oid="t.oid")}
    ),
    (
        SELECT json_object_agg(p.oid::bigint, json_build_array(
            n.nspname, p.proname, pg_get_function_identity_arguments(p.oid),
            p.prorettype IN ('trigger'::regtype, 'event_trigger'::regtype)
        ))
        FROM pg_proc AS p
        JOIN pg_namespace AS n ON n.oid = p.pronamespace
        WHERE p.oid >= {FIRST_USER_OID} AND n.nspname !~ '^pg_'
        AND {_OWN.format(catalog="pg_proc", oid="p.oid")}
    ),
    (
        SELECT json_object_agg(c.oid::bigint, (
            SELECT json_agg(a.grantee || ':' || a.privilege_type) FROM aclexplode(c.relacl) AS a
            WHERE a.grantee <> c.relowner))
        FROM pg_class AS c
        WHERE c.oid >= {FIRST_USER_OID} AND c.relacl IS NOT NULL AND EXISTS (
            SELECT FROM aclexplode(c.relacl) AS a WHERE a.grantee <> c.relowner)
    ),
    current_setting('session_replication_role')
"""
