"""Rehearse revisions on a scratch database, up and down, and say what they were seen to do.

Each is run for real; its downgrade is rolled back afterwards, or where it refuses a transaction,
followed by the upgrade again. What was seen becomes a `Report`, which says all that a reviewer is told.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import psycopg

from pybase.migrate import catalog, samples, scratch
from pybase.migrate.hazards import Finding
from pybase.migrate.render import Block, RenderedRevision, Rendering
from pybase.migrate.rules import Case, judge
from pybase.migrate.rules.case import is_rewritten, is_scanned
from pybase.migrate.rules.shape import is_transaction_control
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
    """Both directions of a revision."""

    upgrade: Report = field(default_factory=Report)
    downgrade: Report = field(default_factory=Report)


class Rehearsal:
    """A scratch database on which revisions are rehearsed, each after its parents."""

    def __init__(
        self,
        url: str,
        version_table: str,
        small_tables: frozenset[str],
        run_online: Callable[[RenderedRevision], None],
    ) -> None:
        """Begin on the database at `url`, wherever in the history it stands.

        `run_online` brings it over a revision that has no SQL. Raises psycopg.Error.
        """
        self._url = url
        self._ignored = (version_table,)
        self._small_tables = small_tables
        self._run_online = run_online
        self._failed: set[str] = set()
        self._open()
        self._fill()
        self._catalog = self._snapshot()

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
            return self._failure(revision, case)
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
        run = self._watcher.run(rendering)
        if _is_about_rows(run):
            self._empty()
            return self._watcher.run(rendering)
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
        run = self._watcher.run(
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

    def _failure(self, revision: RenderedRevision, case: Case) -> RevisionReport:
        """Go on after a revision that cannot be rendered, or failed; what hangs on it is moot."""
        script = revision.script
        is_moot = bool(self._failed & set(script._normalized_down_revisions))
        upgrade = Report() if is_moot else replace(self._report(case), is_rehearsed=False)
        if not self._brought_over(revision, case):
            self._failed.add(script.revision)
            for text in revision.upgrade.statements:
                if text in revision.upgrade.bookkeeping:
                    self._watcher.connection.execute(text.encode())
        self._watcher.close()
        self._open()
        self._catalog = self._snapshot()
        self._fill()
        return RevisionReport(upgrade, Report())

    def _brought_over(self, revision: RenderedRevision, case: Case) -> bool:
        """Whether the database could be led over the revision in another way than its own."""
        try:
            if revision.upgrade.error:
                self._run_online(revision)
                return True
            apart = tuple(Block((text,), False) for text in revision.upgrade.statements)
            return self._watcher.run(Rendering(apart)).error is None
        except Exception:  # whatever an unrenderable revision raises, the others are rehearsed
            return False

    def _report(self, case: Case) -> Report:
        touches = _touches(case)
        touched = {touch.relation for touch in touches if touch.is_changed or touch.is_scanned}
        return Report(
            touches,
            _losses(case.run),
            tuple(judge(case)),
            tuple(sorted(touched & self._unfilled)),
            is_rehearsed=True,
        )

    def _open(self) -> None:
        self._watcher = Watcher(self._url)

    def _snapshot(self) -> catalog.Snapshot:
        return catalog.snapshot(
            self._watcher.connection, ignore_tables=self._ignored, keep_prepared=True
        )

    def _empty(self) -> None:
        """Take the sample rows away, where they and nothing else stand in the way."""
        samples.clear(self._watcher.connection, self._watcher.state, self._ignored)
        self._watcher.look_again()

    def _fill(self) -> None:
        """Put sample rows into the tables that have none."""
        watcher = self._watcher
        self._unfilled = samples.fill(watcher.connection, watcher.state, self._ignored)


def _is_about_rows(run: Run) -> bool:
    """Whether a run failed on the rows that it met, which are only ours."""
    return isinstance(run.error, psycopg.IntegrityError | psycopg.DataError)


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
