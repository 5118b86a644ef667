"""Revision files: written to a place of their own, tried there, and then put in place whole.

Owns the text of a revision file and how it comes and goes. Whatever interrupts it, the tree is
either as it was or as it should be.
"""

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from textwrap import wrap

from alembic import util
from alembic.script import ScriptDirectory
from alembic.script.write_hooks import _run_hooks

from pybase.core.files import write_file
from pybase.migrate.autogenerate import _message as message
from pybase.migrate.autogenerate import _source as source
from pybase.migrate.autogenerate._operations import Step
from pybase.migrate.autogenerate._signals import undisturbed
from pybase.migrate.revisions import _violation_queries as obstacles
from pybase.migrate.revisions._history import History, explained
from pybase.migrate.sqlfiles import _files as sqlfiles

_WIDTH = 100


@dataclass(frozen=True)
class Draft:
    """Revisions that are written, and not in place yet."""

    history: History
    """The project's, with them at its end."""
    paths: tuple[Path, ...]
    destination: Path
    """The folder that they will lie in."""
    folder: Path
    """The folder that they lie in now."""

    @property
    def ids(self) -> list[str]:
        """Their ids, parents first."""
        return [
            script.revision
            for script in self.history.revisions
            if Path(script.path) in set(self.paths)
        ]


@contextmanager
def workshop(history: History) -> Iterator[Path]:
    """Yield a folder to write revisions in; it is gone afterwards."""
    state = history.settings.prepare_state()
    with tempfile.TemporaryDirectory(prefix="new-", dir=state) as folder:
        yield Path(folder)


def draft(history: History, folder: Path, title: str, steps: Sequence[Step]) -> Draft:
    """Write a chain of revisions after the head into `folder`; the first is called `title`."""
    for old in folder.iterdir():
        if old.is_file():
            old.unlink()
    scripts, destination = _scripts(history, folder)
    titles = [title, *message.unused(history, [step.title for step in steps[1:]])]
    ids = sorted(util.rev_id() for _ in steps)  # so that files of one minute sort as they run
    paths = []
    with explained():
        for place, (revision, step) in enumerate(zip(ids, steps, strict=True)):
            script = scripts.generate_revision(
                revision,
                titles[place],
                head="head",
                version_path=folder,
                upgrades=_body(step.up, step.autocommit),
                downgrades=_body(step.down, step.autocommit_down, _stays(step)),
                imports="from sqlalchemy.dialects import postgresql",
                config=history.config,
            )
            assert script is not None
            path = Path(script.path)
            write_file(path, _finished(path.read_text("utf-8"), step, place, titles))
            paths.append(path)
    _format(folder, paths, history.scripts.hooks)
    # read again, as they stand now
    fresh = replace(history, scripts=_scripts(history, folder)[0])
    return Draft(fresh, tuple(paths), destination, folder)


def _scripts(history: History, folder: Path) -> tuple[ScriptDirectory, Path]:
    """Return the project's scripts with one more folder, and where new revisions belong."""
    scripts = ScriptDirectory.from_config(history.config)
    scripts.hooks = []
    scripts.messaging_opts = {"quiet": True}
    places = list(scripts._version_locations)
    scripts.version_locations = [*map(str, places), str(folder)]
    vars(scripts).pop("_version_locations", None)
    heads = [history.get(head) for head in history.heads]
    parents = [Path(script.path).parent for script in heads]
    destination = next((each for each in parents if each in places), places[0])
    return scripts, destination


def accepting(written: Draft, accepted: Mapping[str, Mapping[str, str]]) -> Draft:
    """Write accepted hazards, with their reasons, into the revisions that they are accepted in."""
    for script in written.history.revisions:
        reasons = accepted.get(script.revision)
        if reasons:
            path = Path(script.path)
            lines = "".join(f"    {key!r}: {reason!r},\n" for key, reason in reasons.items())
            text = path.read_text("utf-8")
            place = text.index("\n\ndef upgrade")
            block = f"\n\naccepted_hazards = {{\n{lines}}}\n"
            write_file(path, text[:place].rstrip("\n") + block + text[place:])
    _format(written.folder, written.paths, ())
    scripts = _scripts(written.history, written.folder)[0]
    return replace(written, history=replace(written.history, scripts=scripts))


def _stays(step: Step) -> str:
    """Why a downgrade has nothing to do."""
    return (
        ""
        if step.down
        else "pass  # what the rows hold may stay: the revision before takes it away"
    )


def _body(statements: Sequence[str], autocommit: bool, instead: str = "") -> str:
    """Lay statements out as the body of a function, whose first line is indented already."""
    given = [each for each in statements if each]
    if not given:
        return instead or "pass"
    margin = " " * 8 if autocommit else " " * 4
    lines = [line for each in given for line in _indented(each, margin)]
    if autocommit:
        lines.insert(0, "    with op.get_context().autocommit_block():")
    return "\n".join(lines).strip()


def _indented(statement: str, margin: str) -> Iterator[str]:
    """Indent a statement, but for what stands inside a literal over several lines."""
    inside = False
    for line in statement.split("\n"):
        if line.startswith(source.OURS):
            yield f"{margin}{line.removeprefix(source.OURS)}"
        else:
            yield line if inside or not line else margin + line
        inside ^= line.count('"""') % 2 == 1


_CHECKLIST = re.compile(r"^# TODO: check these rules.*?\n(?=\n)", re.DOTALL | re.MULTILINE)
_TODO = "TODO: the reason, and the invariant that holds after this revision."


def _finished(text: str, step: Step, place: int, titles: Sequence[str]) -> str:
    """Put the reasons into the docstring, and take the template's reminders away."""
    reasons = list(dict.fromkeys(part.why for part in step.parts if part.why))
    finds = list(dict.fromkeys(part.find for part in step.parts if part.find))
    if len(titles) > 1:
        first = titles[0].rstrip(".")
        reasons.append(f"Revision {place + 1} of {len(titles)} of: {first}.")
    paragraphs = [
        "\n".join(wrap(_safe(each), _WIDTH, break_long_words=False, break_on_hyphens=False))
        for each in reasons
    ]
    paragraphs += [f"{obstacles.MARK}{_safe(each)}" for each in finds]
    why = "\n\n".join(paragraphs)
    head, mark, rest = text.partition("Revision ID:")
    is_first = place == 0
    if _TODO in head:
        kept = f"{_TODO}\n\n{why}" if is_first and why else _TODO if is_first else why
        head = head.replace(_TODO, kept)
    elif why and mark:
        head = f"{head.rstrip()}\n\n{why}\n\n"
    text = _CHECKLIST.sub("", head + mark + rest)
    constants = [line for part in step.parts for line in part.constants]
    if constants:
        text = text.replace("\ndef upgrade", "\n" + "\n".join(constants) + "\n\n\ndef upgrade", 1)
    return text


def _safe(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"""', "'''")


def _format(folder: Path, paths: Sequence[Path], hooks: Sequence[Mapping[str, str]]) -> None:
    """Format with ruff, then with what else the project runs over new revisions."""
    ruff = [sys.executable, "-m", "ruff"]
    for arguments in (
        ["check", "--fix", "--quiet", "--select", "F401,I001", "--exit-zero"],
        ["format", "--quiet"],
    ):
        subprocess.run([*ruff, *arguments, *map(str, paths)], check=False, cwd=folder)
    own = [hook for hook in hooks if "ruff" not in " ".join(map(str, hook.values()))]
    for path in paths if own else ():
        _run_hooks(path, own)


def put_in_place(written: Draft, sql: Mapping[str, str]) -> tuple[list[Path], list[str]]:
    """Move revisions to where they belong, and write their SQL; all of it, or nothing.

    Returns the revisions, and those files of `sql/` that changed.
    """
    settings = written.history.settings
    stale = [each.path for each in sqlfiles.compare(settings.sql, dict(sql))]
    before = {path: _bytes(settings.sql / path) for path in stale}
    moved: list[Path] = []
    done = False
    with undisturbed():
        try:
            written.destination.mkdir(parents=True, exist_ok=True)
            for path in written.paths:
                target = written.destination / path.name
                moved.append(target)
                write_file(target, path.read_text("utf-8"))
            sqlfiles.write(settings.sql, dict(sql))
            done = True
        finally:
            if not done:
                _restore(settings.sql, before, moved)
    return moved, stale


def _bytes(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def _restore(folder: Path, before: Mapping[str, bytes | None], moved: Sequence[Path]) -> None:
    for path in moved:
        path.unlink(missing_ok=True)
    for name, content in before.items():
        if content is None:
            (folder / name).unlink(missing_ok=True)
        else:
            write_file(folder / name, content.decode())
    for place in (*(folder / name for name in ("upgrade", "downgrade", "schema")), folder):
        if place.is_dir() and not any(place.iterdir()):
            place.rmdir()
