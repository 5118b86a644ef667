"""Something that looks at the server in a thread of its own, while the work goes on."""

import threading
from types import TracebackType
from typing import Self


class Looker:
    """Runs `_watch` in a thread while in a `with`; that ends when `_is_over` is set."""

    def __init__(self) -> None:
        """Nothing is looked at before the `with`."""
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: object, _trace: TracebackType | None
    ) -> None:
        self._is_over.set()
        self._thread.join()

    def _watch(self) -> None:
        raise NotImplementedError
