"""Revisions, models and filters of env.py, as data: and what differs, for `check` and for all."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ScopeCase:
    """`sql` is what the revisions do, `models` follow `import sqlalchemy as sa` and a metadata `m`.

    `env` are lines before the configuration, `options` of `context.configure`. `differs` are the
    identities that a comparison names; `code` that of a refusal instead, `warns` a word of what is
    logged.
    """

    name: str
    sql: str
    models: str
    env: str = ""
    options: str = ""
    target: str = "m"
    differs: tuple[str, ...] = ()
    code: str = ""
    warns: str = ""


KEPT = "sa.Table('t', m, sa.Column('id', sa.BigInteger, primary_key=True, autoincrement=False){})\n"
T = KEPT.format("")
CREATE_T = "CREATE TABLE t (id bigint PRIMARY KEY);"

NEVER_DROP = """
def include_object(element, name, kind, reflected, compare_to):
    assert (element.name == name) or element.name is None, (element, name, kind)
    assert (kind == "table") or element.table is not None
    return not (reflected and compare_to is None)
"""
"""The filter of many projects: nothing is dropped that the models lack."""

BY_NAME = """
def include_name(name, kind, parents):
    if kind == "schema":
        return name in (None, "app")
    if kind == "table":
        assert parents["schema_qualified_table_name"] in (name, f"app.{name}")
    else:
        assert parents["table_name"] == "t"
    return name == "t" or (kind != "table" and "legacy" not in name)
"""

BY_OBJECT = """
asked = {}

def include_object(element, name, kind, reflected, compare_to):
    asked[kind, name] = (element.info.get("skip"), reflected, compare_to is not None)
    if kind == "column" and name == "added":
        assert element.key == "added_key" and not reflected and compare_to is None
    if kind == "column" and name == "id":
        raise AssertionError("an unchanged column is not compared")
    if kind == "column" and name == "changed":
        assert compare_to is not None and str(compare_to.type) == "INTEGER"
    return not element.info.get("skip")
"""

CASES = [
    ScopeCase(
        "tables of other schemas and of two metadata",
        "CREATE SCHEMA app; CREATE TABLE app.a (id bigint PRIMARY KEY);" + CREATE_T,
        T + "n = sa.MetaData(schema='app')\n"
        "sa.Table('a', n, sa.Column('id', sa.BigInteger, primary_key=True, autoincrement=False))\n",
        target="[m, n]",
    ),
    ScopeCase(
        "type of an extension that a revision created",
        "CREATE SCHEMA ext; CREATE EXTENSION vector SCHEMA ext;"
        "CREATE TABLE t (id bigint PRIMARY KEY, v ext.vector(3));",
        "class Vector(sa.types.UserDefinedType):\n    cache_ok = True\n\n"
        "    def get_col_spec(self, **_):\n        return 'ext.vector(3)'\n\n"
        + KEPT.format(", sa.Column('v', Vector())"),
    ),
    ScopeCase(
        "what no model declares",
        "CREATE TABLE t (id bigint PRIMARY KEY, at date NOT NULL);"
        "CREATE VIEW v AS SELECT id FROM t; CREATE MATERIALIZED VIEW mv AS SELECT id FROM t;"
        "CREATE UNIQUE INDEX mi ON mv (id); COMMENT ON VIEW v IS 'x';"
        "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';"
        "CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f();"
        "CREATE TABLE p (at date NOT NULL) PARTITION BY RANGE (at); CREATE INDEX pi ON p (at);"
        "CREATE TABLE p1 PARTITION OF p FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');",
        KEPT.format(", sa.Column('at', sa.Date, nullable=False)")
        + "sa.Table('p', m, sa.Column('at', sa.Date, nullable=False), sa.Index('pi', 'at'),"
        " postgresql_partition_by='RANGE (at)')\n",
    ),
    ScopeCase(
        "nothing is dropped that models lack, and public may be written",
        "CREATE TYPE mood AS ENUM ('a'); CREATE TABLE gone (m mood);"
        "CREATE TABLE t (id bigint PRIMARY KEY, x integer CONSTRAINT u UNIQUE CONSTRAINT c CHECK"
        " (x > 0) CONSTRAINT f REFERENCES t); CREATE INDEX i ON t (x); COMMENT ON COLUMN t.x IS 'x'",
        T + "sa.Table('new', m, sa.Column('id', sa.Integer, primary_key=True), schema='public')\n",
        env=NEVER_DROP,
        options="include_object=include_object",
        differs=(
            "column public.new.id", "constraint public.new.new_pkey",
            "sequence public.new_id_seq", "table public.new",
        ),
    ),
    ScopeCase(
        "filters by name",
        "CREATE SCHEMA app; CREATE SCHEMA other; CREATE TABLE app.t (id bigint PRIMARY KEY);"
        "CREATE TABLE other.t (id bigint); CREATE TABLE stranger (id bigint);"
        "CREATE TABLE t (id bigint PRIMARY KEY, legacy_x integer CONSTRAINT legacy_u UNIQUE,"
        " y integer CONSTRAINT legacy_c CHECK (y > 0) CONSTRAINT legacy_f REFERENCES app.t,"
        " z integer CONSTRAINT z_u UNIQUE); CREATE INDEX legacy_i ON t (id);",
        T + "sa.Table('t', m, sa.Column('id', sa.BigInteger, primary_key=True,"
        " autoincrement=False), schema='app')\n",
        env=BY_NAME,
        options="include_name=include_name",
        differs=("column public.t.y", "column public.t.z", "constraint public.t.z_u"),
    ),
    ScopeCase(
        "filters by the models' objects, with what is reflected",
        "CREATE TABLE t (id bigint PRIMARY KEY, changed integer, kept integer);",
        KEPT.format(
            ", sa.Column('added', sa.Text, key='added_key', info={'skip': True}),"
            " sa.Column('changed', sa.BigInteger, info={'skip': True}),"
            " sa.Column('kept', sa.Integer, nullable=False),"
            " sa.CheckConstraint('id > 0', name='c', info={'skip': True}),"
            " sa.UniqueConstraint('kept', info={'skip': True}),"
            " sa.ForeignKeyConstraint(['kept'], ['t.id'], info={'skip': True}),"
            " sa.Index('i', 'kept', info={'skip': True})"
        ) + "sa.Table('u', m, sa.Column('id', sa.Enum('a', name='mood')), info={'skip': True})\n",
        env=BY_OBJECT,
        options="include_object=include_object",
        differs=("column public.t.kept",),
    ),
    ScopeCase(
        "lists on varchar, as PostgreSQL prints what it has printed",
        "CREATE TABLE t (id bigint PRIMARY KEY, r varchar(9), CONSTRAINT c CHECK"
        " (r::text = ANY (ARRAY['a'::character varying::text, 'b'::character varying::text])),"
        " g boolean GENERATED ALWAYS AS (r::text <> ALL (ARRAY['a'::character varying::text,"
        " 'b'::character varying::text])) STORED); CREATE INDEX i ON t (id) WHERE"
        " r::text = ANY (ARRAY['a'::character varying::text, 'b'::character varying::text]);"
        "CREATE VIEW v AS SELECT id FROM t WHERE"
        " r::text = ANY (ARRAY['a'::character varying::text, 'b'::character varying::text]);",
        KEPT.format(
            ", sa.Column('r', sa.String(9)), sa.CheckConstraint(\"r IN ('a', 'b')\", name='c'),"
            " sa.Column('g', sa.Boolean, sa.Computed(\"r NOT IN ('a', 'b')\", persisted=True)),"
            " sa.Index('i', 'id', postgresql_where=sa.text(\"r IN ('a', 'b')\"))"
        ) + "sa.event.listen(m, 'after_create',"
        " sa.DDL(\"CREATE VIEW v AS SELECT id FROM t WHERE r IN ('a', 'b')\"))\n",
    ),
    ScopeCase(
        "list on varchar that differs",
        "CREATE TABLE t (id bigint PRIMARY KEY, r varchar(9), CONSTRAINT c CHECK"
        " (r::text = ANY (ARRAY['a'::character varying::text, 'b'::character varying::text])));",
        KEPT.format(", sa.Column('r', sa.String(9)),"
                    " sa.CheckConstraint(\"r IN ('a', 'c')\", name='c')"),
        differs=("constraint public.t.c",),
    ),
    ScopeCase(
        "table in two metadata", CREATE_T,
        T + "n = sa.MetaData()\nsa.Table('t', n, sa.Column('id', sa.Integer), schema='public')\n",
        target="[m, n]", code="table-declared-twice",
    ),
    ScopeCase(
        "default that is frozen at creation", CREATE_T,
        KEPT.format(", sa.Column('at', sa.DateTime, server_default='now()')"),
        code="frozen-default",
    ),
    ScopeCase(
        "hooks of Alembic's autogenerate", CREATE_T, T,
        options="process_revision_directives=lambda *_: None", warns="process_revision_directives",
    ),
    ScopeCase(
        "version table in a schema that the models declare",
        "CREATE TABLE app.t (id bigint PRIMARY KEY);",
        "m.schema = 'app'\n" + T,
        options="version_table_schema='app'",
    ),
]  # fmt: skip
