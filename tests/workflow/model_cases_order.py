"""Changes of models whose steps depend on each other, as data: see `model_cases`."""

from .model_cases import NAME, USERS, ModelCase, t

BASE = "C('base_id', sa.Integer)"
STATUS = "C('status', sa.Text, nullable=False, server_default='open')"


def listen(*statements: str) -> str:
    """Models that create with SQL what SQLAlchemy has no words for."""
    lines = (f"sa.event.listen(metadata, 'after_create', sa.DDL({sql!r}))\n" for sql in statements)
    return "".join(lines)


CASES = [
    ModelCase("unique constraint becomes a unique index on an expression", t(NAME, BASE, "sa.UniqueConstraint('base_id', 'name')"), t(NAME, BASE, "sa.Index('ux', 'base_id', sa.text('lower(name)'), unique=True)"), steps=2, rows="INSERT INTO t (base_id, name) VALUES (1, 'Tasks'), (1, 'tasks')", fix="UPDATE t SET name = 'Others' WHERE name = 'tasks'", guarded="INSERT INTO t (base_id, name) VALUES (1, 'Tasks')"),
    ModelCase("unique constraint becomes an index of its name, next to one of the temporary name", t(NAME, "sa.UniqueConstraint('name', name='u')", "sa.Index('u_new', 'id')"), t(NAME, "sa.Index('u', sa.text('lower(name)'), unique=True)", "sa.Index('u_new', 'id')"), steps=2, rows="INSERT INTO t (name) VALUES ('a')", guarded="INSERT INTO t (name) VALUES ('a')"),
    ModelCase("index becomes a constraint of its name", t(NAME, "sa.Index('u', 'name', 'id', unique=True)"), t(NAME, "sa.UniqueConstraint('name', name='u')"), steps=2, rows="INSERT INTO t (id, name) VALUES (-1, 'a')", guarded="INSERT INTO t (id, name) VALUES (-1, 'a')"),
    ModelCase("check and foreign key replaced by others of the same columns", USERS + t(STATUS, "C('user_id', sa.ForeignKey('users.id'))", "sa.CheckConstraint(\"status IN ('open', 'done')\", name='a')"), USERS + t(STATUS, "C('user_id', sa.ForeignKey('users.id', name='other', ondelete='CASCADE'))", "sa.CheckConstraint(\"status IN ('open', 'closed')\", name='b')"), steps=4, rows="INSERT INTO t (status) VALUES ('done')", fix="UPDATE t SET status = 'closed'", guarded="INSERT INTO t (status, user_id) VALUES ('open', 7)"),
    ModelCase("primary key of another name, and a foreign key on it", "T('u', C('a', sa.Integer, nullable=False), sa.PrimaryKeyConstraint('a', name='k'))\n" + t("C('a', sa.ForeignKey('u.a'))"), "T('u', C('a', sa.Integer, nullable=False), sa.PrimaryKeyConstraint('a', name='l'))\n" + t("C('a', sa.ForeignKey('u.a'))"), flags=("--no-rename",), rows="INSERT INTO u VALUES (1)", guarded="INSERT INTO t (a) VALUES (7)", steps=3),
    ModelCase("made required with a default, next to a check of the temporary name", "T('p', C('id', sa.Integer, primary_key=True), C('a', sa.Integer, sa.CheckConstraint('a > 0', name=sa.schema.conv('ck_p_a_not_null')), server_default='1'), postgresql_partition_by='RANGE (id)')\n", "T('p', C('id', sa.Integer, primary_key=True), C('a', sa.Integer, sa.CheckConstraint('a > 0', name=sa.schema.conv('ck_p_a_not_null')), server_default='1', nullable=False), postgresql_partition_by='RANGE (id)')\n", history="CREATE TABLE p_1 PARTITION OF p FOR VALUES FROM (0) TO (2500); CREATE TABLE p_2 PARTITION OF p FOR VALUES FROM (2500) TO (5000)", steps=4, rows="INSERT INTO p SELECT n, NULL FROM generate_series(0, 4999) AS n", kept="SELECT count(*) FROM p", kept_after="SELECT count(*) FROM p WHERE a = 1"),
    ModelCase("views on views, a function over a table, tables that become logged", "T('a', ID(), C('b_id', sa.ForeignKey('b.id')), prefixes=['UNLOGGED'])\nT('b', ID(), prefixes=['UNLOGGED'])\n", "T('a', ID(), C('b_id', sa.ForeignKey('b.id')))\nT('b', ID(), C('name', sa.Text))\nT('z', ID())\n" + listen("CREATE VIEW y AS SELECT id, name FROM b", "CREATE VIEW x AS SELECT name FROM y", "CREATE FUNCTION f() RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM z'"), hazards=("rewrites-table",)),
    ModelCase("type of a column below a view: nothing is written", t(STATUS, "sa.CheckConstraint(\"status <> ''\", name='c')"), t("C('status', sa.LargeBinary, nullable=False)"), history="CREATE VIEW v AS SELECT status FROM t", result="refused", code="nothing-possible", message="status"),
    ModelCase("value of an enum that an array holds", t("C('moods', pg.ARRAY(sa.Enum('ok', 'bad', name='mood')))"), t("C('moods', pg.ARRAY(sa.Enum('ok', name='mood')))"), steps=1, rows="INSERT INTO t (moods) VALUES ('{ok,bad}')", fix="UPDATE t SET moods = '{ok}'", hazards=("drops-enum-value", "rewrites-table")),
]  # fmt: skip
