"""The checks of a history: one head, true docstrings, the same schema in every way to it."""

import ast
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path
from textwrap import indent
from typing import TypeAlias

import psycopg
from msgspec import Struct

from pybase.core import cache, git, humanize
from pybase.core.errors import CheckFailedError, DatabaseError, PybaseError, UsageError
from pybase.core.inputs import inputs_digest
from pybase.core.settings import Settings, database_url, is_ci
from pybase.migrate import catalog, sqlfiles
from pybase.migrate.database import connect, find_database, is_at_hand, server_error
from pybase.migrate.deploy import as_env_leaves_it, changed_entries, record_source, unrecorded
from pybase.migrate.record import Direction, Record
from pybase.migrate.rehearsal import render
from pybase.migrate.revisions import AlembicScript, History, RenderedHistory, read
from pybase.migrate.verify._layout import require_layout_of, require_possible_layout
from pybase.migrate.verify._proof import committed_equals_online, equal_on_sample_rows
from pybase.migrate.verify._session import UnprovenError

_KIND, _MODELS = "check", "check-models"


class Finding(Struct, frozen=True):
    """What a check found to hold, or why it could not be proven."""

    text: str
    is_proven: bool = True
    hint: str = ""
    """For what could not be looked at: how it can be. In CI that fails."""


Compare: TypeAlias = Callable[[History, RenderedHistory], Sequence[catalog.Change]]
"""How `makemigration` compares revisions and models; it returns what differs."""


def check(settings: Settings, compare: Compare) -> list[Finding]:
    """Run every check; returns a finding for each that holds or cannot be proven.

    Raises CheckFailedError with what does not hold, and what fixes it.
    """
    key = inputs_digest(settings, sqlfiles.PACKAGES, folders=[settings.sql])
    findings = None if key is None else cache.recall(settings, _KIND, key, list[Finding])
    if findings is None:
        history = read(settings)
        built = sqlfiles.build(history)
        history.require_in_order()
        heads = f"one head for each of {len(history.branches)} branches"
        findings = [
            Finding(heads if history.branches else "one head"),
            _docstrings_agree(history),
            _models_equal_revisions(history, built.rendered, compare),
            _committed_is_online(history, built),
            _downgrades_restore(built.records),
            _rules_are_written(built.records),
        ]
        if text := require_possible_layout(history, built.rendered):
            findings.append(Finding(text))
        key = inputs_digest(settings, sqlfiles.PACKAGES, folders=[settings.sql])
        if key is not None:
            cache.remember(settings, _KIND, key, findings)
    findings = [*findings, _merged_is_untouched(settings), _applied_is_unchanged(settings)]
    findings += _layout_is_as_declared(settings)
    if is_ci():
        _require_looked_at(findings)
    return findings


def _require_looked_at(findings: Iterable[Finding]) -> None:
    unproven = [finding for finding in findings if finding.hint]
    if unproven:
        raise CheckFailedError(
            "Not proven, which fails where CI is set:\n"
            + "\n".join(f"  {finding.text}" for finding in unproven),
            "\n".join(finding.hint for finding in unproven),
            code="not-proven",
        )


def check_models(settings: Settings, compare: Compare) -> list[Finding]:
    """Run only the check that every change of the models has a revision.

    Raises CheckFailedError with what has none.
    """
    key = inputs_digest(settings, sqlfiles.PACKAGES)
    findings = None if key is None else cache.recall(settings, _MODELS, key, list[Finding])
    if findings is None:
        history = read(settings)
        findings = [_models_equal_revisions(history, render(history), compare)]
        key = inputs_digest(settings, sqlfiles.PACKAGES)
        if key is not None:
            cache.remember(settings, _MODELS, key, findings)
    return findings


def _docstrings_agree(history: History) -> Finding:
    wrong = [line for script in history.revisions for line in _docstring_faults(script)]
    if wrong:
        raise CheckFailedError(
            "Docstrings do not agree with the code:\n" + "\n".join(wrong),
            "Correct the docstring: the code is what Alembic runs.",
            code="wrong-docstring",
        )
    count = len(history.revisions)
    return Finding(
        f"{humanize.counted(count, 'docstring')} agree{'s' * (count == 1)} with the code"
    )


def _committed_is_online(history: History, built: sqlfiles.Built) -> Finding:
    sqlfiles.check(history.settings)
    if built.rendered.problems:
        reason = "a revision has no SQL"
        return Finding(f"committed SQL equals the online run ({reason})", is_proven=False)
    try:
        committed_equals_online(history, built)
        equal_on_sample_rows(history, built)
    except UnprovenError as error:
        return Finding(f"committed SQL equals the online run ({error})", is_proven=False)
    return Finding("committed SQL equals the online run, by catalog and rows")


def _downgrades_restore(records: tuple[Record, ...]) -> Finding:
    wrong = list(_unaccepted(records, Direction.DOWNGRADE, _DOWNGRADES))
    if wrong:
        raise CheckFailedError(
            "Downgrades that do not restore the schema:\n" + "\n".join(wrong),
            "Correct downgrade(), or let it raise NotImplementedError with the reason.",
            code="wrong-downgrade",
        )
    return Finding("each downgrade leaves no trace, or gives the reason why there is none")


def _rules_are_written(records: tuple[Record, ...]) -> Finding:
    """Require the rule of each generated fill and cast, unless the revision accepts its lack."""
    wrong = list(_unaccepted(records, Direction.UPGRADE, ("unfilled-rule",)))
    if wrong:
        raise CheckFailedError(
            "Rules that are not written yet:\n" + "\n".join(wrong),
            "Write the value of existing rows where the revision has TODO, then run `nox -s sql`.",
            code="unfilled-rule",
        )
    return Finding("each generated fill and cast has its rule")


def _unaccepted(
    records: Iterable[Record], direction: Direction, codes: Collection[str]
) -> Iterator[str]:
    """Yield a line for each of some hazards that a revision does not accept."""
    for record in records:
        for finding in record.effects(direction).findings:
            if finding.code in codes and record.reason_for(finding, direction) is None:
                yield f"  {Path(record.revision.path).name}: {finding.message}"


_DOWNGRADES = ("downgrade-missing", "downgrade-empty", "downgrade-wrong")


def _merged_is_untouched(settings: Settings) -> Finding:
    """Compare merged revisions, and the statements of their SQL, with the main branch.

    Not what surrounds these in the SQL files: another version of PyBase may write it in another
    way, and comments hold what a rehearsal observed.
    """
    branch = settings.options.main_branch
    text = f"no revision of the branch {branch} was edited"
    folders = {(settings.root / path).parent for path in sqlfiles.revision_files(settings)}
    records = [settings.sql / "records"]
    try:
        base = git.merge_base(settings)
        edited = git.changed(settings, base, sorted(folders), lambda before, after: before != after)
        own = sqlfiles.own_digests
        edited += git.changed(settings, base, records, lambda old, new: own(old) != own(new))
    except UsageError as error:
        return _not_looked_at(text, error)
    if edited:
        raise CheckFailedError(
            f"These are on the branch {branch} already, and were edited:\n  " + "\n  ".join(edited),
            f"Undo that (git checkout {branch} -- FILE) and write a new revision.",
            code="merged-edited",
        )
    return Finding(text)


def _not_looked_at(text: str, error: PybaseError) -> Finding:
    reason = error.problem.removesuffix(".").replace("\n", " ")
    return Finding(f"{text} ({reason})", is_proven=False, hint=error.hint or _AGAIN)


_AGAIN = "Correct that, and run the same command again."


def _applied_is_unchanged(settings: Settings) -> Finding:
    """Compare the ledger of the database at hand with the committed SQL. Starts no server."""
    committed, text = sqlfiles.load(settings), "what is applied has not changed since"
    if committed is None or (database_url(settings) is None and not is_at_hand(settings)):
        return Finding(f"{text} (no database at hand)", is_proven=False)
    database = find_database(settings)
    try:
        source = as_env_leaves_it(record_source(settings, database, committed))
        with connect(database, autocommit=True) as connection:
            source.prepare(connection)
            heads = source.heads(connection)
            changed = changed_entries(connection, source, heads)
            unknown = unrecorded(connection, source, heads)
    except (DatabaseError, UsageError) as error:
        return _not_looked_at(text, error)
    except psycopg.Error as error:
        return _not_looked_at(text, server_error(database, error))
    if changed:
        raise CheckFailedError(
            "The SQL of these has changed since they were applied to the database at hand:\n"
            + "\n".join(f"  {entry.revision}, applied {entry}" for entry in changed),
            "Undo them there and apply them again (nox -s downgrade -- REVISION), or undo the "
            "change.",
            code="applied-changed",
        )
    if unknown:
        count = humanize.counted(len(unknown), "revision")
        text = f"{text} (the ledger does not know the SQL of {count}, the first is {unknown[0]})"
        return Finding(text, is_proven=False)
    return Finding("what is applied to the database at hand has not changed since")


def _layout_is_as_declared(settings: Settings) -> list[Finding]:
    """Compare the database at hand with the declared layout, where it is one of Citus."""
    if database_url(settings) is None:  # the embedded server has no Citus
        return []
    database = find_database(settings)
    try:
        text = require_layout_of(settings, database)
    except DatabaseError as error:
        return [_not_looked_at("the tables at hand are spread as declared", error)]
    except psycopg.Error as error:
        reason = server_error(database, error)
        return [_not_looked_at("the tables at hand are spread as declared", reason)]
    return [Finding(text)] if text else []


def _models_equal_revisions(
    history: History, rendered: RenderedHistory, compare: Compare
) -> Finding:
    """Compare as `makemigration` does, which writes the revision that is missing.

    Raises CheckFailedError with the differences.
    """
    if not rendered.metadata:
        return Finding("models equal revisions (env.py gives no metadata)", is_proven=False)
    changes = compare(history, rendered)
    if changes:
        raise CheckFailedError(
            "Models and revisions differ:\n"
            + indent(catalog.describe(changes, before="revisions", after="models"), "  "),
            'Write the missing revision: nox -s makemigration -- "msg".',
            code="models-differ",
        )
    return Finding("models equal revisions")


_FIELD = re.compile(r"^(Revision ID|Revises):[ \t]*(.*)$", re.MULTILINE)


def _docstring_faults(script: AlembicScript) -> Iterator[str]:
    """Yield what the docstring of a revision claims and the code does not do."""
    docstring = ast.get_docstring(ast.parse(Path(script.path).read_bytes())) or ""
    down = script.down_revision or ()
    parents = (down,) if isinstance(down, str) else tuple(down)
    true = {"Revision ID": {script.revision}, "Revises": set(parents)}
    for name, text in _FIELD.findall(docstring):
        claimed = set(re.findall(r"[^\s,]+", text)) - {"None", "base"}
        if claimed != true[name]:
            actual = ", ".join(sorted(true[name])) or "nothing"
            yield f"  {Path(script.path).name}: `{name}: {text}`, but the code has {actual}"
