"""A rename, what `--rename` means, and the question that the user answers."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from pybase.core.errors import CheckFailedError, UsageError
from pybase.migrate.autogenerate._schema_snapshot import Side
from pybase.migrate.sql._names import plain, quote, raw, schema_of

Ask = Callable[[str], bool]


@dataclass(frozen=True, order=True)
class Rename:
    """One object under two names. `old` and `new` are as the user types them, after `of`."""

    kind: str
    old: str
    new: str
    of: str = ""
    """The table of a column or constraint, the type of an enum value; qualified and quoted."""

    @property
    def flag(self) -> str:
        """The argument on the command line."""
        where = f"{plain(self.of)}." if self.of else ""
        text = f"{where}{self.old}:{self.new}"
        return f"--rename {text}" if re.fullmatch(r"[\w.:]+", text) else f"--rename '{text}'"

    @property
    def question(self) -> str:
        """The question at a terminal."""
        what = f" of {plain(self.of)}" if self.of else ""
        kind = "value" if self.kind == "enum value" else self.kind
        return f"{kind}{what}: renamed from `{self.old}` to `{self.new}`?"


def choose(candidates: Sequence[Rename], ask: Ask | None) -> list[Rename]:
    """Ask for each candidate whether it is a rename.

    Raises CheckFailedError with the exact flags where there is no terminal.
    """
    if candidates and ask is None:
        flags = "\n".join(f"  {rename.flag}" for rename in candidates)
        raise CheckFailedError(
            "Dropped and added, or renamed? Only you can tell, and a wrong guess would lose data:\n"
            + "\n".join(f"  {rename.question}" for rename in candidates),
            f"Run the same command again with\n{flags}\n"
            "for each that is a rename, and with\n  --no-rename\nif none, or no other, is one. "
            "Nothing was written.",
            code="ambiguous-rename",
        )
    taken: list[Rename] = []
    for rename in candidates:
        assert ask is not None
        is_open = not any(_excludes(rename, other) for other in taken)
        if is_open and ask(rename.question):
            taken.append(rename)
            if rename.kind in ("schema", "table"):
                break  # its content is compared again
    return taken


def _excludes(one: Rename, other: Rename) -> bool:
    same = one.kind == other.kind and one.of == other.of
    return same and (one.old == other.old or one.new == other.new)


def parse(old: Side, new: Side, text: str) -> Rename:
    """Read one `--rename`. Raises UsageError with the forms that it may have."""
    before, mark, after = text.rpartition(":")
    if not mark or not before or not after:
        raise UsageError(f"--rename {text} is not OLD:NEW.", _FORMS, code="bad-rename")
    for rename in _readings(old, new, before, after):
        return rename
    problem = f"--rename {text}: the revisions have no {before}, or the models no {after}."
    raise UsageError(problem, _FORMS, code="unknown-rename")


_FORMS = (
    "Write TABLE.OLD:NEW for a column or constraint, TYPE.OLD:NEW for an enum value, OLD:NEW for a "
    "table, type, index, sequence or schema."
)


def _readings(old: Side, new: Side, before: str, after: str) -> Iterator[Rename]:
    for item in old.objects.values():
        if plain(item.name) != before:
            continue
        schema = schema_of(item.name)
        if item.kind in ("table", "type", "domain", "index", "sequence"):
            name = after if "." in after or not schema else f"{schema}.{after}"
            kind = "type" if item.kind == "domain" else item.kind
            others = (other for other in new.objects.values() if other.kind == item.kind)
            if any(plain(other.name) == name for other in others):
                yield Rename(kind, before, name)
        elif item.kind == "schema":
            yield Rename("schema", before, after)
        elif item.kind in ("column", "constraint") and item.table:
            name = after.removeprefix(f"{plain(item.table)}.")
            exists = f"{item.kind} {item.table}.{quote(name)}" in new.objects
            if exists or item.table not in new.tables:
                yield Rename(item.kind, raw(item.name), name, item.table)
    for type_, labels in old.labels.items():
        label, name = (text.removeprefix(f"{plain(type_)}.") for text in (before, after))
        if label != before and label in labels and name in new.labels.get(type_, (name,)):
            yield Rename("enum value", label, name, type_)


def first_known(old: Side, new: Side, flags: Iterable[str]) -> tuple[str, Rename] | None:
    """Return the first `--rename` that can be read now; others may need this one first."""
    for flag in flags:
        try:
            return flag, parse(old, new, flag)
        except UsageError:
            continue
    return None
