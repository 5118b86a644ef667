"""The rehearsal: revisions run on a scratch database, up and down, and observed.

The downgrade is rolled back afterwards, or runs on a copy where it refuses a transaction.
"""

from collections.abc import Callable, Iterable
from typing import Any

import psycopg
from msgspec.structs import replace

from pybase.core.errors import PybaseError
from pybase.migrate import catalog
from pybase.migrate.catalog import Entity, State, file_changes, read_entities, render_schema
from pybase.migrate.record import (
    Directions,
    Effects,
    Finding,
    RevisionReport,
    Script,
)
from pybase.migrate.rehearsal import scratch
from pybase.migrate.rehearsal._baseline import Baseline
from pybase.migrate.rehearsal._effects import table_effects
from pybase.migrate.rehearsal._leftovers import describe_leftovers
from pybase.migrate.rehearsal._losses import (
    cascade,
    created,
    find_losses,
    renames,
)
from pybase.migrate.rehearsal._observation import Observation, Run
from pybase.migrate.rehearsal._observer import Observer
from pybase.migrate.rehearsal._rules import Case, find_hazards, is_transaction_control
from pybase.migrate.rehearsal._samples import Samples
from pybase.migrate.revisions import RevisionSql, TimeLimitError, repeatable
from pybase.migrate.sql import QualifiedName


class Rehearsal:
    """A scratch database on which revisions are rehearsed, each after its parents."""

    def __init__(
        self,
        url: str,
        ignored: tuple[str, ...],
        small_tables: frozenset[str],
        run_online: Callable[[RevisionSql], None],
        *,
        failed: Iterable[str] | None = None,
        baseline: Baseline | None = None,
    ) -> None:
        """Begin on the database at `url`, at any revision.

        `ignored` are the workflow's own tables, `run_online` applies a revision that has no SQL.
        `failed` are the revisions that did not lead on in the rehearsal that left the database;
        None for a new one. `baseline` has the rows that the revisions insert. Raises psycopg.Error.
        """
        self._url = url
        self._baseline = baseline
        self._ignored = ignored
        self._small_tables = small_tables
        self._run_online = run_online
        self._failed = set(failed or ())
        self._emptied: set[int] = set()
        self._is_changed = True
        self._observer: Observer
        self._samples: Samples
        self._objects: tuple[catalog.CatalogObject, ...]
        self._catalog: catalog.Snapshot
        self._access: catalog.Access
        self._open()
        if failed is None:
            self._fill()
        else:
            self._samples.keep(self._observer.state)

    def close(self) -> None:
        """Let go of the database."""
        self._observer.close()

    def schema(self) -> dict[str, str]:
        """Return the schema as it is now, as SQL by object."""
        return render_schema(self._objects)

    def entities(self) -> tuple[Entity, ...]:
        """Return the tables as they are now, and how they refer to each other."""
        return read_entities(self._observer.connection, ignore_tables=self._ignored)

    def rehearse(self, revision: RevisionSql) -> RevisionReport:
        """Run one revision up and down, and leave the database as the upgrade does."""
        before = self._objects
        report = self._rehearsed(revision)
        version = self._observer.connection.info.server_version // 10_000
        schema = file_changes(before, self._objects)
        return replace(report, schema=schema, versions=(version,))

    def _rehearsed(self, revision: RevisionSql) -> RevisionReport:
        run = self._upgraded(revision)
        case = Case(run, revision.scripts.upgrade, run.start, small_tables=self._small_tables)
        if run.error is not None or not revision.scripts.upgrade.has_sql:
            report = self._led_over(revision, case)
        else:
            before, access = self._catalog, self._access
            if self._is_changed:
                self._look()
            snapshots = (before, self._catalog) if self._is_changed else None
            case = replace(case, access=(access, self._access), snapshots=snapshots)
            leftovers = describe_leftovers(before, self._catalog)
            is_moot = not leftovers and self._is_behind_failure(revision) and _has_skipped(run)
            upgrade = self._unseen(case) if is_moot else self._report(case)
            downgrade = self._downgraded(revision, case, before, leftovers)
            report = RevisionReport(Directions(upgrade, downgrade))
            self._fill()
        if not report.leads_on or self._is_behind_failure(revision):
            self._failed.add(revision.revision.id)
            return replace(report, leads_on=False)
        return report

    def _is_behind_failure(self, revision: RevisionSql) -> bool:
        return bool(self._failed & set(revision.revision.parents))

    def _upgraded(self, revision: RevisionSql) -> Run:
        """Run the upgrade; where only sample rows were in its way, again without them."""
        script = scratch.runnable(revision.scripts.upgrade)
        if not script.has_sql:
            return Run(self._observer.state, self._observer.state, ())
        run = self._run(script, at_end=self._look_for_changes)
        if _is_about_rows(run.error):
            self._take_samples_away(revision)
            run = self._run(script, at_end=self._look_for_changes)
        self._is_changed = self._is_changed or not script.is_transactional
        return run

    def _look_for_changes(self) -> None:
        """Note whether there is anything that a snapshot would show: it takes its time."""
        self._is_changed = self._observer.has_changed_catalog()

    def _downgraded(
        self, revision: RevisionSql, upgrade: Case, before: catalog.Snapshot, changes: str
    ) -> Effects:
        script = scratch.runnable(revision.scripts.downgrade)
        empty = Run(upgrade.run.end, upgrade.run.end, ())
        case = replace(upgrade, run=empty, script=revision.scripts.downgrade, upgrade=upgrade.run)
        if not script.has_sql:
            return replace(self._report(case), is_rehearsed=False)
        if any(map(is_transaction_control, upgrade.script.texts)):
            changes = ""  # what such a revision leaves is unknown
        if not script.own_blocks:
            return self._report(replace(case, leftovers=changes))
        run, leftovers = self._run_downgrade(revision, upgrade, script, before)
        if self._is_behind_failure(revision) and _is_about_what_is_missing(run.error):
            return self._unseen(case)
        return self._report(replace(case, run=run, leftovers=leftovers))

    def _run_downgrade(
        self,
        revision: RevisionSql,
        upgrade: Case,
        script: Script,
        before: catalog.Snapshot,
    ) -> tuple[Run, str]:
        """Run a downgrade and undo it; returns what it did not restore."""
        described: list[str] = []

        def look() -> None:
            is_same = script.is_transactional and not self._observer.has_changed_catalog()
            described.append(
                describe_leftovers(before, self._catalog if is_same else self._snapshot())
            )

        def delete() -> None:
            self._samples.delete(self._observer.state)

        keep = not script.is_transactional
        run = self._run(script, keep=keep, at_end=look)
        if keep:
            leftovers = (*described[:1], self._up_again(revision, upgrade, run))
            return run, ", ".join(filter(None, leftovers))
        if _is_about_rows(run.error):
            run = self._run(script, keep=False, at_start=delete, at_end=look)
        return run, "".join(described[:1])

    def _up_again(self, revision: RevisionSql, upgrade: Case, run: Run) -> str:
        """Upgrade once more after a downgrade that could not be rolled back."""
        error: BaseException | None = run.error
        if error is None:
            script = scratch.runnable(revision.scripts.upgrade)
            run_it = scratch.execute_apart if upgrade.run.error else scratch.execute_framed
            error = run_it(self._observer.connection, script)
        if error is not None and self._baseline is not None:  # its state is unknown, half undone
            self._observer.close()
            self._baseline.copy_after(revision, self._url)
            self._open()
        else:
            self._observer.refresh()
            self._look()
        if run.error is not None or error is None or _is_about_rows(error):
            return ""
        return f"the upgrade fails after it: {_message(error)}"

    def _led_over(self, revision: RevisionSql, case: Case) -> RevisionReport:
        """Go on after a revision that has no SQL, or failed."""
        before, refused = self._catalog, case.run.error
        is_behind = self._is_behind_failure(revision)
        error = self._lead_over(revision)
        is_moot = error is not None and is_behind and _is_about_what_is_missing(refused or error)
        self._observer.close()
        self._open()
        end = self._observer.state
        if refused is None and error is None:
            case = replace(case, run=Run(case.known, end, (_by_python(case.known, end),)))
        upgrade = self._unseen(case) if is_moot else self._report(case)
        upgrade = replace(upgrade, is_rehearsed=False)
        if error is not None and refused is None and not is_moot:
            failure = Finding(-1, "rehearsal-failed", detail=_message(error))
            upgrade = replace(upgrade, findings=(*upgrade.findings, failure))
        run = Run(case.known, end, case.run.observations)
        if error is None:
            downgrade = self._downgraded(
                revision, replace(case, run=run), before, describe_leftovers(before, self._catalog)
            )
        else:
            case = replace(case, script=revision.scripts.downgrade, upgrade=run)
            downgrade = self._unseen(case)
        self._fill()
        return RevisionReport(Directions(upgrade, downgrade), leads_on=error is None)

    def _lead_over(self, revision: RevisionSql) -> BaseException | None:
        """Bring the database over a revision in another way than its own; returns what failed."""
        error = self._tried(revision)
        if error is not None and not revision.scripts.upgrade.has_sql:  # sample rows?
            self._take_samples_away(revision)
            error = self._tried(revision)
        if error is not None and not revision.scripts.upgrade.has_sql:
            scratch.keep_version(self._observer.connection, revision.scripts.upgrade)
        return error

    def _tried(self, revision: RevisionSql) -> BaseException | None:
        if revision.scripts.upgrade.has_sql:
            script = scratch.runnable(revision.scripts.upgrade)
            return scratch.execute_apart(self._observer.connection, script)
        try:
            self._run_online(revision)
        except (Exception, SystemExit, TimeLimitError) as error:  # the others are rehearsed
            return getattr(error, "orig", None) or error
        return None

    def _unseen(self, case: Case) -> Effects:
        """Return what is known of a direction that met no database at its parent."""
        unseen = self._report(replace(case, run=Run(case.known, case.known, ())))
        return replace(unseen, is_rehearsed=False)

    def _report(self, case: Case) -> Effects:
        findings = find_hazards(case)
        tables = table_effects(case, findings)
        used = {effect.table for effect in tables if effect.is_changed or effect.is_scanned}
        return Effects(
            tables,
            losses=find_losses(case),
            created=created(case),
            renamed=renames(case),
            cascade=cascade(case),
            findings=tuple(findings),
            unfilled=tuple(sorted(used & self._unfilled())),
            is_rehearsed=True,
        )

    def _open(self) -> None:
        self._observer = Observer(self._url)
        observer = self._observer
        self._samples = Samples(observer.connection, observer.state, self._ignored)
        self._look()

    def _run(self, script: Script, **options: Any) -> Run:
        """Run and watch, and remember which tables may be empty now."""
        run = self._observer.run(script, **options)
        for observation in run.observations:
            self._emptied |= {oid for oid, rows in observation.rows.items() if rows.deleted}
        return run

    def _look(self) -> None:
        """Read the catalog, to compare what follows with it."""
        self._objects = self._read()
        self._catalog = catalog.snapshot_of(self._objects)
        self._access = catalog.read_access(self._observer.connection)

    def _snapshot(self) -> catalog.Snapshot:
        return catalog.snapshot_of(self._read())

    def _read(self) -> tuple[catalog.CatalogObject, ...]:
        connection = self._observer.connection
        return catalog.read_objects(connection, self._ignored, keep_prepared=True)

    def _take_samples_away(self, revision: RevisionSql) -> None:
        """Leave no rows but those that the revisions have inserted."""
        source = None if self._baseline is None else self._baseline.before(revision)
        self._samples.clear(self._observer.state, source)
        self._observer.refresh()

    def _fill(self) -> None:
        """Put sample rows into the tables that have none."""
        self._samples.fill(self._observer.state, self._emptied)
        self._emptied.clear()

    def _unfilled(self) -> set[QualifiedName]:
        relations = self._observer.state.relations
        return {relations[oid].qualified_name for oid in self._samples.unfilled if oid in relations}


def _by_python(before: State, after: State) -> Observation:
    """Return what Python has done, as of one statement whose text does not show it.

    A SELECT may call anything, so rules look for words in it: for these, which Python may have run.
    """
    return Observation(-1, "SELECT 'TRUNCATE CASCADE'", True, before, after)


def _is_about_rows(error: BaseException | None) -> bool:
    """Whether something failed on the rows that it met, which are only ours."""
    return isinstance(error, psycopg.IntegrityError | psycopg.DataError)


def _has_skipped(run: Run) -> bool:
    """Whether IF EXISTS did not find what it names."""
    return any(
        notice.endswith(" does not exist, skipping")
        for observation in run.observations
        for notice in observation.notices
    )


def _is_about_what_is_missing(error: BaseException | None) -> bool:
    """Whether what is missing may be what an earlier, failed revision should have created."""
    return isinstance(error, _MISSING)


_MISSING = (
    psycopg.errors.UndefinedTable,
    psycopg.errors.UndefinedColumn,
    psycopg.errors.UndefinedObject,
    psycopg.errors.UndefinedFunction,
    psycopg.errors.InvalidSchemaName,
)


def _message(error: BaseException) -> str:
    if isinstance(error, psycopg.Error):
        return error.diag.message_primary or str(error)
    if isinstance(error, PybaseError):
        return error.problem.rstrip(".")
    return f"{type(error).__name__}: {repeatable(str(error))}"
