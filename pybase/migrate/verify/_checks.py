"""Is the history in order: one head, honest docstrings, the same schema by every way to it."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from textwrap import indent

import psycopg
import sqlalchemy as sa
from alembic.script import Script

from pybase.core import humanize as words
from pybase.core.errors import CheckFailedError
from pybase.core.settings import Settings
from pybase.migrate import catalog
from pybase.migrate.database import _connect as target
from pybase.migrate.database._connect import Database, engine
from pybase.migrate.record import reason_for
from pybase.migrate.rehearsal import _scratch as scratch
from pybase.migrate.rehearsal._reports import rehearse_history
from pybase.migrate.revisions import _git as branch_files
from pybase.migrate.revisions import _history as history
from pybase.migrate.revisions._history import History
from pybase.migrate.revisions._render import RenderedHistory, render
from pybase.migrate.sqlfiles import _build as build
from pybase.migrate.sqlfiles import _committed as committed
from pybase.migrate.sqlfiles import _freshness as freshness
from pybase.migrate.verify import _proof as proof

_NOTE = "check"


def check(settings: Settings) -> list[str]:
    """Run every check; returns a line for each that holds.

    Raises CheckFailedError with what does not hold, and what mends it.
    """
    noted = freshness.recall(settings, _NOTE)
    if noted is None:
        revisions = history.read(settings)
        rendered = render(revisions)
        revisions.require_one_head()
        holds = [
            "one head",
            _docstrings_agree(revisions),
            models_equal_revisions(settings, rendered),
            _committed_is_online(revisions, rendered),
            _every_way_back_leads_back(revisions, rendered),
        ]
        noted = {"holds": holds, "versions": revisions.scripts.versions}
        freshness.take_note(settings, _NOTE, [*rendered.folders, settings.sql], noted)
    return [
        *noted["holds"],
        _merged_is_untouched(settings, Path(noted["versions"])),
        _applied_is_unchanged(settings),
    ]


def _docstrings_agree(revisions: History) -> str:
    wrong = [line for script in revisions.revisions for line in _docstring_faults(script)]
    if wrong:
        raise CheckFailedError(
            "Docstrings do not agree with the code:\n" + "\n".join(wrong),
            "Correct the docstring: the code is what Alembic runs.",
        )
    docstrings = words.counted(len(revisions.revisions), "docstring")
    return f"{docstrings} agree{'s' * (len(revisions.revisions) == 1)} with the code"


def _committed_is_online(revisions: History, rendered: RenderedHistory) -> str:
    build.check(revisions.settings)
    if rendered.problems:
        return "not proven: committed SQL equals the online run (a revision has no SQL)"
    proof.committed_equals_online(revisions, rendered)
    return "committed SQL equals the online run, by catalog and rows"


def _every_way_back_leads_back(revisions: History, rendered: RenderedHistory) -> str:
    reports = rehearse_history(revisions, rendered).revisions
    wrong = [
        f"  {Path(revision.script.path).name}: {finding.message}"
        for revision, report in zip(rendered.revisions, reports, strict=True)
        for finding in report.downgrade.findings
        if finding.code in _WAY_BACK and reason_for(revision.accepted, finding) is None
    ]
    if wrong:
        raise CheckFailedError(
            "Downgrades that do not lead back:\n" + "\n".join(wrong),
            "Mend downgrade(), or let it raise NotImplementedError with the reason.",
        )
    return "each downgrade leaves no trace, or says why there is none"


_WAY_BACK = ("downgrade-missing", "downgrade-empty", "downgrade-wrong")


def _merged_is_untouched(settings: Settings, versions: Path) -> str:
    """Not noted: it depends on git, which changes without any file of ours."""
    branch = settings.options.main_branch
    edited = branch_files.edited(settings, [versions])
    if edited is None:
        return f"not proven: no revision of the branch {branch} was edited (git does not know it)"
    if edited:
        raise CheckFailedError(
            f"These are on the branch {branch} already, and were edited:\n  " + "\n  ".join(edited),
            f"Take them back (git checkout {branch} -- FILE) and write a new revision.",
        )
    return f"no revision of the branch {branch} was edited"


def _applied_is_unchanged(settings: Settings) -> str:
    """Not noted: it depends on the database at hand. Starts no server."""
    reviewed = committed.read(settings)
    if reviewed is None or not target.is_at_hand(settings):
        return "not proven: what is applied has not changed since (no database at hand)"
    with target.connect(target.find(settings), autocommit=True) as connection:
        found = committed.changed(reviewed, connection)
    if found:
        raise CheckFailedError(
            "The SQL of these has changed since they were applied to the database at hand:\n"
            + "\n".join(f"  {entry.revision}, applied {entry}" for entry in found),
            "Undo them there and apply them again (nox -s downgrade -- REVISION), or take the "
            "change back.",
        )
    return "what is applied to the database at hand has not changed since"


def models_equal_revisions(settings: Settings, rendered: RenderedHistory) -> str:
    """Compare the catalogs of two scratch databases: models created, revisions applied.

    Autogenerate cannot see half of what may differ (predicates, methods, checks, primary keys).
    Raises CheckFailedError with the differences.
    """
    if rendered.metadata is None:
        return "not proven: models equal revisions (env.py gives no metadata)"
    by_models = _models_catalog(settings, rendered, rendered.metadata)
    with scratch.at_head(settings, rendered) as url:
        by_revisions = _snapshot(url, rendered)
    changes = catalog.difference(by_revisions, by_models)
    if changes:
        raise CheckFailedError(
            "Models and revisions differ:\n"
            + indent(catalog.describe(changes, before="revisions", after="models"), "  "),
            'Write the missing revision: nox -s makemigration -- "msg".',
        )
    return "models equal revisions"


def _models_catalog(
    settings: Settings, rendered: RenderedHistory, metadata: sa.MetaData
) -> dict[str, str]:
    with scratch.empty(settings) as url:
        with engine(Database(url, is_embedded=True)).begin() as connection:
            metadata.create_all(connection)
        return _snapshot(url, rendered)


def _snapshot(url: str, rendered: RenderedHistory) -> dict[str, str]:
    with psycopg.connect(url, autocommit=True) as connection:
        return catalog.snapshot(connection, ignore_tables=rendered.own_tables)


_FIELD = re.compile(r"^(Revision ID|Revises):[ \t]*(.*)$", re.MULTILINE)


def _docstring_faults(script: Script) -> Iterator[str]:
    """Tell what the docstring of a revision claims and the code does not do; silent on no claim."""
    docstring = ast.get_docstring(ast.parse(Path(script.path).read_bytes())) or ""
    down = script.down_revision or ()
    parents = (down,) if isinstance(down, str) else tuple(down)
    true = {"Revision ID": {script.revision}, "Revises": set(parents)}
    for name, said in _FIELD.findall(docstring):
        claimed = set(re.findall(r"[^\s,]+", said)) - {"None", "base"}
        if claimed != true[name]:
            actual = ", ".join(sorted(true[name])) or "nothing"
            yield f"  {Path(script.path).name}: `{name}: {said}`, but the code says {actual}"
