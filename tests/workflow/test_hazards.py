"""The hazards: every case of the table on every server, both ways, no more and no fewer findings.

All cases are one history of many heads, rendered once; each is rehearsed on a clone of the database
that its setup made.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
import pytest
from alembic.runtime.migration import MigrationContext
from projects import Project, Revision

from pybase.migrate.rehearsal import _scratch as scratch
from pybase.migrate.rehearsal._hazards import HAZARDS, Finding, acceptance_faults, reason_for
from pybase.migrate.rehearsal._rehearsal import Rehearsal
from pybase.migrate.revisions._history import History
from pybase.migrate.revisions._render import RenderedRevision, render_steps
from pybase.migrate.revisions._run_env import run_env
from pybase.postgres import ensure_template, scratch_database

from .hazards import CASES, RECIPES, Case, Findings, revision_source

SERVERS = (18, 16)
_PARENT = Revision("aaaaaaaaaaaa", title="Hold what was there before.")
_VERSION_TABLE = f"""
CREATE TABLE alembic_version (version_num varchar(32) NOT NULL PRIMARY KEY);
INSERT INTO alembic_version VALUES ('{_PARENT.id}');
"""

RUNS = [
    pytest.param(case, major, id=f"{case.name}-pg{major}")
    for case in sorted(CASES, key=lambda case: case.setup)  # those of a template at one time
    for major in SERVERS
    if major >= (case.min_version or 0)
]


@dataclass(frozen=True)
class Table:
    """All cases as one history, and each of them as SQL."""

    history: History
    revisions: dict[str, RenderedRevision]


@pytest.fixture(scope="session")
def table(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Table]:
    project = Project(tmp_path_factory.mktemp("hazards")).lay_out(_PARENT)
    for case in CASES:
        source = revision_source(case, _id(case), _PARENT.id)
        project.write(f"migrations/versions/{case.name}.py", source)
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.syspath_prepend(project.root)
        history = project.history()
        yield Table(history, _rendered(history))


def _rendered(history: History) -> dict[str, RenderedRevision]:
    """Each revision by its id, rendered as if it were the only one."""
    found = {}

    def work(_heads: object, configured: MigrationContext) -> tuple[()]:
        for script in history.revisions:
            (up,) = render_steps(configured, [(script, True)], [_PARENT.id])
            (down,) = render_steps(configured, [(script, False)], [script.revision])
            found[script.revision] = RenderedRevision(script, up, down)
        return ()

    run_env(history, work)
    return found


def _id(case: Case) -> str:
    return hashlib.sha256(case.name.encode()).hexdigest()[:12]


def _template(server_url: str, setup: str) -> str:
    """A database that `setup` made, its tables filled with sample rows."""

    def build(url: str) -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f"{setup};{_VERSION_TABLE}".encode())
        _rehearsal(url).close()

    return ensure_template(server_url, f"hazards_{hashlib.md5(setup.encode()).hexdigest()}", build)


def _rehearsal(url: str, table: Table | None = None) -> Rehearsal:
    def run_online(revision: RenderedRevision) -> None:
        assert table is not None
        scratch.run_online(table.history, url, revision)

    return Rehearsal(url, "public.alembic_version", frozenset(), run_online)


@pytest.mark.parametrize(("case", "major"), RUNS)
def test_revision_has_its_hazards_and_no_others(
    case: Case, major: int, table: Table, request: pytest.FixtureRequest
) -> None:
    server_url = request.getfixturevalue(f"server{major}_url")
    revision = table.revisions[_id(case)]
    with scratch_database(server_url, template=_template(server_url, case.setup)) as url:
        rehearsal = _rehearsal(url, table)
        report = rehearsal.rehearse(revision)
        rehearsal.close()
    upgrade, downgrade = report.upgrade.findings, report.downgrade.findings
    faults = acceptance_faults(revision.accepted, (*upgrade, *downgrade))
    told = "\n".join(f"{each.code}: {each.message}" for each in (*upgrade, *faults, *downgrade))
    assert {(each.code, each.relation) for each in (*upgrade, *faults)} == set(case.expect), told
    assert {(each.code, each.relation) for each in downgrade} == set(case.expect_downgrade), told


# --- the table itself ---------------------------------------------------------------------------


def _found(case: Case) -> Findings:
    return frozenset(case.expect) | frozenset(case.expect_downgrade)


def test_names_of_cases_are_unique() -> None:
    assert len({case.name for case in CASES}) == len(CASES)


def test_only_codes_that_exist_are_expected() -> None:
    assert {code for case in CASES for code, _ in _found(case)} <= set(HAZARDS)


@pytest.mark.parametrize("code", HAZARDS)
def test_each_hazard_has_a_case_that_carries_it(code: str) -> None:
    assert any(code == each for case in CASES for each, _ in _found(case))


def test_each_hazard_has_cases_that_follow_its_recipe() -> None:
    assert list(RECIPES) == list(HAZARDS)
    assert all(RECIPES.values())


@pytest.mark.parametrize(
    ("code", "name"), [(code, name) for code, names in RECIPES.items() for name in names]
)
def test_step_of_a_recipe_has_nothing_that_is_not_accepted(code: str, name: str) -> None:
    case = next(case for case in CASES if case.name == name)
    expected = case.expect_downgrade if code.startswith("downgrade-") else case.expect
    for each, relation in expected:
        assert reason_for(case.accepted or {}, Finding(-1, each, relation))
        assert each != code or "accept it" in HAZARDS[code].recipe
