"""TCP proxy in front of a server, with a fault after the n-th answer to a step's statements."""

import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

from psycopg.conninfo import conninfo_to_dict

STEP_BEGINS = b"client_connection_check_interval"
"""Part of the last query before a step's own statements."""


class Proxy:
    """Counts the server's answers after the start of a step, and calls `strike` at `limit`.

    The last of these answers is not forwarded: the server has executed the statement, and the
    client does not know. `strike` decides what happens to the client.
    """

    def __init__(
        self, url: str, strike: Callable[["Proxy"], None], limit: int | None = None
    ) -> None:
        self.answers = 0
        self.has_struck = threading.Event()
        self._strike, self._limit = strike, limit
        parts = conninfo_to_dict(url)
        self._server = str(Path(str(parts["host"])) / f".s.PGSQL.{parts['port']}")
        self._sockets: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        port = self._listener.getsockname()[1]
        options = "sslmode=disable&gssencmode=disable"
        name = quote(str(parts["dbname"]))
        self.url = f"postgresql://postgres@127.0.0.1:{port}/{name}?{options}"
        self._start(self._accept)

    def cut(self) -> None:
        """Break every connection, as a network failure does, and accept no more."""
        for connection in (self._listener, *self._sockets):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()

    def _start(self, work: Callable[..., None], *arguments: object) -> None:
        threading.Thread(target=self._quietly, args=(work, *arguments), daemon=True).start()

    @staticmethod
    def _quietly(work: Callable[..., None], *arguments: object) -> None:
        with suppress(OSError, ValueError):  # the other side has closed
            work(*arguments)

    def _accept(self) -> None:
        while True:
            client, _ = self._listener.accept()
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # or 40 ms an answer
            server = socket.socket(socket.AF_UNIX)
            server.connect(self._server)
            self._sockets += [client, server]
            begun = threading.Event()
            self._start(self._forward, client, server, begun)
            self._start(self._answer, server, client, begun)

    def _forward(
        self, client: socket.socket, server: socket.socket, begun: threading.Event
    ) -> None:
        while data := client.recv(65536):
            if STEP_BEGINS in data:
                begun.set()
            server.sendall(data)
        server.shutdown(socket.SHUT_RDWR)

    def _answer(self, server: socket.socket, client: socket.socket, begun: threading.Event) -> None:
        """Forward message by message: a type of one byte, and a length that includes itself."""
        stream = server.makefile("rb")
        while head := stream.read(5):
            kind, length = struct.unpack("!cI", head)
            message = head + stream.read(length - 4)
            if kind == b"Z" and begun.is_set():
                self.answers += 1
                if self.answers == self._limit:
                    self._strike(self)
                    self.has_struck.set()
                    return
            client.sendall(message)
        client.shutdown(socket.SHUT_RDWR)
