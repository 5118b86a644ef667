"""`nox -l` as the help page, and the commands that the documents print."""

import ast
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from pybase.cli import VERBS, _parser

ROOT = Path(__file__).parents[1]
IN_ORDER = [
    "migrate", "makemigration", "rebase", "downgrade", "backfill", "stamp", "distribute",
    "current", "history", "pending", "review", "sql", "sql-lint", "check",
    "db", "tests", "lint", "typing",
]  # fmt: skip
BARE = {"sql-lint", "check", "tests", "lint", "typing"}
DESTROYERS = {"downgrade", "db"}
DOCUMENTS = ("README.md", "CONTRIBUTING.md", "docs/review.md", "migrations/README.md")

each_session = pytest.mark.parametrize("name", IN_ORDER)


@cache
def nox(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "nox", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@dataclass(frozen=True)
class Listed:
    """A session as `nox -l` shows it; `*` runs by default, `-` does not."""

    mark: str
    tags: tuple[str, ...]
    line: str


@cache
def listed() -> dict[str, Listed]:
    rows = re.findall(r"^([*-]) (\S+)(?: \[(.*)\])? -> (.*)$", nox("-l"), re.MULTILINE)
    return {name: Listed(mark, tuple(tags.split(",")), line) for mark, name, tags, line in rows}


# --- nox -l ---------------------------------------------------------------------------------------


def test_list_begins_with_a_summary_and_everyday_use() -> None:
    lines = nox("-l").splitlines()
    assert lines[0].endswith(".")
    head = "\n".join(lines[:12])
    assert "nox -s makemigration" in head
    assert "nox -s migrate" in head


def test_sessions_are_listed_in_the_order_of_the_verbs() -> None:
    assert [name for name in listed() if name in IN_ORDER] == IN_ORDER


def test_only_the_environment_is_listed_in_addition_to_the_verbs() -> None:
    assert set(listed()) - set(IN_ORDER) == {"environment"}


def test_bare_nox_runs_what_ci_runs() -> None:
    assert {name for name, session in listed().items() if session.mark == "*"} == BARE


@each_session
def test_line_of_a_session_is_a_short_imperative_sentence(name: str) -> None:
    line = listed()[name].line
    assert re.fullmatch(r"[A-Z][a-z]+ .*\.", line)
    assert len(line) <= 72
    assert line.split()[0] in {
        "Upgrade", "Write", "Move", "Downgrade", "Show", "Manage", "Run", "Check", "Set", "Spread",
    }  # fmt: skip


def test_lines_of_sessions_differ() -> None:
    lines = [session.line for session in listed().values()]
    assert len(lines) == len(set(lines))


@each_session
def test_only_dangerous_sessions_are_marked(name: str) -> None:
    assert bool(re.search(r"DESTROYS", listed()[name].line)) == (name in DESTROYERS)


@each_session
def test_usage_of_a_session_is_more_than_its_line(name: str) -> None:
    usage = nox("--usage", name)
    line = listed()[name].line
    assert line in usage
    assert len(usage.replace(line, "").split()) >= 3


@pytest.mark.parametrize(
    ("tag", "members"),
    [
        ("check", BARE),
        ("sql", {"rebase", "review", "sql", "sql-lint"}),
        (
            "db",
            {
                "migrate",
                "makemigration",
                "downgrade",
                "backfill",
                "stamp",
                "distribute",
                "current",
                "history",
                "pending",
                "db",
            },
        ),
    ],
)
def test_tag_gathers_its_sessions(tag: str, members: set[str]) -> None:
    assert {name for name, session in listed().items() if tag in session.tags} == members


# --- sessions and verbs ---------------------------------------------------------------------------


def test_every_session_is_a_verb_of_the_same_name() -> None:
    assert list(VERBS) == IN_ORDER


@each_session
def test_line_of_a_session_is_that_of_its_verb(name: str) -> None:
    assert listed()[name].line == VERBS[name].line


def test_help_has_the_line_of_each_verb() -> None:
    text = " ".join(_parser([]).format_help().split())
    assert [name for name, verb in VERBS.items() if f"{name} {verb.line}" not in text] == []


def test_readme_has_the_table_of_verbs() -> None:
    rows = [f"| `{name}` | {verb.line} | `{verb.example}` |" for name, verb in VERBS.items()]
    assert "\n".join(["| --- | --- | --- |", *rows, ""]) in (ROOT / "README.md").read_text("utf-8")


@pytest.mark.parametrize("name", [name for name, verb in VERBS.items() if not verb.is_tool])
def test_example_of_a_verb_is_printed_where_revisions_are_explained(name: str) -> None:
    example = " ".join(map(shlex.quote, shlex.split(VERBS[name].example)))
    assert ("migrations/README.md", example) in commands()


def test_noxfile_holds_no_logic() -> None:
    code = (ROOT / "noxfile.py").read_text()
    assert not re.search(r"^(from|import) (pybase|alembic|sqlalchemy)", code, re.MULTILINE)
    verbs = [
        node
        for node in ast.parse(code).body
        if isinstance(node, ast.FunctionDef) and node.decorator_list and node.name != "environment"
    ]
    assert len(verbs) == len(IN_ORDER)
    for verb in verbs:
        _docstring, *steps = map(ast.unparse, verb.body)
        assert steps == ["run_verb(session)"]


# --- documents ------------------------------------------------------------------------------------


def commands() -> list[tuple[str, str]]:
    """Every command that a document prints in a bash block: (document, command)."""
    printed = []
    for document in DOCUMENTS:
        text = (ROOT / document).read_text("utf-8")
        for block in re.findall(r"^```bash\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
            for line in block.replace("\\\n", " ").splitlines():
                words = shlex.split(line, comments=True)
                for command in " ".join(map(shlex.quote, words)).split(" '&&' "):
                    if command:
                        printed.append((document, command))
    return printed


SESSIONS = [
    pytest.param(command, id=f"{document}: {command}")
    for document, command in commands()
    if re.match(r"nox\b", command)
]
ALEMBIC = [
    pytest.param(command, id=f"{document}: {command}")
    for document, command in commands()
    if re.match(r"alembic\b", command)
]


@pytest.mark.parametrize("command", SESSIONS)
def test_printed_session_exists_and_takes_its_arguments(command: str) -> None:
    words = shlex.split(command)[1:]
    if not words or words == ["-l"]:
        return
    options, _, arguments = " ".join(map(shlex.quote, words)).partition(" -- ")
    flag, name = shlex.split(options)[:2]
    assert flag in ("-s", "--usage")
    assert name in listed()
    if arguments:
        parsed = _parser([name]).parse_args([name, *shlex.split(arguments)])
        assert parsed.verb == name


@pytest.mark.parametrize("command", ALEMBIC)
def test_printed_alembic_command_exists_and_takes_its_arguments(command: str) -> None:
    from alembic.config import CommandLine

    options = CommandLine().parser.parse_args(shlex.split(command)[1:])
    assert options.cmd


def test_documents_print_commands() -> None:
    assert len(SESSIONS) >= 15
    assert len(ALEMBIC) >= 10


def test_first_commands_of_the_readme_migrate_and_test() -> None:
    first = [command for document, command in commands() if document == "README.md"]
    assert any("nox -s migrate" in command for command in first[:2])
    assert "nox -s tests" in first[:3]


def test_ci_runs_the_readmes_test_command() -> None:
    assert re.search(r"^\s*(run )?nox -s tests\b", (ROOT / ".ci/run").read_text(), re.MULTILINE)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_of_a_document_exist(document: str) -> None:
    path = ROOT / document
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", path.read_text("utf-8"))
    missing = [link for link in links if "://" not in link and not (path.parent / link).exists()]
    assert missing == []
