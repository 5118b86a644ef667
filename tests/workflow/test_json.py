"""JSON of the verbs that show state, and the page that lists its keys."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from projects import CITIES_MODEL, FORK, LINE, ONE, ROOT, THREE, TWO, Project

from pybase.migrate.sqlfiles._lint_result import LintFinding


def document(project: Project, *arguments: str, code: int = 0) -> dict[str, Any]:
    result = project.run(*arguments, "--format", "json")
    assert result.code == code, result.text
    loaded: dict[str, Any] = json.loads(result.out)
    return loaded


def keys(value: object, path: str = "") -> Iterator[str]:
    """Every key of a document, as the page writes it."""
    if isinstance(value, list):
        for item in value:
            yield from keys(item, f"{path}[]")
    elif isinstance(value, dict) and "mb" not in path:
        for key, inner in value.items():
            name = f"{path}.{key}" if path else key
            yield name
            yield from keys(inner, name)


LINT = {f"[].{field}" for field in LintFinding.__struct_fields__}


def documented(command: str) -> set[str]:
    """The keys of a command, by docs/json.md; inside of tables they are words of the value."""
    found, current, base = set(), "", ""
    for row in re.findall(r"^\| (.*?) ?\| (`.*?) \| (.*) \|$", PAGE, re.MULTILINE):
        current = row[0].strip("`") or current
        if current == command:
            for name in re.findall("`(.+?)`", row[1]):
                base = base if name.startswith(".") else name.rpartition(".")[0]
                found.add(f"{base}{name}" if name.startswith(".") else name)
            if "tables" in row[1]:
                found |= {f"pending[].tables[].{name}" for name in re.findall("`(.+?)`", row[2])}
    return found


PAGE = (ROOT / "docs/json.md").read_text("utf-8")


@pytest.fixture
def three(project: Project) -> Project:
    return project.lay_out(*LINE, models=CITIES_MODEL).write_sql()


def test_page_lists_every_key(three: Project) -> None:
    three.done("migrate", TWO.id)
    failed = document(three, "check", "--models", code=1)
    three.write("models.py", "metadata = None\n")
    passed = document(three, "check", "--models")
    assert passed["failure"] is None
    documents = {
        "current": document(three, "current"),
        "history": document(three, "history"),
        "pending --check": document(three, "pending", "--check", code=1),
        "pending": document(three, "pending"),
        "check": failed | {"findings": passed["findings"]},
    }
    shown = {name: {*keys(each)} for name, each in documents.items()} | {"sql-lint": LINT}
    assert shown == {name: documented(name) for name in shown}


def test_values_are_those_of_the_database(three: Project) -> None:
    assert document(three, "current") == {"current": []}
    three.done("migrate", TWO.id)
    (current,) = document(three, "current")["current"]
    assert (current["revision"], current["is_head"]) == (TWO.id, False)
    revisions = document(three, "history")["revisions"]
    assert [each["revision"] for each in revisions] == [THREE.id, TWO.id, ONE.id]
    assert [each["recorded_as"] for each in revisions] == [None, "upgrade", "upgrade"]
    assert [each["is_current"] for each in revisions] == [False, True, False]
    assert revisions[1]["parents"] == [ONE.id]
    assert revisions[1]["recorded_at"].endswith("Z")
    nowhere = "postgresql://nobody@127.0.0.1:1/nowhere"
    unknown = json.loads(three.done("history", "--format", "json", DATABASE_URL=nowhere))
    assert {each["is_current"] for each in unknown["revisions"]} == {None}


def test_failure_of_a_check_has_its_code(three: Project) -> None:
    failure = document(three, "check", "--models", code=1)["failure"]
    assert failure["code"] == "models-differ"
    assert "makemigration" in failure["hint"]


# --- pending --check ------------------------------------------------------------------------------


def test_pending_check_fails_until_the_database_is_at_head(three: Project) -> None:
    for target, pending in ((TWO.id, [THREE.id]), ("head", [])):
        three.done("migrate", target)
        result = three.run("pending", "--check")
        assert result.code == bool(pending), result.text
        found = document(three, "pending", "--check", code=bool(pending))["pending"]
        assert [each["revision"] for each in found] == pending
    three.add(FORK)
    three.write_sql()
    assert three.run("pending", "--check").code == 1, "the other head is pending"


def test_pending_check_needs_neither_alembic_nor_a_parser(three: Project) -> None:
    three.done("migrate")
    result = three.python("-X", "importtime", "-m", "pybase", "pending", "--check")
    assert result.code == 0, result.text
    imported = {line.rpartition("|")[2].strip() for line in result.err.splitlines()}
    assert not imported & {"alembic", "sqlalchemy", "pglast"}
