"""Changes of models, as data: before, after, and the expected result.

`T` is a table, `C` a column. A case is run on a real server: revisions are generated, applied
over rows, compared with what the models create, and undone.
"""

from dataclasses import dataclass

PRELUDE = """\
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

C = sa.Column
metadata = sa.MetaData({options})


def T(name, *content, **options):
    return sa.Table(name, metadata, *content, **options)


ID = lambda: C("id", sa.BigInteger, sa.Identity(), primary_key=True)
{body}
"""
CONVENTION = (
    "naming_convention={'ix': 'ix_%(table_name)s_%(column_0_N_name)s',"
    " 'uq': 'uq_%(table_name)s_%(column_0_N_name)s', 'ck': 'ck_%(table_name)s_%(constraint_name)s',"
    " 'fk': 'fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s',"
    " 'pk': 'pk_%(table_name)s'}"
)


@dataclass(frozen=True)
class ModelCase:
    """One change. `steps` is the number of revisions, 0 for any.

    `result` is `equal`, `refused` (nothing written) or `incomplete` (written, with a named gap).
    `rows` are inserted before, and `kept` must return the same before and after, or `kept_after`.
    `hazards` are all codes that the lint reports. `code` and `message` are those of a refusal.
    """

    name: str
    before: str
    after: str
    flags: tuple[str, ...] = ()
    result: str = "equal"
    steps: int = 0
    rows: str = ""
    kept: str = ""
    kept_after: str = ""
    hazards: tuple[str, ...] = ()
    code: str = ""
    message: str = ""
    history: str = ""
    """SQL of an earlier revision, for what no model declares."""
    options: str = CONVENTION
    fix: str = ""
    """SQL without which rows violate the change: migrate has to fail, and succeed after it."""
    guarded: str = ""
    """SQL that a rule of either schema refuses: it has to be refused after each revision."""

    def models(self, body: str) -> str:
        return PRELUDE.format(options=self.options, body=body)


def t(*content: str, **options: str) -> str:
    """A table `t` with an id, the given content, and table options."""
    more = "".join(f", {key}={value}" for key, value in options.items())
    return f"T('t', ID(), {', '.join(content)}{more})\n" if content else f"T('t', ID(){more})\n"


NAME = "C('name', sa.Text)"
ROW = "INSERT INTO t DEFAULT VALUES"
NAMED = "INSERT INTO t (name) VALUES ('ada'), ('bob')"
MOOD = "sa.Enum('sad', 'ok', name='mood')"
MOODY = "INSERT INTO t (mood) VALUES ('sad'), ('ok')"


def mood(*labels: str, more: str = "") -> str:
    listed = ", ".join(map(repr, labels))
    return t(f"C('mood', sa.Enum({listed}, name='mood'){more})")


CHILD = "sa.event.listen(metadata, 'after_create', sa.DDL('CREATE TABLE child () INHERITS (t)'))\n"
USERS = "T('users', ID(), C('email', sa.Text, nullable=False))\n"

CASES = [
    # --- tables
    ModelCase("table added", t(NAME), t(NAME) + "T('u', ID(), C('x', sa.Integer))\n", steps=1),
    ModelCase("table with everything added", "", USERS + t(
        "C('user_id', sa.ForeignKey('users.id', ondelete='CASCADE'), index=True)",
        "C('n', sa.Numeric(10, 2), server_default='0', nullable=False)",
        "C('tags', pg.ARRAY(sa.Text))", "C('data', pg.JSONB, server_default=sa.text(\"'{}'\"))",
        "C('mood', sa.Enum('a', 'b', name='mood'))", "C('at', sa.DateTime(timezone=True), server_default=sa.func.now())",
        "C('total', sa.Numeric, sa.Computed('n * 2'))", "C('c', sa.String(20, collation='C'), comment=\"it's: so\")",
        "sa.CheckConstraint('n > 0', name='positive')", "sa.UniqueConstraint('c', 'n')",
        "sa.Index('ix_lower', sa.text('lower(c)'), postgresql_where=sa.text(\"c LIKE 'a%'\"))",
        comment="'A table'",
    ), steps=1),
    ModelCase("table dropped", t(NAME) + "T('u', ID(), C('x', sa.Integer, index=True))\n", t(NAME),
              hazards=("drops-table",), steps=1),
    ModelCase("tables dropped in the order of their keys",
              USERS + "T('a', ID(), C('u', sa.ForeignKey('users.id')))\nT('b', ID(), C('a', sa.ForeignKey('a.id')))\n",
              USERS, hazards=("drops-table",), steps=1),
    ModelCase("tables in a circle", "", "T('a', ID(), C('b_id', sa.ForeignKey('b.id', use_alter=True)))\nT('b', ID(), C('a_id', sa.ForeignKey('a.id')))\n"),
    ModelCase("circle dropped", "T('a', ID(), C('b_id', sa.ForeignKey('b.id', use_alter=True)))\nT('b', ID(), C('a_id', sa.ForeignKey('a.id')))\n", "", hazards=("drops-table",)),
    ModelCase("table renamed", t(NAME), "T('people', ID(), C('name', sa.Text))\n", flags=("--rename", "t:people"),
              rows=NAMED, kept="SELECT name FROM t ORDER BY 1", kept_after="SELECT name FROM people ORDER BY 1", hazards=("renames-table",)),
    ModelCase("table renamed, not specified", t(NAME), "T('people', ID(), C('name', sa.Text))\n", result="refused", code="ambiguous-rename", message="--rename t:people"),
    ModelCase("table renamed, denied by a flag", t(NAME), "T('people', ID(), C('name', sa.Text))\n", flags=("--no-rename",), hazards=("drops-table",)),
    ModelCase("table with quoted names", "", 'T(\'Odd "Table"\', C("Id", sa.Integer, primary_key=True), C("my col", sa.Text, index=True), C("select", sa.Integer, unique=True))\n', options=""),
    ModelCase("column of a table with quoted names", 'T("Odd", C("Id", sa.Integer, primary_key=True))\n', 'T("Odd", C("Id", sa.Integer, primary_key=True), C("my: col", sa.Text, nullable=False), C("order", sa.Integer, index=True))\n', hazards=("unfilled-rule",)),
    ModelCase("reserved words", 'T("user", C("id", sa.Integer, primary_key=True))\n', 'T("user", C("id", sa.Integer, primary_key=True), C("order", sa.Text, nullable=False, unique=True), C("group", sa.ForeignKey("user.id")))\n', hazards=("unfilled-rule",)),
    # --- columns
    ModelCase("nullable column added", t(NAME), t(NAME, "C('age', sa.Integer)"), steps=1, rows=NAMED, kept="SELECT name FROM t ORDER BY 1"),
    ModelCase("column with a constant default added", t(NAME), t(NAME, "C('on', sa.Boolean, server_default=sa.true(), nullable=False)"), steps=1, rows=NAMED),
    ModelCase("column with now() added", t(NAME), t(NAME, "C('at', sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False)"), steps=1, rows=NAMED),
    ModelCase("column with a volatile default added", t(NAME), t(NAME, "C('key', sa.Uuid, server_default=sa.func.gen_random_uuid())"), steps=2, rows=NAMED),
    ModelCase("required column with a volatile default added", t(NAME), t(NAME, "C('key', sa.Uuid, server_default=sa.func.gen_random_uuid(), nullable=False)"), steps=5, rows=NAMED),
    ModelCase("required column of a table with a composite key", "T('t', C('a', sa.Integer, primary_key=True), C('b', sa.Text, primary_key=True))\n", "T('t', C('a', sa.Integer, primary_key=True), C('b', sa.Text, primary_key=True), C('key', sa.Uuid, server_default=sa.func.gen_random_uuid(), nullable=False))\n", steps=5, rows="INSERT INTO t (a, b) SELECT i / 7, i::text FROM generate_series(1, 3000) AS i"),
    ModelCase("required column of a table with a unique index only", "T('t', C('code', sa.Text, nullable=False), sa.Index('ux', 'code', unique=True))\n", "T('t', C('code', sa.Text, nullable=False), C('key', sa.Uuid, server_default=sa.func.gen_random_uuid(), nullable=False), sa.Index('ux', 'code', unique=True))\n", steps=5, rows="INSERT INTO t (code) SELECT i::text FROM generate_series(1, 3000) AS i"),
    ModelCase("required column of a table whose unique index holds nulls", "T('t', C('code', sa.Text), sa.Index('ux', 'code', unique=True))\n", "T('t', C('code', sa.Text), C('key', sa.Uuid, server_default=sa.func.gen_random_uuid(), nullable=False), sa.Index('ux', 'code', unique=True))\n", steps=5, rows="INSERT INTO t (code) VALUES (NULL), (NULL), ('a')", hazards=("unbatched-data-change",)),
    ModelCase("required column of a partitioned table", "T('p', C('id', sa.Integer, primary_key=True), postgresql_partition_by='HASH (id)')\n", "T('p', C('id', sa.Integer, primary_key=True), C('key', sa.Uuid, server_default=sa.func.gen_random_uuid(), nullable=False), postgresql_partition_by='HASH (id)')\n", steps=5, history="CREATE TABLE p_1 PARTITION OF p FOR VALUES WITH (MODULUS 2, REMAINDER 0); CREATE TABLE p_2 PARTITION OF p FOR VALUES WITH (MODULUS 2, REMAINDER 1)", rows="INSERT INTO p (id) SELECT i FROM generate_series(1, 100000) AS i"),
    ModelCase("required column of a table that another one inherits from", t(NAME) + CHILD, t(NAME, "C('key', sa.Uuid, server_default=sa.func.gen_random_uuid(), nullable=False)") + CHILD, steps=5, rows="INSERT INTO t (name) VALUES ('a'); INSERT INTO child (id, name) VALUES (1, 'b'), (2, 'c')", hazards=("unbatched-data-change",)),
    ModelCase("virtual made plain, keyed by name", "T('t', C('name', sa.Text, primary_key=True), C('low', sa.Text, sa.Computed('lower(name)', persisted=False)))\n", "T('t', C('name', sa.Text, primary_key=True), C('low', sa.Text))\n", rows=NAMED, kept="SELECT low FROM t ORDER BY 1", hazards=("drops-column",)),
    ModelCase("required column without a default added", t(NAME), t(NAME, "C('age', sa.Integer, nullable=False)"), steps=5, hazards=("unfilled-rule",)),
    ModelCase("required column without a default, rows in the way", t(NAME), t(NAME, "C('age', sa.Integer, nullable=False)"), steps=5, rows=NAMED, fix="UPDATE t SET age = 1", hazards=("unfilled-rule",)),
    ModelCase("column dropped", t(NAME, "C('age', sa.Integer, nullable=False)"), t(NAME), steps=1, rows="INSERT INTO t (name, age) VALUES ('a', 1)", hazards=("drops-column",)),
    ModelCase("column with index, check and key dropped", t(NAME, "C('age', sa.Integer, index=True, unique=False)", "sa.CheckConstraint('age > 0', name='age')", "sa.UniqueConstraint('age', 'name')"), t(NAME), steps=1, hazards=("drops-column", "drops-key")),
    ModelCase("column renamed", t(NAME), t("C('title', sa.Text)"), flags=("--rename", "t.name:title"), rows=NAMED, kept="SELECT name FROM t ORDER BY 1", kept_after="SELECT title FROM t ORDER BY 1", hazards=("renames-column",), steps=1),
    ModelCase("column renamed, not specified", t(NAME), t("C('title', sa.Text)"), result="refused", code="ambiguous-rename", message="--rename t.name:title"),
    ModelCase("column renamed with what is named after it", t("C('name', sa.Text, index=True, unique=True)", "sa.CheckConstraint(\"name <> ''\", name='name_filled')"), t("C('title', sa.Text, index=True, unique=True)", "sa.CheckConstraint(\"title <> ''\", name='title_filled')"), flags=("--rename", "t.name:title"), rows=NAMED, steps=1, hazards=("renames-column",)),
    ModelCase("two columns renamed", t("C('a', sa.Text)", "C('b', sa.Text)"), t("C('x', sa.Text)", "C('y', sa.Text)"), flags=("--rename", "t.a:x", "--rename", "t.b:y"), rows="INSERT INTO t (a, b) VALUES ('1', '2')", kept="SELECT a, b FROM t", kept_after="SELECT x, y FROM t", hazards=("renames-column",)),
    ModelCase("column renamed and made required", t(NAME), t("C('title', sa.Text, nullable=False)"), flags=("--rename", "t.name:title"), rows=NAMED, kept="SELECT name FROM t ORDER BY 1", kept_after="SELECT title FROM t ORDER BY 1", hazards=("renames-column",)),
    ModelCase("unknown rename", t(NAME), t("C('title', sa.Text)"), flags=("--rename", "t.nope:title"), result="refused", code="unknown-rename", message="nope"),
    ModelCase("made required", t(NAME), t("C('name', sa.Text, nullable=False)"), steps=3, rows=NAMED, kept="SELECT name FROM t ORDER BY 1"),
    ModelCase("made required, nulls in the way", t(NAME), t("C('name', sa.Text, nullable=False)"), steps=3, rows=ROW, fix="UPDATE t SET name = ''"),
    ModelCase("made nullable", t("C('name', sa.Text, nullable=False)"), t(NAME), steps=1, rows=NAMED),
    ModelCase("made required, single", t(NAME), t("C('name', sa.Text, nullable=False)"), flags=("--single",), steps=1, rows=NAMED, hazards=("sets-not-null",)),
    ModelCase("default added", t(NAME), t("C('name', sa.Text, server_default=\"it's: 100%\")"), steps=1),
    ModelCase("default changed", t("C('name', sa.Text, server_default='a')"), t("C('name', sa.Text, server_default='b')"), steps=1),
    ModelCase("default dropped", t("C('name', sa.Text, server_default='a')"), t(NAME), steps=1),
    ModelCase("column comment", t(NAME), t("C('name', sa.Text, comment=\"what: it's\\nlike\")"), steps=1),
    ModelCase("column comment changed", t("C('name', sa.Text, comment='a')"), t("C('name', sa.Text, comment='b')"), steps=1),
    ModelCase("column comment dropped", t("C('name', sa.Text, comment='a')"), t(NAME), steps=1),
    ModelCase("table comment", t(NAME), t(NAME, comment="'People'"), steps=1),
    ModelCase("table comment dropped", t(NAME, comment="'People'"), t(NAME), steps=1),
    ModelCase("constraint comment", t(NAME, "sa.CheckConstraint('id > 0', name='pos')"), t(NAME, "sa.CheckConstraint('id > 0', name='pos', comment='why')")),
    # --- types
    ModelCase("varchar widened", t("C('name', sa.String(10))"), t("C('name', sa.String(20))"), steps=1, rows=NAMED),
    ModelCase("varchar to text", t("C('name', sa.String(10))"), t(NAME), steps=1, rows=NAMED),
    ModelCase("text to varchar", t(NAME), t("C('name', sa.String(50))"), rows=NAMED, hazards=("rewrites-table",)),
    ModelCase("text to varchar, too long", t(NAME), t("C('name', sa.String(2))"), rows=NAMED, fix="UPDATE t SET name = 'a'", hazards=("rewrites-table",)),
    ModelCase("integer to bigint", t("C('n', sa.Integer)"), t("C('n', sa.BigInteger)"), rows="INSERT INTO t (n) VALUES (7)", kept="SELECT n FROM t", hazards=("rewrites-table",)),
    ModelCase("text to integer", t(NAME), t("C('name', sa.Integer)"), rows="INSERT INTO t (name) VALUES ('7')", hazards=("rewrites-table",)),
    ModelCase("text to integer, not all are", t(NAME), t("C('name', sa.Integer)"), rows=NAMED, fix="UPDATE t SET name = '1'", hazards=("rewrites-table",)),
    ModelCase("text with a default to integer", t("C('n', sa.Text, server_default='1')"), t("C('n', sa.Integer, server_default='2')"), hazards=("rewrites-table",)),
    ModelCase("text to enum", t("C('mood', sa.Text, server_default='ok')"), t(f"C('mood', {MOOD}, server_default='ok')"), rows=MOODY, hazards=("rewrites-table",)),
    ModelCase("enum to text", t(f"C('mood', {MOOD}, server_default='ok')"), t("C('mood', sa.Text, server_default='ok')"), rows=MOODY, hazards=("rewrites-table", "drops-type")),
    ModelCase("timestamp to timestamptz", t("C('at', sa.DateTime)"), t("C('at', sa.DateTime(timezone=True))"), hazards=("depends-on-time-zone",)),
    ModelCase("json to jsonb", t("C('d', sa.JSON)"), t("C('d', pg.JSONB)"), rows="INSERT INTO t (d) VALUES ('{\"a\": 1}')", hazards=("rewrites-table",)),
    ModelCase("integer to uuid", t("C('d', sa.Integer)"), t("C('d', sa.Uuid)"), hazards=("rewrites-table", "unfilled-rule")),
    ModelCase("boolean to enum, without a rule", t("C('d', sa.Boolean, nullable=False, server_default=sa.false())"), t(f"C('d', {MOOD}, nullable=False, server_default='ok')"), rows="INSERT INTO t (d) VALUES (true)", fix="DELETE FROM t", hazards=("rewrites-table", "unfilled-rule")),
    ModelCase("boolean and bigint", t("C('a', sa.Boolean)", "C('b', sa.BigInteger)"), t("C('a', sa.BigInteger)", "C('b', sa.Boolean)"), steps=1, rows="INSERT INTO t (a, b) VALUES (true, 0), (NULL, 1)", kept="SELECT a::int, b::int FROM t", hazards=("rewrites-table",)),
    ModelCase("values to arrays, and back", t(NAME, "C('a', pg.ARRAY(sa.Integer))", "C('b', sa.Integer)"), t("C('name', pg.ARRAY(sa.Text))", "C('a', sa.Integer)", "C('b', pg.ARRAY(sa.BigInteger))"), steps=1, rows="INSERT INTO t (name, a, b) VALUES ('a,{', '{1,2}', 7), (NULL, '{3}', NULL)", fix="UPDATE t SET a = '{1}' WHERE b = 7", kept="SELECT name, a[1], b FROM t ORDER BY id", kept_after="SELECT name[1], a, b[1] FROM t ORDER BY id", hazards=("rewrites-table",)),
    ModelCase("numeric scale", t("C('n', sa.Numeric(10, 2))"), t("C('n', sa.Numeric(12, 4))"), hazards=("rewrites-table",)),
    ModelCase("collation changed", t("C('name', sa.Text, index=True)"), t("C('name', sa.Text(collation='POSIX'), index=True)"), hazards=("type-change-scans",)),
    ModelCase("key and its reference to bigint", "T('u', C('id', sa.Integer, primary_key=True))\n" + t("C('u_id', sa.ForeignKey('u.id'))"), "T('u', C('id', sa.BigInteger, primary_key=True))\n" + t("C('u_id', sa.ForeignKey('u.id'))"), hazards=("rewrites-table", "scans-under-lock", "type-change-scans")),
    ModelCase("key and its reference to text", "T('u', C('id', sa.Integer, primary_key=True, autoincrement=False))\n" + t("C('u_id', sa.ForeignKey('u.id'))"), "T('u', C('id', sa.Text, primary_key=True))\n" + t("C('u_id', sa.ForeignKey('u.id'))"), hazards=("rewrites-table", "scans-under-lock")),
    # --- identity, serial, computed
    ModelCase("serial to identity", "T('t', C('id', sa.Integer, primary_key=True), C('name', sa.Text))\n", "T('t', C('id', sa.Integer, sa.Identity(), primary_key=True), C('name', sa.Text))\n", rows=NAMED, kept="SELECT name FROM t ORDER BY 1", hazards=("drops-sequence",)),
    ModelCase("serial renamed with its table", "T('t', C('id', sa.Integer, primary_key=True), C('name', sa.Text))\n", "T('s', C('id', sa.Integer, primary_key=True), C('name', sa.Text))\n", flags=("--rename", "t:s"), rows=NAMED, kept="SELECT id, name FROM t ORDER BY 1", kept_after="SELECT id, name FROM s ORDER BY 1", hazards=("renames-table",)),
    ModelCase("identity made always", t(NAME), "T('t', C('id', sa.BigInteger, sa.Identity(always=True), primary_key=True), C('name', sa.Text))\n", hazards=("generates-always",)),
    ModelCase("identity start and increment", t(NAME), "T('t', C('id', sa.BigInteger, sa.Identity(start=100, increment=5), primary_key=True), C('name', sa.Text))\n"),
    ModelCase("identity and serial of a smaller type", "T('t', C('id', sa.BigInteger, primary_key=True), C('n', sa.BigInteger, sa.Identity(start=-5, minvalue=-9)))\n", "T('t', C('id', sa.Integer, primary_key=True), C('n', sa.Integer, sa.Identity(start=-5, minvalue=-9, increment=5)))\n", rows=ROW, kept="SELECT id, n FROM t", kept_after="SELECT id::bigint, n::bigint FROM t", hazards=("rewrites-table",)),
    ModelCase("identity dropped", t(NAME), "T('t', C('id', sa.BigInteger, primary_key=True, autoincrement=False), C('name', sa.Text))\n", rows=NAMED, hazards=("drops-default",)),
    ModelCase("identity column added", "T('t', C('name', sa.Text))\n", "T('t', C('name', sa.Text), C('n', sa.BigInteger, sa.Identity()))\n", rows=NAMED, hazards=("rewrites-table",)),
    ModelCase("computed column added", t(NAME), t(NAME, "C('low', sa.Text, sa.Computed('lower(name)', persisted=True))"), rows=NAMED, hazards=("rewrites-table",)),
    ModelCase("virtual column added", t(NAME), t(NAME, "C('low', sa.Text, sa.Computed('lower(name)', persisted=False))"), rows=NAMED),
    ModelCase("computed expression changed", t(NAME, "C('low', sa.Text, sa.Computed('lower(name)', persisted=True))"), t(NAME, "C('low', sa.Text, sa.Computed('upper(name)', persisted=True))"), rows=NAMED, hazards=("rewrites-table",)),
    ModelCase("computed made plain", t(NAME, "C('low', sa.Text, sa.Computed('lower(name)', persisted=True))"), t(NAME, "C('low', sa.Text)"), rows=NAMED, kept="SELECT low FROM t ORDER BY 1"),
    ModelCase("virtual made plain", t(NAME, "C('low', sa.Text, sa.Computed('lower(name)', persisted=False))"), t(NAME, "C('low', sa.Text, nullable=False)"), rows=NAMED, kept="SELECT low FROM t ORDER BY 1", hazards=("drops-column",)),
    ModelCase("computed made plain, and required", t("C('n', sa.BigInteger, sa.Computed('id * 2', persisted=True))"), t("C('n', sa.BigInteger, nullable=False)"), steps=3, rows=ROW, kept="SELECT n FROM t"),
    ModelCase("plain made computed", t(NAME, "C('low', sa.Text)"), t(NAME, "C('low', sa.Text, sa.Computed('lower(name)', persisted=True))"), hazards=("drops-column", "rewrites-table")),
    ModelCase("stored made virtual", t(NAME, "C('low', sa.Text, sa.Computed('lower(name)', persisted=True), index=False)"), t(NAME, "C('low', sa.Text, sa.Computed('lower(name)', persisted=False))"), hazards=("drops-column",)),
    ModelCase("sequence added", t(NAME), t(NAME) + "sa.Sequence('numbers', metadata=metadata, start=10)\n"),
    ModelCase("sequence changed", t(NAME) + "sa.Sequence('numbers', metadata=metadata)\n", t(NAME) + "sa.Sequence('numbers', metadata=metadata, increment=10, cycle=True)\n"),
    ModelCase("sequence dropped", t(NAME) + "sa.Sequence('numbers', metadata=metadata)\n", t(NAME), hazards=("drops-sequence",)),
    ModelCase("sequence as default", t(NAME), t(NAME, "C('n', sa.BigInteger, server_default=sa.text(\"nextval('numbers')\"))") + "sa.Sequence('numbers', metadata=metadata)\n", rows=NAMED),
    # --- enums
    ModelCase("enum value added", mood("sad", "ok"), mood("sad", "ok", "happy"), rows=MOODY, kept="SELECT mood::text FROM t ORDER BY 1", steps=1),
    ModelCase("enum value added in between", mood("sad", "ok"), mood("grim", "sad", "so", "ok"), rows=MOODY, steps=1),
    ModelCase("enum value added and made the default", mood("sad", "ok", more=", server_default='ok'"), mood("sad", "ok", "happy", more=", server_default='happy'"), rows=MOODY),
    ModelCase("enum value renamed", mood("sad", "ok"), mood("sad", "fine"), flags=("--rename", "mood.ok:fine"), rows=MOODY, kept="SELECT replace(mood::text, 'ok', 'fine') FROM t ORDER BY 1", kept_after="SELECT mood::text FROM t ORDER BY 1", hazards=("renames-enum-value",)),
    ModelCase("enum value renamed, not specified", mood("sad", "ok"), mood("sad", "fine"), result="refused", code="ambiguous-rename", message="--rename mood.ok:fine"),
    ModelCase("enum value dropped", mood("sad", "ok", "odd"), mood("sad", "ok"), rows=MOODY, kept="SELECT mood::text FROM t ORDER BY 1", hazards=("drops-enum-value", "rewrites-table")),
    ModelCase("enum value dropped, in use", mood("sad", "ok", "odd"), mood("sad", "odd"), rows=MOODY, fix="UPDATE t SET mood = 'sad'", hazards=("drops-enum-value", "rewrites-table")),
    ModelCase("enum value dropped that was the default", mood("sad", "ok", more=", server_default='ok'"), mood("sad", more=", server_default='sad'"), hazards=("drops-enum-value", "rewrites-table")),
    ModelCase("enum values in another order", mood("sad", "ok"), mood("ok", "sad"), rows=MOODY, kept="SELECT mood::text FROM t ORDER BY mood::text", hazards=("rewrites-table",)),
    ModelCase("enum type renamed", mood("sad", "ok"), t("C('mood', sa.Enum('sad', 'ok', name='feeling'))"), flags=("--rename", "mood:feeling"), rows=MOODY, kept="SELECT mood::text FROM t ORDER BY 1", hazards=("renames-type",)),
    ModelCase("enum with a check and an index", mood("sad", "ok", "odd")[:-2] + ", sa.CheckConstraint(\"mood <> 'sad'\", name='m'), sa.Index('ix_m', 'mood', postgresql_where=sa.text(\"mood = 'ok'\")))\n", mood("sad", "ok")[:-2] + ", sa.CheckConstraint(\"mood <> 'sad'\", name='m'), sa.Index('ix_m', 'mood', postgresql_where=sa.text(\"mood = 'ok'\")))\n", hazards=("blocking-index-build", "blocking-index-drop", "drops-enum-value", "rewrites-table", "validates-constraint")),
    ModelCase("enum array", t("C('m', pg.ARRAY(sa.Enum('a', 'b', name='e')))"), t("C('m', pg.ARRAY(sa.Enum('a', name='e')))"), rows="INSERT INTO t (m) VALUES ('{a,a}')", hazards=("drops-enum-value", "rewrites-table")),
    ModelCase("enum column added", t(NAME), t(NAME, f"C('mood', {MOOD})"), steps=1),
    ModelCase("enum column added, required with default", t(NAME), t(NAME, f"C('mood', {MOOD}, server_default='ok', nullable=False)"), rows=NAMED),
    ModelCase("enum column dropped", t(NAME, f"C('mood', {MOOD})"), t(NAME), hazards=("drops-column", "drops-type")),
    ModelCase("enum column dropped, required", t(NAME, f"C('mood', {MOOD}, nullable=False)"), t(NAME), rows="INSERT INTO t (mood) VALUES ('ok')", hazards=("drops-column", "drops-type")),
    ModelCase("domain added", t(NAME), t("C('name', sa.Text)", "C('d', pg.DOMAIN('posint', sa.Integer, check=sa.text('VALUE > 0'), constraint_name='pos'))"), hazards=("rewrites-table",)),
    ModelCase("domain check changed", t("C('d', pg.DOMAIN('posint', sa.Integer, check=sa.text('VALUE > 0'), constraint_name='pos'))"), t("C('d', pg.DOMAIN('posint', sa.Integer, check=sa.text('VALUE > 1'), constraint_name='pos'))"), hazards=("validates-domain",)),
    # --- constraints
    ModelCase("check added", t(NAME), t(NAME, "sa.CheckConstraint(\"name LIKE 'a%' OR name ~ ':b'\", name='n')"), steps=2),
    ModelCase("check added, rows in the way", t(NAME), t(NAME, "sa.CheckConstraint(\"name <> 'ada'\", name='n')"), steps=2, rows=NAMED, fix="UPDATE t SET name = 'b'"),
    ModelCase("check changed", t(NAME, "sa.CheckConstraint('id > 0', name='n')"), t(NAME, "sa.CheckConstraint('id > 1', name='n')"), steps=2),
    ModelCase("check dropped", t(NAME, "sa.CheckConstraint('id > 0', name='n')"), t(NAME), steps=1),
    ModelCase("check renamed", t(NAME, "sa.CheckConstraint('id > 0', name='n')"), t(NAME, "sa.CheckConstraint('id > 0', name='m')"), steps=1),
    ModelCase("check renamed by a flag", t(NAME, "sa.CheckConstraint('id > 0', name='n')"), t(NAME, "sa.CheckConstraint('id > 0', name='m')"), flags=("--rename", "t.ck_t_n:ck_t_m"), steps=1),
    ModelCase("unique added", t(NAME), t(NAME, "sa.UniqueConstraint('name')"), steps=2, rows=NAMED),
    ModelCase("unique added, duplicates in the way", t(NAME), t(NAME, "sa.UniqueConstraint('name')"), steps=2, rows="INSERT INTO t (name) VALUES ('a'), ('a')", fix="UPDATE t SET name = id::text"),
    ModelCase("unique changed", t(NAME, "sa.UniqueConstraint('name', name='u')"), t(NAME, "sa.UniqueConstraint('name', 'id', name='u')"), steps=2, hazards=("drops-key",)),
    ModelCase("unique dropped", t(NAME, "sa.UniqueConstraint('name')"), t(NAME), steps=1, hazards=("drops-key",)),
    ModelCase("unique made deferrable", t(NAME, "sa.UniqueConstraint('name', name='u')"), t(NAME, "sa.UniqueConstraint('name', name='u', deferrable=True, initially='DEFERRED')"), hazards=("drops-key",)),
    ModelCase("unique, nulls not distinct", t(NAME), t(NAME, "sa.UniqueConstraint('name', postgresql_nulls_not_distinct=True)")),
    ModelCase("foreign key added", USERS + t("C('user_id', sa.BigInteger)"), USERS + t("C('user_id', sa.ForeignKey('users.id', ondelete='SET NULL'))"), steps=2),
    ModelCase("foreign key added, orphans in the way", USERS + t("C('user_id', sa.BigInteger)"), USERS + t("C('user_id', sa.ForeignKey('users.id'))"), steps=2, rows="INSERT INTO t (user_id) VALUES (7)", fix="DELETE FROM t"),
    ModelCase("column with foreign key and index added", USERS + t(NAME), USERS + t(NAME, "C('user_id', sa.ForeignKey('users.id'), index=True)"), steps=3),
    ModelCase("foreign key dropped", USERS + t("C('user_id', sa.ForeignKey('users.id'))"), USERS + t("C('user_id', sa.BigInteger)"), steps=1),
    ModelCase("foreign key with another action", USERS + t("C('user_id', sa.ForeignKey('users.id'))"), USERS + t("C('user_id', sa.ForeignKey('users.id', ondelete='CASCADE'))"), steps=2),
    ModelCase("foreign key made deferrable", USERS + t("C('user_id', sa.ForeignKey('users.id'))"), USERS + t("C('user_id', sa.ForeignKey('users.id', deferrable=True, initially='DEFERRED'))"), steps=1),
    ModelCase("composite foreign key", "T('u', C('a', sa.Integer, primary_key=True), C('b', sa.Integer, primary_key=True))\n" + t("C('a', sa.Integer)", "C('b', sa.Integer)"), "T('u', C('a', sa.Integer, primary_key=True), C('b', sa.Integer, primary_key=True))\n" + t("C('a', sa.Integer)", "C('b', sa.Integer)", "sa.ForeignKeyConstraint(['a', 'b'], ['u.a', 'u.b'])"), steps=2),
    ModelCase("primary key added", "T('t', C('id', sa.Integer), C('name', sa.Text))\n", "T('t', C('id', sa.Integer, primary_key=True, autoincrement=False), C('name', sa.Text))\n", rows="INSERT INTO t (id, name) VALUES (1, 'a')"),
    ModelCase("primary key changed", "T('t', C('a', sa.Integer, primary_key=True, autoincrement=False), C('b', sa.Integer, nullable=False))\n", "T('t', C('a', sa.Integer, primary_key=True, autoincrement=False), C('b', sa.Integer, primary_key=True, autoincrement=False))\n", hazards=("drops-key",)),
    ModelCase("primary key changed under a foreign key", "T('u', C('a', sa.Integer, primary_key=True, autoincrement=False), C('b', sa.Integer, nullable=False), sa.UniqueConstraint('a', name='ua'))\n" + t("C('a', sa.ForeignKey('u.a'))"), "T('u', C('a', sa.Integer, primary_key=True, autoincrement=False), C('b', sa.Integer, primary_key=True, autoincrement=False), sa.UniqueConstraint('a', name='ua'))\n" + t("C('a', sa.ForeignKey('u.a'))")),
    ModelCase("primary key dropped", "T('t', C('id', sa.Integer, primary_key=True, autoincrement=False), C('name', sa.Text))\n", "T('t', C('id', sa.Integer, nullable=False), C('name', sa.Text))\n", hazards=("drops-key",)),
    ModelCase("primary key with included column", t(NAME), "T('t', C('id', sa.BigInteger, sa.Identity()), C('name', sa.Text), sa.PrimaryKeyConstraint('id', postgresql_include=['name']))\n"),
    ModelCase("exclusion added", t("C('during', pg.TSTZRANGE)"), t("C('during', pg.TSTZRANGE)", "pg.ExcludeConstraint(('during', '&&'), name='no_overlap')"), hazards=("adds-exclusion",)),
    ModelCase("exclusion changed", t("C('during', pg.TSTZRANGE)", "C('ok', sa.Boolean)", "pg.ExcludeConstraint(('during', '&&'), name='no_overlap')"), t("C('during', pg.TSTZRANGE)", "C('ok', sa.Boolean)", "pg.ExcludeConstraint(('during', '&&'), name='no_overlap', where=sa.text('ok'))"), hazards=("adds-exclusion", "drops-key")),
    # --- indexes
    ModelCase("index added", t(NAME), t("C('name', sa.Text, index=True)"), steps=1),
    ModelCase("unique index added, duplicates in the way", t(NAME), t("C('name', sa.Text, index=True, unique=True)"), steps=1, rows="INSERT INTO t (name) VALUES ('a'), ('a')", fix="UPDATE t SET name = id::text"),
    ModelCase("index dropped", t("C('name', sa.Text, index=True)"), t(NAME), steps=1),
    ModelCase("index renamed", t(NAME, "sa.Index('a', 'name')"), t(NAME, "sa.Index('b', 'name')"), steps=1),
    ModelCase("index renamed by a flag", t(NAME, "sa.Index('a', 'name')"), t(NAME, "sa.Index('b', 'name')"), flags=("--rename", "a:b"), steps=1),
    ModelCase("index predicate changed", t(NAME, "sa.Index('i', 'name', postgresql_where=sa.text(\"name <> 'a%'\"))"), t(NAME, "sa.Index('i', 'name', postgresql_where=sa.text(\"name <> 'b%'\"))"), steps=1),
    ModelCase("index gets included columns", t(NAME, "C('b', sa.Text)", "sa.Index('i', 'name')"), t(NAME, "C('b', sa.Text)", "sa.Index('i', 'name', postgresql_include=['b'])"), steps=1),
    ModelCase("index method changed", t(NAME, "sa.Index('i', 'name')"), t(NAME, "sa.Index('i', 'name', postgresql_using='hash')"), steps=1),
    ModelCase("index operator class", t(NAME, "sa.Index('i', 'name')"), t(NAME, "sa.Index('i', 'name', postgresql_ops={'name': 'text_pattern_ops'})"), steps=1),
    ModelCase("index storage parameter", t(NAME, "sa.Index('i', 'name')"), t(NAME, "sa.Index('i', 'name', postgresql_with={'fillfactor': 70})"), steps=1),
    ModelCase("index order", t(NAME, "sa.Index('i', 'name')"), t("C('name', sa.Text)", "sa.Index('i', sa.text('name DESC NULLS LAST'))"), steps=1),
    ModelCase("index on an expression", t(NAME), t(NAME, "sa.Index('i', sa.text('lower(name)'), sa.text(\"(name || ':x')\"))"), steps=1),
    ModelCase("gin index", t("C('d', pg.JSONB)"), t("C('d', pg.JSONB)", "sa.Index('i', 'd', postgresql_using='gin', postgresql_ops={'d': 'jsonb_path_ops'})"), steps=1),
    ModelCase("unique index, nulls not distinct", t(NAME), t(NAME, "sa.Index('i', 'name', unique=True, postgresql_nulls_not_distinct=True)"), steps=1),
    ModelCase("index made unique", t(NAME, "sa.Index('i', 'name')"), t(NAME, "sa.Index('i', 'name', unique=True)"), steps=1),
    # --- table settings, schemas, partitions
    ModelCase("storage parameters", t(NAME), t(NAME, postgresql_with="{'fillfactor': 70}"), steps=1),
    ModelCase("storage parameters reset", t(NAME, postgresql_with="{'fillfactor': 70, 'autovacuum_enabled': False}"), t(NAME, postgresql_with="{'fillfactor': 80}"), steps=1),
    ModelCase("made unlogged", t(NAME), t(NAME, prefixes="['UNLOGGED']"), rows=NAMED, kept="SELECT name FROM t ORDER BY 1", hazards=("rewrites-table",)),
    ModelCase("table in a new schema", t(NAME), t(NAME) + "T('u', ID(), C('t_id', sa.ForeignKey('t.id')), C('m', sa.Enum('a', name='m', schema='app')), schema='app')\n"),
    ModelCase("column in another schema", "T('u', ID(), schema='app')\n", "T('u', ID(), C('name', sa.Text, nullable=False, index=True, unique=True), sa.CheckConstraint('id > 0', name='p'), schema='app')\n", hazards=("unfilled-rule",)),
    ModelCase("table moved to a schema", t(NAME), "T('t', ID(), C('name', sa.Text), schema='app')\n", flags=("--rename", "t:app.t"), rows=NAMED, kept="SELECT name FROM t ORDER BY 1", kept_after="SELECT name FROM app.t ORDER BY 1", hazards=("renames-table",)),
    ModelCase("schema renamed", "T('t', ID(), C('name', sa.Text), schema='app')\n", "T('t', ID(), C('name', sa.Text), schema='core')\n", flags=("--rename", "app:core"), rows="INSERT INTO app.t (name) VALUES ('a')", kept="SELECT name FROM app.t", kept_after="SELECT name FROM core.t", hazards=("renames-schema",)),
    ModelCase("partitioned table added", t(NAME), t(NAME) + "T('p', C('at', sa.Date, primary_key=True), C('id', sa.Integer, primary_key=True, autoincrement=False), postgresql_partition_by='RANGE (at)')\n"),
    ModelCase("column and index of a partitioned table", "T('p', C('at', sa.Date, primary_key=True), postgresql_partition_by='RANGE (at)')\n", "T('p', C('at', sa.Date, primary_key=True), C('n', sa.Integer, index=True), postgresql_partition_by='RANGE (at)')\n", history="CREATE TABLE p_1 PARTITION OF p FOR VALUES FROM ('2026-01-01') TO ('2027-01-01')", hazards=("blocking-index-build",)),
    ModelCase("partition key changed", "T('p', C('at', sa.Date), C('id', sa.Integer), postgresql_partition_by='RANGE (at)')\n", "T('p', C('at', sa.Date), C('id', sa.Integer), postgresql_partition_by='HASH (id)')\n", result="refused", code="nothing-possible", message="partition"),
    ModelCase("partition key changed, and another table", "T('p', C('at', sa.Date), C('id', sa.Integer), postgresql_partition_by='RANGE (at)')\n" + t(NAME), "T('p', C('at', sa.Date), C('id', sa.Integer), postgresql_partition_by='HASH (id)')\n" + t(NAME, "C('age', sa.Integer)"), result="incomplete", message="partition", steps=1, rows=NAMED, kept="SELECT name, NULL::int FROM t ORDER BY 1", kept_after="SELECT name, age FROM t ORDER BY 1"),
    ModelCase("undeclared partition stays", "T('p', C('at', sa.Date, primary_key=True), postgresql_partition_by='RANGE (at)')\n", "T('p', C('at', sa.Date, primary_key=True), C('n', sa.Integer), postgresql_partition_by='RANGE (at)')\n", history="CREATE TABLE p_1 PARTITION OF p FOR VALUES FROM ('2026-01-01') TO ('2027-01-01')", steps=1),
    ModelCase("undeclared view, function, trigger and policy stay", t(NAME), t(NAME, "C('age', sa.Integer)"), history="CREATE VIEW v AS SELECT name FROM t; CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$; CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f(); ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON t USING (true)", steps=1),
    ModelCase("undeclared function in a default", t(NAME), t(NAME, "C('n', sa.Integer, server_default=sa.text('answer()'))"), history="CREATE FUNCTION answer() RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT 42'"),
    ModelCase("undeclared extension stays", t(NAME), t(NAME, "C('age', sa.Integer)"), history="CREATE EXTENSION vector", steps=1),
    ModelCase("declared view", t(NAME), t(NAME) + "sa.event.listen(metadata, 'after_create', sa.DDL(\"CREATE VIEW v AS SELECT name FROM t\"))\n"),
    ModelCase("declared view changed", t(NAME) + "sa.event.listen(metadata, 'after_create', sa.DDL(\"CREATE VIEW v AS SELECT name FROM t\"))\n", t(NAME) + "sa.event.listen(metadata, 'after_create', sa.DDL(\"CREATE VIEW v AS SELECT id, name FROM t\"))\n"),
    ModelCase("declared function and trigger", t(NAME), t(NAME) + "sa.event.listen(metadata, 'after_create', sa.DDL(\"CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$\"))\nsa.event.listen(metadata, 'after_create', sa.DDL(\"CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f()\"))\n"),
    # --- many at once
    ModelCase("many at once", USERS + t("C('name', sa.String(20))", "C('old', sa.Integer, index=True)"), USERS + t("C('name', sa.Text, nullable=False, index=True)", "C('user_id', sa.ForeignKey('users.id'), nullable=False)", "C('key', sa.Uuid, server_default=sa.func.gen_random_uuid(), unique=True)", "sa.CheckConstraint('id > 0', name='p')") + "T('fresh', ID(), C('t_id', sa.ForeignKey('t.id'), index=True))\n", flags=("--no-rename",), hazards=("drops-column", "unfilled-rule")),
    ModelCase("many at once, single", USERS + t("C('name', sa.String(20))", "C('old', sa.Integer, index=True)"), USERS + t("C('name', sa.Text, nullable=False, index=True)", "C('user_id', sa.ForeignKey('users.id'))", "C('key', sa.Uuid, server_default=sa.func.gen_random_uuid(), unique=True)", "sa.CheckConstraint('id > 0', name='p')") + "T('fresh', ID(), C('t_id', sa.ForeignKey('t.id'), index=True))\n", flags=("--no-rename", "--single"), steps=1, hazards=("blocking-index-build", "builds-key", "drops-column", "rewrites-table", "sets-not-null", "validates-constraint")),
    ModelCase("four tables get a column", "".join(f"T('t{i}', ID())\n" for i in range(4)), "".join(f"T('t{i}', ID(), C('x', sa.Integer))\n" for i in range(4)), steps=2),
]  # fmt: skip
