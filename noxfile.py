# /// script
# requires-python = ">=3.11"
# dependencies = ["nox[uv]>=2026.10.20"]
# ///
"""Migrations of PyBase's PostgreSQL schema: revisions, their SQL, and their deployment.

Everyday use, after a change in pybase/models:
    nox -s makemigration -- "add record colour"   write the revision and its SQL
    nox -s migrate                                apply it, to the database of DATABASE_URL
                                                  or to an embedded PostgreSQL
    nox                                           run everything that CI runs
Details of a session: nox --usage NAME
"""

import hashlib
import os
import sys
from pathlib import Path

import nox

nox.needs_version = ">=2026.10.20"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_venv = "yes"

ROOT = Path(__file__).parent
CONSTRAINTS = ROOT / "constraints.txt"
ENVIRONMENT = ROOT / ".nox" / "environment"
PYTHON = ENVIRONMENT / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
UV_SETTINGS = {
    "UV_DEFAULT_INDEX": "PIP_INDEX_URL",
    "UV_INDEX": "PIP_EXTRA_INDEX_URL",
    "UV_FIND_LINKS": "PIP_FIND_LINKS",
    "SSL_CERT_FILE": "PIP_CERT",
}
INSTALLED = ENVIRONMENT / "installed"  # holds the digest of the installed requirements


@nox.session(venv_backend="none", tags=["db"], default=False)
def migrate(session: nox.Session) -> None:
    """Upgrade the database to head.

    Runs the SQL of sql/ on the database of DATABASE_URL, or on an embedded PostgreSQL that it
    starts. To run the revisions' Python instead: nox -s migrate -- --python-revisions
    Also: nox -s migrate -- +1, -- REVISION, -- --plan, -- --sql, -- --sql A:B
    If a revision fails, those before it stay applied: fix it and run the same command again.
    One that destroys data needs an accepted hazard, or --allow-data-loss.
    On many databases, each as one: -- --fleet fleet.toml, or -- --schemas 'tenant_%'
    """
    run_verb(session)


@nox.session(venv_backend="none", tags=["db"], default=False)
def makemigration(session: nox.Session) -> None:
    """Write revisions from model changes, and their SQL.

    Compares two real databases, one created from the models and one from the revisions, and
    writes as many revisions as a deployment without long locks needs.
    Example: nox -s makemigration -- "add record colour"
    A rename must be declared: nox -s makemigration -- --rename records.title:name "rename title"
    The models changed once more: nox -s makemigration -- --again
    Also: --single, --empty, --data, --sql-only FILE. If it fails, nothing was written.
    """
    run_verb(session)


@nox.session(venv_backend="none", tags=["sql"], default=False)
def rebase(session: nox.Session) -> None:
    """Move your revisions after those of the main branch.

    For two heads, when two branches each added a revision. Changes the parent of the revisions
    that only your branch has, and their SQL, and tests them in the new order. If it fails,
    nothing was changed.
    """
    run_verb(session)


@nox.session(venv_backend="none", tags=["db"], default=False)
def downgrade(session: nox.Session) -> None:
    """Downgrade the database (DESTROYS DATA).

    The target is required: nox -s downgrade -- -1, -- REVISION or -- base
    Lists the data that would be destroyed, and requires --allow-data-loss for that; base on a
    server of your own also requires --database NAME.
    Prints the SQL instead with --sql. Also: -- REVISION --fleet fleet.toml
    """
    run_verb(session)


@nox.session(venv_backend="none", tags=["db"], default=False)
def backfill(session: nox.Session) -> None:
    """Run or resume the backfill of a revision.

    Example: nox -s backfill -- workspaces, or -- REVISION. Run it before `migrate`, which then
    takes less time, or after it. It changes the remaining rows in batches that commit each. If
    it is interrupted, run the same command again to resume. Also: -- NAME --fleet fleet.toml
    """
    run_verb(session)


@nox.session(venv_backend="none", tags=["db"], default=False)
def stamp(session: nox.Session) -> None:
    """Set the revision of a database that has its schema already.

    Runs nothing: compares the database with the revision on a scratch server, refuses one that
    differs, and writes a line into the ledger. Example: nox -s stamp -- head
    Also: -- REVISION, heads or base; --without-check leaves the comparison out, and requires
    --database NAME on a server of your own.
    """
    run_verb(session)


@nox.session(venv_backend="none", tags=["db"], default=False)
def distribute(session: nox.Session) -> None:
    """Spread the tables over a Citus cluster, as the models declare.

    Needs Citus in the database of DATABASE_URL. First look: nox -s distribute -- --plan
    All in one transaction, which blocks writes while rows are copied. If it fails or is
    interrupted, nothing is changed: run the same command again. See docs/scale-out.md.
    """
    run_verb(session)


@nox.session(venv_backend="none", tags=["db"], default=False)
def current(session: nox.Session) -> None:
    """Show the revision of the database.

    Uses the database of DATABASE_URL, or the embedded PostgreSQL. Also: -- --format json
    Of many databases: -- --fleet fleet.toml
    """
    run_verb(session)


@nox.session(venv_backend="none", tags=["db"], default=False)
def history(session: nox.Session) -> None:
    """Show all revisions, newest first.

    Marks the current revision, heads and merges. A range: nox -s history -- -r current:head
    Also: -- --format json
    """
    run_verb(session)


@nox.session(venv_backend="none", tags=["db"], default=False)
def pending(session: nox.Session) -> None:
    """Show what migrate would do to the tables.

    Shows what each pending revision locks, rewrites, scans and destroys, with the sizes of the
    tables and an estimate of the time. Changes nothing. Also: nox -s pending -- --format json
    For a deploy gate or a readiness probe, with exit code 1 when any is pending: -- --check
    Of many databases: -- --fleet fleet.toml
    """
    run_verb(session)


@nox.session(venv_backend="none", tags=["sql"], default=False)
def review(session: nox.Session) -> None:
    """Write a page of what your revisions do.

    Writes .pybase/review.html: the history, and the effects, hazards, SQL and schema changes of
    each revision that the main branch does not have. Another range: nox -s review -- A:B
    For a pull request: nox -s review -- --format markdown
    """
    run_verb(session)


@nox.session(venv_backend="none", tags=["sql"], default=False)
def sql(session: nox.Session) -> None:
    """Write sql/ from the revisions.

    Commit the files: reviewers read them. To compare only: nox -s sql -- --check
    """
    run_verb(session)


@nox.session(name="sql-lint", venv_backend="none", tags=["sql", "check"])
def sql_lint(session: nox.Session) -> None:
    """Check that sql/ is fresh, safe and clean.

    If it fails: nox -s sql renews stale files; a hazard is fixed, or accepted, in its revision.
    Also: --strict, --since REVISION, --format text, json, github, sarif or gitlab
    """
    run_verb(session)


@nox.session(venv_backend="none", tags=["check"])
def check(session: nox.Session) -> None:
    """Check for two heads, wrong docstrings, and models without a revision.

    If it fails, it names the problem and the command that fixes it.
    Only that models have their revisions, in a second or two: nox -s check -- --models
    Also: -- --format json
    """
    run_verb(session)


@nox.session(venv_backend="none", tags=["db"], default=False)
def db(session: nox.Session) -> None:
    """Manage the embedded PostgreSQL (reset DESTROYS ITS DATA).

    nox -s db -- status, url, psql, stop, reset or prune. Includes the scratch servers of
    rehearsals, which end by themselves; prune ends them now, and deletes what deleted checkouts
    have left. Never uses the server of DATABASE_URL.
    """
    run_verb(session)


@nox.session(venv_backend="none", tags=["check"])
def tests(session: nox.Session) -> None:
    """Run the tests, on PostgreSQL servers of their own.

    Arguments are pytest's: nox -s tests -- tests/models -k slug
    """
    run_verb(session)


@nox.session(venv_backend="none", tags=["check"])
def lint(session: nox.Session) -> None:
    """Check style, formatting and import layers.

    To fix most findings: nox -s lint -- --fix
    """
    run_verb(session)


@nox.session(venv_backend="none", tags=["check"])
def typing(session: nox.Session) -> None:
    """Check the types, strictly.

    Arguments are mypy's: nox -s typing -- pybase/models
    """
    run_verb(session)


@nox.session(default=False)
def environment(session: nox.Session) -> None:
    """Create the environment that all other sessions share.

    They call it when pyproject.toml or constraints.txt has changed.
    """
    from filelock import FileLock  # of nox, by virtualenv; it imports asyncio, which takes 20 ms

    with FileLock(f"{ENVIRONMENT}.lock"):
        project = nox.project.load_toml(ROOT / "pyproject.toml")
        groups = nox.project.dependency_groups(project, "dev")
        requirements = ("--constraint", str(CONSTRAINTS), "--editable", str(ROOT), *groups)
        session.install(*requirements, env=pip_settings_for_uv())
        INSTALLED.write_text(requirements_digest(), encoding="utf-8")


def run_verb(session: nox.Session) -> None:
    """Run `python -m pybase` with the session's name as verb, in the shared environment."""
    if not INSTALLED.is_file() or INSTALLED.read_text(encoding="utf-8") != requirements_digest():
        nox_here = (sys.executable, "-m", "nox", "--noxfile", __file__)
        session.run(*nox_here, "--session", "environment", external=True)
    session.run(str(PYTHON), "-m", "pybase", session.name, *session.posargs, external=True)


def pip_settings_for_uv() -> dict[str, str]:
    """Return what uv has to be given to install where pip does: it reads no variable of pip."""
    given = {uv: os.environ[pip] for uv, pip in UV_SETTINGS.items() if pip in os.environ}
    return {"UV_SYSTEM_CERTS": "1"} | {uv: v for uv, v in given.items() if uv not in os.environ}


def requirements_digest() -> str:
    """Digest the requirements by content, because a checkout changes modification times."""
    files = (ROOT / "pyproject.toml", CONSTRAINTS)
    content = b"".join(path.read_bytes() for path in files)
    return hashlib.sha256(content + sys.version.encode()).hexdigest()


if __name__ == "__main__":
    nox.main()
