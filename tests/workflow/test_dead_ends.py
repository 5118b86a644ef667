"""States that a user could not leave: each command that a hint names leads on."""

import ctypes
import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from projects import (
    CREATE_CITIES,
    FORK,
    LINE,
    ONE,
    ROOT,
    THREE,
    TWO,
    Git,
    Project,
    Revision,
    commit,
)
from tcp_servers import TcpServer

from pybase.cli import TerminalReporter
from pybase.core.errors import UsageError
from pybase.core.files import user_folder
from pybase.migrate import deploy
from pybase.migrate.database import Database, server_error
from pybase.migrate.record import Direction
from pybase.migrate.revisions import _run_env as run_env
from pybase.migrate.revisions import render
from pybase.migrate.sqlfiles._sqlfluff import OURS
from pybase.postgres import shared_objects
from pybase.postgres._launch import Launch
from pybase.postgres._os_user import OsUser

NO_MODELS_ENV = "from pybase.migrate import environment\n\nenvironment.run(None)\n"
"""For this process, in which modules of one project would be those of the next."""

# --- statements that need a client ----------------------------------------------------------------

KOELN = "op.execute(\"INSERT INTO cities VALUES ('K\\u00f6ln')\")"

BY_CLIENT = {
    "copy": ("op.execute('COPY cities FROM STDIN')", ["cannot-render", "rehearsal-failed"]),
    "copy_in_autocommit": (
        "with op.get_context().autocommit_block():\n    op.execute('COPY cities TO STDOUT')",
        ["cannot-render", "rehearsal-failed"],
    ),
    "encoding": (
        f"op.execute(\"SET LOCAL client_encoding TO 'LATIN1'\")\n{KOELN}",
        ["cannot-render"],
    ),
    "encoding_in_code": (
        "op.execute(\"DO $$ BEGIN EXECUTE 'SET client_encoding = SQL_ASCII'; END $$\")",
        ["rehearsal-failed"],
    ),
}


@pytest.mark.parametrize(("body", "codes"), BY_CLIENT.values(), ids=BY_CLIENT)
def test_statement_for_a_client_is_a_finding_of_its_revision(
    body: str, codes: list[str], project: Project
) -> None:
    project.lay_out(ONE, Revision(TWO.id, ONE.id, body), THREE)
    assert project.run("sql").code == (1 if "cannot-render" in codes else 0)
    found = json.loads(project.run("sql-lint", "--format", "json").out)
    assert {(line["revision"], line["code"]) for line in found if line["key"]} == {
        (TWO.id, code) for code in codes
    }
    assert (project.sql / f"upgrade/{THREE.name}.sql").exists()


# --- two heads ------------------------------------------------------------------------------------


@pytest.fixture
def branched(project: Project, git: Git) -> Project:
    """Main has three revisions; a branch of it has one after the second, and is checked out."""
    project.lay_out(*LINE)
    project.write(".gitignore", ".pybase/\n__pycache__/\n")
    commit(git)
    git("checkout", "-q", "-b", "ours")
    project.add(FORK)
    return project


@pytest.mark.parametrize("applied", [[FORK.id], [FORK.id, THREE.id]], ids=["ours", "both"])
def test_rebase_names_the_downgrade_that_leads_on(applied: list[str], branched: Project) -> None:
    branched.done("sql")
    for revision in applied:
        branched.done("migrate", revision)
    branched.write("sql/manifest.txt", "<<<<<<< a conflict\n")
    hint = branched.refused("rebase", code=1)
    command = re.search(r"nox -s sql && nox -s downgrade -- (\S+)\. Then", hint)
    assert command, hint
    branched.done("sql")
    branched.done("downgrade", command[1])
    assert FORK.id not in branched.done("current")
    assert (THREE.id in branched.done("current")) == (THREE.id in applied)
    branched.done("rebase")
    branched.done("migrate")
    assert branched.done("current").startswith(FORK.id)


def test_downgrade_of_a_developers_database_needs_no_single_head(
    branched: Project, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYBASE_REHEARSAL_URL", branched.environment["PYBASE_REHEARSAL_URL"])
    branched.done("sql")
    branched.done("migrate", FORK.id)
    branched.write("migrations/env.py", NO_MODELS_ENV)
    branched.write("sql/manifest.txt", "<<<<<<< a conflict\n")
    settings, database = branched.history().settings, Database(database_url, is_embedded=True)
    with deploy.locked(settings, database, TerminalReporter()) as locked:
        plan = locked.plan(TWO.id, Direction.DOWNGRADE)
        assert [step.revision.id for step in plan.steps] == [FORK.id]


# --- a checkout that cannot be written to ---------------------------------------------------------

_VERBS = """
import json, sys
from pybase.cli import _terminal, main
_terminal.close_streams = lambda: None  # main is called several times
print(json.dumps([main(words) for words in json.loads(sys.argv[1])]), file=sys.stderr)
"""
_CAPBSET_DROP, _DAC_OVERRIDE = 24, 1


def _without_override() -> None:
    """Let root, too, be stopped by the permissions of files."""
    if os.geteuid() == 0:
        ctypes.CDLL(None).prctl(_CAPBSET_DROP, _DAC_OVERRIDE, 0, 0, 0)


def _allow(root: Path, *, writing: bool) -> None:
    for path in (root, *root.rglob("*")):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode & ~0o222 | (0o200 if writing else 0))


@pytest.fixture
def closed(project: Project, tcp_server: TcpServer, tcp_url: str) -> Iterator[Project]:
    """A checkout with fresh SQL in which no file can be written, and a server of its own."""
    project.root = project.root / "checkout"
    project.lay_out(*LINE).write_sql()
    project.environment |= {"DATABASE_URL": tcp_url, "PYBASE_REHEARSAL_URL": tcp_server.url()}
    for path in sorted((project.root / ".pybase").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    (project.root / ".pybase").rmdir()
    _allow(project.root, writing=False)
    yield project
    _allow(project.root, writing=True)


def codes_of(project: Project, *verbs: list[str], **variables: str) -> list[int]:
    done = subprocess.run(
        [sys.executable, "-c", _VERBS, json.dumps(verbs)],
        cwd=project.root,
        env=project._environment(variables),
        preexec_fn=_without_override,
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    assert "Traceback" not in done.stderr
    codes: list[int] = json.loads(done.stderr.splitlines()[-1])
    return codes


def test_checkout_that_cannot_be_written_to_is_read(closed: Project, tmp_path: Path) -> None:
    before = closed.files()
    reading = [["history"], ["pending"], ["migrate"], ["current"], ["sql-lint"]]
    cache = str(tmp_path / "cache")
    assert codes_of(closed, *reading, ["review"], XDG_CACHE_HOME=cache) == [0] * 6
    (page,) = Path(cache).rglob("review.html")
    assert page.stat().st_uid == os.geteuid()
    refused = codes_of(closed, ["makemigration", "--empty", "go on"], XDG_CACHE_HOME=cache)
    assert refused == [UsageError.exit_code]
    assert not list(Path(cache).rglob("journal")), "the next command does not begin by undoing it"
    nowhere = {"HOME": "/", "XDG_CACHE_HOME": "/dev/null/a", "XDG_STATE_HOME": "/dev/null/b"}
    assert codes_of(closed, ["history"], ["current"], **nowhere) == [0, 0]
    assert closed.files() == before
    assert not (closed.root / ".pybase").exists()


def test_nothing_is_written_into_the_home_of_another_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with `sudo -E`; another user's folder cannot be created without root: / is one then."""
    home = tmp_path if os.geteuid() == 0 else Path("/")
    if os.geteuid() == 0:
        os.chown(home, 1234, 1234)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    assert user_folder("XDG_STATE_HOME", ".local/state") is None
    monkeypatch.setenv("XDG_STATE_HOME", str(home / "state"))
    assert user_folder("XDG_STATE_HOME", ".local/state") is None


def test_user_without_a_name_is_advised(servers_folder: Path) -> None:
    folder = servers_folder / "nameless"
    folder.mkdir(exist_ok=True)
    folder.chmod(0o755)
    user = OsUser("12345", 12345, 12345)
    with pytest.raises(Exception, match="uid 12345") as caught:
        Launch(folder, 18, False, folder / "socket", user).create_data()
    assert getattr(caught.value, "code", "") == "nameless-user"
    assert not (folder / "data").exists()


# --- roles ----------------------------------------------------------------------------------------

GRANT = Revision(
    TWO.id,
    ONE.id,
    "op.execute('GRANT SELECT ON cities TO pybase_reader')",
    "op.execute('REVOKE SELECT ON cities FROM pybase_reader')",
)


def test_missing_role_is_declared_as_the_finding_says(project: Project, server18_url: str) -> None:
    project.lay_out(ONE, GRANT)
    project.done("sql")
    (finding,) = json.loads(project.run("sql-lint", "--format", "json").out)
    assert finding["code"] == "rehearsal-failed"
    line = re.search(r"\[tool\.pybase\] (roles = \[.*?\])", finding["message"])
    assert line, finding["message"]
    pyproject = (project.root / "pyproject.toml").read_text("utf-8")
    project.write("pyproject.toml", f"[tool.pybase]\n{line[1]}\n{pyproject}")
    project.done("sql")
    project.done("sql-lint")
    project.done("check")
    assert "role pybase_reader" in dict(shared_objects(server18_url))  # templates depend on it


@pytest.mark.parametrize("name", ["pg_app", "public", "", " app"])
def test_role_that_cannot_be_created_is_refused(name: str, project: Project) -> None:
    project.lay_out().write("pyproject.toml", f"[tool.pybase]\nroles = [{json.dumps(name)}]\n")
    assert "error[invalid-setting]" in project.refused("sql", code=2)


# --- sql-lint -------------------------------------------------------------------------------------


def test_project_without_settings_of_sqlfluff_is_linted_with_ours(project: Project) -> None:
    project.lay_out(ONE, Revision(TWO.id, ONE.id, "op.execute('SELECT  1')")).write_sql()
    project.write("pyproject.toml", "")
    result = project.run("sql-lint")
    assert result.code == 1
    assert "error: LT01" in result.out
    for name, value in OURS.items():
        assert f"{name} = {json.dumps(value)}" in result.out
    project.write(".sqlfluff", "[sqlfluff]\ndialect = postgres\nrules = CP01\n")
    assert project.done("sql-lint").startswith("sql/ is fresh and clean: 11 files.\n")


def test_settings_of_a_project_without_any_are_those_of_this_one() -> None:
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    ours = pyproject["tool"]["sqlfluff"]["core"]
    assert {name: ours[name] for name in OURS} == OURS


def test_files_that_git_ignores_and_hidden_ones_are_no_findings(project: Project, git: Git) -> None:
    project.lay_out(ONE).write_sql()
    strangers = [
        "sql/.DS_Store",
        "sql/upgrade/.x.sql.swp",
        "sql/upgrade/._x.sql",
        "sql/schema/y.orig",
    ]
    for path in strangers:
        project.write(path, "x")
    assert "y.orig" in project.run("sql-lint").out
    project.write(".gitignore", "*.orig\n")
    project.done("sql-lint")
    project.done("sql", "--check")
    project.done("sql")
    project.done("migrate")
    assert all((project.root / path).exists() for path in strangers)


# --- code that does not end, hooks, packages ------------------------------------------------------


def test_env_that_never_ends_is_stopped(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_env, "ENV_LIMIT_S", 0.2)
    project.lay_out(ONE).write("migrations/env.py", "while True:\n    pass\n")
    with pytest.raises(UsageError, match=r"longer than 0\.2 s") as caught:
        render(project.history())
    assert caught.value.code == "env-failed"


def test_time_limit_of_env_is_not_that_of_its_revisions(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_env, "ENV_LIMIT_S", 0.2)
    slow = "import time\nend = time.monotonic() + 0.5\nwhile time.monotonic() < end:\n    pass"
    project.lay_out(Revision(ONE.id, None, f"{slow}\n{CREATE_CITIES}"))
    project.write("migrations/env.py", NO_MODELS_ENV)
    (sql,) = render(project.history()).revisions
    assert sql.scripts.upgrade.has_sql


def test_hook_that_is_not_installed_is_named_and_nothing_is_written(project: Project) -> None:
    project.lay_out(ONE)
    hook = "hooks = style\nstyle.type = exec\nstyle.executable = no-such-program\n"
    ini = (project.root / "alembic.ini").read_text("utf-8").partition("[post_write_hooks]")[0]
    project.write("alembic.ini", f"{ini}[post_write_hooks]\n{hook}")
    before = project.files()
    error = project.refused("makemigration", "--empty", "go on", code=2)
    assert "error[hook-failed]" in error
    assert "no-such-program" in error
    assert project.files() == before


def test_python_without_the_packages_is_sent_to_the_sessions(project: Project) -> None:
    result = project.python("-S", "-m", "pybase", "current")
    assert result.code == 2
    assert result.err.startswith("error[missing-package]")
    assert "nox -s current" in result.err


# --- hints ----------------------------------------------------------------------------------------

REFUSED = {
    "table": ("SELECT * FROM theirs.cities", "GRANT SELECT, INSERT, UPDATE, DELETE ON cities"),
    "sequence": ("SELECT nextval('theirs.numbers')", "GRANT USAGE, SELECT ON SEQUENCE numbers"),
    "schema": ("CREATE TABLE closed.x ()", "GRANT USAGE, CREATE ON SCHEMA closed"),
    "owner": ("ALTER TABLE theirs.cities ADD x int", "owner of table cities GRANT its own role"),
    "role": ("CREATE ROLE x", "an administrator"),
}


@pytest.fixture
def strangers(tcp_url: str) -> str:
    with psycopg.connect(tcp_url, autocommit=True) as connection:
        connection.execute(
            "CREATE SCHEMA theirs; GRANT USAGE ON SCHEMA theirs TO public; CREATE SCHEMA closed;"
            "CREATE TABLE theirs.cities (name text); CREATE SEQUENCE theirs.numbers"
        )
    return tcp_url


def test_refused_privilege_is_named_by_what_was_refused(strangers: str, guest_url: str) -> None:
    with psycopg.connect(guest_url, autocommit=True) as connection:
        for statement, expected in REFUSED.values():
            with pytest.raises(psycopg.Error) as caught:
                connection.execute(statement.encode())
            assert expected in server_error(Database(guest_url, False), caught.value).hint


def test_what_exists_already_can_be_stamped(project: Project, database_url: str) -> None:
    project.lay_out(ONE).write_sql()
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE cities (name text CONSTRAINT pk_cities PRIMARY KEY)")
    hint = project.refused("migrate", code=1)
    command = re.search(r"nox -s (stamp) -- (\w+)", hint)
    assert command, hint
    project.done(*command.groups())
    assert "Nothing to do" in project.done("migrate")


def test_pending_reports_a_refusal_of_the_server(
    project: Project, tcp_url: str, guest_url: str
) -> None:
    project.lay_out(ONE).write_sql()
    with psycopg.connect(tcp_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE alembic_version (version_num text)")
    for verb in ("pending", "current"):
        assert "error[server-refuses]" in project.refused(verb, code=3, DATABASE_URL=guest_url)
