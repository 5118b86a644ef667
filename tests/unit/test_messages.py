"""Error messages: the wording of each in tests/golden/messages.txt, and a code for each kind.

`UPDATE_GOLDEN=1 nox -s tests -- tests/unit/test_messages.py` writes the file from the code.
"""

import ast
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests/golden/messages.txt"
CLASSES = ("UsageError", "CheckFailedError", "DatabaseError", "InternalError")


@dataclass(frozen=True, order=True)
class Message:
    """One call of an error's class: its code and its text, with expressions in braces."""

    code: str
    path: str
    kind: str
    problem: str
    hint: str

    @property
    def text(self) -> str:
        """The message as the golden file holds it."""
        hint = f"\nhint: {self.hint}" if self.hint else ""
        return f"[{self.code}] {self.kind}\n{self.problem}{hint}\n"


def template(node: ast.expr | None) -> str:
    """Return the text of an expression, with what is computed in braces."""
    match node:
        case None:
            return ""
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=values):
            return "".join(map(template, values))
        case ast.FormattedValue(value=value, conversion=conversion):
            suffix = f"!{chr(conversion)}" if conversion > 0 else ""
            return f"{{{ast.unparse(value)}{suffix}}}"
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return template(left) + template(right)
        case ast.IfExp(body=body, orelse=other):
            return f"({template(body)}|{template(other)})"
    return f"{{{ast.unparse(node)}}}"


def messages() -> Iterator[Message]:
    """Yield the message of each call of an error's class in the product."""
    for file in sorted((ROOT / "pybase").rglob("*.py")):
        path = file.relative_to(ROOT).as_posix()
        for node in ast.walk(ast.parse(file.read_bytes())):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                continue
            if node.func.id in CLASSES:
                keywords = {keyword.arg: keyword.value for keyword in node.keywords}
                problem, hint, *_ = [*node.args, None, None]
                yield Message(
                    template(keywords.get("code")),
                    path,
                    node.func.id,
                    template(problem or keywords.get("problem")),
                    template(hint or keywords.get("hint")),
                )


MESSAGES = sorted(messages())


def test_messages_are_worded_as_in_the_golden_file() -> None:
    actual = "\n".join(dict.fromkeys(message.text for message in MESSAGES))
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.write_text(actual, "utf-8")
    expected = GOLDEN.read_text("utf-8") if GOLDEN.exists() else ""
    diff = "\n".join(unified_diff(expected.splitlines(), actual.splitlines(), lineterm=""))
    assert not diff, f"Read the difference, then write it with UPDATE_GOLDEN=1:\n{diff}"


def test_errors_have_a_code() -> None:
    assert [message for message in MESSAGES if not message.code] == [], "give the error a code"


@pytest.mark.parametrize("code", sorted({message.code for message in MESSAGES} - {""}))
def test_code_names_one_kind_of_error(code: str) -> None:
    """One class of errors, raised by one module."""
    uses = [message for message in MESSAGES if message.code == code]
    assert len({message.kind for message in uses}) == 1, uses
    assert len({message.path for message in uses}) == 1, uses


def test_codes_are_in_kebab_case() -> None:
    codes = {message.code for message in MESSAGES if not message.code.startswith("{")}
    assert [code for code in codes if not re.fullmatch(r"([a-z]+(-[a-z]+)*)?", code)] == []


def test_template_keeps_the_text_and_shows_what_is_computed() -> None:
    code = "f'{name!r} is' + ' not ' + (f'in {a.b}' if c else 'here') + HINT"
    expression = ast.parse(code, mode="eval").body
    assert template(expression) == "{name!r} is not (in {a.b}|here){HINT}"
