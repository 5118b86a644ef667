"""The command line called in this process, on a project whose files are compared afterwards."""

import io
import os
import re
import sys
from collections.abc import Iterator
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from projects import Project, Result, plain_environment

from pybase.cli import main

SECRET = "hunter2-is-secret"

_STATUS = {0, 1, 2, 3, 130}
_ERROR = re.compile(r"^error\[[a-z]+(-[a-z]+)*\]: \S.*\nhint: \S", re.MULTILINE | re.DOTALL)
_OTHERS = {".pybase", "__pycache__", ".ruff_cache"}


def tree(root: Path) -> dict[str, bytes]:
    """Return the content of each file that git would see."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and not _OTHERS & set(path.relative_to(root).parts)
    }


@dataclass(frozen=True)
class Attacked:
    """A project whose every command is checked: it answers in a sentence, and spoils nothing."""

    project: Project

    @property
    def root(self) -> Path:
        return self.project.root

    def run(self, *arguments: str, **variables: str) -> Result:
        """Call `main`; see `assert_held`."""
        before = tree(self.root)
        result = called(self.project, arguments, variables)
        assert_held(result)
        if result.code:
            assert tree(self.root) == before
        return result

    def refused(self, code: str, *arguments: str, **variables: str) -> Result:
        """Call `main`, which must end with the error `code`; empty for any answer."""
        result = self.run(*arguments, **variables)
        assert not code or f"error[{code}]: " in result.err, result.text
        return result

    @contextmanager
    def replaced(self, name: str, content: bytes) -> Iterator[None]:
        """Give a file another content, and its own again afterwards."""
        path = self.root / name
        before = path.read_bytes() if path.exists() else None
        path.write_bytes(content)
        try:
            yield
        finally:
            if before is None:
                path.unlink()
            else:
                path.write_bytes(before)


def assert_held(result: Result) -> None:
    """No traceback, a known exit code, a sentence with a code and a hint, and no password."""
    assert "Traceback" not in result.text, result.text
    assert result.code in _STATUS, result.text
    assert SECRET not in result.text
    if result.code not in (0, 130):
        assert _ERROR.search(result.err), result.text


@contextmanager
def _own_modules(root: Path) -> Iterator[None]:
    """Let a project import its models, and forget them afterwards, as a new process would."""
    ours = sys.modules.pop("models", None)  # the folder of tests
    try:
        with patch.object(sys, "path", [str(root), *sys.path]):
            yield
    finally:
        sys.modules.pop("models", None)
        if ours is not None:
            sys.modules["models"] = ours


def called(project: Project, arguments: tuple[str, ...], variables: dict[str, str]) -> Result:
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
    environment = plain_environment() | project.environment | variables
    with patch.dict(os.environ, environment, clear=True), chdir(project.root):
        with redirect_stdout(out), redirect_stderr(err), _own_modules(project.root):
            code = main(arguments)
    texts = [stream.buffer.getvalue().decode() for stream in (out, err)]  # type: ignore[attr-defined]
    return Result(code, *texts)
