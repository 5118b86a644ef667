"""The reports of a whole history: rehearsed once, then kept by what they depend on.

A report's key is a digest of all SQL up to its revision, of its downgrade, and of the tools that
rehearse. Deleting the cache costs only time; it is written whole, so concurrent runs cannot hurt.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from msgspec import convert, to_builtins

import pybase
from pybase.core.files import digest, digest_files, write_file
from pybase.core.settings import Settings, rehearsal_url
from pybase.migrate.catalog._entities import Entity
from pybase.migrate.rehearsal import _scratch as scratch
from pybase.migrate.rehearsal._baseline import Plain
from pybase.migrate.rehearsal._effects import RevisionReport
from pybase.migrate.rehearsal._rehearsal import Rehearsal
from pybase.migrate.revisions._history import History
from pybase.migrate.revisions._render import RenderedHistory
from pybase.migrate.sqlfiles._files import sql_text


@dataclass(frozen=True)
class Rehearsed:
    """A report for every revision, in their order; the schema at head, and its tables."""

    revisions: tuple[RevisionReport, ...]
    schema: dict[str, str]
    entities: tuple[Entity, ...]


def rehearse_history(history: History, rendered: RenderedHistory) -> Rehearsed:
    """Rehearse what was not rehearsed before, after exactly the same SQL.

    Raises DatabaseError when there is no scratch server.
    """
    settings = history.settings
    keys = list(_keys(settings, rendered))
    path = (
        settings.state / "cache" / f"rehearsals-{digest(str(settings.config_path).encode())}.json"
    )
    known = _read(path)
    done = next((place for place, key in enumerate(keys) if key not in known), len(keys))
    head = _schema_key(keys)
    if done < len(keys) or head not in known:
        known |= _rehearse(history, rendered, keys, [known[key] for key in keys[:done]])
        settings.prepare_state()
        write_file(path, json.dumps({key: known[key] for key in (*keys, head)}))
    reports = tuple(convert(known[key], RevisionReport) for key in keys)
    tables = convert(known[head]["entities"], tuple[Entity, ...])
    return Rehearsed(reports, known[head]["schema"], tables)


def _rehearse(
    history: History, rendered: RenderedHistory, keys: Sequence[str], done: list[dict[str, Any]]
) -> dict[str, Any]:
    """Rehearse the revisions behind those that are done, and read the schema at their end.

    It begins at the last one that has left a database, because sample rows depend on all that
    befell them: plain SQL would make others, and the same revision get another report. The last
    revision goes by itself, so that there is a database before it: it is the one that changes.
    """
    settings = history.settings
    templates = [f"rehearsed_{key}" for key in keys]
    start = scratch.furthest(settings, templates[: len(done)])
    found = [*done[:start]]
    ends = [end for end in (len(keys) - 1, len(keys)) if end > start] or [start]
    head: dict[str, Any] = {}
    with closing(Plain(history, rendered)) as plain:
        for end in ends:
            with scratch.clone(settings, templates[start - 1] if start else None) as database:
                rehearsal = Rehearsal(
                    database,
                    rendered.version_table,
                    frozenset(settings.options.small_tables),
                    partial(scratch.run_online, history, database),
                    failed=_failed(rendered, found) if start else None,
                    plain=plain,
                )
                for revision in rendered.revisions[start:end]:
                    found.append(to_builtins(rehearsal.rehearse(revision)))
                if end == len(keys):
                    tables = to_builtins(rehearsal.entities())
                    head = {"schema": rehearsal.schema(), "entities": tables}
                rehearsal.close()
                if end > start:
                    scratch.keep(settings, database, templates[end - 1])
            start = end
    return dict(zip(keys, found, strict=True)) | {_schema_key(keys): head}


def _failed(rendered: RenderedHistory, found: Sequence[Mapping[str, Any]]) -> list[str]:
    """Name the revisions among those that are done which did not lead on."""
    pairs = zip(rendered.revisions, found, strict=False)
    return [each.script.revision for each, report in pairs if not report["leads_on"]]


def _keys(settings: Settings, rendered: RenderedHistory) -> Iterator[str]:
    sources = sorted(Path(pybase.__file__).parent.joinpath("migrate").rglob("*.py"))
    small = ",".join(sorted(settings.options.small_tables))
    tools = f"{digest_files(sources)} {settings.options.postgres} {rehearsal_url()} {small}"
    chain = digest(tools.encode())
    for each in rendered.revisions:
        texts = (sql_text(each.upgrade), scratch.source_digest(each), sql_text(each.downgrade))
        chain = digest("".join((chain, *texts)).encode())
        yield chain


def _schema_key(keys: Sequence[str]) -> str:
    return f"schema {keys[-1] if keys else 'of nothing'}"


def _read(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}
