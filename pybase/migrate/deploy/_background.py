"""A background thread that reads the server's state while the main thread works."""

import threading
from types import TracebackType
from typing import Self


class BackgroundThread:
    """Runs `_poll` in a thread while in a `with`; that ends when `_is_over` is set."""

    def __init__(self) -> None:
        """Nothing runs before the `with`."""
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._poll, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: object, _trace: TracebackType | None
    ) -> None:
        self._is_over.set()
        self._thread.join()

    def _poll(self) -> None:
        raise NotImplementedError
