"""Order of a plan: each part follows what it depends on; then its division into revisions."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise, product
from typing import TypeAlias

from msgspec.structs import replace

from pybase.migrate.autogenerate._operations import TOGETHER, Part, Plan, Step, Unit

MOST_TABLES = 3
"""Tables that one revision may lock; `rules.locks` calls more a hazard."""

Node: TypeAlias = tuple[int, int]
"""A part: the place of its unit in the plan, and its own in the unit."""
Edge: TypeAlias = tuple[Node, Node]
"""A part, and another that runs after it."""


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


def grouped(plan: Plan) -> Iterator[Unit]:
    """Yield the units, what must not be divided in a group for each part of the plan by itself."""
    for unit in plan.units:
        if any(part.is_undivided for part in unit.parts):
            group = f"{TOGETHER} {plan.units.index(related(plan, unit)[0])}"
            parts = (replace(p, group=group) if p.is_undivided else p for p in unit.parts)
            yield replace(unit, parts=tuple(parts))
        else:
            yield unit


# --- dependencies -----------------------------------------------------------------------------


def _ordered(plan: Plan) -> Iterator[Node]:
    """Yield the parts; of those that are ready, the rest of a group, then the earliest stage.

    The stage of a part is not after those of the parts that wait for it.
    """
    edges = _without_cycles(plan, [*_dependencies(plan)])
    edges += _undivided(plan, edges)
    stages = _stages(plan, edges)
    sorter = _graph(plan, edges)
    sorter.prepare()
    ready: list[Node] = []
    group = ""
    while sorter.is_active():
        ready += sorter.get_ready()
        first = [node for node in ready if group and _part(plan, node).group == group] or ready
        node = min(first, key=lambda node: (stages[node], node))
        ready.remove(node)
        yield node
        group = _part(plan, node).group
        sorter.done(node)


def _part(plan: Plan, node: Node) -> Part:
    return plan.units[node[0]].parts[node[1]]


def _stages(plan: Plan, edges: Sequence[Edge]) -> dict[Node, int]:
    followers = _followers([*edges, *_sequences(plan)])
    stages: dict[Node, int] = {}
    for node in reversed([*_graph(plan, edges).static_order()]):
        later = (stages[follower] for follower in followers.get(node, ()))
        stages[node] = min((_part(plan, node).stage, *later))
    return stages


def _undivided(plan: Plan, edges: Sequence[Edge]) -> Iterator[Edge]:
    """Yield what keeps the parts of a transaction together: what any waits for precedes all."""
    edges = [*edges, *_sequences(plan)]
    groups = defaultdict[str, set[Node]](set)
    for node in _nodes(plan):
        if _part(plan, node).is_undivided:
            groups[_part(plan, node).group].add(node)
    for together in groups.values():
        after = _reached(together, edges)
        before = _reached(together, [(end, start) for start, end in edges])
        yield from product(before - after - together, together)


def _reached(nodes: set[Node], edges: Sequence[Edge]) -> set[Node]:
    """Return the nodes that follow others by one edge or more."""
    followers = _followers(edges)
    found: set[Node] = set()
    waiting = list(nodes)
    while waiting:
        more = set(followers.get(waiting.pop(), ())) - found
        found |= more
        waiting += more
    return found


def _followers(edges: Sequence[Edge]) -> dict[Node, list[Node]]:
    followers: dict[Node, list[Node]] = {}
    for start, end in edges:
        followers.setdefault(start, []).append(end)
    return followers


def _nodes(plan: Plan) -> list[Node]:
    return [
        (place, part) for place, unit in enumerate(plan.units) for part in range(len(unit.parts))
    ]


def _sequences(plan: Plan) -> Iterator[Edge]:
    """Yield the order of the parts of each unit."""
    return (pair for pair in pairwise(_nodes(plan)) if pair[0][0] == pair[1][0])


def _without_cycles(plan: Plan, edges: list[Edge]) -> list[Edge]:
    """Return edges of which each cycle is opened at its last one between two units."""
    while True:
        try:
            _graph(plan, edges).prepare()
        except CycleError as error:
            cycle = list(pairwise(error.args[1]))
            edges.remove(next(edge for edge in reversed(edges) if edge in cycle))
        else:
            return edges


def _graph(plan: Plan, edges: Sequence[Edge]) -> TopologicalSorter[Node]:
    sorter = TopologicalSorter[Node](dict.fromkeys(_nodes(plan), ()))
    for before, after in (*_sequences(plan), *edges):
        sorter.add(after, before)
    return sorter


def _dependencies(plan: Plan) -> Iterator[Edge]:
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
