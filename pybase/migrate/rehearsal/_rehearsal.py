"""Rehearse revisions on a scratch database, up and down, and say what they were seen to do.

Each is run for real; its downgrade is rolled back afterwards, or runs on a copy where it refuses
a transaction. What was seen becomes a `Report`, which says all that a reviewer is told.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import psycopg

from pybase.migrate import catalog
from pybase.migrate.catalog import Entity, file_changes, read_entities, render_schema
from pybase.migrate.database import _ledger as ledger
from pybase.migrate.rehearsal import _scratch as scratch
from pybase.migrate.rehearsal._baseline import Plain
from pybase.migrate.rehearsal._effects import Report, RevisionReport, Touch
from pybase.migrate.rehearsal._hazards import Finding
from pybase.migrate.rehearsal._observation import Observation, Run
from pybase.migrate.rehearsal._observer import Observer
from pybase.migrate.rehearsal._rules import Case, find_hazards, is_transaction_control
from pybase.migrate.rehearsal._samples import Samples
from pybase.migrate.revisions._render import RenderedRevision, Rendering, repeatable
from pybase.migrate.revisions._sandbox import TimeLimitError
from pybase.migrate.sql._lock_modes import ROW_EXCLUSIVE


class Rehearsal:
    """A scratch database on which revisions are rehearsed, each after its parents."""

    def __init__(
        self,
        url: str,
        version_table: str,
        small_tables: frozenset[str],
        run_online: Callable[[RenderedRevision], None],
        *,
        failed: Iterable[str] | None = None,
        plain: Plain | None = None,
    ) -> None:
        """Begin on the database at `url`, wherever in the history it stands.

        `run_online` brings it over a revision that has no SQL. `failed` are the revisions that did
        not lead on in the rehearsal that has left it; None where none has. `plain` knows the rows
        that the revisions make. Raises psycopg.Error.
        """
        self._url = url
        self._plain = plain
        self._ignored = (version_table, ledger.beside(version_table))
        self._small_tables = small_tables
        self._run_online = run_online
        self._failed = set(failed or ())
        self._emptied: set[int] = set()
        self._is_changed = True
        self._watcher: Observer
        self._samples: Samples
        self._objects: tuple[catalog.CatalogObject, ...]
        self._catalog: catalog.Snapshot
        self._open()
        if failed is None:
            self._fill()
        else:
            self._samples.keep(self._watcher.state)

    def close(self) -> None:
        """Let go of the database."""
        self._watcher.close()

    def schema(self) -> dict[str, str]:
        """Return the schema as it is now, as SQL by object."""
        return render_schema(self._read())

    def entities(self) -> tuple[Entity, ...]:
        """Return the tables as they are now, and how they refer to each other."""
        return read_entities(self._watcher.connection, ignore_tables=self._ignored)

    def rehearse(self, revision: RenderedRevision) -> RevisionReport:
        """Run one revision up and down, and leave the database as the upgrade does."""
        before = self._objects
        report = self._rehearsed(revision)
        return replace(report, schema=file_changes(before, self._objects))

    def _rehearsed(self, revision: RenderedRevision) -> RevisionReport:
        run = self._upgraded(revision)
        case = Case(run, revision.upgrade, run.start, small_tables=self._small_tables)
        if run.error is not None or revision.upgrade.error:
            report = self._led_over(revision, case)
        else:
            before = self._catalog
            if self._is_changed:
                self._look()
            trace = _trace(before, self._catalog)
            upgrade = self._report(case)
            report = RevisionReport(upgrade, self._downgraded(revision, case, before, trace))
            self._fill()
        if not report.leads_on or self._is_behind_failure(revision):
            self._failed.add(revision.script.revision)
            return replace(report, leads_on=False)
        return report

    def _is_behind_failure(self, revision: RenderedRevision) -> bool:
        return bool(self._failed & set(revision.script._normalized_down_revisions))

    def _upgraded(self, revision: RenderedRevision) -> Run:
        """Run the upgrade; where only sample rows were in its way, again without them."""
        rendering = scratch.runnable(revision.upgrade)
        if rendering.error:
            return Run(self._watcher.state, self._watcher.state, ())
        run = self._run(rendering, at_end=self._look_for_changes)
        if _is_about_rows(run.error):
            self._take_samples_away(revision)
            run = self._run(rendering, at_end=self._look_for_changes)
        self._is_changed = self._is_changed or not rendering.is_transactional
        return run

    def _look_for_changes(self) -> None:
        """Note whether there is anything that a snapshot would show: it takes its time."""
        self._is_changed = self._watcher.has_changed_catalog()

    def _downgraded(
        self, revision: RenderedRevision, upgrade: Case, before: catalog.Snapshot, changes: str
    ) -> Report:
        rendering = scratch.runnable(revision.downgrade)
        empty = Run(upgrade.run.end, upgrade.run.end, ())
        case = replace(upgrade, run=empty, rendering=revision.downgrade, upgrade=upgrade.run)
        if rendering.error or rendering.refusal:
            return replace(self._report(case), is_rehearsed=False)
        if any(map(is_transaction_control, upgrade.rendering.statements)):
            changes = ""  # nobody can tell what such a revision leaves
        if all(map(rendering.is_bookkeeping, rendering.blocks)):
            return self._report(replace(case, trace=changes))
        run, trace = self._way_back(revision, upgrade, rendering, before)
        return self._report(replace(case, run=run, trace=trace))

    def _way_back(
        self,
        revision: RenderedRevision,
        upgrade: Case,
        rendering: Rendering,
        before: catalog.Snapshot,
    ) -> tuple[Run, str]:
        """Run a downgrade and undo it; tells what it did not restore."""
        traces: list[str] = []

        def look() -> None:
            is_same = rendering.is_transactional and not self._watcher.has_changed_catalog()
            traces.append(_trace(before, self._catalog if is_same else self._snapshot()))

        def delete() -> None:
            self._samples.delete(self._watcher.state)

        keep = not rendering.is_transactional
        run = self._run(rendering, keep=keep, at_end=look)
        if keep:
            found = (*traces[:1], self._up_again(revision, upgrade, run))
            return run, ", ".join(filter(None, found))
        if _is_about_rows(run.error):
            run = self._run(rendering, keep=False, at_start=delete, at_end=look)
        return run, "".join(traces[:1])

    def _up_again(self, revision: RenderedRevision, upgrade: Case, run: Run) -> str:
        """Upgrade once more after a downgrade that could not be rolled back."""
        error: BaseException | None = run.error
        if error is None:
            rendering = scratch.runnable(revision.upgrade)
            run_it = scratch.execute_apart if upgrade.run.error else scratch.execute_whole
            error = run_it(self._watcher.connection, rendering)
        if error is not None and self._plain is not None:  # it stands anywhere, half undone
            self._watcher.close()
            self._plain.copy_after(revision, self._url)
            self._open()
        else:
            self._watcher.refresh()
            self._look()
        if run.error is not None or error is None or _is_about_rows(error):
            return ""
        return f"the upgrade fails after it: {_said(error)}"

    def _led_over(self, revision: RenderedRevision, case: Case) -> RevisionReport:
        """Go on after a revision that has no SQL, or failed."""
        before, refused = self._catalog, case.run.error
        is_behind = self._is_behind_failure(revision)
        error = self._lead_over(revision)
        is_moot = error is not None and is_behind and _is_about_what_is_missing(refused or error)
        unseen = replace(case, run=Run(case.known, case.known, ()))
        upgrade = replace(self._report(unseen if is_moot else case), is_rehearsed=False)
        if error is not None and refused is None and not is_moot:
            failure = Finding(-1, "rehearsal-failed", "", _said(error))
            upgrade = replace(upgrade, findings=(*upgrade.findings, failure))
        self._watcher.close()
        self._open()
        run = Run(case.known, self._watcher.state, case.run.observations)
        if error is None:
            downgrade = self._downgraded(
                revision, replace(case, run=run), before, _trace(before, self._catalog)
            )
        else:
            case = replace(unseen, rendering=revision.downgrade, upgrade=run)
            downgrade = replace(self._report(case), is_rehearsed=False)
        self._fill()
        return RevisionReport(upgrade, downgrade, leads_on=error is None)

    def _lead_over(self, revision: RenderedRevision) -> BaseException | None:
        """Bring the database over a revision in another way than its own; returns what failed."""
        error = self._tried(revision)
        if error is not None and revision.upgrade.error:  # it may have read a sample row
            self._take_samples_away(revision)
            error = self._tried(revision)
        if error is not None and revision.upgrade.error:
            scratch.keep_version(self._watcher.connection, revision.upgrade)
        return error

    def _tried(self, revision: RenderedRevision) -> BaseException | None:
        if not revision.upgrade.error:
            rendering = scratch.runnable(revision.upgrade)
            return scratch.execute_apart(self._watcher.connection, rendering)
        try:
            self._run_online(revision)
        except (Exception, SystemExit, TimeLimitError) as error:  # the others are rehearsed
            return getattr(error, "orig", None) or error
        return None

    def _report(self, case: Case) -> Report:
        touches = _touches(case)
        touched = {touch.relation for touch in touches if touch.is_changed or touch.is_scanned}
        return Report(
            touches,
            _losses(case.run),
            tuple(find_hazards(case)),
            tuple(sorted(touched & self._unfilled())),
            is_rehearsed=True,
        )

    def _open(self) -> None:
        self._watcher = Observer(self._url)
        watcher = self._watcher
        self._samples = Samples(watcher.connection, watcher.state, self._ignored)
        self._look()

    def _run(self, rendering: Rendering, **options: Any) -> Run:
        """Run and watch, and remember which tables may be empty now."""
        run = self._watcher.run(rendering, **options)
        for seen in run.observations:
            self._emptied |= {oid for oid, rows in seen.rows.items() if rows.deleted}
        return run

    def _look(self) -> None:
        """Read the catalog, to compare with it what comes next."""
        self._objects = self._read()
        self._catalog = catalog.snapshot_of(self._objects)

    def _snapshot(self) -> catalog.Snapshot:
        return catalog.snapshot_of(self._read())

    def _read(self) -> tuple[catalog.CatalogObject, ...]:
        connection = self._watcher.connection
        return catalog.read_objects(connection, self._ignored, keep_prepared=True)

    def _take_samples_away(self, revision: RenderedRevision) -> None:
        """Leave no rows but those that the revisions have made."""
        source = None if self._plain is None else self._plain.before(revision)
        self._samples.clear(self._watcher.state, source)
        self._watcher.refresh()

    def _fill(self) -> None:
        """Put sample rows into the tables that have none."""
        self._samples.fill(self._watcher.state, self._emptied)
        self._emptied.clear()

    def _unfilled(self) -> set[str]:
        relations = self._watcher.state.relations
        return {relations[oid].label for oid in self._samples.unfilled if oid in relations}


def _is_about_rows(error: BaseException | None) -> bool:
    """Whether something failed on the rows that it met, which are only ours."""
    return isinstance(error, psycopg.IntegrityError | psycopg.DataError)


def _is_about_what_is_missing(error: BaseException) -> bool:
    """Whether what an earlier, failed revision should have made may be what is missing."""
    state = getattr(error, "sqlstate", None) or ""
    return state != _SYNTAX_ERROR and state.startswith(("42", "3F"))


_SYNTAX_ERROR = "42601"


def _said(error: BaseException) -> str:
    if isinstance(error, psycopg.Error):
        return error.diag.message_primary or str(error)
    return f"{type(error).__name__}: {repeatable(str(error))}"


def _trace(before: catalog.Snapshot, after: catalog.Snapshot) -> str:
    """Say what differs, in one sentence; that a constraint is not validated is no difference."""
    changes = [
        change
        for change in catalog.difference(before, after)
        if (change.before or "").replace(" NOT VALID", "")
        != (change.after or "").replace(" NOT VALID", "")
    ]
    said = [
        f"{change.identity} "
        + ("is left" if change.before is None else "is gone" if change.after is None else "differs")
        for change in changes
        if not any(_holds(other.identity, change.identity) for other in changes)
    ]
    more = f" and {len(said) - 3} more" if len(said) > 3 else ""
    return ", ".join(said[:3]) + more


def _holds(outer: str, inner: str) -> bool:
    """Whether the second object goes with the first, as a column does with its table."""
    kind, _, name = outer.partition(" ")
    return kind in ("table", "schema", "type") and inner.partition(" ")[2].startswith(f"{name}.")


def _touches(case: Case) -> tuple[Touch, ...]:
    """Tell what was done to each known table, the strongest lock first."""
    found: dict[str, Touch] = {}
    for seen in case.observations:
        for oid, rank in seen.locks.items():
            if not case.is_known(oid) or not case.known.relations[oid].is_table:
                continue
            name = case.named(oid, seen)
            touch = _touch(seen, oid, name, rank)
            found[name] = _merged(found.get(name, touch), touch)
    worth = [each for each in found.values() if each.lock > ROW_EXCLUSIVE or each.is_changed]
    return tuple(sorted(worth, key=lambda each: (-each.lock, each.relation)))


def _touch(seen: Observation, oid: int, name: str, rank: int) -> Touch:
    writes = seen.gained.get(oid) == ROW_EXCLUSIVE or oid in seen.rows
    return Touch(name, rank, seen.is_rewritten(oid), seen.is_scanned(oid), writes)


def _merged(one: Touch, other: Touch) -> Touch:
    return Touch(
        one.relation,
        max(one.lock, other.lock),
        one.is_rewritten or other.is_rewritten,
        one.is_scanned or other.is_scanned,
        one.is_changed or other.is_changed,
    )


def _losses(run: Run) -> tuple[str, ...]:
    """Tables, and columns of tables that stay, which hold data before and are gone after."""
    lost = set()
    for oid, before in run.start.relations.items():
        after = run.end.relations.get(oid)
        if before.kind not in "rpf" or before.parent in run.start.relations:
            continue
        if after is None:
            lost.add(before.label)
        elif after is not before:
            lost |= {
                f"{before.label}.{column.name}"
                for number, column in before.columns.items()
                if not column.is_dropped
                and (number not in after.columns or after.columns[number].is_dropped)
            }
    return tuple(sorted(lost))
