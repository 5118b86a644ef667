"""The tables at head as a drawing: what refers to another stands to its right."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from pybase.migrate.catalog._entities import Entity, ForeignKey
from pybase.migrate.sql import _names as names
from pybase.migrate.sqlfiles._schema_page import short_type

LINE, HEAD, GAP, ACROSS = 18, 28, 30, 64
"""Pixels: a column's height, a table's title, between two tables, between two layers."""

_LETTER, _WIDEST = 7.2, 34
"""Pixels of a letter, and letters of the longest line; what is longer is cut."""

_TITLE_LETTER = 8.5
"""Pixels of a letter in a title, which is bold."""

_ALL_COLUMNS = 12
"""Up to so many tables, all columns are shown; beyond, those of a key or that are new."""


@dataclass(frozen=True)
class Row:
    """A column as it is drawn; `mark` is its part in keys."""

    name: str
    type: str
    mark: str
    meaning: str
    is_changed: bool


@dataclass(frozen=True)
class Box:
    """A table and its place; `left_out` counts the columns that are not drawn."""

    entity: Entity
    label: str
    x: float
    y: float
    width: float
    rows: tuple[Row, ...]
    left_out: int
    is_changed: bool

    @property
    def height(self) -> float:
        """In pixels."""
        return HEAD + LINE * (len(self.rows) + bool(self.left_out)) + 8

    def middle(self, columns: Sequence[str]) -> float:
        """Return where a line to the last of `columns` ends, or to the title where it is cut."""
        drawn = [number for number, row in enumerate(self.rows) if row.name == columns[-1]]
        return self.y + (HEAD + LINE * (drawn[0] + 0.5) if drawn else HEAD / 2)


@dataclass(frozen=True)
class Link:
    """A foreign key as an SVG path from the table that refers to the one that it refers to."""

    path: str
    key: ForeignKey


@dataclass(frozen=True)
class Diagram:
    """Boxes and the lines between them; sizes in pixels."""

    boxes: tuple[Box, ...]
    links: tuple[Link, ...]
    width: float
    height: float


def draw(entities: Sequence[Entity], changed: Mapping[str, Collection[str]]) -> Diagram:
    """Draw all tables; `changed` has, by table, the columns that are new or altered."""
    numbers = {entity.identity: number for number, entity in enumerate(entities)}
    edges = [
        (numbers[key.target], number)
        for number, entity in enumerate(entities)
        for key in entity.foreign_keys
        if key.target in numbers and numbers[key.target] != number
    ]
    are_whole = len(entities) <= _ALL_COLUMNS
    sketched = [_sketch(entity, changed, are_whole=are_whole) for entity in entities]
    boxes = _placed(sketched, _layers(len(entities), edges))
    found = {box.entity.identity: box for box in boxes}
    links = [
        Link(_path(box, found[key.target], key), key)
        for box in boxes
        for key in box.entity.foreign_keys
        if key.target in found
    ]
    width = max((box.x + box.width for box in boxes), default=0) + GAP
    height = max((box.y + box.height for box in boxes), default=0) + GAP
    return Diagram(tuple(boxes), tuple(links), width, height)


def _sketch(entity: Entity, changed: Mapping[str, Collection[str]], *, are_whole: bool) -> Box:
    table = names.shown(entity.identity)
    new = changed.get(table, ())
    foreign = {name for key in entity.foreign_keys for name in key.columns}
    rows = [
        Row(
            _cut(column.name),
            _cut(short_type(column.type), _WIDEST - 8),
            " ".join(
                word
                for word, keys in (("PK", entity.primary_key), ("FK", foreign))
                if column.name in keys
            ),
            column.comment,
            names.quote(column.name) in new,
        )
        for column in entity.columns
    ]
    kept = tuple(row for row in rows if are_whole or row.mark or row.is_changed)
    letters = max((len(row.name) + len(row.type) + len(row.mark) + 5 for row in kept), default=0)
    label = _cut(entity.label)
    width = max(letters * _LETTER, (len(label) + 3) * _TITLE_LETTER, 110)
    return Box(entity, label, 0, 0, width, kept, len(rows) - len(kept), table in changed)


def _cut(text: str, most: int = _WIDEST) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _layers(count: int, edges: Sequence[tuple[int, int]]) -> list[list[int]]:
    """Return the tables of each layer, in an order that crosses few lines."""
    import igraph

    if not count:
        return []
    graph = igraph.Graph(n=count, edges=edges, directed=True)
    graph.delete_edges(graph.feedback_arc_set(method="eades"))  # tables may refer to each other
    depth = [0] * count
    for vertex in graph.topological_sorting():
        for after in graph.successors(vertex):
            depth[after] = max(depth[after], depth[vertex] + 1)
    layout = graph.layout_sugiyama(layers=depth)
    layers: dict[int, list[int]] = defaultdict(list)
    for number in sorted(range(count), key=lambda each: layout[each][0]):
        layers[depth[number]].append(number)
    return [layers[layer] for layer in sorted(layers)]


def _placed(sketched: Sequence[Box], layers: Sequence[Sequence[int]]) -> list[Box]:
    """Stack the tables of each layer, beside the layer before."""
    from dataclasses import replace

    boxes = []
    x: float = GAP
    for layer in layers:
        column = [sketched[each] for each in layer]
        y: float = GAP
        for box in column:
            boxes.append(replace(box, x=x, y=y))
            y += box.height + GAP
        x += max(box.width for box in column) + ACROSS
    return boxes


def _path(box: Box, target: Box, key: ForeignKey) -> str:
    """Return the curve from a column to the one that it refers to."""
    y, to_y = box.middle(key.columns), target.middle(key.target_columns)
    if target.x >= box.x:  # itself, or one of the same layer: around the right side
        x, to_x = box.x + box.width, target.x + target.width
        out = max(x, to_x) + ACROSS / 2
        return f"M{x:g} {y:g}C{out:g} {y:g} {out:g} {to_y:g} {to_x:g} {to_y:g}"
    x, to_x = box.x, target.x + target.width
    bend = ACROSS * 0.6
    return f"M{x:g} {y:g}C{x - bend:g} {y:g} {to_x + bend:g} {to_y:g} {to_x:g} {to_y:g}"
