"""Revisions as SQL, without a database: the faithful text, the transactions, the bookkeeping."""

import re

import pytest
from msgspec.structs import replace
from projects import LINE, ONE, Project, Revision

from pybase.migrate.database import Ledger
from pybase.migrate.record import (
    Direction,
    Script,
    ScriptStatus,
    Statement,
    StatementKind,
    VersionTable,
)
from pybase.migrate.revisions import RenderedHistory, render
from pybase.migrate.revisions._scripts import sql_script
from pybase.migrate.sql import Backfill, render_backfill

VERSION_TABLE = (
    "CREATE TABLE IF NOT EXISTS alembic_version (\n"
    "    version_num VARCHAR(32) NOT NULL,\n"
    "    CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)\n"
    ")"
)
LEDGER = "migration_ledger"
FIRST = "INSERT INTO alembic_version (version_num)\nVALUES ('aaaaaaaaaaaa')"


def rendered(project: Project, *revisions: Revision) -> RenderedHistory:
    return render(project.lay_out(*revisions).history())


def unrecorded(script: Script) -> Script:
    """The same without what keeps the ledger, which every revision has at its end."""
    return replace(
        script,
        statements=tuple(
            statement for statement in script.statements if LEDGER not in statement.sql
        ),
    )


def only(project: Project, upgrade: str) -> Script:
    """The upgrade of a history of one."""
    (revision,) = rendered(project, Revision("aaaaaaaaaaaa", None, upgrade)).revisions
    return unrecorded(revision.scripts.upgrade)


def statements(project: Project, upgrade: str) -> tuple[str, ...]:
    """What a revision runs in addition to its bookkeeping."""
    script = only(project, upgrade)
    assert (script.status, script.reason) == (ScriptStatus.SQL, "")
    own = tuple(s.sql for s in script.statements if s.kind is StatementKind.OWN)
    assert own == tuple(text for text in script.texts if text not in script.bookkeeping)
    return own


def shapes(script: Script) -> tuple[tuple[tuple[str, ...], bool], ...]:
    """The statements by transaction: their texts, and whether they are in one."""
    return tuple((block.statements, block.transactional) for block in script.blocks)


def inserted(version: str) -> str:
    return f"INSERT INTO alembic_version (version_num)\nVALUES ('{version}')"


def deleted(version: str) -> str:
    return f"DELETE FROM alembic_version\nWHERE alembic_version.version_num = '{version}'"


def moved(old: str, new: str) -> str:
    return (
        f"UPDATE alembic_version\nSET version_num = '{new}'\n"
        f"WHERE alembic_version.version_num = '{old}'"
    )


# --- the text -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 'a%', 'b%%', 1 % 2, '%s', '%(x)s'",
        "SELECT '12:30', 'a::b', 1::text",
        "SELECT 'it''s', E'it\\'s', \"we\"\"ird\"",
        "SELECT 'C:\\temp', E'a\\\\b', '\\'",
        "SELECT 'a\tb', E'\\t', 'trailing  \n  blanks'",
        "SELECT $$ 'x' $$, $a$ $$ $a$",
        "SELECT 'ä', 'Ω', '日本', '🐘', 'ä'",
        "DO $$ BEGIN PERFORM 1; PERFORM '%'; END $$",
    ],
)
def test_text_given_to_execute_is_left_as_it_is(sql: str, project: Project) -> None:
    assert statements(project, f"op.execute({sql!r})") == (sql,)


def test_escaped_colon_is_a_colon(project: Project) -> None:
    assert statements(project, r"""op.execute(r"SELECT '\:x'")""") == ("SELECT ':x'",)


def test_parameters_become_literals(project: Project) -> None:
    value = "it's 100% \\ :x $$ ä\t"
    code = f"op.execute(sa.text('SELECT :v, :n, :e').bindparams(v={value!r}, n=1, e=None))"
    assert statements(project, code) == (
        f"SELECT '{value.replace(chr(39), 2 * chr(39))}'::VARCHAR, 1, NULL",
    )


def test_literals_of_a_construct_are_not_doubled(project: Project) -> None:
    code = (
        "t = sa.table('t', sa.column('a', sa.Text()))\n"
        "op.execute(t.update().values(a='50%').where(t.c.a.like('a%:b\\\\')))"
    )
    assert statements(project, code) == (r"UPDATE t SET a='50%' WHERE t.a LIKE 'a%:b\'::VARCHAR",)


def test_defaults_and_checks_are_not_doubled(project: Project) -> None:
    code = (
        "op.create_table('t', sa.Column('a', sa.Text(), server_default='5% \\\\'),"
        " sa.CheckConstraint(\"a ~ '^\\\\d%'\", name='ck'))"
    )
    assert statements(project, code) == (
        "CREATE TABLE t (\n    a TEXT DEFAULT '5% \\',\n    CONSTRAINT ck CHECK (a ~ '^\\d%')\n)",
    )


def test_several_statements_in_one_execute_are_separated(project: Project) -> None:
    code = 'op.execute("SELECT 1; -- one; and\\nSELECT 2;\\n-- last words")'
    assert statements(project, code) == ("SELECT 1", "-- one; and\nSELECT 2")


def test_comment_at_the_end_cannot_swallow_the_terminator(project: Project) -> None:
    assert statements(project, 'op.execute("SELECT 1 -- done")') == ("SELECT 1",)


TYPED = "t = sa.table('t', sa.column('a', sa.{})); op.bulk_insert(t, [{{'a': {}}}])"


@pytest.mark.parametrize(
    ("kind", "value", "literal"),
    [
        ("Text()", r'"it\'s 5% \\ :x"', r"'it''s 5% \ :x'"),
        ("Integer()", "7", "7"),
        ("Boolean()", "True", "true"),
        ("Numeric()", "1.10", "1.1::float8"),
        ("Text()", "None", "NULL"),
        ("LargeBinary()", r"b'\\x41 %\xff'", r"'\x5c7834312025ff'::bytea"),
        (
            "Uuid()",
            "__import__('uuid').UUID(int=1)",
            "'00000000-0000-0000-0000-000000000001'::UUID",
        ),
        ("Date()", "__import__('datetime').date(2026, 1, 2)", "'2026-01-02'::DATE"),
    ],
)
def test_typed_value_of_a_bulk_insert_is_a_literal(
    kind: str, value: str, literal: str, project: Project
) -> None:
    assert statements(project, TYPED.format(kind, value)) == (
        f"INSERT INTO t (a) VALUES ({literal})",
    )


UNTYPED = "t = sa.table('t', sa.column('a')); op.bulk_insert(t, [{{'a': {}}}])"


@pytest.mark.parametrize(
    ("value", "literal"),
    [
        (r'"it\'s %(x)s"', "'it''s %(x)s'"),
        ("7", "7"),
        ("None", "NULL"),
        ("False", "false"),
        (r"b'\\'", r"'\x5c'::bytea"),
        ("__import__('decimal').Decimal('1.10')", "1.10"),
    ],
)
def test_untyped_value_of_a_bulk_insert_is_typed_by_itself(
    value: str, literal: str, project: Project
) -> None:
    assert statements(project, UNTYPED.format(value)) == (f"INSERT INTO t (a) VALUES ({literal})",)


def test_rows_of_a_bulk_insert_have_the_columns_of_the_first(project: Project) -> None:
    code = (
        "t = sa.table('t', sa.column('a'), sa.column('b'))\n"
        "op.bulk_insert(t, [{'a': 1}, {'a': 2, 'b': 'x'}])"
    )
    assert statements(project, code) == (
        "INSERT INTO t (a) VALUES (1)",
        "INSERT INTO t (a) VALUES (2)",
    )


# --- what has no SQL ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "code",
    [
        "op.get_bind().commit()",
        "op.get_bind().execute(sa.text('SELECT 1')).scalar()",
        "sa.orm.Session(op.get_bind()).execute(sa.text('SELECT 1')).all()",
        "raise ValueError('no idea')",
        "import nowhere_to_be_found",
        "op.execute(sa.text('SELECT :x'))",
        "op.execute(\"SELECT ':x'\")",
        "t = sa.table('t', sa.column('a')); op.execute(t.insert().values(a=sa.bindparam('x')))",
        UNTYPED.format("object()"),
        UNTYPED.format("{'x': 1}"),
    ],
)
def test_revision_that_cannot_be_rendered_carries_its_error(code: str, project: Project) -> None:
    """Never a placeholder or a NULL in its place: it would run, and write something else."""
    script = only(project, code)
    assert (script.status, script.has_sql) == (ScriptStatus.PYTHON, False)
    assert script.reason
    assert script.texts == (VERSION_TABLE, FIRST)


def test_unrenderable_revision_is_named_and_does_not_stop_the_others(project: Project) -> None:
    one, two, three = LINE
    broken = Revision(two.id, two.parents, "op.get_bind().commit()", two.downgrade)
    history = rendered(project, one, broken, three)
    (problem,) = history.problems
    assert f"upgrade of revision {two.id}" in problem
    assert broken.name in problem
    assert [revision.scripts.upgrade.has_sql for revision in history.revisions] == [
        True,
        False,
        True,
    ]
    assert unrecorded(history.revisions[2].scripts.upgrade).texts == (
        "ALTER TABLE cities ADD COLUMN note TEXT",
        moved(two.id, three.id),
    )


def test_missing_downgrade_differs_from_one_that_fails(project: Project) -> None:
    missing, failing = rendered(
        project,
        Revision("aaaaaaaaaaaa", downgrade=None),
        Revision("bbbbbbbbbbbb", "aaaaaaaaaaaa", downgrade="op.get_bind().commit()"),
    ).revisions
    downgrades = missing.scripts.downgrade, failing.scripts.downgrade
    assert [script.status for script in downgrades] == [ScriptStatus.MISSING, ScriptStatus.PYTHON]
    assert all(script.reason for script in downgrades)


def test_downgrade_that_refuses_keeps_its_own_words(project: Project) -> None:
    words = "The rows were merged, and their origin is not stored."
    (revision,) = rendered(
        project, Revision("aaaaaaaaaaaa", downgrade=f"raise NotImplementedError({words!r})")
    ).revisions
    script = revision.scripts.downgrade
    assert (script.status, script.reason) == (ScriptStatus.IRREVERSIBLE, words)
    assert not script.needs_python


def test_broken_revision_leaves_nothing_behind_for_the_next(project: Project) -> None:
    half_done = (
        "with op.get_context().autocommit_block():\n    op.execute('VACUUM')\n    raise OSError"
    )
    next_one = Revision("bbbbbbbbbbbb", "aaaaaaaaaaaa", "op.execute('SELECT 1')")
    _, revision = rendered(project, Revision("aaaaaaaaaaaa", None, half_done), next_one).revisions
    assert shapes(unrecorded(revision.scripts.upgrade)) == (
        (("SELECT 1", moved("aaaaaaaaaaaa", "bbbbbbbbbbbb")), True),
    )


# --- transactions -------------------------------------------------------------------------------

ALONE = "with op.get_context().autocommit_block():\n    op.execute('VACUUM')"


def second(project: Project, code: str) -> Script:
    """The upgrade of a revision that is not the first, whose version table exists."""
    _, revision = rendered(
        project, Revision("aaaaaaaaaaaa"), Revision("bbbbbbbbbbbb", "aaaaaaaaaaaa", code)
    ).revisions
    return unrecorded(revision.scripts.upgrade)


def test_ordinary_revision_is_one_transaction_with_its_version(project: Project) -> None:
    script = second(project, "op.execute('SELECT 1')\nop.execute('SELECT 2')")
    version = moved("aaaaaaaaaaaa", "bbbbbbbbbbbb")
    assert shapes(script) == ((("SELECT 1", "SELECT 2", version), True),)


def test_empty_revision_moves_the_version(project: Project) -> None:
    version = moved("aaaaaaaaaaaa", "bbbbbbbbbbbb")
    assert shapes(second(project, "pass")) == (((version,), True),)


def test_behind_an_autocommit_block_the_version_moves_by_itself(project: Project) -> None:
    script = second(project, ALONE)
    version = moved("aaaaaaaaaaaa", "bbbbbbbbbbbb")
    assert shapes(script) == ((("VACUUM",), False), ((version,), True))


def test_statements_before_an_autocommit_block_are_committed_first(project: Project) -> None:
    script = second(project, f"op.execute('SELECT 1')\n{ALONE}")
    assert shapes(script)[:2] == ((("SELECT 1",), True), (("VACUUM",), False))


def test_statements_behind_an_autocommit_block_carry_the_version(project: Project) -> None:
    script = second(project, f"{ALONE}\nop.execute('SELECT 2')")
    version = moved("aaaaaaaaaaaa", "bbbbbbbbbbbb")
    assert shapes(script) == ((("VACUUM",), False), (("SELECT 2", version), True))


def test_version_table_is_made_before_an_autocommit_block(project: Project) -> None:
    script = only(project, ALONE)
    assert script.texts == (VERSION_TABLE, "VACUUM", FIRST)
    assert script.is_transactional is False


# --- the version table --------------------------------------------------------------------------


def versions(script: Script) -> tuple[str, ...]:
    return tuple(s.sql for s in script.statements if s.kind is StatementKind.VERSION)


def test_line_of_revisions_moves_one_version(project: Project) -> None:
    a, b = rendered(
        project, Revision("aaaaaaaaaaaa"), Revision("bbbbbbbbbbbb", "aaaaaaaaaaaa")
    ).revisions
    assert unrecorded(a.scripts.upgrade).texts == (VERSION_TABLE, FIRST)
    assert versions(b.scripts.upgrade) == (moved("aaaaaaaaaaaa", "bbbbbbbbbbbb"),)
    assert versions(b.scripts.downgrade) == (moved("bbbbbbbbbbbb", "aaaaaaaaaaaa"),)
    assert versions(a.scripts.downgrade) == (deleted("aaaaaaaaaaaa"),)


def test_ledger_gets_a_line_after_the_version_and_its_table_before(project: Project) -> None:
    first, second = rendered(project, ONE, Revision("bbbbbbbbbbbb", ONE.id)).revisions
    upgrade = first.scripts.upgrade
    assert re.fullmatch("[0-9a-f]{16}", upgrade.digest)
    ledger = Ledger(VersionTable())
    assert upgrade.texts[1] == ledger.create_sql
    assert upgrade.texts[-1] == ledger.file_sql(ONE.id, Direction.UPGRADE, upgrade.digest)
    assert not any(text.startswith("CREATE") for text in second.scripts.upgrade.texts)
    assert "'downgrade'" in first.scripts.downgrade.texts[-1]


def test_digest_of_the_ledger_ignores_layout_and_sees_words(project: Project) -> None:
    one, other = "SELECT 1,   2 -- why\n", "SELECT 1, 3"
    digests = {
        sql: rendered(project, Revision(ONE.id, None, f"op.execute({sql!r})"))
        .revisions[0]
        .scripts.upgrade.digest
        for sql in ("SELECT 1, 2", one, other)
    }
    assert digests["SELECT 1, 2"] == digests[one] != digests[other]


def test_digest_of_the_ledger_sees_what_a_backfill_changes_and_not_its_loop() -> None:
    backfill = Backfill("cities", set="name = 'Troy'", where="name IS NULL")
    loop = render_backfill(backfill)
    digests = [
        sql_script([Statement(sql, transaction=None)]).digest
        for sql in (
            loop,
            loop.replace("pg_sleep", "pg_catalog.pg_sleep"),
            render_backfill(replace(backfill, set="name = 'Rome'")),
            render_backfill(replace(backfill, table="towns")),
        )
    ]
    assert digests[0] == digests[1]
    assert len(set(digests[1:])) == 3


def test_digest_of_the_ledger_sees_a_transaction(project: Project) -> None:
    inside, outside = (only(project, code).digest for code in ("op.execute('VACUUM')", ALONE))
    assert inside != outside


def test_branches_keep_a_version_each_and_a_merge_joins_them(project: Project) -> None:
    _, left, right, joined = rendered(
        project,
        Revision("aaaaaaaaaaaa"),
        Revision("bbbbbbbbbbbb", "aaaaaaaaaaaa"),
        Revision("cccccccccccc", "aaaaaaaaaaaa"),
        Revision("dddddddddddd", ("bbbbbbbbbbbb", "cccccccccccc")),
    ).revisions
    first, other = left.revision.id, right.revision.id
    assert versions(left.scripts.upgrade) == (moved("aaaaaaaaaaaa", first),)
    assert versions(right.scripts.upgrade) == (inserted(other),)
    assert versions(joined.scripts.upgrade) == (
        deleted("bbbbbbbbbbbb"),
        moved("cccccccccccc", "dddddddddddd"),
    )
    assert versions(joined.scripts.downgrade) == (
        inserted("bbbbbbbbbbbb"),
        moved("dddddddddddd", "cccccccccccc"),
    )
    assert versions(right.scripts.downgrade) == (deleted(other),)
    assert versions(left.scripts.downgrade) == (moved(first, "aaaaaaaaaaaa"),)


def test_two_heads_are_both_undone(project: Project) -> None:
    _, left, right = rendered(
        project,
        Revision("aaaaaaaaaaaa"),
        Revision("bbbbbbbbbbbb", "aaaaaaaaaaaa"),
        Revision("cccccccccccc", "aaaaaaaaaaaa"),
    ).revisions
    assert versions(right.scripts.downgrade) == (deleted(right.revision.id),)
    assert versions(left.scripts.downgrade) == (moved(left.revision.id, "aaaaaaaaaaaa"),)


def test_undoing_a_revision_that_depends_on_another_branch_brings_its_version_back(
    project: Project,
) -> None:
    depending = Revision("cccccccccccc", "bbbbbbbbbbbb")
    project.lay_out(Revision("aaaaaaaaaaaa"), Revision("bbbbbbbbbbbb"), depending)
    with project.add(depending).open("a") as file:
        file.write("\n\ndepends_on = 'aaaaaaaaaaaa'\n")
    last = render(project.history()).revisions[-1]
    assert set(versions(last.scripts.downgrade)) in (
        {inserted("aaaaaaaaaaaa"), moved("cccccccccccc", "bbbbbbbbbbbb")},
        {inserted("bbbbbbbbbbbb"), moved("cccccccccccc", "aaaaaaaaaaaa")},
    )


def test_same_revisions_render_to_the_same_text_twice(project: Project) -> None:
    history = project.lay_out(*LINE).history()
    first, again = render(history), render(history)
    assert first.revisions == again.revisions != ()
