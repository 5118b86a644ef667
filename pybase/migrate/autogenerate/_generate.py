"""The way of a makemigration: compare, settle renames, plan, write, try, and put in place."""

from pybase.core.errors import CheckFailedError, UsageError
from pybase.migrate.autogenerate import _backfills as backfill
from pybase.migrate.autogenerate import _compare as compare
from pybase.migrate.autogenerate import _source as source
from pybase.migrate.autogenerate._operations import Part, Stage, Step
from pybase.migrate.autogenerate._plan import Planner
from pybase.migrate.autogenerate._request import Outcome, Request
from pybase.migrate.autogenerate._resolve_renames import renamed
from pybase.migrate.autogenerate._server_checks import probing
from pybase.migrate.autogenerate._validate import Attempt, failure, finished
from pybase.migrate.autogenerate._write import draft, workshop
from pybase.migrate.revisions._history import History
from pybase.migrate.revisions._render import RenderedHistory, render
from pybase.migrate.sql._names import shown
from pybase.migrate.sql.grammar._split import split
from pybase.migrate.sqlfiles import _build as build


def make(history: History, request: Request, title: str) -> Outcome | None:
    """Write what leads from revisions to models; None when they agree."""
    rendered = render(history)
    wanted = compare.scope(history)
    with _at_head(history, rendered) as url:
        first = compare.read_url(url, rendered)
        with compare.models_database(history, rendered, wanted, first) as models_url:
            models = compare.read_url(models_url, rendered)
            found = renamed(url, rendered, wanted, first, models, request)
            if not found.changes and not found.renamed:
                return None
            with probing(url, models_url) as probe:
                plan = Planner(found.old, found.new, found.changes, probe, request.single).run()
    plan.parts[:0] = found.renamed
    with workshop(history) as folder:
        return Attempt(history, wanted, models, title, request.single, folder).run(plan)


def _at_head(history: History, rendered: RenderedHistory):  # type: ignore[no-untyped-def]
    """Return a database at head, by the rehearsal where a revision has no SQL."""
    if rendered.problems:
        build.build(history)
    return compare.revisions_database(history, rendered)


# --- by hand ----------------------------------------------------------------------------------


def make_by_hand(history: History, request: Request, title: str) -> Outcome:
    """Write one revision that somebody fills in, or that runs SQL they wrote."""
    if request.sql_only is not None:
        step = _sql_step(request.sql_only)
    elif request.data:
        step = _data_step(render(history).version_table)
    else:
        step = Step(())
    with workshop(history) as folder:
        written = draft(history, folder, title, [step])
        built = build.build(written.history)
        refused = failure(written, built)
        if refused is not None and request.sql_only is not None:
            raise CheckFailedError(f"The SQL fails: {refused[1]}", "Nothing was written.")
        return finished(written, built, [step] if step.parts else [], "", ())


def _sql_step(sql: str) -> Step:
    statements = split(sql)
    if not statements:
        raise UsageError("The file holds no SQL.", "Write a statement into it.")
    up = tuple(source.execute(each) for each in statements)
    down = ('raise NotImplementedError("TODO: undo it, or say why the way back does not exist.")',)
    return Step((Part(Stage.OTHER, "Run SQL", up, down),))


def _data_step(version_table: str) -> Step:
    """Return a backfill that changes nothing until its three constants are filled in."""
    return Step((backfill.skeleton(shown(version_table)),))
