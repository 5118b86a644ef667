"""Hazards: every case on every server, in both directions, with exactly the expected findings.

All cases are one history of many heads, rendered once; each is rehearsed on a database that its
setup created.
"""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass

import psycopg
import pytest
from msgspec.structs import replace
from postgres.helpers import ensure_template
from projects import OWN_TABLES, SERVER_19, Project, Revision

from pybase.migrate.catalog import Column
from pybase.migrate.record import (
    HAZARDS,
    Direction,
    Directions,
    Finding,
    RevisionReport,
    Script,
    acceptance_faults,
    reason_for,
)
from pybase.migrate.rehearsal._execution import run_online
from pybase.migrate.rehearsal._rehearsal import Rehearsal
from pybase.migrate.revisions import History, RevisionSql, render
from pybase.migrate.sql import QualifiedName
from pybase.migrate.verify._rows import rows_of
from pybase.postgres import scratch_database

from .hazards import CASES, RECIPES, Case, Findings, revision_source

SERVERS = (18, 16)
_TRIED = (*SERVERS, *([19] if SERVER_19 else []))
_PARENT = Revision("aaaaaaaaaaaa", title="Create the setup.")
_VERSION_TABLE = f"""
CREATE TABLE alembic_version (version_num varchar(32) NOT NULL PRIMARY KEY);
INSERT INTO alembic_version VALUES ('{_PARENT.id}');
"""

RUNS = [
    pytest.param(case, major, id=f"{case.name}-pg{major}")
    for case in sorted(CASES, key=lambda case: case.setup)  # cases of one template together
    for major in _TRIED
    if (case.min_version or 0) <= major <= (case.max_version or major)
]


@dataclass(frozen=True)
class Table:
    """All cases as one history, and each of them as SQL."""

    history: History
    revisions: dict[str, RevisionSql]


@pytest.fixture(scope="session")
def table(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Table]:
    project = Project(tmp_path_factory.mktemp("hazards")).lay_out(_PARENT).on(18)
    for case in CASES:
        source = revision_source(case, _id(case), _PARENT.id)
        project.write(f"migrations/versions/{case.name}.py", source)
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.syspath_prepend(project.root)
        history = project.history()
        yield Table(history, {sql.revision.id: sql for sql in render(history).revisions})


def _id(case: Case) -> str:
    return hashlib.sha256(case.name.encode()).hexdigest()[:12]


class Bench:
    """A rehearsal on a clone of the database that `setup` made, for one case after another.

    To open one takes longer than to rehearse a case. It is kept as long as the downgrade of the
    case has left the database as it was, by object id, definition and rows; else the next case
    gets a clone of its own.
    """

    def __init__(self, table: Table, server_url: str, template: str) -> None:
        self._around = ExitStack()
        url = self._around.enter_context(scratch_database(server_url, template=template))
        self._rehearsal = _rehearsal(url, table)
        self._around.callback(self._rehearsal.close)
        self._start, self._rows = self._state(), self._read_rows()

    def close(self) -> None:
        self._around.close()

    def rehearse(self, revision: RevisionSql) -> RevisionReport:
        return self._rehearsal.rehearse(revision)

    def is_restored(self, revision: RevisionSql, report: RevisionReport) -> bool:
        """Run the downgrade for good, and compare what it leaves with the start."""
        is_simple = all(script.is_transactional for _, script in revision.scripts)
        if not (is_simple and report.leads_on and report.effects.downgrade.is_rehearsed):
            return False
        undo = replace(revision, scripts=Directions(revision.scripts.downgrade, Script()))
        return (
            self._rehearsal._rehearsed(undo).leads_on  # the files of its schema are no matter
            and self._state() == self._start
            and self._read_rows() == self._rows
        )

    def _state(self) -> object:
        """What the rehearsal has just read: another connection would have to plan it all again."""
        state = self._rehearsal._database.state
        relations = {
            oid: replace(relation, file=None, columns=_alive(relation.columns))
            for oid, relation in state.relations.items()
        }
        return replace(state, relations=relations), self._rehearsal._database.schema

    def _read_rows(self) -> object:
        return rows_of(self._rehearsal._database.connection)


def _alive(columns: Mapping[int, Column]) -> dict[int, Column]:
    return {number: column for number, column in columns.items() if not column.is_dropped}


class Benches:
    """The benches of a worker: one at a time on each server, as cases come by their setup."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._open: dict[str, tuple[str, Bench]] = {}

    def rehearse(self, server_url: str, case: Case) -> RevisionReport:
        setup, bench = self._open.pop(server_url, ("", None))
        if bench is not None and setup != case.setup:
            bench.close()
            bench = None
        bench = bench or Bench(self._table, server_url, _template(server_url, case.setup))
        revision = self._table.revisions[_id(case)]
        is_restored = False
        try:
            report = bench.rehearse(revision)
            is_restored = bench.is_restored(revision, report)
        finally:
            if not is_restored:
                bench.close()
        if is_restored:
            self._open[server_url] = case.setup, bench
        return report

    def close(self) -> None:
        for _, bench in self._open.values():
            bench.close()


@pytest.fixture(scope="session")
def benches(table: Table) -> Iterator[Benches]:
    opened = Benches(table)
    yield opened
    opened.close()


def _template(server_url: str, setup: str) -> str:
    """A database after `setup`, its tables filled with sample rows."""

    def build(url: str) -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f"{setup};{_VERSION_TABLE}".encode())
        _rehearsal(url).close()

    return ensure_template(server_url, f"hazards_{hashlib.md5(setup.encode()).hexdigest()}", build)


def _rehearsal(url: str, table: Table | None = None) -> Rehearsal:
    def run(revision: RevisionSql) -> None:
        assert table is not None
        run_online(table.history, url, revision)

    return Rehearsal(url, OWN_TABLES, frozenset(), run)


@pytest.mark.parametrize(("case", "major"), RUNS)
def test_revision_has_its_hazards_and_no_others(
    case: Case, major: int, benches: Benches, table: Table, request: pytest.FixtureRequest
) -> None:
    report = benches.rehearse(request.getfixturevalue(f"server{major}_url"), case)
    upgrade, downgrade = (effects.findings for _, effects in report.effects)
    accepted = table.revisions[_id(case)].revision.accepted
    faults = acceptance_faults(accepted, Directions(upgrade, downgrade))
    listing = "\n".join(
        f"{finding.code}: {finding.message}" for finding in (*upgrade, *faults, *downgrade)
    )
    assert _pairs(*upgrade, *faults) == set(case.expect), listing
    assert _pairs(*downgrade) == set(case.expect_downgrade), listing
    if case.locks is not None:
        tables = report.effects.upgrade.tables
        assert {table.table.label: table.lock for table in tables} == case.locks


TAKEN = {
    "column_of_a_key_dropped": ("uq_accounts_tenant_email",),
    "included_column_dropped": ("uq_accounts_tenant_email",),
    "column_of_a_predicate_dropped": ("uq_accounts_high_live",),
    "column_of_a_check_dropped": ("ck_accounts_range", "ix_accounts_low"),
    "referenced_column_dropped": ("orders.fk_orders_customer_id_customers", "pk_customers"),
    "drop_column": (),
}
"""By case, what a dropped column takes with it."""


@pytest.mark.parametrize("name", TAKEN)
def test_what_goes_with_a_column_is_named(name: str, benches: Benches, server18_url: str) -> None:
    case = next(case for case in CASES if case.name == name)
    findings = benches.rehearse(server18_url, case).effects.upgrade.findings
    dropped = next(finding for finding in findings if finding.code == "drops-column")
    assert dropped.taken == TAKEN[name]
    assert all(item in dropped.message for item in TAKEN[name])


def _pairs(*findings: Finding) -> set[tuple[str, str]]:
    return {(finding.code, finding.label) for finding in findings}


# --- the table itself ---------------------------------------------------------------------------


def _expected(case: Case) -> Findings:
    return frozenset(case.expect) | frozenset(case.expect_downgrade)


def test_names_of_cases_are_unique() -> None:
    assert len({case.name for case in CASES}) == len(CASES)


def test_only_codes_that_exist_are_expected() -> None:
    assert {code for case in CASES for code, _ in _expected(case)} <= set(HAZARDS)


@pytest.mark.parametrize("code", HAZARDS)
def test_each_hazard_has_a_case_that_carries_it(code: str) -> None:
    assert any(code == expected for case in CASES for expected, _ in _expected(case))


def test_each_hazard_has_cases_that_follow_its_recipe() -> None:
    assert list(RECIPES) == list(HAZARDS)
    assert all(RECIPES.values())


@pytest.mark.parametrize(
    ("code", "name"), [(code, name) for code, names in RECIPES.items() for name in names]
)
def test_step_of_a_recipe_has_nothing_that_is_not_accepted(code: str, name: str) -> None:
    case = next(case for case in CASES if case.name == name)
    direction = Direction.DOWNGRADE if code.startswith("downgrade-") else Direction.UPGRADE
    expected = case.expect if direction.is_upgrade else case.expect_downgrade
    for expected_code, relation in expected:
        schema, _, relation_name = relation.rpartition(".")
        finding = Finding(-1, expected_code, QualifiedName(schema, relation_name))
        assert finding.label == relation
        assert reason_for(case.accepted or {}, finding, direction, [finding])
        assert expected_code != code or "accept it" in HAZARDS[code].recipe
