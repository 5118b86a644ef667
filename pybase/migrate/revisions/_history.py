"""The revisions of one Alembic configuration, read once: order, heads, ancestry, docstrings.

No database is opened and nothing is rendered.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import Any

from alembic.config import Config
from alembic.runtime.migration import StampStep
from alembic.script import Script, ScriptDirectory
from alembic.script.revision import RevisionError
from alembic.util import CommandError
from msgspec import Struct

from pybase.core import git
from pybase.core.errors import CheckFailedError, UsageError
from pybase.core.files import leave_no_bytecode
from pybase.core.settings import Settings
from pybase.migrate.database import require_known
from pybase.migrate.record import Direction, Revision
from pybase.migrate.revisions import _alembic, _sandbox
from pybase.migrate.revisions._isolation import isolated
from pybase.migrate.sql import one_line

_FIELDS = re.compile(r"^[ \t]*(?:Revision ID|Revises|Create Date|Branch Labels):.*$", re.MULTILINE)
"""What Alembic writes into a docstring; not every author leaves a blank line above."""

_CREATED = re.compile(r"^[ \t]*Create Date:[ \t]*(.*)$", re.MULTILINE)

ROWS_IN_THE_WAY = "Rows in the way: "
"""Introduces, at the start of a paragraph of the docstring, a query for rows that would make the
revision fail. makemigration writes it; the report of the failure shows it."""

_QUERY = re.compile(rf"^{ROWS_IN_THE_WAY}(.+?)(?=\n\s*\n|\Z)", re.MULTILINE | re.DOTALL)


class History(Struct, frozen=True, dict=True):
    """All revisions of a project, and the Alembic objects that read them."""

    settings: Settings
    config: Config
    scripts: ScriptDirectory

    @cached_property
    def revisions(self) -> tuple[Script, ...]:
        """Every revision, ancestors first, in the order in which `upgrade heads` runs them."""
        with explained():
            newest_first = list(self.scripts.iterate_revisions("heads", "base"))
        return tuple(reversed(newest_first))

    @cached_property
    def heads(self) -> tuple[str, ...]:
        """The ids of the heads: one in a healthy history, none in an empty one."""
        return tuple(self.scripts.get_heads())

    @cached_property
    def branches(self) -> tuple[str, ...]:
        """Names such as `expand@head` where each head has a label of its own; else none."""
        labels = [self.get(head).branch_labels for head in self.heads]
        counts = Counter(label for names in labels for label in names)
        own = [sorted(label for label in names if counts[label] == 1)[:1] for names in labels]
        is_by_design = len(self.heads) > 1 and all(own)
        return tuple(f"{label}@head" for (label,) in sorted(own)) if is_by_design else ()

    @property
    def latest(self) -> str:
        """The destination of an upgrade that names none."""
        return "heads" if self.branches else "head"

    def get(self, identifier: str) -> Script:
        """Return the revision that a full or partial id, `head` or a label names.

        Raises UsageError when it names none, or more than one.
        """
        with resolving(identifier):
            script = self.scripts.get_revision(identifier)
        if script is None:
            raise unknown(identifier)
        return script

    def walk_range(self, rev_range: str, current: Sequence[str] = ()) -> Iterator[Script]:
        """Yield the revisions of a range `A:B`, newest first, with A, as `alembic history` does.

        Either end may be left out, or be `current`. Raises UsageError for a range without a colon
        and for an unknown revision.
        """
        lower, colon, upper = rev_range.partition(":")
        if not colon:
            raise UsageError(
                f"The range {rev_range!r} has no colon.",
                "Write A:B, A: or :B, as in base:head; A comes before B.",
                code="range-without-colon",
            )
        ends: list[Any] = [current if end == "current" else end for end in (lower, upper)]
        with resolving(rev_range):
            yield from self.scripts.walk_revisions(ends[0] or "base", ends[1] or "heads")

    def describe(self, script: Script) -> Revision:
        """Return what a revision file declares of itself."""
        text = script.longdoc
        body = _FIELDS.sub("", text.removeprefix(script.doc))
        created = _CREATED.search(text)
        return Revision(
            script.revision,
            parents(script),
            title(script.doc),
            self.path(script).as_posix(),
            "\n\n".join(filter(None, map(one_line, re.split(r"\n[ \t]*\n", body)))),
            one_line(created[1]) if created else "",
            accepted(script),
            tuple(" ".join(query.split()) for query in _QUERY.findall(text)),
        )

    def require_in_order(self) -> None:
        """Refuse a history without a head, or with several that are no branches by design."""
        if not self.branches:
            self.require_one_head()

    def require_one_head(self) -> str:
        """Return the id of the only head. Raises CheckFailedError that names all of them."""
        if self.branches:
            raise CheckFailedError(
                f"The history has {len(self.heads)} branches, so `head` is not one revision.",
                f"Name a branch, or all of them: {', '.join(self.branches)}, heads.",
                code="several-branches",
            )
        if len(self.heads) > 1:
            files = "\n".join(f"  {self._with_author(self.get(head))}" for head in self.heads)
            raise CheckFailedError(
                f"The history has {len(self.heads)} heads:\n{files}",
                "Put yours after the other with `nox -s rebase`, or join them with "
                '`alembic merge heads -m "join ..."`.',
                code="two-heads",
            )
        if not self.heads:
            raise CheckFailedError(
                "There are no revisions yet.",
                'Write the first: nox -s makemigration -- "msg"',
                code="no-revisions",
            )
        return self.heads[0]

    def path_to(
        self, current: tuple[str, ...], destination: str, direction: Direction
    ) -> tuple[Script, ...]:
        """Return the revisions to run on a database at `current`, in order.

        Raises UsageError for an unknown destination, and for a step down from one of several
        revisions; CheckFailedError for `head` where there are two, and when the database is at a
        revision that is not in this checkout.
        """
        if destination == "head" and direction.is_upgrade:
            self.require_one_head()
        if destination.startswith("-") and len(current) > 1:  # Alembic warns, and takes any
            branches = [name.replace("@head", f"@{destination}") for name in self.branches]
            raise UsageError(
                f"The database is at {' and '.join(current)}, and {destination} names none.",
                f"Name the branch, as {' or '.join(branches or ['LABEL@-1'])}, or the revision at "
                "which to end.",
                code="ambiguous-step",
            )
        require_known(current, {script.revision for script in self.revisions})
        with resolving(destination), complete():
            return self.path_from(current, destination, direction)

    def path_from(
        self, current: tuple[str, ...], destination: str, direction: Direction
    ) -> tuple[Script, ...]:
        """Return the same unchecked; raises what Alembic raises."""
        return _alembic.path(self.scripts, current, destination, direction)

    def stamp_steps(self, current: tuple[str, ...], target: str) -> list[StampStep]:
        """Return Alembic's steps that stamp a database at `current` with a revision.

        Raises UsageError for an unknown one, CheckFailedError for `head` where there are two.
        """
        if target == "head":
            self.require_one_head()
        with resolving(target):
            return _alembic.stamp_steps(self.scripts, current, target)

    def stamped_heads(self, current: tuple[str, ...], target: str) -> tuple[str, ...]:
        """Return the revisions that a database at `current` is at after the stamp."""
        heads = set(current)
        for step in self.stamp_steps(current, target):
            heads = heads.difference(step.from_revisions).union(step.to_revisions)
        return tuple(sorted(heads))

    def _with_author(self, script: Script) -> str:
        """Return a revision's file, and its author where git knows one."""
        author = git.author(self.settings, Path(script.path))
        return f"{self.path(script)}, by {author}" if author else str(self.path(script))

    def path(self, script: Script) -> Path:
        """Return the revision's file, relative to the project's root where it is inside."""
        path = Path(script.path)  # resolved, as are the revisions that `read` indexes
        for folder in (self.settings.root, self._resolved_root):
            with suppress(ValueError):
                return path.relative_to(folder)
        return path

    @cached_property
    def _resolved_root(self) -> Path:
        return self.settings.root.resolve()


def parents(script: Script) -> tuple[str, ...]:
    """Return the ids that a revision follows or depends on, as Alembic normalizes them."""
    return _alembic.parents(script)


def title(doc: str) -> str:
    """Return the title of a revision: the first paragraph of its docstring in one line."""
    return one_line(_FIELDS.sub("", doc)).removesuffix(".") or "(no message)"


def accepted(script: Script) -> dict[str, str]:
    """Return the hazards that a revision accepts, each with its reason."""
    return dict(getattr(script.module, "accepted_hazards", {}))


def read(settings: Settings) -> History:
    """Load alembic.ini and index its revisions. Raises UsageError for what cannot be loaded."""
    leave_no_bytecode(settings.root)
    config = _alembic.read_config(settings)
    hint = "Correct the revision files that it names."
    refused = _sandbox.connections(_sandbox.refuse)
    with explained(hint), _sandbox.without_terminal(), refused, isolated():
        scripts = _alembic.load(config, settings)
    return History(settings, config, scripts)


@contextmanager
def explained(hint: str = "List the revisions: nox -s history") -> Iterator[None]:
    """Turn Alembic's errors into a UsageError with the same sentence and a hint."""
    try:
        yield
    except (CommandError, RevisionError) as error:
        text = " ".join(str(error).split()).rstrip(".") + "."
        raise UsageError(text, hint, code="alembic") from error


@contextmanager
def resolving(name: str) -> Iterator[None]:
    """Turn what Alembic raises for a name that it cannot resolve into a UsageError."""
    try:
        with explained():
            yield
    except (AssertionError, KeyError) as error:  # as for `head+1`
        raise unknown(name) from error


def unknown(name: str) -> UsageError:
    """Return the error for a name that no revision has."""
    return UsageError(
        f"No revision is called {name!r}.",
        "List the revisions: nox -s history",
        code="unknown-revision",
    )


@contextmanager
def complete() -> Iterator[None]:
    """Name the revision without upgrade() or downgrade(), which Alembic looks up in a path."""
    try:
        yield
    except AttributeError as error:
        raise CheckFailedError(
            f"A revision on the path is incomplete: {error}.",
            "Write its upgrade() and downgrade(); nothing was run.",
            code="incomplete-revision",
        ) from error
