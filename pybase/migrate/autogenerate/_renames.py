"""What looks dropped and added may only have got another name: then the data must stay.

Owns what a `--rename` means, and who decides: whoever runs the command, by a flag or at a
terminal. Which pairs look alike is `alike`, what is done about one `rename_steps`.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from pybase.core.errors import CheckFailedError, UsageError
from pybase.migrate.autogenerate._schema_snapshot import Side
from pybase.migrate.sql._names import plain, quote, raw, schema_of

Ask = Callable[[str], bool]


@dataclass(frozen=True, order=True)
class Rename:
    """One object under two names. `old` and `new` are as a person types them, after `of`."""

    kind: str
    old: str
    new: str
    of: str = ""
    """The table of a column or constraint, the type of an enum value; qualified and quoted."""

    @property
    def flag(self) -> str:
        """The argument that says it on the command line."""
        where = f"{plain(self.of)}." if self.of else ""
        text = f"{where}{self.old}:{self.new}"
        return f"--rename {text}" if re.fullmatch(r"[\w.:]+", text) else f"--rename '{text}'"

    @property
    def question(self) -> str:
        """What to ask at a terminal."""
        what = f" of {plain(self.of)}" if self.of else ""
        kind = "value" if self.kind == "enum value" else self.kind
        return f"{kind}{what}: renamed from `{self.old}` to `{self.new}`?"


def settle(found: Sequence[Rename], ask: Ask | None) -> list[Rename]:
    """Ask for each candidate whether it is a rename; refuse where nobody can be asked.

    Raises CheckFailedError with the exact flags.
    """
    if not found:
        return []
    if ask is None:
        flags = "\n".join(f"  {each.flag}" for each in found)
        raise CheckFailedError(
            "Dropped and added, or renamed? Only you can tell, and a wrong guess would lose data:\n"
            + "\n".join(f"  {each.question}" for each in found),
            f"Run the same command again with\n{flags}\n"
            "for each that is a rename, and with\n  --no-rename\nif none, or no other, is one. "
            "Nothing was written.",
        )
    taken: list[Rename] = []
    for each in found:
        if not any(_excludes(each, other) for other in taken) and ask(each.question):
            taken.append(each)
            if each.kind in ("schema", "table"):
                break  # what is in it is compared anew
    return taken


def _excludes(one: Rename, other: Rename) -> bool:
    same = one.kind == other.kind and one.of == other.of
    return same and (one.old == other.old or one.new == other.new)


def parse(old: Side, new: Side, text: str) -> Rename:
    """Read one `--rename`. Raises UsageError with what it should look like, and what there is."""
    before, mark, after = text.rpartition(":")
    if not mark or not before or not after:
        raise UsageError(f"--rename {text} is not OLD:NEW.", _FORMS)
    for found in _readings(old, new, before, after):
        return found
    raise UsageError(
        f"--rename {text}: the revisions have no {before}, or the models no {after}.", _FORMS
    )


_FORMS = (
    "Write TABLE.OLD:NEW for a column or constraint, TYPE.OLD:NEW for an enum value, OLD:NEW for a "
    "table, type, index, sequence or schema."
)


def _readings(old: Side, new: Side, before: str, after: str) -> Iterator[Rename]:
    for item in old.objects.values():
        name = plain(item.name)
        if item.kind in ("table", "type", "domain", "index", "sequence") and name == before:
            wanted = after if "." in after or not schema_of(item.name) else (
                f"{schema_of(item.name)}.{after}"
            )  # fmt: skip
            kind = "type" if item.kind == "domain" else item.kind
            if any(
                each.kind == item.kind and plain(each.name) == wanted
                for each in new.objects.values()
            ):
                yield Rename(kind, name, wanted)
        elif item.kind == "schema" and name == before:
            yield Rename("schema", before, after)
        elif item.kind in ("column", "constraint") and item.table and name == before:
            wanted = after.removeprefix(f"{plain(item.table)}.")
            is_there = f"{item.kind} {item.table}.{quote(wanted)}" in new.objects
            if is_there or item.table not in new.tables:
                yield Rename(item.kind, raw(item.name), wanted, item.table)
    for name, labels in old.labels.items():
        label = before.removeprefix(f"{plain(name)}.")
        wanted = after.removeprefix(f"{plain(name)}.")
        if label != before and label in labels and wanted in new.labels.get(name, (wanted,)):
            yield Rename("enum value", label, wanted, name)


def chosen(old: Side, new: Side, flags: Iterable[str]) -> list[tuple[str, Rename]]:
    """Read those `--rename` that can be understood now; the others may need one of these first."""
    found = []
    for flag in flags:
        try:
            found.append((flag, parse(old, new, flag)))
        except UsageError:
            continue
    return found
