"""Rehearse revisions on a scratch database, up and down, and say what they were seen to do.

Each is run for real; its downgrade is rolled back afterwards, or where it refuses a transaction,
followed by the upgrade again. What was seen becomes a `Report`, which says all that a reviewer is told.
"""

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import psycopg

from pybase.migrate import catalog, scratch
from pybase.migrate.hazards import Finding
from pybase.migrate.leash import TimeLimitError
from pybase.migrate.render import RenderedRevision, Rendering, repeatable
from pybase.migrate.rules import Case, judge
from pybase.migrate.rules.case import is_rewritten, is_scanned
from pybase.migrate.rules.shape import is_transaction_control
from pybase.migrate.samples import Samples
from pybase.migrate.schema import render_schema
from pybase.migrate.watch import ROW_EXCLUSIVE, Observation, Run, Watcher


@dataclass(frozen=True)
class Touch:
    """What one direction did to one table that was there before the revision.

    `lock` is a rank in `watch.MODES`, the strongest that was held.
    """

    relation: str
    lock: int
    is_rewritten: bool = False
    is_scanned: bool = False
    is_changed: bool = False


@dataclass(frozen=True)
class Report:
    """What one direction of one revision was seen to do.

    `losses` are the tables and columns that go, `unfilled` the tables that it touched without a
    sample row in them. A report that is not `is_rehearsed` has findings at most.
    """

    touches: tuple[Touch, ...] = ()
    losses: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    unfilled: tuple[str, ...] = ()
    is_rehearsed: bool = False


@dataclass(frozen=True)
class RevisionReport:
    """Both directions of a revision; one that does not lead on left the database behind it."""

    upgrade: Report = field(default_factory=Report)
    downgrade: Report = field(default_factory=Report)
    leads_on: bool = True


class Rehearsal:
    """A scratch database on which revisions are rehearsed, each after its parents."""

    def __init__(
        self,
        url: str,
        version_table: str,
        small_tables: frozenset[str],
        run_online: Callable[[RenderedRevision], None],
        failed: Iterable[str] = (),
    ) -> None:
        """Begin on the database at `url`: an empty one, or one that another rehearsal has left.

        `run_online` brings it over a revision that has no SQL; `failed` are the revisions before
        that did not lead on. Raises psycopg.Error.
        """
        self._url = url
        self._ignored = (version_table,)
        self._small_tables = small_tables
        self._run_online = run_online
        self._failed = set(failed)
        self._emptied: set[int] = set()
        self._is_about_rows = False
        self._open()

    def close(self) -> None:
        """Let go of the database."""
        self._watcher.close()

    def schema(self) -> dict[str, str]:
        """Return the schema as it is now, as SQL by object."""
        return render_schema(self._watcher.connection, ignore_tables=self._ignored)

    def rehearse(self, revision: RenderedRevision) -> RevisionReport:
        """Run one revision up and down, and leave the database as the upgrade does."""
        known, before = self._watcher.state, self._catalog
        run = self._upgraded(revision)
        case = Case(run, revision.upgrade, known, small_tables=self._small_tables)
        if run.error is not None or revision.upgrade.error:
            return self._led_over(revision, case, before)
        self._catalog = self._snapshot()
        trace = _trace(before, self._catalog)
        upgrade = self._report(case)
        downgrade = self._downgraded(revision, case, before, trace)
        self._fill()
        return RevisionReport(upgrade, downgrade)

    def _upgraded(self, revision: RenderedRevision) -> Run:
        """Run the upgrade; where only sample rows were in its way, again without them."""
        rendering = _runnable(revision.upgrade)
        if rendering.error:
            return Run(self._watcher.state, self._watcher.state, ())
        run = self._run(rendering)
        if _is_about_rows(run):
            self._empty()
            return self._run(rendering)
        return run

    def _downgraded(
        self, revision: RenderedRevision, upgrade: Case, before: catalog.Snapshot, changes: str
    ) -> Report:
        rendering = _runnable(revision.downgrade)
        empty = Run(upgrade.run.end, upgrade.run.end, ())
        case = replace(upgrade, run=empty, rendering=revision.downgrade, upgrade=upgrade.run)
        if rendering.error or rendering.refusal:
            return replace(self._report(case), is_rehearsed=False)
        if any(map(is_transaction_control, upgrade.rendering.statements)):
            changes = ""  # nobody can tell what such a revision leaves
        if all(map(rendering.is_bookkeeping, rendering.blocks)):
            return self._report(replace(case, trace=changes))
        run, trace = self._way_back(revision, rendering, before)
        if _is_about_rows(run):
            self._empty()
            run, trace = self._way_back(revision, rendering, before)
        return self._report(replace(case, run=run, trace=trace))

    def _way_back(
        self, revision: RenderedRevision, rendering: Rendering, before: catalog.Snapshot
    ) -> tuple[Run, str]:
        """Run a downgrade and undo it; tells what it did not restore."""
        traces: list[str] = []
        keep = not rendering.is_transactional
        run = self._run(
            rendering, keep=keep, at_end=lambda: traces.append(_trace(before, self._snapshot()))
        )
        if keep:
            traces += self._up_again(revision)
        return run, "".join(traces[:1])

    def _up_again(self, revision: RenderedRevision) -> list[str]:
        """Upgrade once more after a downgrade that could not be rolled back."""
        found = []
        try:
            scratch.execute(self._watcher.connection, _runnable(revision.upgrade))
        except psycopg.Error as error:
            found.append(f"the upgrade fails after it: {error.diag.message_primary}")
        self._watcher.look_again()
        self._catalog = self._snapshot()
        return found

    def _led_over(
        self, revision: RenderedRevision, case: Case, before: catalog.Snapshot
    ) -> RevisionReport:
        """Go on after a revision that has no SQL, or failed; what fails after that is moot."""
        script = revision.script
        said = self._online(revision) if revision.upgrade.error else self._apart(revision)
        is_moot = bool(said and self._failed & set(script._normalized_down_revisions))
        unseen = replace(case, run=Run(case.known, case.known, ()))
        upgrade = replace(self._report(unseen if is_moot else case), is_rehearsed=False)
        if said:
            self._failed.add(script.revision)
            if revision.upgrade.error and not is_moot:
                failure = Finding(-1, "rehearsal-failed", "", said)
                upgrade = replace(upgrade, findings=(*upgrade.findings, failure))
        self._watcher.close()
        self._open()
        case = replace(case, run=Run(case.known, self._watcher.state, case.run.observations))
        if said:
            unseen = replace(unseen, rendering=revision.downgrade, upgrade=case.run)
            downgrade = replace(self._report(unseen), is_rehearsed=False)
        else:
            trace = _trace(before, self._catalog)
            downgrade = self._downgraded(revision, case, before, trace)
        self._fill()
        return RevisionReport(upgrade, downgrade, leads_on=not said)

    def _online(self, revision: RenderedRevision) -> str:
        """Let Alembic run a revision that has no SQL; returns what stopped it."""
        said = self._tried_online(revision)
        if said and self._is_about_rows:
            self._empty()
            said = self._tried_online(revision)
        if said:
            self._keep_version(revision)
        return said

    def _tried_online(self, revision: RenderedRevision) -> str:
        try:
            self._run_online(revision)
        except (Exception, SystemExit, TimeLimitError) as error:  # the others are rehearsed
            cause = getattr(error, "orig", error)
            self._is_about_rows = isinstance(cause, _ABOUT_ROWS)
            return f"{type(cause).__name__}: {repeatable(str(cause))}"
        return ""

    def _apart(self, revision: RenderedRevision) -> str:
        """Run each statement by itself, so that as much is there as can be; returns an error."""
        said = ""
        for text in _runnable(revision.upgrade).statements:
            try:
                self._watcher.connection.execute(text.encode())
            except psycopg.Error as error:
                said = said or str(error)
        return said

    def _keep_version(self, revision: RenderedRevision) -> None:
        for text in revision.upgrade.statements:
            if text in revision.upgrade.bookkeeping:
                with suppress(psycopg.Error):
                    self._watcher.connection.execute(text.encode())

    def _report(self, case: Case) -> Report:
        touches = _touches(case)
        touched = {touch.relation for touch in touches if touch.is_changed or touch.is_scanned}
        return Report(
            touches,
            _losses(case.run),
            tuple(judge(case)),
            tuple(sorted(touched & self._unfilled())),
            is_rehearsed=True,
        )

    def _open(self) -> None:
        self._watcher = Watcher(self._url)
        watcher = self._watcher
        self._samples = Samples(watcher.connection, watcher.state, self._ignored)
        self._catalog = self._snapshot()

    def _run(self, rendering: Rendering, **options: Any) -> Run:
        """Run and watch, and remember which tables may be empty now."""
        run = self._watcher.run(rendering, **options)
        for seen in run.observations:
            self._emptied |= {oid for oid, rows in seen.rows.items() if rows.deleted}
        return run

    def _snapshot(self) -> catalog.Snapshot:
        return catalog.snapshot(
            self._watcher.connection, ignore_tables=self._ignored, keep_prepared=True
        )

    def _empty(self) -> None:
        """Take the sample rows away, where they and nothing else stand in the way."""
        self._samples.clear(self._watcher.state)
        self._watcher.look_again()

    def _fill(self) -> None:
        """Put sample rows into the tables that have none."""
        self._samples.fill(self._watcher.state, self._emptied)
        self._emptied.clear()

    def _unfilled(self) -> set[str]:
        relations = self._watcher.state.relations
        return {relations[oid].label for oid in self._samples.unfilled if oid in relations}


def _is_about_rows(run: Run) -> bool:
    """Whether a run failed on the rows that it met, which are only ours."""
    return isinstance(run.error, _ABOUT_ROWS)


_ABOUT_ROWS = (psycopg.IntegrityError, psycopg.DataError)


def _runnable(rendering: Rendering) -> Rendering:
    """The rendering without BEGIN and COMMIT by hand, which would end what is watched."""
    blocks = tuple(
        replace(block, statements=kept)
        for block in rendering.blocks
        if (kept := tuple(s for s in block.statements if not is_transaction_control(s)))
    )
    return replace(rendering, blocks=blocks)


def _trace(before: catalog.Snapshot, after: catalog.Snapshot) -> str:
    """What differs, as one sentence; that a constraint is not validated is no difference."""
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
    """What was done to each known table, the strongest lock first."""
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
    return Touch(name, rank, is_rewritten(seen, oid), is_scanned(seen, oid), writes)


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
