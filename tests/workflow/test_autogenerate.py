"""Every change of models in `model_cases`, on a real server, from the models to the downgrade.

On PostgreSQL 16 a few of them; all that it can express where PYBASE_ALL_ON_16 is set.
"""

import importlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from postgres.helpers import ensure_template
from projects import OWN_TABLES, ROOT, SERVER_19, Project, run_target

from pybase.cli import TerminalReporter
from pybase.core import settings
from pybase.core.errors import PybaseError
from pybase.core.files import digest
from pybase.migrate import autogenerate, catalog, deploy, sqlfiles
from pybase.migrate.autogenerate import _compare as compare
from pybase.migrate.autogenerate import _validate as validate
from pybase.migrate.autogenerate._scope import read_scope
from pybase.migrate.database import Database
from pybase.migrate.record import Direction
from pybase.migrate.revisions import History, render
from pybase.migrate.revisions import read as read_history
from pybase.migrate.sqlfiles import LintFinding, lint
from pybase.postgres import copy_over, scratch_database, with_database

from . import model_cases, model_cases_order, model_cases_scope
from .model_cases import ModelCase

CASES = sorted(
    (*model_cases.CASES, *model_cases_order.CASES, *model_cases_scope.CASES),
    key=lambda case: repr((case.before, case.history, case.rows)),
)
"""Those with one beginning together: a worker creates that once."""
_ONLY_18 = re.compile(r"persisted=False|WITHOUT OVERLAPS")
_FEW = ("unique constraint becomes a unique index", "table whose partitions the models declare")
_MORE_ON_16 = {"computed expression changed": ("drops-column",)}
"""Hazards of what 16 has no statement for: SET EXPRESSION."""
ON_16 = [
    replace(case, hazards=(*case.hazards, *_MORE_ON_16.get(case.name, ())))
    for case in CASES
    if not _ONLY_18.search(case.before + case.after)
    and ("PYBASE_ALL_ON_16" in os.environ or case.name.startswith(_FEW))
]
RUNS = [
    *(pytest.param(case, "server18_url", id=case.name) for case in CASES),
    *(pytest.param(case, "server16_url", id=f"16: {case.name}") for case in ON_16),
    *(pytest.param(case, "server19_url", id=f"19: {case.name}") for case in CASES if SERVER_19),
]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of each project in turn: what the cache knows of a beginning is about it."""
    return tmp_path_factory.mktemp("project")


@pytest.fixture
def here(
    server: str, request: pytest.FixtureRequest, place: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Project]:
    """A project whose verbs run in this process, which saves seconds a case."""
    server_url: str = request.getfixturevalue(server)
    with scratch_database(server_url, prefix="test") as url:
        variables = {"DATABASE_URL": url, "PYBASE_REHEARSAL_URL": server_url}
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        monkeypatch.syspath_prepend(str(place))
        yield Project(place, variables)
        sys.modules.pop("models", None)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder for the revisions of all cases: this repository's own rules allow each of them."""
    folder = tmp_path_factory.mktemp("written")
    yield folder
    ruff = [sys.executable, "-m", "ruff", "check", "--no-cache", "--output-format", "concise"]
    rules = ["--config", str(ROOT / "pyproject.toml"), "--ignore", "D103,D301,N999"]
    done = subprocess.run([*ruff, *rules, str(folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def write_models(project: Project, text: str) -> None:
    project.write("models.py", text)
    sys.modules.pop("models", None)
    importlib.invalidate_caches()


def loaded(project: Project) -> settings.Settings:
    return settings.load(project.root / "alembic.ini")


def read(project: Project) -> History:
    return read_history(loaded(project))


def request(message: str, flags: tuple[str, ...]) -> autogenerate.Request:
    renames = tuple(flags[i + 1] for i, flag in enumerate(flags) if flag == "--rename")
    return autogenerate.Request(
        message, renames=renames, no_rename="--no-rename" in flags, single="--single" in flags
    )


def migrate(project: Project) -> None:
    url = project.environment["DATABASE_URL"]
    if not read(project).revisions:
        return
    run_target(read(project), url, "head", Direction.UPGRADE)


def snapshot(project: Project) -> dict[str, str]:
    with psycopg.connect(project.environment["DATABASE_URL"], autocommit=True) as connection:
        return catalog.snapshot(connection, ignore_tables=OWN_TABLES)


def run_sql(project: Project, sql: str) -> list[tuple[object, ...]]:
    with psycopg.connect(project.environment["DATABASE_URL"], autocommit=True) as connection:
        cursor = connection.execute(sql.encode())
        return cursor.fetchall() if cursor.description else []


def start(project: Project, case: ModelCase) -> None:
    """Bring the project and its database to where the case begins, from a cached template."""
    server = project.environment["PYBASE_REHEARSAL_URL"]
    begin = repr((case.before, case.history, case.rows, server)).encode()
    name = f"started_{os.getpid()}_{digest(begin)}"
    files = project.root.with_name(name)
    ensure_template(server, name, lambda url: _begin(project, case, url, files))
    _copy_over(files, project.root)
    write_models(project, case.models(case.before))
    copy_over(with_database(server, name), project.environment["DATABASE_URL"])


def _copy_over(source: Path, target: Path) -> None:
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target)


def _begin(project: Project, case: ModelCase, url: str, files: Path) -> None:
    """Create what exists before a case, in an empty database, and keep the project's files."""
    shutil.rmtree(project.root)
    with psycopg.connect(url) as connection:
        version = connection.info.server_version // 10_000
    newest = min(version, 18)  # the settings name no server of 19
    project.lay_out(models=case.models(case.before)).on(newest)
    write_models(project, case.models(case.before))
    autogenerate.generate(loaded(project), request("create all there is", ()))
    if case.history:
        autogenerate.generate(
            loaded(project),
            autogenerate.Request("create what no model declares", sql_only=case.history),
        )
    begun = replace(project, environment=project.environment | {"DATABASE_URL": url})
    migrate(begun)
    if case.rows:
        run_sql(begun, case.rows)
    _copy_over(project.root, files)


def difference(project: Project) -> list[catalog.Change]:
    """What the database has and the models do not create, or the other way round."""
    revisions = read(project)
    rendered = render(revisions)
    scope = read_scope(revisions)
    end = compare.read_url(project.environment["DATABASE_URL"], rendered, scope)
    with compare.models_database(revisions, rendered, scope, end) as url:
        new = compare.in_scope(end, compare.read_url(url, rendered, scope), scope)
    return compare.gap(end, new, scope)


@pytest.mark.parametrize(("case", "server"), RUNS)
def test_change_of_models(case: ModelCase, server: str, here: Project, written: Path) -> None:
    start(here, case)
    files, before = here.files(), snapshot(here)
    kept = run_sql(here, case.kept) if case.kept else []
    count = len(read(here).revisions)
    write_models(here, case.models(case.after))
    files["models.py"] = case.models(case.after)
    try:
        outcome = autogenerate.generate(loaded(here), request("follow the models", case.flags))
    except PybaseError as error:
        assert case.result == "refused", str(error)
        assert error.code == case.code
        assert case.message in str(error)
        assert here.files() == files
        return
    assert case.result != "refused"
    assert outcome is not None, "nothing to do"
    is_complete = case.result == "equal"
    assert outcome.is_complete == is_complete, outcome.gap
    assert case.message in outcome.gap
    if case.steps:
        assert len(outcome.revisions) == case.steps, outcome.revisions
    bring_up(here, case)
    unnamed = [change for change in difference(here) if change.identity not in outcome.gap]
    assert not unnamed, catalog.describe(unnamed, "database", "models")
    if case.kept:
        assert run_sql(here, case.kept_after or case.kept) == kept
    if case.guarded:
        step_by_step(here, case, Direction.DOWNGRADE)
    go_back(here, count)
    assert catalog.describe(catalog.difference(before, snapshot(here))) == ""
    since = read(here).revisions[count - 1].revision if count else None
    shutil.copytree(here.versions, written / re.sub(r"\W+", "_", f"{server} {case.name}"))
    result = lint(settings.load(here.root / "alembic.ini"), since)
    layout = [line for line in result.findings if not line.revision and line.level == "error"]
    layout_errors = [f"{line.code} {line.message}: {_text(here, line)}" for line in layout]
    assert not layout_errors, "\n".join(layout_errors)
    codes = {line.code for line in result.findings if line.level == "error" and not line.accepted}
    assert codes == set(case.hazards), f"HAZARDS {sorted(codes)!r} {case.hazards!r}"


@pytest.mark.parametrize("server", ["server18_url"])
def test_plan_of_which_too_much_is_refused_is_not_written(
    here: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(validate, "_MOST", 1)
    case = next(case for case in CASES if case.name.startswith("type of a partition key"))
    start(here, case)
    write_models(here, case.models(case.after))
    files = here.files()
    with pytest.raises(PybaseError) as refusal:
        autogenerate.generate(loaded(here), request("follow the models", ()))
    assert refusal.value.code == "plan-fails"
    assert here.files() == files


@pytest.mark.parametrize("server", ["server18_url"])
def test_cast_that_postgresql_lacks_runs_by_the_rules_of_the_developer(here: Project) -> None:
    case = next(case for case in CASES if case.name.startswith("boolean to enum"))
    start(here, case)
    run_sql(here, "INSERT INTO t (d) VALUES (false)")
    before = run_sql(here, "SELECT d FROM t ORDER BY id")
    write_models(here, case.models(case.after))
    outcome = autogenerate.generate(loaded(here), request("follow the models", ()))
    assert outcome is not None
    (path,) = outcome.revisions
    text = path.read_text("utf-8")
    rules = {"MOOD": "CASE WHEN d THEN 'ok' ELSE 'sad' END", "BOOLEAN": "d = 'ok'"}
    for type_, rule in rules.items():
        text = text.replace(f'RULE_D_AS_{type_} = "NULL"', f'RULE_D_AS_{type_} = "{rule}"')
    path.write_text(text, "utf-8")
    sqlfiles.write(loaded(here))
    assert "unfilled-rule" not in {line.code for line in lint(loaded(here)).findings}
    migrate(here)
    assert run_sql(here, "SELECT d::text FROM t ORDER BY id") == [("ok",), ("sad",)]
    go_back(here, 1)
    assert run_sql(here, "SELECT d FROM t ORDER BY id") == before


def _text(project: Project, line: LintFinding) -> str:
    return (project.root / line.file).read_text("utf-8").split("\n")[line.line - 1]


def bring_up(project: Project, case: ModelCase) -> None:
    """Migrate; where rows violate the change, fix them after the failure."""
    if case.fix:
        with pytest.raises(PybaseError):
            migrate(project)
        require_guarded(project, case)
        run_sql(project, case.fix)
    require_no_rows_in_the_way(project)
    if case.guarded:
        step_by_step(project, case, Direction.UPGRADE)
    migrate(project)


def require_no_rows_in_the_way(project: Project) -> None:
    """The queries of the new revisions find no row that PostgreSQL itself would accept."""
    if not (read(project).revisions):
        return
    database = Database(project.environment["DATABASE_URL"], is_embedded=False)
    with deploy.locked(loaded(project), database, TerminalReporter()) as locked:
        plan = locked.plan("head", Direction.UPGRADE)
        others = [check for check in deploy.CHECKS if check != "rows"]
        assert not deploy.check(locked, plan, others)


def step_by_step(project: Project, case: ModelCase, direction: Direction) -> None:
    """Run each new revision by itself; between any two, the rule of the case holds."""
    history, url = read(project), project.environment["DATABASE_URL"]
    new = [revision.revision for revision in history.revisions[-case.steps :]]
    for target in new if direction.is_upgrade else reversed(new):
        run_target(history, url, target, direction)
        require_guarded(project, case)


def require_guarded(project: Project, case: ModelCase) -> None:
    if case.guarded:
        with pytest.raises(psycopg.IntegrityError):
            run_sql(project, case.guarded)


def go_back(project: Project, count: int) -> None:
    revisions = read(project)
    target = revisions.revisions[count - 1].revision if count else "base"
    run_target(revisions, project.environment["DATABASE_URL"], target, Direction.DOWNGRADE)
