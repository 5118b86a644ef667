"""Reports of one revision from several versions of PostgreSQL, combined: the worst counts."""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import TypeVar

from msgspec.structs import replace

from pybase.migrate.record._effects import Effects, RevisionReport, TableEffect, VersionEffects
from pybase.migrate.record._finding import Finding
from pybase.migrate.record._script import Direction, Directions
from pybase.migrate.sql import QualifiedName

_Item = TypeVar("_Item")
_FAILED = "rehearsal-failed"


def combined(reports: Sequence[RevisionReport]) -> RevisionReport:
    """Return the report for all versions that were rehearsed; `reports` is one a version.

    The schema is that of the first.
    """
    if len(reports) == 1:
        return reports[0]
    each = tuple(
        VersionEffects(version, report.effects) for report in reports for version in report.versions
    )
    is_same = len({report.effects for report in reports}) == 1
    distinct = each[:1] if is_same else each
    both = (_worst({e.version: e.effects[direction] for e in distinct}) for direction in Direction)
    return RevisionReport(
        Directions(*both),
        all(report.leads_on for report in reports),
        reports[0].schema,
        tuple(e.version for e in each),
        () if is_same else each,
    )


def differences(report: RevisionReport, direction: Direction) -> Iterator[tuple[int, str]]:
    """Yield in which versions a revision fails, or does something else to a table, in words."""
    each = {e.version: e.effects[direction] for e in report.by_version}
    failures = {
        version: finding.detail
        for version, effects in each.items()
        for finding in effects.findings
        if finding.code == _FAILED
    }
    yield from ((version, f"fails: {text}") for version, text in failures.items())
    run = {version: e.tables for version, e in each.items() if e.is_rehearsed}
    others = each.keys() - run.keys() - failures.keys() if run else ()
    yield from ((version, "not rehearsed") for version in sorted(others))
    for name in _united(run.values(), lambda table: table.table):
        yield from _differing(name.table, run)


def _differing(
    name: QualifiedName, run: Mapping[int, Sequence[TableEffect]]
) -> Iterator[tuple[int, str]]:
    """Yield what each version does to one table, where they do not all do the same."""
    done = {
        version: next(("; ".join(effect.done) for effect in tables if effect.table == name), "")
        for version, tables in run.items()
    }
    if len(set(done.values())) > 1:
        for version, words in done.items():
            yield version, f"{name.label}: {words or 'no lock against writers'}"


def _worst(each: Mapping[int, Effects]) -> Effects:
    """Return what holds on any version; a finding has the versions where it is alone."""
    every = tuple(each.values())
    tables = [
        _merged([t for effects in every for t in effects.tables if t.table == table.table])
        for table in _united((e.tables for e in every), lambda table: table.table)
    ]
    return Effects(
        tuple(sorted(tables, key=lambda table: (-table.rank, table.table.label))),
        tuple(_united(e.losses for e in every)),
        tuple(_united(e.created for e in every)),
        tuple(sorted(_findings(each), key=lambda finding: finding.sort_key)),
        tuple(sorted(_united(e.unfilled for e in every))),
        all(e.is_rehearsed for e in every),
        tuple(_united(e.renamed for e in every)),
        tuple(_united(e.cascade for e in every)),
    )


def _merged(tables: Sequence[TableEffect]) -> TableEffect:
    first, *others = tables
    for other in others:
        first = first.merged(other)
    return first


def _findings(each: Mapping[int, Effects]) -> Iterator[Finding]:
    """Yield the findings of all versions, each of them once."""
    known = {
        version: {_key(finding) for finding in effects.findings}
        for version, effects in each.items()
    }
    passed: set[Hashable] = set()
    for effects in each.values():
        new = [finding for finding in effects.findings if _key(finding) not in passed]
        passed.update(map(_key, new))
        for finding in new:
            versions = tuple(v for v, keys in known.items() if _key(finding) in keys)
            yield replace(finding, versions=() if len(versions) == len(each) else versions)


def _key(finding: Finding) -> Hashable:
    """Return what identifies a finding: the text of an error differs between versions."""
    return finding.statement, finding.code, finding.relation, finding.has_part and finding.detail


def _united(
    each: Iterable[Sequence[_Item]],
    key: Callable[[_Item], Hashable] = lambda item: item,
) -> list[_Item]:
    """Return the items of all sequences, those with the same key once, in their order."""
    found: dict[Hashable, _Item] = {}
    for item in chain.from_iterable(each):
        found.setdefault(key(item), item)
    return list(found.values())
