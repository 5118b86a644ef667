"""Makemigration: compare, resolve renames, plan, write, validate, and put in place."""

import ast
from collections.abc import Mapping
from pathlib import Path

from msgspec.structs import replace

from pybase.core.checkout import draft_folder, writing
from pybase.core.errors import CheckFailedError, UsageError
from pybase.core.settings import Settings
from pybase.migrate import sqlfiles
from pybase.migrate.autogenerate import _compare as compare
from pybase.migrate.autogenerate import _source as source
from pybase.migrate.autogenerate._again import remember, replaceable
from pybase.migrate.autogenerate._draft import draft
from pybase.migrate.autogenerate._operations import Part, Stage, Step
from pybase.migrate.autogenerate._plan import Context, plan_changes, skeleton
from pybase.migrate.autogenerate._renames import resolve_renames
from pybase.migrate.autogenerate._request import Outcome, Request
from pybase.migrate.autogenerate._scope import read_scope
from pybase.migrate.autogenerate._server_checks import server_checks
from pybase.migrate.autogenerate._terminable import terminable
from pybase.migrate.autogenerate._titles import checked_title
from pybase.migrate.autogenerate._validate import finish, first_failure, without, write_validated
from pybase.migrate.rehearsal import render, scratch
from pybase.migrate.revisions import History, read, title
from pybase.migrate.sql.grammar import split
from pybase.migrate.sqlfiles import SqlFile, build, scripts


def generate(settings: Settings, request: Request) -> Outcome | None:
    """Write the revisions that lead from the history to the models, and their SQL.

    None when there is nothing to write. Raises UsageError for a message that does not state what
    changes, CheckFailedError with two heads, where only the user knows a rename from a drop, where
    `--again` must not replace what there is, or where the models or an earlier revision fail on a
    server; nothing is written then.
    """
    is_by_hand = request.empty or request.data or request.sql_only is not None
    if is_by_hand and request.again:
        raise UsageError(
            "--again writes again what was generated from models.",
            "Leave --empty, --data or --sql-only out, or --again.",
            code="again-by-hand",
        )
    with terminable(), writing(settings) as writer:
        history = read(settings)
        if len(history.heads) > 1:
            _require_branch(history, request.head)
        message, gone = request.message, dict[Path, None]()
        if request.again:
            message, gone = _to_replace(history, request)
            writer.write(gone)
            history = read(settings)
        name = checked_title(history, message)
        outcome = (_by_hand if is_by_hand else _from_models)(history, request, name)
        if outcome is None and gone:
            outcome = without(history)
        if outcome is None:
            return None
        writer.write(outcome.contents)
        remember(settings, (outcome.contents[path] or "" for path in outcome.revisions))
    return replace(outcome, contents={**gone, **outcome.contents})


def _to_replace(history: History, request: Request) -> tuple[str, dict[Path, None]]:
    """Return the message and the files of the revisions that are written again."""
    scripts = replaceable(history, request)
    return request.message or title(scripts[0].doc), {Path(script.path): None for script in scripts}


def _from_models(history: History, request: Request, name: str) -> Outcome | None:
    rendered = render(history)
    scope = read_scope(history)
    if rendered.problems:
        build(history)  # a revision without SQL needs the database of the rehearsal
    with scratch.at_head(history.settings, rendered, to_change=True) as url:
        head = compare.read_url(url, rendered, scope)
        with compare.models_database(history, rendered, scope, head) as models_url:
            models = compare.read_url(models_url, rendered, scope)
            models = compare.in_scope(head, models, scope)
            resolved = resolve_renames(url, rendered, scope, head, models, request)
            if not resolved.changes and not resolved.parts:
                return None
            with server_checks(url, models_url) as checks:
                has_backfill = _has_backfill(history)
                context = Context(resolved.old, models, checks, request.single, has_backfill)
                plan = plan_changes(context, resolved.changes, resolved.parts)
    return write_validated(history, scope, models, plan, name, request)


def _require_branch(history: History, head: str) -> None:
    """Refuse several heads that are no branches, and a name that is none of these."""
    if not history.branches:
        history.require_one_head()
    if head not in history.branches:
        options = " or ".join(f"--head {branch}" for branch in history.branches)
        raise CheckFailedError(
            f"The history has {len(history.branches)} branches, and {head} is none of them.",
            f"Name the branch that the revision is for: {options}",
            code="branch-not-named",
        )


def _has_backfill(history: History) -> bool:
    """Whether env.py brings in `op.backfill`, which it does by what it imports."""
    tree = ast.parse(Path(history.scripts.env_py_location).read_text("utf-8"))
    imported = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    names = [alias.name for node in imported for alias in node.names]
    modules = [node.module or "" for node in imported if isinstance(node, ast.ImportFrom)]
    return any(name.startswith("pybase.migrate") for name in (*names, *modules))


# --- by hand ----------------------------------------------------------------------------------


def _by_hand(history: History, request: Request, name: str) -> Outcome:
    """Write one revision that the developer fills in, or that runs given SQL."""
    step = Step(())
    if request.sql_only is not None:
        step = _sql_step(request.sql_only)
    elif request.data:
        table = render(history).own_tables[0]
        step = Step((skeleton(table, has_backfill=_has_backfill(history)),))
    with draft_folder(history.settings) as folder:
        written = draft(history, folder, name, [step], request.head)
        built = build(written.history)
        failure = first_failure(written, built)
        if failure is not None and request.sql_only is not None:
            problem = f"The SQL fails: {failure[1]}"
            raise CheckFailedError(problem, "Nothing was written.", code="sql-fails")
        outcome = finish(written, built, [step] if step.parts else [], "", ())
        if request.sql_only is None:
            return outcome
        return replace(
            outcome, layout=_layout(history.settings, scripts(built.records, written.ids))
        )


def _layout(settings: Settings, files: Mapping[str, SqlFile]) -> tuple[str, ...]:
    return tuple(
        f"{line.file}:{line.line}: {line.level}: {line.code}: {line.message}"
        for line in sqlfiles.lint_draft(settings, files)  # imports sqlfluff, which takes 0.3 s
    )


def _sql_step(sql: str) -> Step:
    statements = split(sql)
    if not statements:
        raise UsageError("The file holds no SQL.", "Write a statement into it.", code="no-sql")
    up = tuple(source.execute(statement) for statement in statements)
    down = ('raise NotImplementedError("TODO: undo it, or state why it cannot be undone.")',)
    return Step((Part(Stage.OTHER, "Run SQL", up, down),))
