"""Results kept in `.pybase/cache` by what they depend on. Deleting them costs only time.

They are sealed: a result that came with the checkout, or from another user, is not believed.
"""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from pybase.core.files import digest
from pybase.core.sealed import keep_sealed, read_sealed
from pybase.core.settings import Settings

T = TypeVar("T")


def cached(
    settings: Settings,
    kind: str,
    keys: Sequence[str],
    make: Callable[[list[int], dict[int, T]], Sequence[T]],
    type_: type[T],
    *,
    others: Iterable[str] = (),
) -> list[T]:
    """Return the result of each key, in order.

    `make` gets the places of those that are not kept, and the results of the others by place.

    A key is a digest of all that its result depends on. Exactly these keys are kept afterwards, and
    those of `others` that were, a file a kind and project, written atomically: concurrent runs
    cannot hurt.
    """
    path = _path(settings, kind)
    known = _read(path)
    results: dict[int, T] = {}
    for place, key in enumerate(keys):
        if key in known:
            try:
                results[place] = msgspec.json.decode(known[key], type=type_)
            except msgspec.DecodeError:  # written by another version
                continue
    missing = [place for place in range(len(keys)) if place not in results]
    if missing:
        for place, made in zip(missing, make(missing, results), strict=True):
            results[place] = made
            known[keys[place]] = msgspec.Raw(msgspec.json.encode(made))
        kept = {key: known[key] for key in (*keys, *others) if key in known}
        keep_sealed(settings, path, msgspec.json.encode(kept))
    return [results[place] for place in range(len(keys))]


def recall(settings: Settings, kind: str, key: str, type_: type[T]) -> T | None:
    """Return the result of one key, or None where it is not kept."""
    raw = _read(_path(settings, kind)).get(key)
    try:
        return None if raw is None else msgspec.json.decode(raw, type=type_)
    except msgspec.DecodeError:
        return None


def remember(settings: Settings, kind: str, key: str, result: Any) -> None:
    """Keep the result of one key, and no other of its kind."""
    keep_sealed(settings, _path(settings, kind), msgspec.json.encode({key: result}))


def _path(settings: Settings, kind: str) -> Path:
    project = digest(settings.identity.encode())
    return settings.state / "cache" / f"{kind}-{project}.json"


def _read(path: Path) -> dict[str, msgspec.Raw]:
    content = read_sealed(path)
    try:
        return {} if content is None else msgspec.json.decode(content, type=dict[str, msgspec.Raw])
    except msgspec.DecodeError:  # written by another version
        return {}
