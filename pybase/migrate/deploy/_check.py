"""Checks of a plan before its first statement runs on a real database.

Each check reads, and changes nothing. An error stops the run before any change; a warning does
not. All are reported at once; `--force NAME` leaves a check out.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from enum import Enum
from functools import cached_property
from typing import Any, TypeAlias

import psycopg
from msgspec import Struct

from pybase.core.errors import CheckFailedError, DatabaseError, PybaseError
from pybase.core.settings import EMBEDDED
from pybase.migrate.database import limits
from pybase.migrate.deploy._plan import Plan, Step
from pybase.migrate.record import TableEffect
from pybase.migrate.sql import QualifiedName

OLDEST, FULLY_FROM, TESTED_TO = 14, 16, 18
"""Major versions of PostgreSQL: the oldest that works, and those that our tests run on."""


class Severity(Enum):
    """Whether a result stops the run."""

    ERROR = "error"
    WARNING = "warning"


class CheckResult(Struct, frozen=True):
    """The result of a check: one sentence, and the one that gives advice."""

    check: str
    severity: Severity
    problem: str
    hint: str
    is_about_server: bool = False
    """Whether the server refuses, or would, rather than something of ours being wrong."""


class Checked(Struct, frozen=True, dict=True):
    """A plan, and the database that it is for, over a connection in autocommit."""

    connection: psycopg.Connection[Any]
    plan: Plan

    @cached_property
    def tables(self) -> dict[QualifiedName, TableEffect]:
        """What is touched, with the strongest lock."""
        effects: dict[QualifiedName, TableEffect] = {}
        for step in self.plan.steps:
            for effect in step.effects.tables:
                if effect.table not in effects or effect.rank > effects[effect.table].rank:
                    effects[effect.table] = effect
        return effects

    def row(self, query: str) -> tuple[Any, ...]:
        """Return the one row of a query."""
        row: tuple[Any, ...] | None = self.connection.execute(query.encode()).fetchone()
        assert row is not None
        return row


Check: TypeAlias = Callable[[Checked], Iterator[CheckResult]]


def run_checks(
    checked: Checked, checks: dict[str, Check], forced: Collection[str]
) -> list[CheckResult]:
    """Return the results of the checks that are not forced. Raises psycopg.Error."""
    with limits(checked.connection):
        return [
            result
            for name, check in checks.items()
            if name not in forced
            for result in check(checked)
        ]


def require_clear(results: Sequence[CheckResult], note: Callable[[str], None]) -> None:
    """Report the warnings, and raise one error with all errors.

    Raises DatabaseError where it is the server that refuses, else CheckFailedError.
    """
    for result in results:
        if result.severity is Severity.WARNING:
            note(f"warning: {result.problem} {result.hint}")
    errors = [result for result in results if result.severity is Severity.ERROR]
    if not errors:
        return
    kind: type[PybaseError] = CheckFailedError
    if all(result.is_about_server for result in errors):
        kind = DatabaseError
    names = " ".join(f"--force {name}" for name in dict.fromkeys(e.check for e in errors))
    raise kind(
        "Nothing was changed, because of this:\n"
        + "\n".join(f"  {e.check}: {e.problem}\n    hint: {e.hint}" for e in errors),
        f"Run the same command again after that, or leave the check out: {names}",
        code="checks-failed",
    )


def writable(checked: Checked) -> Iterator[CheckResult]:
    """Check that the server takes writes: a standby or a read-only role does not."""
    name = checked.plan.source.database.name
    is_standby, is_read_only = checked.row(
        "SELECT pg_is_in_recovery(), current_setting('default_transaction_read_only')::boolean",
    )
    if is_standby:
        yield CheckResult(
            "writable", Severity.ERROR, f"The server is a read-only standby ({name}).",
            "Point DATABASE_URL at the primary server.", True,
        )  # fmt: skip
    elif is_read_only:
        yield CheckResult(
            "writable", Severity.ERROR,
            f"default_transaction_read_only is on for this role or database ({name}).",
            "Connect with another role, or ALTER ROLE ... SET default_transaction_read_only = off.",
            True,
        )  # fmt: skip


def version(checked: Checked) -> Iterator[CheckResult]:
    """Check that the server's version is supported, and that the revisions were tried on it."""
    number = checked.connection.info.server_version
    yield from version_results(number)
    yield from not_rehearsed(number, checked.plan.steps)


def version_results(number: int) -> Iterator[CheckResult]:
    """Check a version by its number, as libpq reports it."""
    major = number // 10_000
    if major < OLDEST:
        yield CheckResult(
            "version", Severity.ERROR, f"The server is PostgreSQL {major}, which is too old.",
            f"Upgrade it to {FULLY_FROM} or later.", True,
        )  # fmt: skip
    elif not FULLY_FROM <= major <= TESTED_TO:
        yield CheckResult(
            "version", Severity.WARNING, f"The server is PostgreSQL {major}, which is not tested.",
            f"Versions {FULLY_FROM} to {TESTED_TO} are.",
        )  # fmt: skip


def not_rehearsed(number: int, steps: Sequence[Step]) -> Iterator[CheckResult]:
    """Check that the revisions of steps were rehearsed on a version, as libpq reports it."""
    major = number // 10_000
    known = {step.revision.id: step.record.report.versions for step in steps}
    missing = {id_: versions for id_, versions in known.items() if major not in versions}
    versions = sorted({version for versions in missing.values() for version in versions})
    if versions:  # none in a plan without records
        word = "revision" if len(missing) == 1 else "revisions"
        yield CheckResult(
            "version", Severity.WARNING,
            f"The server is PostgreSQL {major}, and {word} {some([*missing])} "
            f"{'was' if len(missing) == 1 else 'were'} rehearsed on "
            f"{' and '.join(map(str, versions))} only.",
            f"Add {major} to `postgres` in [tool.pybase], and run `nox -s sql`."
            if major in EMBEDDED else
            "Name a server of that version in PYBASE_REHEARSAL_URL, and run `nox -s sql`.",
        )  # fmt: skip


def transactions(checked: Checked) -> Iterator[CheckResult]:
    """Check that env.py does not ask for one transaction for several revisions."""
    env, count = checked.plan.source.env, len(checked.plan.steps)
    if env is not None and env.has_one_transaction and count > 1:
        yield CheckResult(
            "transactions", unless_embedded(checked),
            f"env.py sets transaction_per_migration = False, one transaction for all {count} "
            "revisions. Each has a transaction of its own here: a failure keeps those before it.",
            "Set it to True in env.py, or run one revision at a time.",
        )  # fmt: skip


def unless_embedded(checked: Checked) -> Severity:
    """Return an error, and a warning on the embedded server."""
    return Severity.WARNING if checked.plan.source.database.is_embedded else Severity.ERROR


def some(names: Sequence[str]) -> str:
    """Return the first names, and how many more there are."""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more
