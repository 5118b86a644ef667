"""Order of a plan: each part follows what it depends on; then its division into revisions."""

from collections.abc import Iterator, Sequence
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from typing import TypeAlias

from pybase.migrate.autogenerate._operations import Part, Plan, Step, Unit

MOST_TABLES = 3
"""Tables that one revision may lock; `rules.locks` calls more a hazard."""

Node: TypeAlias = tuple[int, int]
"""A part: the place of its unit in the plan, and its own in the unit."""


def divide(plan: Plan, *, single: bool = False) -> list[Step]:
    """Divide a plan into revisions, in the order of its dependencies."""
    ordered = [(plan.units[unit], plan.units[unit].parts[part]) for unit, part in _ordered(plan)]
    if single:
        return [Step(tuple(part for _, part in ordered))] if ordered else []
    steps: list[list[tuple[Unit, Part]]] = []
    for unit, part in ordered:
        if steps and _fits(steps[-1], unit, part):
            steps[-1].append((unit, part))
        else:
            steps.append([(unit, part)])
    return [Step(tuple(part for _, part in step)) for step in steps]


def _fits(step: Sequence[tuple[Unit, Part]], unit: Unit, part: Part) -> bool:
    """Whether a part may share a revision with those before it: one concern, few locks."""
    last = step[-1][1]
    if part.group and part.group == last.group:
        return True
    if any(one.autocommit or one.autocommit_down or one.alone for one in (part, last)):
        return False
    locking = [other for other, earlier in step if earlier.tables]
    if part.tables and not all(unit.concerns & other.concerns for other in locking):
        return False
    locked = part.tables.union(*(earlier.tables for _, earlier in step))
    return len(locked) <= MOST_TABLES


def related(plan: Plan, unit: Unit) -> list[Unit]:
    """Return a unit, all that depend on it, and all on which it depends."""
    links = [(before[0], after[0]) for before, after in _dependencies(plan)]
    found: set[int] = set()
    waiting = {plan.units.index(unit)}
    while waiting:
        found |= waiting
        near = {other for link in links if waiting.intersection(link) for other in link}
        waiting = near - found
    return [plan.units[place] for place in sorted(found)]


# --- dependencies -----------------------------------------------------------------------------


def _ordered(plan: Plan) -> Iterator[Node]:
    """Yield the parts; of those that are ready, the rest of a group, then the earliest stage."""
    sorter = _sorter(plan, list(_dependencies(plan)))
    ready: list[Node] = []
    group = ""
    while sorter.is_active():
        ready += sorter.get_ready()
        node = min(ready, key=lambda node: _priority(plan, node, group))
        ready.remove(node)
        yield node
        group = _part(plan, node).group
        sorter.done(node)


def _priority(plan: Plan, node: Node, group: str) -> tuple[bool, int, Node]:
    part = _part(plan, node)
    return not group or part.group != group, part.stage, node


def _part(plan: Plan, node: Node) -> Part:
    return plan.units[node[0]].parts[node[1]]


def _sorter(plan: Plan, edges: list[tuple[Node, Node]]) -> TopologicalSorter[Node]:
    """Return a sorter of all parts; a cycle is opened at its last edge between two units."""
    while True:
        sorter = TopologicalSorter[Node]()
        for place, unit in enumerate(plan.units):
            nodes = [(place, part) for part in range(len(unit.parts))]
            sorter.add(nodes[0])
            for before, after in pairwise(nodes):
                sorter.add(after, before)
        for before, after in edges:
            sorter.add(after, before)
        try:
            sorter.prepare()
        except CycleError as error:
            cycle = list(pairwise(error.args[1]))
            edges.remove(next(edge for edge in reversed(edges) if edge in cycle))
        else:
            return sorter


def _dependencies(plan: Plan) -> Iterator[tuple[Node, Node]]:
    """Yield which part of a unit precedes the first part of another.

    What an object needs is created before it; what needs an object is dropped before it; and a name
    is free before another object takes it.
    """
    creators = {key: place for place, unit in enumerate(plan.units) for key in unit.creates}
    droppers = {key: place for place, unit in enumerate(plan.units) for key in unit.drops}
    for place, unit in enumerate(plan.units):
        for key in sorted(unit.precedes & creators.keys()):
            yield (place, unit.core), (creators[key], 0)
        for key in sorted(unit.drops):
            for other in sorted(plan.dropped.get(key, ())):
                if droppers.get(other, place) != place:
                    yield (place, unit.core), _core(plan, droppers[other])
        for key in sorted(unit.creates):
            if droppers.get(key, place) != place:
                yield _core(plan, droppers[key]), (place, 0)
            for other in sorted(plan.created.get(key, ())):
                if creators.get(other, place) != place:
                    yield _core(plan, creators[other]), (place, 0)


def _core(plan: Plan, unit: int) -> Node:
    return unit, plan.units[unit].core
