"""Drawing of the history: a row a revision, its parents above it, branches next to each other."""

from collections.abc import Collection, Mapping, Sequence

import igraph
from msgspec import Struct

from pybase.migrate.record import Record

ROW, LANE, EDGE = 30, 20, 16
"""Pixels: between rows, between lanes, and from the edge of the drawing to the first of each."""


class Node(Struct, frozen=True):
    """A revision and its place; without `is_shown` it is only drawn as a parent."""

    record: Record
    x: float
    y: float
    is_shown: bool


class Graph(Struct, frozen=True):
    """Nodes from the top down, and the lines between them as SVG paths; sizes in pixels."""

    nodes: tuple[Node, ...]
    lines: tuple[str, ...]
    lanes: float
    height: float


def draw_graph(history: Sequence[Record], shown: Collection[str]) -> Graph:
    """Draw the revisions in `shown`, and their parents that are not among them."""
    edges = [
        (parent, record.revision.id)
        for record in history
        if record.revision.id in shown
        for parent in record.revision.parents
    ]
    drawn = {*shown, *(parent for parent, _ in edges)}
    rows = [record for record in history if record.revision.id in drawn]
    places = _places([record.revision.id for record in rows], edges)
    nodes = tuple(Node(r, *places[r.revision.id], r.revision.id in shown) for r in rows)
    merges = {r.revision.id for r in rows if len(r.revision.parents) > 1}
    lines = tuple(_line(places[a], places[b], is_merge=b in merges) for a, b in edges)
    lanes = max((node.x for node in nodes), default=0) + EDGE
    return Graph(nodes, lines, lanes, ROW * max(len(nodes) - 1, 0) + 2 * EDGE)


def _places(
    rows: Sequence[str], edges: Collection[tuple[str, str]]
) -> Mapping[str, tuple[float, float]]:
    """Give each revision a row of its own, and a lane so that few lines cross."""
    if not rows:
        return {}
    numbers = {revision: row for row, revision in enumerate(rows)}
    pairs = [(numbers[parent], numbers[child]) for parent, child in edges]
    graph = igraph.Graph(n=len(rows), edges=pairs, directed=True)
    layout = graph.layout_sugiyama(layers=list(range(len(rows))))
    left = min(x for x, _ in layout)
    return {
        revision: (EDGE + (layout[row][0] - left) * LANE, EDGE + row * ROW)
        for revision, row in numbers.items()
    }


def _line(start: tuple[float, float], end: tuple[float, float], *, is_merge: bool) -> str:
    """Return the path from a parent to a child: a fork turns at once, a merge turns at the end."""
    (x, y), (to_x, to_y) = start, end
    if x == to_x:
        return f"M{x:g} {y:g}V{to_y:g}"
    if is_merge:
        turn = to_y - ROW
        return f"M{x:g} {y:g}V{turn:g}C{x:g} {to_y:g} {to_x:g} {turn:g} {to_x:g} {to_y:g}"
    turn = y + ROW
    return f"M{x:g} {y:g}C{x:g} {turn:g} {to_x:g} {y:g} {to_x:g} {turn:g}V{to_y:g}"
