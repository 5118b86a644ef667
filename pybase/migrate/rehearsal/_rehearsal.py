"""The rehearsal: revisions run on a scratch database, up and down, and observed.

The downgrade is rolled back afterwards, or runs on a copy where it refuses a transaction.
"""

from collections.abc import Callable, Iterable

from msgspec.structs import replace

from pybase.migrate import catalog
from pybase.migrate.catalog import Entity, State, file_changes, read_entities, render_schema
from pybase.migrate.record import Directions, Effects, Finding, RevisionReport, Script
from pybase.migrate.rehearsal._baseline import Baseline
from pybase.migrate.rehearsal._effects import table_effects
from pybase.migrate.rehearsal._execution import (
    execute_apart,
    execute_framed,
    is_about_rows,
    is_about_what_is_missing,
    keep_version,
    message,
    runnable,
)
from pybase.migrate.rehearsal._losses import cascade, created, find_losses, renames
from pybase.migrate.rehearsal._observation import Observation, Run
from pybase.migrate.rehearsal._rehearsed_database import RehearsedDatabase, describe_leftovers
from pybase.migrate.rehearsal._rules import Case, find_hazards, is_transaction_control
from pybase.migrate.revisions import RevisionSql, TimeLimitError


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
        self._database = RehearsedDatabase(url, ignored)
        self._baseline = baseline
        self._small_tables = small_tables
        self._run_online = run_online
        self._failed = set(failed or ())
        if failed is None:
            self._database.fill()
        else:
            self._database.keep_samples()

    def close(self) -> None:
        """Let go of the database."""
        self._database.close()

    def schema(self) -> dict[str, str]:
        """Return the schema as it is now, as SQL by object."""
        return render_schema(self._database.objects)

    def entities(self) -> tuple[Entity, ...]:
        """Return the tables as they are now, and how they refer to each other."""
        return read_entities(self._database.connection, ignore_tables=self._database.ignored)

    def rehearse(self, revision: RevisionSql) -> RevisionReport:
        """Run one revision up and down, and leave the database as the upgrade does."""
        before = self._database.objects
        report = self._rehearsed(revision)
        version = self._database.connection.info.server_version // 10_000
        schema = file_changes(before, self._database.objects)
        return replace(report, schema=schema, versions=(version,))

    def _rehearsed(self, revision: RevisionSql) -> RevisionReport:
        run = self._upgraded(revision)
        case = Case(run, revision.scripts.upgrade, run.start, small_tables=self._small_tables)
        if run.error is not None or not revision.scripts.upgrade.has_sql:
            report = self._led_over(revision, case)
        else:
            database = self._database
            before, access = database.schema, database.access
            if database.is_changed:
                database.look()
            snapshots = (before, database.schema) if database.is_changed else None
            case = replace(case, access=(access, database.access), snapshots=snapshots)
            leftovers = describe_leftovers(before, database.schema)
            is_moot = not leftovers and self._is_behind_failure(revision) and _has_skipped(run)
            upgrade = self._unseen(case) if is_moot else self._report(case)
            downgrade = self._downgraded(revision, case, before, leftovers)
            report = RevisionReport(Directions(upgrade, downgrade))
            database.fill()
        if not report.leads_on or self._is_behind_failure(revision):
            self._failed.add(revision.revision.id)
            return replace(report, leads_on=False)
        return report

    def _is_behind_failure(self, revision: RevisionSql) -> bool:
        return bool(self._failed & set(revision.revision.parents))

    def _upgraded(self, revision: RevisionSql) -> Run:
        """Run the upgrade; where only sample rows were in its way, again without them."""
        script = runnable(revision.scripts.upgrade)
        if not script.has_sql:
            return Run(self._database.state, self._database.state, ())
        run = self._database.run(script, at_end=self._look_for_changes)
        if is_about_rows(run.error):
            self._take_samples_away(revision)
            run = self._database.run(script, at_end=self._look_for_changes)
        if not script.is_transactional:
            self._database.is_changed = True
        return run

    def _look_for_changes(self) -> None:
        """Note whether there is anything that a snapshot would show: it takes its time."""
        self._database.is_changed = self._database.has_changed_catalog()

    def _take_samples_away(self, revision: RevisionSql) -> None:
        """Leave no rows but those that the revisions have inserted."""
        self._database.replace_rows(self._baseline.before(revision) if self._baseline else None)

    def _downgraded(
        self, revision: RevisionSql, upgrade: Case, before: catalog.Snapshot, changes: str
    ) -> Effects:
        script = runnable(revision.scripts.downgrade)
        empty = Run(upgrade.run.end, upgrade.run.end, ())
        case = replace(upgrade, run=empty, script=revision.scripts.downgrade, upgrade=upgrade.run)
        if not script.has_sql:
            return replace(self._report(case), is_rehearsed=False)
        if any(map(is_transaction_control, upgrade.script.texts)):
            changes = ""  # what such a revision leaves is unknown
        if not script.own_blocks:
            return self._report(replace(case, leftovers=changes))
        run, leftovers = self._run_downgrade(revision, upgrade, script, before)
        if self._is_behind_failure(revision) and is_about_what_is_missing(run.error):
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
        database, described = self._database, list[str]()

        def look() -> None:
            is_same = script.is_transactional and not database.has_changed_catalog()
            after = database.schema if is_same else database.snapshot()
            described.append(describe_leftovers(before, after))

        keep = not script.is_transactional
        run = database.run(script, keep=keep, at_end=look)
        if keep:
            leftovers = (*described[:1], self._up_again(revision, upgrade, run))
            return run, ", ".join(filter(None, leftovers))
        if is_about_rows(run.error):
            run = database.run(script, keep=False, at_start=database.delete_rows, at_end=look)
        return run, "".join(described[:1])

    def _up_again(self, revision: RevisionSql, upgrade: Case, run: Run) -> str:
        """Upgrade once more after a downgrade that could not be rolled back."""
        error: BaseException | None = run.error
        if error is None:
            script = runnable(revision.scripts.upgrade)
            run_it = execute_apart if upgrade.run.error else execute_framed
            error = run_it(self._database.connection, script)
        if error is not None and self._baseline is not None:  # its state is unknown, half undone
            self._database.close()
            self._baseline.copy_after(revision, self._database.url)
            self._database.open()
        else:
            self._database.refresh()
            self._database.look()
        if run.error is not None or error is None or is_about_rows(error):
            return ""
        return f"the upgrade fails after it: {message(error)}"

    def _led_over(self, revision: RevisionSql, case: Case) -> RevisionReport:
        """Go on after a revision that has no SQL, or failed."""
        before, refused = self._database.schema, case.run.error
        is_behind = self._is_behind_failure(revision)
        error = self._lead_over(revision)
        is_moot = error is not None and is_behind and is_about_what_is_missing(refused or error)
        self._database.close()
        self._database.open()
        end = self._database.state
        if refused is None and error is None:
            case = replace(case, run=Run(case.known, end, (_by_python(case.known, end),)))
        upgrade = self._unseen(case) if is_moot else self._report(case)
        upgrade = replace(upgrade, is_rehearsed=False)
        if error is not None and refused is None and not is_moot:
            failure = Finding(-1, "rehearsal-failed", detail=message(error))
            upgrade = replace(upgrade, findings=(*upgrade.findings, failure))
        run = Run(case.known, end, case.run.observations)
        if error is None:
            leftovers = describe_leftovers(before, self._database.schema)
            downgrade = self._downgraded(revision, replace(case, run=run), before, leftovers)
        else:
            case = replace(case, script=revision.scripts.downgrade, upgrade=run)
            downgrade = self._unseen(case)
        self._database.fill()
        return RevisionReport(Directions(upgrade, downgrade), leads_on=error is None)

    def _lead_over(self, revision: RevisionSql) -> BaseException | None:
        """Bring the database over a revision in another way than its own; returns what failed."""
        error = self._tried(revision)
        if error is not None and not revision.scripts.upgrade.has_sql:  # sample rows?
            self._take_samples_away(revision)
            error = self._tried(revision)
        if error is not None and not revision.scripts.upgrade.has_sql:
            keep_version(self._database.connection, revision.scripts.upgrade)
        return error

    def _tried(self, revision: RevisionSql) -> BaseException | None:
        if revision.scripts.upgrade.has_sql:
            script = runnable(revision.scripts.upgrade)
            return execute_apart(self._database.connection, script)
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
            unfilled=tuple(sorted(used & self._database.unfilled())),
            is_rehearsed=True,
        )


def _by_python(before: State, after: State) -> Observation:
    """Return what Python has done, as of one SELECT, which may call anything.

    A table with a new file may have lost its rows.
    """
    done = Observation(-1, "SELECT", True, before, after, is_of_python=True)
    return replace(done, emptied=frozenset(filter(done.is_rewritten, before.relations)))


def _has_skipped(run: Run) -> bool:
    """Whether IF EXISTS did not find what it names."""
    return any(
        notice.endswith(" does not exist, skipping")
        for observation in run.observations
        for notice in observation.notices
    )
