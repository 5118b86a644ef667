"""Changes of models whose steps depend on each other, as data: see `model_cases`."""

from .model_cases import MOOD, NAME, USERS, ModelCase, t

BASE = "C('base_id', sa.Integer)"
KEYED = "T('u', C('a', sa.Integer), C('b', sa.Integer), sa.PrimaryKeyConstraint({}))\n"
STATUS = "C('status', sa.Text, nullable=False, server_default='open')"


def listen(*statements: str) -> str:
    """Models that create with SQL what SQLAlchemy has no words for."""
    lines = (f"sa.event.listen(metadata, 'after_create', sa.DDL({sql!r}))\n" for sql in statements)
    return "".join(lines)


def partitioned(*content: str) -> str:
    """A table `p` with two partitions, which the models declare."""
    part = "CREATE TABLE p_{0} PARTITION OF p FOR VALUES WITH (MODULUS 2, REMAINDER {0})"
    table = f"T('p', ID(), {', '.join(content)}, postgresql_partition_by='HASH (id)')\n"
    return USERS + table + listen(*map(part.format, range(2)))


CHILDREN = listen(
    "CREATE TABLE child (mood mood) INHERITS (t)", "CREATE TABLE other () INHERITS (t)"
)


def parted_moods(*labels: str) -> str:
    """A partitioned table with all that depends on an enum: an array, an index and a check."""
    enum = f"sa.Enum({', '.join(map(repr, labels))}, name='mood')"
    return partitioned(
        f"C('mood', {enum}, server_default='ok')",
        f"C('moods', pg.ARRAY({enum}))",
        "sa.CheckConstraint(\"mood >= 'ok'\", name='known')",
        "sa.Index('i', 'id', postgresql_where=sa.text(\"mood = 'ok'\"))",
    )


def function(result: str, value: str) -> str:
    """Models with a function, a view on it, and comments on both."""
    return t() + listen(
        f"CREATE FUNCTION f() RETURNS {result} LANGUAGE sql AS $$ SELECT {value} $$",
        "COMMENT ON FUNCTION f() IS 'f'",
        "CREATE VIEW v AS SELECT f() AS f",
        "COMMENT ON VIEW v IS 'v'",
    )


BOTH_RULES = """
DO $$ BEGIN
    INSERT INTO t (a, b) VALUES ('b', -1);
EXCEPTION WHEN check_violation THEN
    INSERT INTO t (id, a, b) VALUES (-1, 'a', 1);
END $$
"""
"""Refused by a key, if a check refuses what is before it."""
BOTH_KEYS = """
DO $$ BEGIN
    INSERT INTO t (u_code) VALUES ('b');
EXCEPTION WHEN foreign_key_violation THEN
    INSERT INTO u (code) VALUES ('a');
END $$
"""

CASES = [
    ModelCase("unique constraint becomes a unique index on an expression", t(NAME, BASE, "sa.UniqueConstraint('base_id', 'name')"), t(NAME, BASE, "sa.Index('ux', 'base_id', sa.text('lower(name)'), unique=True)"), steps=2, rows="INSERT INTO t (base_id, name) VALUES (1, 'Tasks'), (1, 'tasks')", fix="UPDATE t SET name = 'Others' WHERE name = 'tasks'", guarded="INSERT INTO t (base_id, name) VALUES (1, 'Tasks')", hazards=("drops-key",)),
    ModelCase("unique constraint becomes an index of its name, next to one of the temporary name", t(NAME, "sa.UniqueConstraint('name', name='u')", "sa.Index('u_new', 'id')"), t(NAME, "sa.Index('u', sa.text('lower(name)'), unique=True)", "sa.Index('u_new', 'id')"), steps=2, rows="INSERT INTO t (name) VALUES ('a')", guarded="INSERT INTO t (name) VALUES ('a')", hazards=("drops-key",)),
    ModelCase("index becomes a constraint of its name", t(NAME, "sa.Index('u', 'name', 'id', unique=True)"), t(NAME, "sa.UniqueConstraint('name', name='u')"), steps=3, rows="INSERT INTO t (id, name) VALUES (-1, 'a')", guarded="INSERT INTO t (id, name) VALUES (-1, 'a')", hazards=("drops-key",)),
    ModelCase("check and foreign key replaced by others of the same columns", USERS + t(STATUS, "C('user_id', sa.ForeignKey('users.id'))", "sa.CheckConstraint(\"status <> ''\", name='a')"), USERS + t(STATUS, "C('user_id', sa.ForeignKey('users.id', name='other', ondelete='CASCADE'))", "sa.CheckConstraint(\"status <> 'done'\", name='b')"), steps=2, rows="INSERT INTO t (status) VALUES ('done')", fix="DELETE FROM t", guarded="INSERT INTO t (status, user_id) VALUES ('open', 7)"),
    ModelCase("primary key of another name, and a foreign key on it", "T('u', C('a', sa.Integer, nullable=False), sa.PrimaryKeyConstraint('a', name='k'))\n" + t("C('a', sa.ForeignKey('u.a'))"), "T('u', C('a', sa.Integer, nullable=False), sa.PrimaryKeyConstraint('a', name='l'))\n" + t("C('a', sa.ForeignKey('u.a'))"), flags=("--no-rename",), rows="INSERT INTO u VALUES (1)", guarded="INSERT INTO t (a) VALUES (7)", steps=3),
    ModelCase("made required with a default, next to a check of the temporary name", "T('p', C('id', sa.Integer, primary_key=True), C('a', sa.Integer, sa.CheckConstraint('a > 0', name=sa.schema.conv('ck_p_a_not_null')), server_default='1'), postgresql_partition_by='RANGE (id)')\n", "T('p', C('id', sa.Integer, primary_key=True), C('a', sa.Integer, sa.CheckConstraint('a > 0', name=sa.schema.conv('ck_p_a_not_null')), server_default='1', nullable=False), postgresql_partition_by='RANGE (id)')\n", history="CREATE TABLE p_1 PARTITION OF p FOR VALUES FROM (0) TO (2500); CREATE TABLE p_2 PARTITION OF p FOR VALUES FROM (2500) TO (5000)", steps=4, rows="INSERT INTO p SELECT n, NULL FROM generate_series(0, 4999) AS n", kept="SELECT count(*) FROM p", kept_after="SELECT count(*) FROM p WHERE a = 1"),
    ModelCase("views on views, a function over a table, tables that become logged", "T('a', ID(), C('b_id', sa.ForeignKey('b.id')), prefixes=['UNLOGGED'])\nT('b', ID(), prefixes=['UNLOGGED'])\n", "T('a', ID(), C('b_id', sa.ForeignKey('b.id')))\nT('b', ID(), C('name', sa.Text))\nT('z', ID())\n" + listen("CREATE VIEW y AS SELECT id, name FROM b", "CREATE VIEW x AS SELECT name FROM y", "CREATE FUNCTION f() RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM z'"), hazards=("rewrites-table",)),
    ModelCase("type of a column below views, a policy, a generated column and a partial index", t("C('mood', sa.Enum('ok', 'bad', name='mood'))", "C('n', sa.Integer)", "C('twice', sa.Integer, sa.Computed('n * 2', persisted=True), index=True)", "sa.Index('i', 'id', postgresql_where=sa.text(\"mood = 'ok'\"))"), t("C('mood', sa.Text)", "C('n', sa.BigInteger)", "C('twice', sa.Integer, sa.Computed('n * 2', persisted=True), index=True)", "sa.Index('i', 'id', postgresql_where=sa.text(\"mood = 'ok'\"))"), history="CREATE VIEW v AS SELECT mood, n FROM t; COMMENT ON VIEW v IS 'a view'; CREATE VIEW a AS SELECT n FROM v; CREATE POLICY p ON t USING (n > 0)", rows="INSERT INTO t (mood, n) VALUES ('ok', 1), ('bad', 2)", kept="SELECT mood::text, n, twice FROM t ORDER BY id", hazards=("blocking-index-build", "blocking-index-drop", "drops-column", "drops-type", "rewrites-table")),
    ModelCase("type of a partition key: nothing of the change is written", "T('p', C('id', sa.Integer), C('at', sa.Date), sa.CheckConstraint('id > 0', name='c'), postgresql_partition_by='RANGE (id)')\n", "T('p', C('id', sa.Text), C('at', sa.Date), postgresql_partition_by='RANGE (id)')\n", result="refused", code="nothing-possible", message="Change the type of p.id"),
    ModelCase("value of an enum that an array holds", t("C('moods', pg.ARRAY(sa.Enum('ok', 'bad', name='mood')))"), t("C('moods', pg.ARRAY(sa.Enum('ok', name='mood')))"), steps=1, rows="INSERT INTO t (moods) VALUES ('{ok,bad}')", fix="UPDATE t SET moods = '{ok}'", hazards=("drops-enum-value", "rewrites-table")),
    ModelCase("table whose partitions the models declare", partitioned("C('u', sa.ForeignKey('users.id', name='fk'))", "C('a', sa.Text)", "sa.CheckConstraint('id > -9', name='c')", "sa.Index('i', 'a')"), partitioned("C('u', sa.ForeignKey('users.id', name='fk', ondelete='CASCADE'))", "C('b', sa.Text, server_default='x', nullable=False)", "C('a', sa.Text)", "sa.CheckConstraint('id > -1', name='c')", "sa.Index('i', 'a', 'b')", "sa.Index('j', 'a')", "sa.UniqueConstraint('id', 'b', name='uq')"), steps=3, rows="INSERT INTO p (a) VALUES ('a'), (NULL)", kept="SELECT id, a FROM p ORDER BY 1", guarded="INSERT INTO p (id) VALUES (-9)", hazards=("blocking-index-build", "blocking-index-drop", "builds-key", "validates-constraint")),
    ModelCase("partitioned table dropped, with the partitions that its downgrade restores", partitioned("C('a', sa.Text)"), USERS, steps=1, rows="INSERT INTO p (a) VALUES ('a')", hazards=("drops-table",)),
    ModelCase("columns that lose, keep and get an enum of which a value is dropped", t("C('x', pg.ARRAY(sa.Enum('a', 'b', name='e')), server_default='{a}')", "C('y', sa.Enum('a', 'b', name='e'), server_default='a')", "C('z', sa.Enum('a', 'b', name='e'))"), t("C('x', pg.ARRAY(sa.Text))", "C('y', sa.Enum('a', name='e'))", "C('w', sa.Enum('a', name='e'), server_default='a')"), flags=("--no-rename",), steps=3, rows="INSERT INTO t (z) VALUES ('b')", kept="SELECT y::text FROM t", hazards=("drops-column", "drops-enum-value", "rewrites-table")),
    ModelCase("value dropped from an enum of a partitioned table", parted_moods("ok", "bad"), parted_moods("ok"), steps=1, rows="INSERT INTO p (id, mood, moods) SELECT n, 'ok', '{ok,ok}' FROM generate_series(0, 9) AS n", kept="SELECT id, mood::text, moods::text FROM p ORDER BY id", hazards=("blocking-index-build", "blocking-index-drop", "drops-enum-value", "rewrites-table", "validates-constraint")),
    ModelCase("value added to an enum of a partitioned table", parted_moods("ok"), parted_moods("ok", "bad"), steps=1, rows="INSERT INTO p (id, mood, moods) SELECT n, 'ok', '{ok,ok}' FROM generate_series(0, 9) AS n", kept="SELECT id, mood::text, moods::text FROM p ORDER BY id"),
    ModelCase("value added to an enum of a table and its child", t("C('mood', sa.Enum('ok', name='mood'))") + CHILDREN, t("C('mood', sa.Enum('ok', 'bad', name='mood'))") + CHILDREN, steps=1, rows="INSERT INTO child (id, mood) VALUES (7, 'ok'); INSERT INTO other (id, mood) VALUES (8, 'ok')", kept="SELECT id, mood::text FROM t ORDER BY id"),
    ModelCase("value added to an enum below views and a policy, which its downgrade creates again", t(f"C('mood', {MOOD})"), t("C('mood', sa.Enum('sad', 'ok', 'fine', name='mood'))"), steps=1, history="CREATE VIEW v AS SELECT id, mood FROM t; COMMENT ON VIEW v IS 'v'; CREATE VIEW w AS SELECT * FROM v WHERE mood = 'ok'; ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON t USING (mood <> 'sad')"),
    ModelCase("value removed from an enum below a policy that names no value of it", t(f"C('mood', {MOOD})"), t("C('mood', sa.Enum('ok', name='mood'))"), steps=1, rows="INSERT INTO t (mood) VALUES ('ok')", kept="SELECT mood::text FROM t", history="ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON t USING (mood IS NOT NULL)", hazards=("drops-enum-value", "rewrites-table")),
    ModelCase("checks of a table and its child, next to an unrelated table below a view", t("C('n', sa.Integer)", "sa.CheckConstraint('n > 0', name='a')", "sa.CheckConstraint('n > 1', name='b')") + "T('u', C('n', sa.Integer))\n" + listen("CREATE TABLE child () INHERITS (t)"), t("C('n', sa.Integer)", "sa.CheckConstraint('n > 2', name='a')", "sa.CheckConstraint('n > 3', name='c')") + "T('u', C('n', sa.BigInteger))\n" + listen("CREATE TABLE child () INHERITS (t)"), rows="INSERT INTO child (id, n) VALUES (1, 9)", history="CREATE VIEW v AS SELECT n FROM u", hazards=("rewrites-table",)),
    ModelCase("generated column of partitions of partitions made plain, and one below statistics", "T('p', C('id', sa.Integer), C('n', sa.Integer, sa.Computed('id + 1', persisted=True)), C('m', sa.Integer), postgresql_partition_by='LIST (id)')\n" + listen("CREATE TABLE p_1 PARTITION OF p FOR VALUES IN (1) PARTITION BY LIST (id)", "CREATE TABLE p_2 PARTITION OF p_1 FOR VALUES IN (1)"), "T('p', C('id', sa.Integer), C('n', sa.Integer), C('m', sa.Integer, sa.Computed('id', persisted=True)), postgresql_partition_by='LIST (id)')\n" + listen("CREATE TABLE p_1 PARTITION OF p FOR VALUES IN (1) PARTITION BY LIST (id)", "CREATE TABLE p_2 PARTITION OF p_1 FOR VALUES IN (1)"), rows="INSERT INTO p (id) VALUES (1)", kept="SELECT n FROM p", history="CREATE STATISTICS st ON id, m FROM p; COMMENT ON STATISTICS st IS 'why'", hazards=("drops-column", "rewrites-table", "unbatched-data-change")),
    ModelCase("type of a required column that a child has, too", t("C('n', sa.Integer, nullable=False)") + listen("CREATE TABLE child (n integer) INHERITS (t)"), t("C('n', sa.BigInteger, nullable=False)") + listen("CREATE TABLE child (n bigint) INHERITS (t)"), steps=1, rows="INSERT INTO child (id, n) VALUES (7, 8)", kept="SELECT id, n FROM t ORDER BY id", hazards=("rewrites-table",)),
    ModelCase("single revision that uses an enum value which it adds", t(f"C('mood', {MOOD})"), t("C('mood', sa.Enum('sad', 'ok', 'fine', name='mood'), server_default='fine')"), flags=("--single",), result="refused", code="single-fails", message="mood"),
    ModelCase("single revision of which a part is impossible", partitioned("C('a', sa.Text)") + t(NAME), USERS + "T('p', ID(), C('a', sa.Text))\n" + t(NAME, BASE), flags=("--single",), steps=1, result="incomplete", message="how p is partitioned"),
    ModelCase("required columns dropped over rows, of types with a modifier and without a zero", t("C('a', sa.Numeric(10, 2), nullable=False)", "C('b', sa.String(20), nullable=False)", "C('c', sa.CHAR(3), nullable=False)", "C('d', sa.Time, nullable=False)", "C('e', sa.Interval, nullable=False)", "C('f', pg.INET, nullable=False)", "C('g', pg.INT4RANGE, nullable=False)", "C('h', pg.ARRAY(sa.Numeric(10, 2)), nullable=False)", "C('i', pg.TSVECTOR, nullable=False)", "C('j', pg.DOMAIN('word', sa.Text, check=sa.text('length(value) < 3')), nullable=False)", "C('k', pg.MACADDR, nullable=False)"), t(), steps=1, rows="INSERT INTO t (a, b, c, d, e, f, g, h, i, j, k) VALUES (1, 'b', 'c', '01:00', '1 day', '10.0.0.1', '[1,2)', '{1}', 'i', 'j', '08:00:2b:01:02:03')", hazards=("drops-column", "drops-type")),
    ModelCase("key changed together with the foreign key on it", KEYED.format("'a', 'b'") + t("C('a', sa.Integer)", "C('b', sa.Integer)", "sa.ForeignKeyConstraint(['a', 'b'], ['u.a', 'u.b'])"), KEYED.format("'b', 'a'") + t("C('a', sa.Integer)", "C('b', sa.Integer)", "sa.ForeignKeyConstraint(['b', 'a'], ['u.b', 'u.a'], onupdate='CASCADE')"), flags=("--no-rename",), steps=3, rows="INSERT INTO u VALUES (1, 2)", guarded="INSERT INTO t (a, b) VALUES (5, 5)"),
    ModelCase("rows that are in the way of nothing: nulls of a unique key, values that a cast rounds or computes", t(NAME, "C('s', sa.Text)", "C('n', sa.Numeric)", "C('b', sa.Boolean)", "C('i', sa.Integer)"), t("C('name', sa.Text, unique=True)", "C('s', sa.Text)", "C('n', sa.Integer)", "C('b', sa.Integer)", "C('i', sa.Boolean)", "sa.Index('u', sa.text('lower(s) DESC'), 'name', unique=True)"), rows="INSERT INTO t (n, b, i) VALUES (1.5, true, 7), (1.0, false, 8)", kept="SELECT 2, 1, true", kept_after="SELECT n, b, i FROM t WHERE b = 1", hazards=("rewrites-table",)),
    ModelCase("check of another name and key of more columns, with other types, next to an index that is dropped", t("C('a', sa.Text)", "C('b', sa.Integer, index=True)", "sa.CheckConstraint('b > 0', name='pos')", "sa.UniqueConstraint('a', 'b', name='u')"), t("C('a', sa.Text)", "C('b', sa.BigInteger)", "sa.CheckConstraint('b >= 0', name='natural')", "sa.UniqueConstraint('a', 'b', 'id', name='u')"), flags=("--no-rename",), rows="INSERT INTO t (id, a, b) VALUES (-1, 'a', 1)", guarded=BOTH_RULES, steps=5, hazards=("drops-key", "rewrites-table")),
    ModelCase("function of another result, below a view, with comments", function("integer", "1"), function("text", "'x'"), steps=1, hazards=("changes-function",)),
    ModelCase("natural primary key becomes a unique one, below a foreign key", "T('u', C('code', sa.Text, primary_key=True))\n" + t("C('u_code', sa.ForeignKey('u.code'))"), "T('u', ID(), C('code', sa.Text, nullable=False, unique=True))\n" + t("C('u_code', sa.ForeignKey('u.code'))"), options="", rows="INSERT INTO u VALUES ('a'); INSERT INTO t (u_code) VALUES ('a')", kept="SELECT u_code FROM t", guarded=BOTH_KEYS, steps=6, hazards=("rewrites-table",)),
]  # fmt: skip
