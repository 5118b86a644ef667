"""The picture of a schema: valid Mermaid and Markdown for any name."""

import json
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from pybase.migrate.catalog import Entity, EntityColumn, ForeignKey
from pybase.migrate.sql import one_line
from pybase.migrate.sqlfiles._schema_page import page

ROOT = Path(__file__).parents[2]
MERMAID = ROOT / ".nox" / "mermaid"

HOSTILE = (
    "direction LR", "erDiagram", "style", "class", "classDef", "end", "subgraph", "title", "pk",
    "FK", "uk-1", "PK[]", "one or more", "u", "o{", "||--||", "%%{init: {}}%%", "%% gone", "a%%b",
    'say "hi"', "`code`", "```", "a|b", "a\\|b", "a\\", "line\nbreak", "\ttab", "<b>bold</b>",
    "<script>alert(1)</script>", "&amp;", "#35;", "#x", "a;b", "{", "}", "*a*", "_a_", "__proto__",
    "constructor", "~~gone~~", "$$x$$", "größe", "表", "🐘", "1st", "- list", "1. list", "> quote",
    "# head", "[a](b)", "![a](b)", "https://example.org", ":smile:", "@you", "accTitle: x", "a b",
    "\u202eright to left", "a--b", "a.b", "x" * 63,
)  # fmt: skip
TYPES = (
    "uuid", "timestamp with time zone", "timestamp(3) without time zone", "time with time zone[]",
    "numeric(10,2)", "text[]", '"char"', 'public."Odd ""type"""', "character varying(20)",
    "double precision", "interval day to second(3)", 'app."größe"[]', "bit varying(5)", "tsvector",
)  # fmt: skip
steady = settings(deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
"""Whatever the machine is busy with."""
names = st.sampled_from(HOSTILE) | st.text(st.characters(codec="utf-8"), min_size=1, max_size=63)


def column(name: str, type_: str = "text", default: str = "", comment: str = "") -> EntityColumn:
    return EntityColumn(name, type_, True, default, comment)


def entity(name: str, *columns: EntityColumn, keys: tuple[ForeignKey, ...] = ()) -> Entity:
    return Entity(f'public."{name}"', "public", name, "", columns, (), (), keys)


def key(target: Entity, *columns: str, optional: bool = False, unique: bool = False) -> ForeignKey:
    return ForeignKey("fk", columns, target.identity, columns, optional, unique)


def diagram(text: str) -> str:
    return text.partition("```mermaid\n")[2].partition("\n```\n")[0]


@st.composite
def schemas(draw: st.DrawFn) -> list[Entity]:
    entities: list[Entity] = []
    for name in draw(st.lists(names, min_size=1, max_size=4, unique=True)):
        columns = [
            column(text, draw(st.sampled_from(TYPES)), draw(names), draw(names))
            for text in draw(st.lists(names, max_size=4, unique=True))
        ]
        keys = [
            key(target, *(c.name for c in columns), optional=draw(st.booleans()))
            for target in (entities if columns else [])
        ]
        entities.append(entity(name, *columns, keys=tuple(keys)))
    return entities


# --- what is drawn --------------------------------------------------------------------------------


def test_schema_without_tables_has_no_diagram() -> None:
    assert "There are no tables." in page([])
    assert "mermaid" not in page([])


def test_relation_is_drawn_with_its_cardinalities() -> None:
    users = entity("users", column("id"))
    keys = tuple(
        key(users, f"c{optional:d}{unique:d}", optional=optional, unique=unique)
        for optional in (False, True)
        for unique in (False, True)
    )
    text = page([users, entity("shops", *(column(k.columns[0]) for k in keys), keys=keys)])
    assert re.findall(r'^    "users" (.*) "shops" : "(.*)"$', text, re.MULTILINE) == [
        ("||--o{", "c00"),
        ("||--o|", "c01"),
        ("|o--o{", "c10"),
        ("|o--o|", "c11"),
    ]


def test_keys_are_marked() -> None:
    users = Entity(
        "public.users",
        "public",
        "users",
        "",
        (column("id"), column("mail"), column("a"), column("b"), column("name")),
        ("id",),
        (("a", "b"), ("mail",)),
        (ForeignKey("fk", ("id", "a"), "public.users", ("a", "b"), True, True),),
    )
    lines = [line.split() for line in diagram(page([users])).splitlines()[2:-2]]
    assert lines == [
        ["text", "id", "PK,", "FK"],
        ["text", "mail", "UK"],
        ["text", "a", "FK"],
        ["text", "b"],
        ["text", "name"],
    ]


def test_tables_whose_names_are_drawn_alike_get_numbers() -> None:
    drawn = diagram(page([entity("a b"), entity("a_b"), entity("a#b")]))
    assert re.findall(r'"(.*)" \{', drawn) == ["a_b", "a_b_2", "a_b_3"]


def test_table_that_is_not_drawn_may_be_referred_to() -> None:
    away = entity("away")
    assert '"public._away_" ||--o{ "here"' in page(
        [entity("here", column("x"), keys=(key(away, "x"),))]
    )


def test_long_types_have_their_short_names_and_others_are_made_a_word() -> None:
    drawn = diagram(page([entity("t", *(column("c", each) for each in TYPES))]))
    assert [line.split()[0] for line in drawn.splitlines()[2:-1]] == [
        "uuid", "timestamptz", "timestamp(3)", "timetz[]", "numeric(10_2)", "text[]", "_char_",
        "public__Odd___type___", "varchar(20)", "float8", "interval_day_to_second(3)",
        "app__größe_[]", "bit_varying(5)", "tsvector",
    ]  # fmt: skip


def test_page_has_a_note_when_the_diagram_has_other_names() -> None:
    note = "In the diagram `_` stands for"
    assert note not in page([entity("users", column("id", "timestamp with time zone"))])
    assert note in page([entity("users", column("my id"))])
    assert note in page([entity("my users")])
    assert note in page([entity("users", column("id", "public.mood"))])


def test_large_diagram_has_keys_only_and_a_larger_one_is_left_out() -> None:
    def schema(tables: int) -> list[Entity]:
        others = tuple(column(f"a_rather_long_name_{n}") for n in range(9))
        return [
            Entity(f"public.t{n}", "public", f"t{n}", "", (column("id"), *others), ("id",), (), ())
            for n in range(tables)
        ]

    assert diagram(page(schema(100))).count("a_rather_long_name") == 900
    assert "columns of keys only" in page(schema(300))
    assert diagram(page(schema(300))).count("\n") == 3 * 300
    assert "a_rather_long_name_8" in page(schema(300))
    assert "no diagram" in page(schema(2000))
    assert "```" not in page(schema(2000))


# --- Mermaid parses it ---------------------------------------------------------------------------

# The grammar of its diagrams, as far as we use it, with the traps of its lexer: a line that has
# "direction LR" anywhere is a direction, and PK, FK and UK are keys in any case, at any boundary.
WORD = r"(?!(?:[PFU]K)(?![A-Za-z0-9_]))[A-Za-z_\u00c0-\uffff][A-Za-z0-9\-_\[\]()\u00c0-\uffff]*"
QUOTED = r'"[^"%\\#;<>$~\s]+"'
LINES = (
    rf"    {QUOTED} \{{",
    rf"        (?i:{WORD}) (?i:{WORD})( [PFU]K(, [PFU]K)*)?",
    r"    \}",
    rf'    {QUOTED} (\|o|\|\|)--(o\||o\{{) {QUOTED} : "[^"%\\#;<>$~\n]+"',
)
GRAMMAR = re.compile(rf"erDiagram(\n({'|'.join(LINES)}))*")


@steady
@given(schemas())
def test_diagram_follows_the_grammar_for_any_names(entities: list[Entity]) -> None:
    drawn = diagram(page(entities))
    assert GRAMMAR.fullmatch(drawn), drawn
    assert not re.search(r"direction\s+(TB|BT|LR|RL)", drawn.replace("        ", ""), re.I)


def test_mermaid_parses_it() -> None:
    node = shutil.which("node")
    if node is None or not (MERMAID / "node_modules").is_dir():
        pytest.skip("no node, or no Mermaid in .nox/mermaid: .ci/run installs it where it can")
    columns = [*(column(name) for name in HOSTILE), *(column("c", type_) for type_ in TYPES)]
    hostile = [entity(name, *columns) for name in HOSTILE]
    pairs = [
        [target, entity(f"to {target.name}", column(target.name), keys=(key(target, target.name),))]
        for target in hostile
    ]
    texts = [(ROOT / "docs/schema.md").read_text("utf-8"), *map(page, pairs)]
    done = subprocess.run(
        [node, str(Path(__file__).with_name("mermaid.mjs")), str(MERMAID)],
        input=json.dumps([diagram(text) for text in texts]),
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    ours, *others = json.loads(done.stdout)
    assert (len(ours["entities"]), ours["relations"]) == (7, 9)
    assert len(others) == len(HOSTILE)
    for parsed in others:
        assert [len(table) for table in parsed["entities"].values()] == [len(columns), 1]
        assert parsed["relations"] == 1


# --- Markdown shows it ----------------------------------------------------------------------------


def cells(text: str) -> list[list[str]]:
    """The rows of all tables of a page, as a reader sees them; only code may be marked up."""
    rows: list[list[str]] = []
    html = MarkdownIt("commonmark", {"html": True}).enable("table").render(text)
    for row in re.findall(r"<tr>\n(.*?)</tr>", html, re.DOTALL):
        contents = re.findall(r"<td>(.*?)</td>\n", row)
        assert not re.search(r"<(?!/?code>)", "".join(contents)), row
        if contents:
            rows.append([unescape(re.sub(r"</?code>", "", cell)) for cell in contents])
    return rows


@steady
@given(names, names, names, st.sampled_from(TYPES))
def test_table_shows_every_name_and_text_as_it_is(
    name: str, default: str, comment: str, type_: str
) -> None:
    rows = cells(page([entity("t", column(name, type_, default, comment))]))
    shown = re.sub(r"(?<!`)`([\w.]+)`(?!`)", r"\1", one_line(comment))
    assert rows == [[one_line(name), type_, "yes", one_line(default), shown]]


@steady
@given(names, names)
def test_heading_and_meaning_are_only_text(name: str, comment: str) -> None:
    text = page([Entity("x", "public", name, comment, (), (), (), ())])
    html = MarkdownIt("commonmark", {"html": True}).enable("table").render(text)
    after = html.partition("</code></pre>")[2]
    tags = set(re.findall(r"<(/?\w+)", after)) - {"code", "/code"}
    table = {"table", "thead", "tr", "th", "/th", "/tr", "/thead", "/table", "tbody", "/tbody"}
    assert tags - table <= {"h2", "/h2", "p", "/p"}, after
