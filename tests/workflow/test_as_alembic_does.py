"""`migrate` over sql/ does what plain `alembic upgrade` does, or refuses before it changes a thing.

Each project is migrated in both ways, on two databases of one server, of which dumps are compared:
schema, owners, privileges, rows, the version table, values of sequences. The cases are data, in
the modules of `as_alembic/`.
"""

import importlib
import pkgutil
import re
import shlex
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
import pytest
from projects import Project, Result
from psycopg import sql

from pybase.postgres import scratch_database
from pybase.postgres._binaries import find_bin

from . import as_alembic
from .as_alembic import Case

CASES: list[Case] = [
    case
    for module in pkgutil.iter_modules(as_alembic.__path__)
    for case in importlib.import_module(f"{as_alembic.__name__}.{module.name}").CASES
]
OWN_TABLE = "*.migration_ledger*"
"""Which a project that does not call PyBase has only where `migrate` was run."""


def test_each_case_has_a_name_of_its_own() -> None:
    assert not [name for name, count in Counter(case.id for case in CASES).items() if count > 1]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_migrate_does_what_alembic_does(case: Case, tmp_path: Path, server18_url: str) -> None:
    if case.needs is not None:
        pytest.importorskip(case.needs)
    with ExitStack() as around:
        around.enter_context(roles(server18_url, case.roles))
        ours, theirs = (around.enter_context(database(server18_url, case)) for _ in range(2))
        project = Project(tmp_path, {"PYBASE_REHEARSAL_URL": server18_url, **case.variables})
        lay_out(project, case)
        written = project.run("sql", DATABASE_URL=connected(ours, case))
        if case.refused and code_of(written) == case.refused:
            return
        assert written.code == 0 or code_of(written) == "cannot-render", written.text
        migrate(project, case, ours)
        assert locks_left(ours) == []
        if case.refused is None:
            for _, command in case.runs:
                done = project.alembic(
                    *words(command, theirs), DATABASE_URL=connected(theirs, case)
                )
                assert done.code == 0, done.text
            assert dump(ours) == dump(theirs)


def migrate(project: Project, case: Case, url: str) -> None:
    """Run our commands; all must succeed, or the last is refused and leaves no trace."""
    *first, last = (words(ours, url) for ours, _ in case.runs)
    for command in first:
        project.done(*command, DATABASE_URL=connected(url, case))
    before = dump(url) if case.refused else ""
    result = project.run(*last, DATABASE_URL=connected(url, case))
    assert "Traceback" not in result.text
    assert code_of(result) == case.refused, result.text
    assert (result.code == 0) == (case.refused is None), result.text
    assert not case.refused or dump(url) == before


def lay_out(project: Project, case: Case) -> None:
    project.lay_out(*case.revisions, models=case.models)
    files = dict(case.files) if case.env is None else {"migrations/env.py": case.env, **case.files}
    for path, text in files.items():
        project.write(path, text)


@contextmanager
def roles(server_url: str, names: tuple[str, ...]) -> Iterator[None]:
    with psycopg.connect(server_url, autocommit=True) as connection:
        for name in names:
            connection.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(name)))
            connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(name)))
        yield
        for name in names:
            connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


@contextmanager
def database(server_url: str, case: Case) -> Iterator[str]:
    """A database with what the case has before."""
    with scratch_database(server_url, prefix="case") as url:
        name = sql.Identifier(name_of(url))
        if case.encoding != "UTF8":
            with psycopg.connect(server_url, autocommit=True) as server:
                server.execute(sql.SQL("DROP DATABASE {}").format(name))
                server.execute(
                    sql.SQL("CREATE DATABASE {} TEMPLATE template0 LOCALE 'C' ENCODING {}").format(
                        name, sql.Literal(case.encoding)
                    )
                )
        with psycopg.connect(url, autocommit=True) as connection:
            if case.user:
                owner = sql.Identifier(case.user)
                connection.execute(sql.SQL("ALTER DATABASE {} OWNER TO {}").format(name, owner))
            connection.execute(case.before.encode())
        yield url


def connected(url: str, case: Case) -> str:
    """Return the URL for the role that connects."""
    return re.sub(r"//[^@/]*@", f"//{case.user}@", url) if case.user else url


def words(command: str, url: str) -> list[str]:
    return shlex.split(command.replace("{database}", name_of(url)))


def name_of(url: str) -> str:
    return str(psycopg.conninfo.conninfo_to_dict(url)["dbname"])


def code_of(result: Result) -> str | None:
    found = re.search(r"^error\[(.+?)\]:", result.err, re.MULTILINE)
    return found and found[1]


def locks_left(url: str) -> list[tuple[object, ...]]:
    """Advisory locks in the database, which outlive a migration only behind a pooler."""
    with psycopg.connect(url) as connection:
        return connection.execute(
            "SELECT classid, objid FROM pg_locks WHERE locktype = 'advisory'"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        ).fetchall()


def dump(url: str) -> str:
    """Everything in a database but the ledger, as pg_dump writes it."""
    command = [find_bin(18) / "pg_dump", "-d", url, "-T", OWN_TABLE, "-E", "UTF8"]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=True)
    return re.sub(r"^\\(un)?restrict .*\n", "", done.stdout, flags=re.MULTILINE)
