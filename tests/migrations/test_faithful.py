"""Text in revisions: the same rows from Alembic over a connection and from psql over files.

`psql` interprets quotes, dollars, colons and backslashes, drivers interpret `%`, and SQLAlchemy
interprets `:name`. Each of these has corrupted data in the past.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import psycopg
import pytest
from projects import Project, Revision

from pybase.postgres import scratch_database

NASTY = (
    "50% of 100%% %s %(name)s %",
    "it's, ''quoted'', \"double\" and `back`",
    "back\\slash \\n \\' \\\\ \\",
    ":name, '12:30', a::text, :'variable', :\"variable\"",
    "$$ dollar $a$ quoted $a$ $$",
    "; semicolon; -- dashes; /* comment */",
    "tab\tnewline\nblank at the end \n  ",
    "é, ß, Ω, 日本語, 🐘, \u00a0, e\u0301",
    "{{ braces }} {% block %} ${dollar} #{hash}",
    "\\. \\copy \\q \\! echo",
    "",
    " ",
)
CREATE = "op.create_table('t', sa.Column('n', sa.Integer()), sa.Column('v', sa.Text()))"
TABLE = "t = sa.table('t', sa.column('n', sa.Integer()), sa.column('v'{}))\n"

WAYS = {
    "execute text": "\n".join(
        "op.execute({!r})".format(
            f"INSERT INTO t (n, v) VALUES ({n}, '{v.replace(chr(39), chr(39) * 2)}')"
            .replace(":", "\\:")
        )
        for n, v in enumerate(NASTY)
    ),
    "execute dollar-quoted text": "\n".join(
        "op.execute({!r})".format(
            f"INSERT INTO t (n, v) VALUES ({n}, $nasty${v}$nasty$)".replace(":", "\\:")
        )
        for n, v in enumerate(NASTY)
    ),
    "execute several at once": "op.execute({!r})".format(
        "".join(
            f"-- it's number {n}; \n"
            f"INSERT INTO t (n, v) VALUES ({n}, '{v.replace(chr(39), chr(39) * 2)}'); -- done;\n"
            for n, v in enumerate(NASTY)
        ).replace(":", "\\:")
    ),
    "bound parameters": "\n".join(
        f"op.execute(sa.text('INSERT INTO t (n, v) VALUES ({n}, :v)').bindparams(v={v!r}))"
        for n, v in enumerate(NASTY)
    ),
    "an insert construct": TABLE.format(", sa.Text()") + "\n".join(
        f"op.execute(t.insert().values(n={n}, v={v!r}))" for n, v in enumerate(NASTY)
    ),
    "typed bulk_insert": TABLE.format(", sa.Text()")
    + f"op.bulk_insert(t, [dict(n=n, v=v) for n, v in enumerate({NASTY!r})])",
    "untyped bulk_insert": TABLE.format("")
    + f"op.bulk_insert(t, [dict(n=n, v=v) for n, v in enumerate({NASTY!r})])",
    "a DO block": "op.execute({!r})".format(
        "DO $do$ BEGIN\n"
        + "".join(
            f"  INSERT INTO t (n, v) VALUES ({n}, '{v.replace(chr(39), chr(39) * 2)}');\n"
            for n, v in enumerate(NASTY)
        ).replace(":", "\\:")
        + "END $do$"
    ),
}  # fmt: skip


def rows(url: str) -> list[tuple[int, str]]:
    with psycopg.connect(url) as connection:
        return connection.execute("SELECT n, v FROM t ORDER BY n").fetchall()


@pytest.mark.parametrize("code", WAYS.values(), ids=WAYS)
def test_text_is_the_same_through_psql_as_through_alembic(
    code: str,
    tmp_path: Path,
    server18_url: str,
    database_url: str,
    psql: Callable[[str, Sequence[Path]], None],
) -> None:
    environment = {"DATABASE_URL": database_url, "PYBASE_REHEARSAL_URL": server18_url}
    project = Project(tmp_path, environment)
    project.lay_out(
        Revision("aaaaaaaaaaaa", None, CREATE, "op.drop_table('t')"),
        Revision("bbbbbbbbbbbb", "aaaaaaaaaaaa", code, "op.execute('TRUNCATE t')"),
    )
    assert project.alembic("upgrade", "head").code == 0
    assert rows(database_url) == list(enumerate(NASTY))
    project.done("sql")
    with scratch_database(server18_url, prefix="psql") as url:
        psql(url, sorted((project.sql / "upgrade").iterdir()))
        assert rows(url) == list(enumerate(NASTY))
    with scratch_database(server18_url, prefix="verb") as url:
        project.done("migrate", DATABASE_URL=url)
        assert rows(url) == list(enumerate(NASTY))


def test_defaults_checks_and_comments_are_the_same_too(
    tmp_path: Path,
    server18_url: str,
    database_url: str,
    psql: Callable[[str, Sequence[Path]], None],
) -> None:
    from .conftest import schema

    text = '50% \\d it\'s "x" é'
    code = (
        f"text = {text!r}\n"
        "op.create_table('t', sa.Column('v', sa.Text(), server_default=text, comment=text),"
        " sa.CheckConstraint(\"v ~ '^\\\\d+%$' OR v LIKE 'a\\\\%%'\", name='ck'), comment=text)"
    )
    environment = {"DATABASE_URL": database_url, "PYBASE_REHEARSAL_URL": server18_url}
    project = Project(tmp_path, environment)
    project.lay_out(Revision("aaaaaaaaaaaa", None, code, "op.drop_table('t')")).done("sql")
    assert project.alembic("upgrade", "head").code == 0
    with scratch_database(server18_url, prefix="psql") as url:
        psql(url, sorted((project.sql / "upgrade").iterdir()))
        assert schema(url) == schema(database_url)
