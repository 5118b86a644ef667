# /// script
# requires-python = ">=3.11"
# dependencies = ["nox[uv]>=2026.10.20"]
# ///
"""PyBase's PostgreSQL schema: revisions, their SQL, and the database that they make.

Every day: change a model in pybase/models, then
    nox -s makemigration -- "add record colour"   writes the revision and its SQL
    nox -s migrate                                applies it, to an embedded PostgreSQL or to
                                                  the database that DATABASE_URL names
    nox                                           runs everything that CI runs
More of a session: nox --usage NAME
"""

import hashlib
import os
import sys
from pathlib import Path

import nox
from filelock import FileLock  # nox brings it: virtualenv needs it

nox.needs_version = ">=2026.10.20"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_venv = "yes"

ROOT = Path(__file__).parent
CONSTRAINTS = ROOT / "constraints.txt"
ENVIRONMENT = ROOT / ".nox" / "environment"
PYTHON = ENVIRONMENT / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
INSTALLED = ENVIRONMENT / "installed"  # the digest of what was installed


@nox.session(venv_backend="none", tags=["db"], default=False)
def migrate(session: nox.Session) -> None:
    """Upgrade the database to head.

    Uses the database that DATABASE_URL names, or an embedded PostgreSQL that is started for you.
    Also: nox -s migrate -- +1, -- REVISION, -- --plan, -- --sql, -- --sql A:B
    When a revision fails, those before it stay applied: mend it and run the same command again.
    """
    run_verb(session)


@nox.session(venv_backend="none", tags=["db"], default=False)
def makemigration(session: nox.Session) -> None:
    """Write a revision from model changes.

    Compares two real databases, one made by the models and one by the revisions, and writes as
    many revisions as it takes to get there without standing in anybody's way, and their SQL.
    For example: nox -s makemigration -- "add record colour". A rename has to be told:
    -- --rename records.title:name "...". Also --single, --empty, --data, --sql-only FILE.
    When it fails, nothing was written.
    """
    run_verb(session)


@nox.session(venv_backend="none", tags=["sql"], default=False)
def rebase(session: nox.Session) -> None:
    """Put your revisions after those of the main branch.

    For two heads, when two branches each added a revision: changes the parent of those that only
    your branch has, and their SQL, and tries them in the new order. When it fails, nothing changed.
    """
    run_verb(session)


@nox.session(venv_backend="none", tags=["db"], default=False)
def downgrade(session: nox.Session) -> None:
    """Undo revisions (DESTROYS DATA).

    Has to be told how far: nox -s downgrade -- -1, -- REVISION or -- base
    Says which tables and columns with data would go; then it wants --allow-data-loss, and for
    base on a server of yours --database NAME. With --sql it prints what would run.
    """
    run_verb(session)


@nox.session(venv_backend="none", tags=["db"], default=False)
def backfill(session: nox.Session) -> None:
    """Run a revision's backfill by itself.

    For example: nox -s backfill -- workspaces, or -- REVISION. Before `migrate`, to have the long
    part behind you, or again at any time: it changes what is left, in batches that commit each.
    Interrupted, the same command goes on where it was.
    """
    run_verb(session)


@nox.session(venv_backend="none", tags=["db"], default=False)
def current(session: nox.Session) -> None:
    """Show the revision that the database is at.

    Uses the database that DATABASE_URL names, or the embedded PostgreSQL.
    """
    run_verb(session)


@nox.session(venv_backend="none", tags=["db"], default=False)
def history(session: nox.Session) -> None:
    """Show all revisions, newest first, with marks for current and head.

    A part of them: nox -s history -- -r current:head
    """
    run_verb(session)


@nox.session(venv_backend="none", tags=["db"], default=False)
def pending(session: nox.Session) -> None:
    """Show what migrate would do.

    What each pending revision locks, rewrites, reads and destroys, with the sizes of the tables
    as they are now and about how long that takes. Changes nothing. Also: -- --format json
    """
    run_verb(session)


@nox.session(venv_backend="none", tags=["sql"], default=False)
def review(session: nox.Session) -> None:
    """Show what revisions do, as a page.

    Writes .pybase/review.html: the history, what each revision that the main branch does not have
    does to others, its hazards, its SQL, and the schema. Another range: nox -s review -- A:B
    For a pull request: nox -s review -- --format markdown
    """
    run_verb(session)


@nox.session(venv_backend="none", tags=["sql"], default=False)
def sql(session: nox.Session) -> None:
    """Write sql/ from the revisions.

    Commit what it writes: reviewers read it. nox -s sql -- --check fails when it is not fresh.
    """
    run_verb(session)


@nox.session(name="sql-lint", venv_backend="none", tags=["sql", "check"])
def sql_lint(session: nox.Session) -> None:
    """Refuse SQL that is stale, unsafe or not clean.

    When it fails: nox -s sql writes what is stale; a finding is mended in its revision.
    """
    run_verb(session)


@nox.session(venv_backend="none", tags=["check"])
def check(session: nox.Session) -> None:
    """Refuse two heads, wrong docstrings, and models without a revision.

    When it fails, it names what is wrong and the command that mends it.
    """
    run_verb(session)


@nox.session(venv_backend="none", tags=["db"], default=False)
def db(session: nox.Session) -> None:
    """Look after the embedded PostgreSQL (reset DESTROYS ITS DATA).

    nox -s db -- status, url, psql, stop or reset. Never touches the server of DATABASE_URL.
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
    """Check style, formatting, and the walls between the rooms.

    nox -s lint -- --fix mends most of it.
    """
    run_verb(session)


@nox.session(venv_backend="none", tags=["check"])
def typing(session: nox.Session) -> None:
    """Check the types, strictly.

    Arguments are mypy's.
    """
    run_verb(session)


@nox.session(default=False)
def environment(session: nox.Session) -> None:
    """Make the environment that all other sessions share.

    They call it by themselves when pyproject.toml or constraints.txt has changed.
    """
    with FileLock(f"{ENVIRONMENT}.lock"):
        project = nox.project.load_toml(ROOT / "pyproject.toml")
        groups = nox.project.dependency_groups(project, "dev")
        session.install("--constraint", str(CONSTRAINTS), "--editable", str(ROOT), *groups)
        INSTALLED.write_text(wanted(), encoding="utf-8")


def run_verb(session: nox.Session) -> None:
    """Run `python -m pybase` with the session's name as verb, in the shared environment."""
    if not INSTALLED.is_file() or INSTALLED.read_text(encoding="utf-8") != wanted():
        nox_here = (sys.executable, "-m", "nox", "--noxfile", __file__)
        session.run(*nox_here, "--session", "environment", external=True)
    session.run(str(PYTHON), "-m", "pybase", session.name, *session.posargs, external=True)


def wanted() -> str:
    """Digest what an environment depends on, by content: times lie after a checkout."""
    files = (ROOT / "pyproject.toml", CONSTRAINTS)
    content = b"".join(path.read_bytes() for path in files)
    return hashlib.sha256(content + sys.version.encode()).hexdigest()


if __name__ == "__main__":
    nox.main()
