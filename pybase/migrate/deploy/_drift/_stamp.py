"""Stamp: the version table set to a revision, of which nothing is run.

For a database that has the schema already, by hand or by another tool. Its catalog is compared with
that of the revision first: a version that is not true leads the next migration astray.
"""

from collections.abc import Iterable
from typing import Any

import psycopg
import sqlalchemy as sa
from alembic.runtime.migration import MigrationContext

from pybase.core.errors import CheckFailedError
from pybase.core.reporter import Reporter
from pybase.core.settings import Settings
from pybase.migrate.database import (
    Database,
    MigrationLock,
    connect,
    engine,
    lock_lost,
    migration_lock,
    require_known,
    server_error,
)
from pybase.migrate.deploy._drift._drift import differences_from
from pybase.migrate.deploy._losses import Confirmation, require_name
from pybase.migrate.revisions import History, read_online, record_in, run_env
from pybase.migrate.sqlfiles import read_history


def stamp(
    settings: Settings,
    database: Database,
    target: str,
    reporter: Reporter,
    confirmation: Confirmation,
    *,
    is_checked: bool = True,
) -> tuple[str, ...] | None:
    """Set the revision of a database, with a line in the ledger; return its heads.

    Returns None where it is at `target` already. Raises CheckFailedError for a database that
    differs from that revision, unless `is_checked` is false; UsageError for an unknown revision,
    and without a confirmation of what is not checked on a real server.
    """
    history = read_history(settings)
    try:
        with migration_lock(database, reporter.note, settings.options.migrate) as lock:
            with connect(database, autocommit=True) as connection:
                online = read_online(history, database)
                before = _known_heads(history, online.heads, is_checked=is_checked)
                after = history.stamped_heads(before or (), target)
                if before is not None and set(after) == set(before):
                    return None
                if not after or not is_checked:
                    require_name(
                        database,
                        connection.info.dbname,
                        confirmation,
                        f"sets the revision to {', '.join(after) or 'base'}",
                    )
                if is_checked:
                    for statement in online.session:
                        connection.execute(statement.encode())
                    differences = differences_from(history, after, connection, online.version_table)
                    _require_none(differences, after, target)
            _write(history, database, target, lock, replaces_all=before is None)
    except psycopg.Error as error:
        raise server_error(database, error) from None
    except sa.exc.DBAPIError as error:
        raise server_error(database, error.orig) from None
    return after


def _known_heads(
    history: History, heads: tuple[str, ...], *, is_checked: bool
) -> tuple[str, ...] | None:
    """Return the revisions that a database is at; None for ones that this checkout has not.

    What the comparison proves may replace those, as after a history was squashed.
    """
    known = {script.revision for script in history.revisions}
    if is_checked and not known.issuperset(heads):
        return None
    require_known(heads, known)
    return heads


def _require_none(differences: str, heads: tuple[str, ...], target: str) -> None:
    if differences:
        name = ", ".join(heads) or "base"
        raise CheckFailedError(
            f"The database is not what revision {name} makes, so it was not stamped:\n"
            f"{differences}",
            "Name the revision that it is at (nox -s history), or change the database; or stamp "
            f"it all the same: nox -s stamp -- {target} --without-check",
            code="stamp-differs",
        )


def _write(
    history: History, database: Database, target: str, lock: MigrationLock, *, replaces_all: bool
) -> None:
    def work(heads: Any, configured: MigrationContext) -> Iterable[Any]:
        record_in(configured, lambda *_: None)
        return history.stamp_steps(tuple(heads), target)

    # one transaction, where env.py uses the connection that it is given
    with engine(database).connect() as session, session.begin():
        run_env(history, work, session, purge=replaces_all)
        if not session.exec_driver_sql(f"SELECT {lock.held_sql}").scalar():
            raise lock_lost()
