"""Revision files: written to a folder of their own, and validated there.

Owns the text of a revision file.
"""

import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from textwrap import wrap

from alembic import util
from alembic.script import ScriptDirectory
from msgspec import Struct
from msgspec.structs import replace

from pybase.core.errors import PybaseError, UsageError
from pybase.core.files import write_file
from pybase.migrate.autogenerate import _source as source
from pybase.migrate.autogenerate._operations import Step
from pybase.migrate.autogenerate._titles import described, free_titles
from pybase.migrate.revisions import (
    ROWS_IN_THE_WAY,
    History,
    explained,
    run_hooks,
    with_folder,
)
from pybase.migrate.sql.grammar import break_line

_WIDTH = 100


class Draft(Struct, frozen=True, dict=True):
    """Revisions that are written, and not in place yet."""

    history: History
    """The project's, with them at its end."""
    paths: tuple[Path, ...]
    folder: Path
    destination: Path

    @cached_property
    def ids(self) -> set[str]:
        """The ids of the revisions."""
        paths = set(self.paths)
        return {script.revision for script in self.history.revisions if Path(script.path) in paths}


def draft(history: History, folder: Path, title: str, steps: Sequence[Step], head: str) -> Draft:
    """Write a chain of revisions after `head` into `folder`; the first is called `title`."""
    for old in folder.iterdir():
        if old.is_file():
            old.unlink()
    scripts, destination = _scripts(history, folder)
    titles = [title, *free_titles(history, [step.title for step in steps[1:]])]
    ids = sorted(util.rev_id() for _ in steps)  # files of one minute sort in the order they run
    paths = []
    with _own_of_the_project():
        for place, (revision, step) in enumerate(zip(ids, steps, strict=True)):
            script = scripts.generate_revision(
                revision,
                titles[place],
                head=head,
                version_path=folder,
                upgrades=_body(step.up, step.autocommit),
                downgrades=_KEEPS_ROWS
                if step.parts and not step.down
                else _body(step.down, step.autocommit_down),
                imports="from sqlalchemy.dialects import postgresql",
                config=history.config,
            )
            assert script is not None
            path = Path(script.path)
            write_file(path, _completed(path.read_text("utf-8"), step, place, titles))
            paths.append(path)
        _format(folder, paths, history.scripts.hooks)
    fresh = replace(history, scripts=_scripts(history, folder)[0])  # reads the formatted files
    return Draft(fresh, tuple(paths), folder, destination)


@contextmanager
def _own_of_the_project() -> Iterator[None]:
    """Turn what its template, its file_template and its hooks raise into a UsageError."""
    hint = "Correct script.py.mako, or what alembic.ini has for new files; nothing was written."
    try:
        with explained(hint):
            yield
    except (PybaseError, OSError):
        raise
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split()).rstrip(".: ")
        raise UsageError(
            f"The project's template for revisions cannot be used: {reason}.",
            hint,
            code="template-failed",
        ) from error


def _scripts(history: History, folder: Path) -> tuple[ScriptDirectory, Path]:
    """Return the project's scripts with one more folder, and the folder of new revisions."""
    scripts, locations = with_folder(history.config, folder)
    parents = [Path(history.get(head).path).parent for head in history.heads]
    return scripts, next((parent for parent in parents if parent in locations), locations[0])


_KEEPS_ROWS = "pass  # the rows may keep their values"


def _body(statements: Sequence[str], autocommit: bool) -> str:
    """Lay statements out as the body of a function, whose first line is indented already."""
    margin = " " * 8 if autocommit else " " * 4
    lines = [line for statement in statements for line in _indented(statement, margin)]
    if lines and autocommit:
        lines.insert(0, "    with op.get_context().autocommit_block():")
    return "\n".join(lines).strip() or "pass"


def _indented(statement: str, margin: str) -> Iterator[str]:
    """Indent a statement, but for the lines of a literal."""
    is_literal = False
    for line in statement.split("\n"):
        if line.startswith(source.OURS):
            yield f"{margin}{line.removeprefix(source.OURS)}"
        else:
            yield line if is_literal or not line else margin + line
        is_literal ^= line.count('"""') % 2 == 1


_CHECKLIST = re.compile(r"^# TODO: check these rules.*?\n(?=\n)", re.DOTALL | re.MULTILINE)
_TODO = "TODO: the reason, and the invariant that holds after this revision."


def _completed(text: str, step: Step, place: int, titles: Sequence[str]) -> str:
    """Put what changes and the reasons into the docstring, and remove the template's reminders."""
    why = "\n\n".join(_paragraphs(step, place, titles))
    head, mark, rest = text.partition("Revision ID:")
    if _TODO in head:
        head = head.replace(_TODO, why or _TODO)
    elif why and mark:
        head = f"{head.rstrip()}\n\n{why}\n\n"
    text = _CHECKLIST.sub("", head + mark + rest)
    constants = [line for part in step.parts for line in part.constants]
    if constants:
        text = text.replace("\ndef upgrade", "\n" + "\n".join(constants) + "\n\n\ndef upgrade", 1)
    return text


def _paragraphs(step: Step, place: int, titles: Sequence[str]) -> Iterator[str]:
    """Yield what changes, the reasons, the place among the revisions, and the queries for rows."""
    reasons = _unique(part.why for part in step.parts)
    if step.parts and (not reasons or described(step) != titles[place]):
        reasons.insert(0, f"{described(step)}.")
    if len(titles) > 1:
        first = titles[0].rstrip(".")
        reasons.append(f"Revision {place + 1} of {len(titles)} of: {first}.")
    for reason in reasons:
        lines = wrap(_safe(reason), _WIDTH, break_long_words=False, break_on_hyphens=False)
        yield "\n".join(lines)
    yield from map(_query, _unique(part.find for part in step.parts))


def _unique(texts: Iterable[str]) -> list[str]:
    return [text for text in dict.fromkeys(texts) if text]


def _query(query: str) -> str:
    """Return a query as a paragraph of the docstring, broken where it is long."""
    margin = " " * len(ROWS_IN_THE_WAY)
    lines = break_line(query, margin, _CLAUSES).splitlines()
    broken = (break_line(line, margin, _COMMA) for line in lines)
    return ROWS_IN_THE_WAY + _safe("\n".join(broken).lstrip())


_CLAUSES = frozenset({"FROM", "WHERE", "AND", "GROUP", "HAVING"})
_COMMA = frozenset({","})


def _safe(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"""', '""\\"')


def _format(folder: Path, paths: Sequence[Path], hooks: Sequence[Mapping[str, str]]) -> None:
    """Format with ruff, then with the other hooks that the project has for new revisions."""
    ruff = [sys.executable, "-m", "ruff"]
    for arguments in (
        ["check", "--fix", "--quiet", "--select", "F401,I001", "--exit-zero", "--no-cache"],
        ["format", "--quiet", "--no-cache"],
    ):
        subprocess.run([*ruff, *arguments, *map(str, paths)], check=False, cwd=folder)
    own = [hook for hook in hooks if "ruff" not in " ".join(map(str, hook.values()))]
    for path in paths if own else ():
        try:
            run_hooks(path, own)
        except OSError as error:
            raise UsageError(
                f"A post-write hook of alembic.ini cannot be run: {error}.",
                "Install its program, or take the hook out of [post_write_hooks]; nothing was "
                "written.",
                code="hook-failed",
            ) from error


def in_place(written: Draft) -> dict[Path, str]:
    """Return the texts of the revisions, by the paths that they will have in the project."""
    return {written.destination / path.name: path.read_text("utf-8") for path in written.paths}
