"""Changes whose revisions used to fail the gates, and shapes that few models have."""

from .model_cases import ModelCase, t

LISTS = (
    "C('role', sa.String(20), nullable=False, server_default='a')", "C('kind', sa.Text)",
    "C('n', sa.Integer)",
    "sa.CheckConstraint(\"role IN ('a', 'b') AND kind NOT IN ('x', 'it''s')\", name='lists')",
    "sa.CheckConstraint('n IN (1, 2, 3) OR n = ANY (ARRAY[7, n])', name='numbers')",
)  # fmt: skip
MORE_LISTS = (
    LISTS[0].replace("'a'", "'b'"), *LISTS[1:3],
    "sa.CheckConstraint(\"role IN ('a', 'b', 'c') AND kind NOT IN ('x', 'it''s')\", name='lists')",
    "C('is_a', sa.Boolean, sa.Computed(\"role IN ('a', 'c')\", persisted=False))",
    "C('state', sa.Enum('on', 'off', name='state', native_enum=False, create_constraint=True))",
    "sa.Index('ix_part', 'n', postgresql_where=sa.text(\"role IN ('a', 'b')\"))",
)  # fmt: skip
LONG = "a_name_that_is_as_long_as_postgresql_lets_it_be_and_not_longer_"
PERCENT = "C('rate %', sa.Numeric, sa.CheckConstraint('\"rate %\" > 0', name='rate %s'){})"


RANGES = (
    "C('k', pg.INT4RANGE, nullable=False)", "C('during', pg.TSTZRANGE, nullable=False)",
    "C('n', sa.Integer, nullable=False)", "C('g', sa.Integer)",
)  # fmt: skip


def listen(*statements: str) -> str:
    """Statements that create what SQLAlchemy has no word for, after all tables."""
    event = "sa.event.listen(metadata, 'after_create', sa.DDL({!r}))\n"
    return "".join(map(event.format, statements))


CASES = [
    ModelCase("lists of values", t(*LISTS), t(*MORE_LISTS),
              rows="INSERT INTO t (kind, n) VALUES ('k', 1)", kept="SELECT kind, n FROM t"),
    ModelCase("long names", t(f"C('{LONG[:60]}', sa.Text, index=True)", "C('a', sa.Integer)",
                              f"sa.UniqueConstraint('a', name='{LONG[:61]}u')"),
              t(f"C('{LONG[:60]}', sa.Text, index=True, nullable=False)", "C('a', sa.Integer)",
                f"sa.UniqueConstraint('a', name='{LONG[:61]}v')",
                f"sa.Index('{LONG[:61]}i', 'a', '{LONG[:60]}', unique=True)"),
              hazards=()),
    ModelCase("percent signs in names", t(PERCENT.format("")),
              t(PERCENT.format(", nullable=False, index=True"),
                "C('new %(x)s', sa.Text, comment='100 %')") + "T('50% off', ID())\n"),
    ModelCase("serial to identity, plain to generated, nullable to identity",
              "T('s', C('id', sa.Integer, primary_key=True), C('n', sa.Integer, nullable=False),"
              " C('m', sa.Integer))\n",
              "T('s', C('id', sa.Integer, sa.Identity(start=7), primary_key=True),"
              " C('n', sa.Integer, sa.Computed('id * 2', persisted=True), nullable=False),"
              " C('m', sa.Integer, sa.Identity()))\n",
              rows="INSERT INTO s (n) VALUES (1), (2), (3); SELECT setval('s_id_seq', 40);"
              " DELETE FROM s WHERE n = 3", fix="UPDATE s SET m = id",
              kept="SELECT true", kept_after="SELECT nextval('s_id_seq') > 40",
              hazards=("drops-column", "drops-sequence", "rewrites-table", "sets-not-null")),
    ModelCase("materialized view with an index",
              t("C('name', sa.Text)"),
              t("C('name', sa.Text)") + "sa.event.listen(metadata, 'after_create', sa.DDL("
              "\"CREATE MATERIALIZED VIEW mv AS SELECT id FROM t WHERE name IN ('a', 'b')\"))\n"
              "sa.event.listen(metadata, 'after_create',"
              " sa.DDL('CREATE UNIQUE INDEX mi ON mv (id)'))\n"),
    ModelCase("shapes of PostgreSQL 18", t(*RANGES) + "T('r', C('a', pg.INT4RANGE), C('d', pg.TSTZRANGE))\n",
              "T('r', C('a', pg.INT4RANGE), C('d', pg.TSTZRANGE))\n" + t(*RANGES)
              + listen("ALTER TABLE t ADD CONSTRAINT wo UNIQUE (k, during WITHOUT OVERLAPS)",
                       "ALTER TABLE r ADD CONSTRAINT per FOREIGN KEY (a, PERIOD d) REFERENCES t (k, PERIOD during)",
                       "ALTER TABLE t ADD CONSTRAINT ne CHECK (n > 0) NOT ENFORCED",
                       "ALTER TABLE t ADD CONSTRAINT named NOT NULL g",
                       "COMMENT ON CONSTRAINT named ON t IS 'why'"),
              hazards=("builds-key",)),
    ModelCase("partitions, inheritance, types of other schemas", t("C('x', sa.Integer)"),
              t("C('x', sa.Integer)")
              + "T('p', C('at', sa.Date, nullable=False), postgresql_partition_by='RANGE (at)')\n"
              + "T('u', C('m', pg.ARRAY(sa.Enum('a', 'b', name='Mood', schema='App'))), C('q', pg.DOMAIN('Odd d', sa.Integer)), schema='App')\n"
              + listen("CREATE TABLE p1 PARTITION OF p FOR VALUES FROM ('2020-01-01') TO ('2021-01-01')",
                       "CREATE TABLE child (y integer) INHERITS (t)"),
              hazards=()),
    ModelCase("comment and grants of what is new", t("C('name', sa.Text)"),
              t("C('name', sa.Text)")
              + listen("CREATE VIEW v AS SELECT name FROM t", "COMMENT ON VIEW v IS 'why'",
                       "GRANT SELECT ON v TO PUBLIC", "CREATE TYPE pair AS (a integer, b text)",
                       "COMMENT ON TYPE pair IS 'two'"), steps=1),
    ModelCase("names with quotes and percent signs in casts and queries",
              "T('a \"\"\"b', ID(), C('c %(s)s', sa.LargeBinary), C('d', sa.Text))\n",
              "T('a \"\"\"b', ID(), C('c %(s)s', sa.Text), C('d', sa.Text, nullable=False))\n",
              hazards=("rewrites-table",)),
    ModelCase("values that a domain refuses, and a domain of another type",
              t("C('a', sa.Integer)", "C('b', pg.DOMAIN('small', sa.Integer))", "C('c', pg.DOMAIN('some', sa.Integer))"),
              t("C('a', pg.DOMAIN('some', sa.Integer, not_null=False, check=sa.text('VALUE > 0'), constraint_name='pos'))",
                "C('b', pg.DOMAIN('large', sa.BigInteger))",
                "C('c', pg.DOMAIN('some', sa.Integer, check=sa.text('VALUE > 0'), constraint_name='pos'))"),
              flags=("--no-rename",), rows="INSERT INTO t (a, b, c) VALUES (1, 2, -3), (-1, NULL, NULL)",
              fix="UPDATE t SET a = 1, c = 3", kept="SELECT b::bigint FROM t ORDER BY id",
              hazards=("drops-type", "rewrites-table", "scans-under-lock")),
    ModelCase("types of other schemas change",
              "T('u', C('m', pg.ARRAY(sa.Enum('a', 'b', name='Mood', schema='App'))), C('q', pg.DOMAIN('Odd d', sa.Integer)), schema='App')\n",
              "T('u', C('m', pg.ARRAY(sa.Enum('a', 'c', name='Mood', schema='App'))), C('q', pg.DOMAIN('Odd d', sa.Integer, not_null=False, check=sa.text('VALUE > 0'), constraint_name='Pos')), schema='App')\n",
              flags=("--no-rename",), rows="INSERT INTO \"App\".u (m, q) VALUES ('{a}', 1)",
              hazards=("drops-enum-value", "rewrites-table", "validates-domain")),
]  # fmt: skip
