"""The history as a drawing: a row a revision, its parents above, branches side by side."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from pybase.migrate.review._revision_summary import Card

ROW, LANE, EDGE = 30, 20, 16
"""Pixels: between rows, between lanes, and from the edge of the drawing to the first of each."""


@dataclass(frozen=True)
class Node:
    """A revision and its place. One that is not `is_shown` is only there to be followed."""

    card: Card
    x: float
    y: float
    is_shown: bool


@dataclass(frozen=True)
class Graph:
    """Nodes from the top down, and the lines between them as SVG paths; sizes in pixels."""

    nodes: tuple[Node, ...]
    lines: tuple[str, ...]
    lanes: float
    height: float


def draw(cards: Sequence[Card], shown: Collection[str]) -> Graph:
    """Draw the revisions in `shown`, and the parents that these have elsewhere."""
    outer = {parent for card in cards if card.revision in shown for parent in card.parents}
    rows = [card for card in cards if card.revision in shown or card.revision in outer]
    edges = [
        (parent, card.revision)
        for card in rows
        if card.revision in shown
        for parent in card.parents
    ]
    place = _places([card.revision for card in rows], edges)
    nodes = tuple(Node(card, *place[card.revision], card.revision in shown) for card in rows)
    lines = tuple(_line(place, parent, child, edges) for parent, child in edges)
    lanes = max((node.x for node in nodes), default=0) + EDGE
    return Graph(nodes, lines, lanes, ROW * max(len(nodes) - 1, 0) + 2 * EDGE)


def _places(
    rows: Sequence[str], edges: Iterable[tuple[str, str]]
) -> Mapping[str, tuple[float, float]]:
    """Give each revision a row of its own, and a lane that crosses as few lines as can be."""
    import igraph

    number = {revision: row for row, revision in enumerate(rows)}
    graph = igraph.Graph(
        n=len(rows), edges=[(number[a], number[b]) for a, b in edges], directed=True
    )
    layout = graph.layout_sugiyama(layers=list(range(len(rows)))) if rows else []
    left = min((x for x, _ in layout), default=0)
    return {
        revision: (EDGE + (layout[row][0] - left) * LANE, EDGE + row * ROW)
        for revision, row in number.items()
    }


def _line(
    place: Mapping[str, tuple[float, float]],
    parent: str,
    child: str,
    edges: Collection[tuple[str, str]],
) -> str:
    """Return the path from a parent to a child: a fork turns at once, a merge turns at the end."""
    (x, y), (to_x, to_y) = place[parent], place[child]
    if x == to_x:
        return f"M{x:g} {y:g}V{to_y:g}"
    is_merge = sum(1 for _, each in edges if each == child) > 1
    if is_merge:
        turn = to_y - ROW
        return f"M{x:g} {y:g}V{turn:g}C{x:g} {to_y:g} {to_x:g} {turn:g} {to_x:g} {to_y:g}"
    turn = y + ROW
    return f"M{x:g} {y:g}C{x:g} {turn:g} {to_x:g} {y:g} {to_x:g} {turn:g}V{to_y:g}"
