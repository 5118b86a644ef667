"""Is the history itself in order: one head, honest docstrings, models equal to revisions."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import psycopg
from alembic.script import Script

from pybase.errors import CheckFailedError
from pybase.migrate import catalog, history, scratch
from pybase.migrate.history import History
from pybase.migrate.render import RenderedHistory, render
from pybase.migrate.target import Database, engine
from pybase.settings import Settings


def check(settings: Settings) -> list[str]:
    """Run every check; returns a line for each that holds.

    Raises CheckFailedError with all that does not hold, and what mends it.
    """
    revisions = history.read(settings)
    revisions.require_one_head()
    wrong = [line for script in revisions.revisions for line in _docstring_faults(script)]
    if wrong:
        raise CheckFailedError(
            "Docstrings do not agree with the code:\n" + "\n".join(wrong),
            "Correct the docstring: the code is what Alembic runs.",
        )
    held = ["one head", f"{len(revisions.revisions)} docstrings agree with the code"]
    return [*held, models_equal_revisions(revisions)]


def models_equal_revisions(revisions: History) -> str:
    """Compare the catalogs of two scratch databases: models created, revisions applied.

    Autogenerate cannot see half of what may differ (predicates, methods, checks, primary keys).
    Raises CheckFailedError with the differences.
    """
    rendered = render(revisions)
    if rendered.metadata is None:
        return "no models to compare with"
    by_models = _models_catalog(revisions.settings, rendered)
    with scratch.at_head(revisions.settings, rendered) as url:
        by_revisions = _snapshot(url, rendered)
    changes = catalog.difference(by_revisions, by_models)
    if changes:
        raise CheckFailedError(
            "Models and revisions differ:\n"
            + catalog.describe(changes, before="revisions", after="models"),
            'Write the missing revision: nox -s makemigration -- "msg".',
        )
    return "models equal revisions"


def _models_catalog(settings: Settings, rendered: RenderedHistory) -> dict[str, str]:
    assert rendered.metadata is not None
    with scratch.empty(settings) as url:
        with engine(Database(url, is_embedded=True)).begin() as connection:
            rendered.metadata.create_all(connection)
        return _snapshot(url, rendered)


def _snapshot(url: str, rendered: RenderedHistory) -> dict[str, str]:
    with psycopg.connect(url, autocommit=True) as connection:
        return catalog.snapshot(connection, ignore_tables=(rendered.version_table,))


_FIELD = re.compile(r"^(Revision ID|Revises):[ \t]*(.*)$", re.MULTILINE)


def _docstring_faults(script: Script) -> Iterator[str]:
    """What the docstring of a revision claims and the code does not do; silent on no claim."""
    docstring = ast.get_docstring(ast.parse(Path(script.path).read_bytes())) or ""
    down = script.down_revision or ()
    parents = (down,) if isinstance(down, str) else tuple(down)
    true = {"Revision ID": {script.revision}, "Revises": set(parents)}
    for name, said in _FIELD.findall(docstring):
        claimed = set(re.findall(r"[^\s,]+", said)) - {"None", "base"}
        if claimed != true[name]:
            actual = ", ".join(sorted(true[name])) or "nothing"
            yield f"  {Path(script.path).name}: `{name}: {said}`, but the code says {actual}"
