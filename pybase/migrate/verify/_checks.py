"""The checks of a history: one head, true docstrings, the same schema in every way to it."""

import ast
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from textwrap import indent

import sqlalchemy as sa
from msgspec import Struct

from pybase.core import cache, git, humanize
from pybase.core.errors import CheckFailedError
from pybase.core.inputs import inputs_digest
from pybase.core.settings import Settings
from pybase.migrate import catalog, sqlfiles
from pybase.migrate.database import connect, engine, find_database, is_at_hand, scratch_at
from pybase.migrate.deploy import changed_entries, record_source
from pybase.migrate.record import Direction, Record
from pybase.migrate.rehearsal import scratch_at_head, scratch_empty
from pybase.migrate.revisions import AlembicScript, History, RenderedHistory, read
from pybase.migrate.sql.grammar import words
from pybase.migrate.verify._proof import committed_equals_online
from pybase.postgres import connect_scratch

_KIND = "check"


class Finding(Struct, frozen=True):
    """What a check found to hold, or why it could not be proven."""

    text: str
    is_proven: bool = True


def check(settings: Settings) -> list[Finding]:
    """Run every check; returns a finding for each that holds or cannot be proven.

    Raises CheckFailedError with what does not hold, and what fixes it.
    """
    key = inputs_digest(settings, sqlfiles.PACKAGES, folders=[settings.sql])
    findings = None if key is None else cache.recall(settings, _KIND, key, list[Finding])
    if findings is None:
        history = read(settings)
        built = sqlfiles.build(history)
        history.require_one_head()
        findings = [
            Finding("one head"),
            _docstrings_agree(history),
            models_equal_revisions(settings, built.rendered),
            _committed_is_online(history, built),
            _downgrades_restore(built.records),
            _rules_are_written(built.records),
        ]
        key = inputs_digest(settings, sqlfiles.PACKAGES, folders=[settings.sql])
        if key is not None:
            cache.remember(settings, _KIND, key, findings)
    return [*findings, _merged_is_untouched(settings), _applied_is_unchanged(settings)]


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
    committed_equals_online(history, built)
    return Finding("committed SQL equals the online run, by catalog and rows")


def _downgrades_restore(records: tuple[Record, ...]) -> Finding:
    wrong = [
        f"  {Path(record.revision.path).name}: {finding.message}"
        for record in records
        for finding in record.report.effects.downgrade.findings
        if finding.code in _DOWNGRADES and record.reason_for(finding, Direction.DOWNGRADE) is None
    ]
    if wrong:
        raise CheckFailedError(
            "Downgrades that do not restore the schema:\n" + "\n".join(wrong),
            "Correct downgrade(), or let it raise NotImplementedError with the reason.",
            code="wrong-downgrade",
        )
    return Finding("each downgrade leaves no trace, or gives the reason why there is none")


def _rules_are_written(records: tuple[Record, ...]) -> Finding:
    """Require the rule of each generated fill, unless the revision accepts that it has none."""
    wrong = [
        f"  {Path(record.revision.path).name}: {finding.message}"
        for record in records
        for finding in record.report.effects.upgrade.findings
        if finding.code == "unfilled-rule" and record.reason_for(finding, Direction.UPGRADE) is None
    ]
    if wrong:
        raise CheckFailedError(
            "Rules that are not written yet:\n" + "\n".join(wrong),
            "Write the value of existing rows as RULE, then run `nox -s sql`.",
            code="unfilled-rule",
        )
    return Finding("each generated fill has its rule")


_DOWNGRADES = ("downgrade-missing", "downgrade-empty", "downgrade-wrong")


def _merged_is_untouched(settings: Settings) -> Finding:
    """Compare merged revisions, and the statements of their SQL, with the main branch.

    Comments of SQL files may differ: they hold what a rehearsal observed.
    """
    branch, base = settings.options.main_branch, git.merge_base(settings)
    if base is None:
        text = f"no revision of the branch {branch} was edited (git does not know it)"
        return Finding(text, is_proven=False)
    folders = {(settings.root / path).parent for path in sqlfiles.revision_files(settings)}
    edited = git.changed(settings, base, sorted(folders), lambda before, after: before != after)
    sql = [settings.sql / "upgrade", settings.sql / "downgrade"]
    edited += git.changed(settings, base, sql, lambda old, new: words(old) != words(new))
    if edited:
        raise CheckFailedError(
            f"These are on the branch {branch} already, and were edited:\n  " + "\n  ".join(edited),
            f"Undo that (git checkout {branch} -- FILE) and write a new revision.",
            code="merged-edited",
        )
    return Finding(f"no revision of the branch {branch} was edited")


def _applied_is_unchanged(settings: Settings) -> Finding:
    """Compare the ledger of the database at hand with the committed SQL. Starts no server."""
    committed = sqlfiles.load(settings)
    if committed is None or not is_at_hand(settings):
        text = "what is applied has not changed since (no database at hand)"
        return Finding(text, is_proven=False)
    database = find_database(settings)
    source = record_source(settings, database, committed)
    with connect(database, autocommit=True) as connection:
        heads = source.heads(connection)
        changed = changed_entries(connection, source, heads)
    if changed:
        raise CheckFailedError(
            "The SQL of these has changed since they were applied to the database at hand:\n"
            + "\n".join(f"  {entry.revision}, applied {entry}" for entry in changed),
            "Undo them there and apply them again (nox -s downgrade -- REVISION), or undo the "
            "change.",
            code="applied-changed",
        )
    return Finding("what is applied to the database at hand has not changed since")


def models_equal_revisions(settings: Settings, rendered: RenderedHistory) -> Finding:
    """Compare the catalogs of two scratch databases: models created, revisions applied.

    Autogenerate cannot see half of what may differ (predicates, methods, checks, primary keys).
    Raises CheckFailedError with the differences.
    """
    if not rendered.metadata:
        return Finding("models equal revisions (env.py gives no metadata)", is_proven=False)
    by_models = _models_catalog(settings, rendered, rendered.metadata)
    with scratch_at_head(settings, rendered) as url:
        by_revisions = _snapshot(url, rendered)
    changes = catalog.difference(by_revisions, by_models)
    if changes:
        raise CheckFailedError(
            "Models and revisions differ:\n"
            + indent(catalog.describe(changes, before="revisions", after="models"), "  "),
            'Write the missing revision: nox -s makemigration -- "msg".',
            code="models-differ",
        )
    return Finding("models equal revisions")


def _models_catalog(
    settings: Settings, rendered: RenderedHistory, metadata: Sequence[sa.MetaData]
) -> dict[str, str]:
    with scratch_empty(settings) as url:
        with engine(scratch_at(url)).begin() as connection:
            for models in metadata:
                models.create_all(connection)
        return _snapshot(url, rendered)


def _snapshot(url: str, rendered: RenderedHistory) -> dict[str, str]:
    with connect_scratch(url, autocommit=True) as connection:
        return catalog.snapshot(connection, ignore_tables=rendered.own_tables)


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
