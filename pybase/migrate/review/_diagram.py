"""Drawing of the tables at head: a table is to the right of those that it refers to."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

import igraph
from msgspec import Struct
from msgspec.structs import replace

from pybase.migrate.catalog import Entity, ForeignKey
from pybase.migrate.sql import quote

LINE, HEAD, GAP, ACROSS = 18, 28, 30, 64
"""Pixels: a column's height, a table's title, between two tables, between two layers."""

_LETTER, _TITLE_LETTER, _WIDEST = 7.2, 8.5, 34
"""Pixels of a letter, and of a bold one; letters of the longest line, above which it is cut."""

_ALL_COLUMNS = 12
"""Up to so many tables, all columns are shown; beyond, those that are in a key, or changed."""


class Row(Struct, frozen=True):
    """A column as it is drawn; `mark` is its part in keys."""

    name: str
    type: str
    mark: str
    comment: str
    is_changed: bool


class Box(Struct, frozen=True):
    """A table and its place; `left_out` counts the columns that are not drawn."""

    entity: Entity
    label: str
    width: float
    rows: tuple[Row, ...]
    left_out: int
    is_changed: bool
    x: float = 0
    y: float = 0

    @property
    def height(self) -> float:
        """In pixels."""
        return HEAD + LINE * (len(self.rows) + bool(self.left_out)) + 8

    def middle(self, columns: Sequence[str]) -> float:
        """Return where a line to the last of `columns` ends, or to the title if it is not drawn."""
        drawn = [number for number, row in enumerate(self.rows) if row.name == columns[-1]]
        return self.y + (HEAD + LINE * (drawn[0] + 0.5) if drawn else HEAD / 2)


class Diagram(Struct, frozen=True):
    """Boxes, and foreign keys with the SVG paths between them; sizes in pixels."""

    boxes: tuple[Box, ...]
    links: tuple[tuple[str, ForeignKey], ...]
    width: float
    height: float


def draw_diagram(entities: Sequence[Entity], changed: Mapping[str, Collection[str]]) -> Diagram:
    """Draw all tables; `changed` has, by table, the columns that are new or altered."""
    numbers = {entity.identity: number for number, entity in enumerate(entities)}
    edges = [
        (numbers[key.target], number)
        for number, entity in enumerate(entities)
        for key in entity.foreign_keys
        if key.target in numbers and numbers[key.target] != number
    ]
    with_all = len(entities) <= _ALL_COLUMNS
    boxes = [_box(entity, changed, with_all=with_all) for entity in entities]
    placed = {box.entity.identity: box for box in _placed(boxes, _layers(len(entities), edges))}
    links = tuple(
        (_path(box, placed[key.target], key), key)
        for box in placed.values()
        for key in box.entity.foreign_keys
        if key.target in placed
    )
    width = max((box.x + box.width for box in placed.values()), default=0) + GAP
    height = max((box.y + box.height for box in placed.values()), default=0) + GAP
    return Diagram(tuple(placed.values()), links, width, height)


def _box(entity: Entity, changed: Mapping[str, Collection[str]], *, with_all: bool) -> Box:
    table = entity.identity.removeprefix("public.")
    foreign = {name for key in entity.foreign_keys for name in key.columns}
    rows = [
        Row(
            _cut(column.name),
            _cut(column.short_type, _WIDEST - 8),
            " ".join(
                ["PK"] * (column.name in entity.primary_key) + ["FK"] * (column.name in foreign)
            ),
            column.comment,
            quote(column.name) in changed.get(table, ()),
        )
        for column in entity.columns
    ]
    kept = tuple(row for row in rows if with_all or row.mark or row.is_changed)
    letters = max((len(row.name) + len(row.type) + len(row.mark) + 5 for row in kept), default=0)
    label = _cut(entity.label)
    width = max(letters * _LETTER, (len(label) + 3) * _TITLE_LETTER, 110)
    return Box(entity, label, width, kept, len(rows) - len(kept), table in changed)


def _cut(text: str, most: int = _WIDEST) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _layers(count: int, edges: Sequence[tuple[int, int]]) -> list[list[int]]:
    """Return the tables of each layer, in an order in which few lines cross."""
    if not count:
        return []
    graph = igraph.Graph(n=count, edges=edges, directed=True)
    graph.delete_edges(graph.feedback_arc_set(method="eades"))  # tables may refer to each other
    depth = [0] * count
    for vertex in graph.topological_sorting():
        for successor in graph.successors(vertex):
            depth[successor] = max(depth[successor], depth[vertex] + 1)
    layout = graph.layout_sugiyama(layers=depth)
    layers: dict[int, list[int]] = defaultdict(list)
    for number in sorted(range(count), key=lambda number: layout[number][0]):
        layers[depth[number]].append(number)
    return [layers[layer] for layer in sorted(layers)]


def _placed(boxes: Sequence[Box], layers: Sequence[Sequence[int]]) -> list[Box]:
    """Stack the tables of each layer, to the right of the layer before."""
    placed = []
    x: float = GAP
    for layer in layers:
        y: float = GAP
        for number in layer:
            placed.append(replace(boxes[number], x=x, y=y))
            y += boxes[number].height + GAP
        x += max(boxes[number].width for number in layer) + ACROSS
    return placed


def _path(box: Box, target: Box, key: ForeignKey) -> str:
    """Return the curve from a column to the one that it refers to."""
    y, to_y = box.middle(key.columns), target.middle(key.target_columns)
    to_x = target.x + target.width
    if target.x >= box.x:  # itself, or one of the same layer: around the right side
        x = box.x + box.width
        out = to_out = max(x, to_x) + ACROSS / 2
    else:
        x = box.x
        out, to_out = x - ACROSS * 0.6, to_x + ACROSS * 0.6
    return f"M{x:g} {y:g}C{out:g} {y:g} {to_out:g} {to_y:g} {to_x:g} {to_y:g}"
