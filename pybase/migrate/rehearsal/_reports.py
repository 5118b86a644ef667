"""The reports of a history: each revision rehearsed once, then kept by what it depends on.

The key of a report is a digest of all SQL up to its revision, of its downgrade, and of the
packages that rehearse.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import closing
from functools import partial
from threading import Event

from msgspec import Struct
from msgspec.structs import replace

from pybase.core import cache
from pybase.core.files import digest
from pybase.core.inputs import package_digest
from pybase.core.settings import Settings, rehearsal_url
from pybase.core.urls import redacted
from pybase.migrate.catalog import Entity
from pybase.migrate.record import RevisionReport, combined
from pybase.migrate.rehearsal import scratch
from pybase.migrate.rehearsal._baseline import Baseline
from pybase.migrate.rehearsal._execution import run_online
from pybase.migrate.rehearsal._rehearsal import Rehearsal
from pybase.migrate.revisions import History, RenderedHistory, RevisionSql

_PACKAGES = ("migrate/rehearsal", "migrate/catalog", "migrate/sql", "postgres")


class Rehearsed(Struct, frozen=True):
    """A report for every revision, in their order; the schema at head, and its tables."""

    revisions: tuple[RevisionReport, ...]
    schema: dict[str, str]
    entities: tuple[Entity, ...]


class _Head(Struct, frozen=True):
    """The schema after the last revision, as files and as tables."""

    schema: dict[str, str]
    entities: tuple[Entity, ...]


def rehearse(history: History, rendered: RenderedHistory) -> Rehearsed:
    """Rehearse every revision that was not rehearsed after exactly the same SQL.

    On each version of the settings at once; on the server of PYBASE_REHEARSAL_URL alone, where that
    is given. The schema is that of the oldest. Raises DatabaseError without a scratch server.
    """
    settings = history.settings
    versions = settings.versions if rehearsal_url() is None else settings.versions[:1]
    each = [replace(history, settings=settings.on(version)) for version in versions]
    every = _rehearse_on_each(each, rendered)
    reports = zip(*(rehearsed.revisions for rehearsed in every), strict=True)
    return Rehearsed(tuple(map(combined, reports)), every[0].schema, every[0].entities)


def _rehearse_on_each(each: Sequence[History], rendered: RenderedHistory) -> list[Rehearsed]:
    is_over = Event()
    works = [
        partial(_rehearse_on_one, one, rendered, is_over, has_head=one is each[0]) for one in each
    ]
    # a revision's Python changes what belongs to the process, so two never run at the same time
    if len(each) == 1 or not all(sql.scripts.upgrade.has_sql for sql in rendered.revisions):
        return [work() for work in works]
    with ThreadPoolExecutor(len(each)) as threads:
        running = [threads.submit(work) for work in works]
        try:
            return [one.result() for one in running]
        finally:  # after Ctrl-C, or an error of one, the others end with their revision
            is_over.set()


def _rehearse_on_one(
    history: History, rendered: RenderedHistory, is_over: Event, *, has_head: bool
) -> Rehearsed:
    """Rehearse on the one version, or server, of the settings; the schema only with `has_head`."""
    settings = history.settings
    keys = list(_keys(settings, rendered))
    heads: list[_Head] = []

    def look(rehearsal: Rehearsal) -> None:
        if has_head:
            heads.append(_Head(rehearsal.schema(), rehearsal.entities()))

    def make(missing: list[int], known: dict[int, RevisionReport]) -> list[RevisionReport]:
        # the keys are a chain: what follows a missing one is missing too
        rehearsed = [known[i] for i in range(missing[0])]
        reports = _rehearse(history, rendered, keys, rehearsed, is_over, look)
        return [reports[place] for place in missing]

    version = settings.versions[0]
    reports = cache.cached(settings, f"rehearsed-{version}", keys, make, RevisionReport)
    if not has_head:
        return Rehearsed(tuple(reports), {}, ())
    kind, last = f"head-{version}", keys[-1] if keys else "base"
    head = cache.recall(settings, kind, last, _Head)
    if head is None:
        if not heads:
            _rehearse(history, rendered, keys, reports, is_over, look)
        (head,) = heads
        cache.remember(settings, kind, last, head)
    return Rehearsed(tuple(reports), head.schema, head.entities)


def _rehearse(
    history: History,
    rendered: RenderedHistory,
    keys: Sequence[str],
    known: Sequence[RevisionReport],
    is_over: Event,
    look: Callable[[Rehearsal], None],
) -> list[RevisionReport]:
    """Rehearse the revisions after those that are known, and `look` at their end.

    It begins at the last one that left a database, because sample rows depend on all earlier ones:
    plain SQL would make others, and the same revision would get another report. The last revision
    is rehearsed alone, so that there is a database before it: it is the one that changes.
    """
    settings = history.settings
    with scratch.started(settings), scratch.watched(settings, rendered):
        return _rehearse_on_server(history, rendered, keys, known, is_over, look)


def _rehearse_on_server(
    history: History,
    rendered: RenderedHistory,
    keys: Sequence[str],
    known: Sequence[RevisionReport],
    is_over: Event,
    look: Callable[[Rehearsal], None],
) -> list[RevisionReport]:
    settings = history.settings
    templates = [f"rehearsed_{key}" for key in keys]
    start = scratch.furthest(settings, templates[: len(known)])
    reports = list(known[:start])
    ends = [end for end in (len(keys) - 1, len(keys)) if end > start] or [start]
    with closing(Baseline(history, rendered)) as baseline:
        for end in ends:
            with scratch.clone(settings, templates[start - 1] if start else None) as database:
                rehearsal = Rehearsal(
                    database,
                    rendered.own_tables,
                    frozenset(settings.options.small_tables),
                    partial(run_online, history, database),
                    failed=_failed(rendered, reports) if start else None,
                    baseline=baseline,
                )
                revisions = _until(is_over, rendered.revisions[start:end])
                reports += map(rehearsal.rehearse, revisions)
                if end == len(keys):
                    look(rehearsal)
                rehearsal.close()
                if end > start:
                    scratch.keep(settings, database, templates[end - 1])
            start = end
    return reports


def _until(is_over: Event, revisions: Sequence[RevisionSql]) -> Iterator[RevisionSql]:
    for revision in revisions:
        if is_over.is_set():
            raise CancelledError
        yield revision


def _failed(rendered: RenderedHistory, reports: Sequence[RevisionReport]) -> list[str]:
    """Return the revisions among those that are done which did not lead on."""
    pairs = zip(rendered.revisions, reports, strict=False)
    return [sql.revision.id for sql, report in pairs if not report.leads_on]


def _keys(settings: Settings, rendered: RenderedHistory) -> Iterator[str]:
    small = ",".join(sorted(settings.options.small_tables))
    roles = "\0".join(sorted(settings.options.roles))
    server = redacted(str(rehearsal_url()))  # what is stored must not let a password be tried
    tools = [*map(package_digest, _PACKAGES), str(settings.options.postgres), server]
    chain = digest("\0".join((*tools, small, roles)).encode())
    for sql in rendered.revisions:
        down = sql.scripts.downgrade
        texts = (scratch.upgrade_text(sql), down.status.value, down.reason, *down.texts)
        chain = digest("\0".join((chain, *texts)).encode())
        yield chain
