"""One PostgreSQL server of our own: made, started, found, stopped and destroyed.

A server is running when it accepts a connection; no pid or file is believed instead. Whoever has
to change something takes the cluster's file lock first, so that any number of processes starting
at once end up with one server. It is left running for the next command.
"""

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlencode

import psycopg
from psycopg import sql

from pybase.core.errors import DatabaseError
from pybase.postgres import _launch as launch
from pybase.postgres import _postmaster as postmaster
from pybase.postgres._os_user import Account, server_account
from pybase.postgres._paths import make_lock_file, plain_refusals, socket_folder

RESET = "Run `nox -s db -- reset` to start afresh (its data is lost)."
_LOCK_TIMEOUT_S = 180
_CONNECT_TIMEOUT_S = 5
# A killed server may have much to recover from its write-ahead log.
_RECOVERY_TIMEOUT_S = 300
_NOT_YET = "the database system is"  # starting up, shutting down, in recovery


@dataclass(frozen=True)
class Status:
    """What is known of a cluster: `version` such as "18.4", sizes in bytes."""

    directory: Path
    running: bool
    version: str | None
    pid: int | None
    size_bytes: int


@dataclass(frozen=True)
class Cluster:
    """A PostgreSQL server, and the folder that it has for itself.

    `directory` holds `data/`, `log`, `log.old`, `lock` and mostly `socket/`. A cluster that is
    not `durable` is fast and loses its data in a power cut: for scratch databases only.
    """

    directory: Path
    major: int = 18
    durable: bool = True

    @property
    def data(self) -> Path:
        """The data directory, as PostgreSQL calls it."""
        return self.directory / "data"

    @property
    def log(self) -> Path:
        """What the server said since its last start."""
        return self.directory / "log"

    @property
    def socket(self) -> Path:
        """The folder of the server's socket, which is the only way to reach it."""
        return socket_folder(self.directory, self._account)

    @plain_refusals()
    def url(self, database: str = "postgres") -> str:
        """Return the libpq URI of `database`; it has no password, and starts nothing."""
        # The port is spelled out because libpq would take PGPORT from the environment.
        where = urlencode({"host": str(self.socket), "port": 5432}, safe="/")
        return f"postgresql://postgres@/{quote(database, safe='')}?{where}"

    @plain_refusals()
    def is_running(self) -> bool:
        """Tell whether the server accepts a connection."""
        return self._server_version() is not None

    @plain_refusals()
    def ensure_running(self) -> None:
        """Start the server, made first if need be, unless it runs.

        Raise DatabaseError with the server's own last words when it cannot be had.
        """
        version = self._server_version()
        if version is None:
            with self._locked():
                version = self._server_version() or self._start()
        self._require_major(str(version // 10_000))

    @plain_refusals()
    def ensure_database(self, name: str) -> str:
        """Make sure that the server runs and has a database `name`; return its URL."""
        version = self._server_version(name)
        if version is None:
            self.ensure_running()
            self._create_database(name)
        else:
            self._require_major(str(version // 10_000))
        return self.url(name)

    @plain_refusals()
    def stop(self) -> None:
        """Stop the server if it runs. Raise DatabaseError if it would not stop."""
        if self.data.exists():
            with self._locked():
                self._stop()

    @plain_refusals()
    def destroy(self) -> None:
        """Stop the server and delete its data, log and socket, and nothing else.

        The lock file stays: another process may be waiting for it right now.
        """
        if not self.directory.exists():
            return
        with self._locked():
            self._stop()
            launch.discard(self.data)
            shutil.rmtree(self.socket, ignore_errors=True)
            for log in (self.log, self.log.with_suffix(".old")):
                log.unlink(missing_ok=True)

    @plain_refusals()
    def status(self) -> Status:
        """Return what is known of the cluster; starts nothing and takes no lock."""
        number = self._server_version()
        version = launch.made_by(self.data)
        if number is not None:
            version = f"{number // 10_000}.{number % 10_000}"
        pid = postmaster.find_postmaster(self.data)
        return Status(self.directory, number is not None, version, pid, _size_bytes(self.directory))

    @property
    def _account(self) -> Account:
        return server_account(self.data)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        from filelock import FileLock, Timeout  # 20 ms that attaching must not pay

        lock_file = make_lock_file(self.directory)
        lock = FileLock(lock_file)
        try:
            lock.acquire(timeout=_LOCK_TIMEOUT_S)
        except Timeout:
            raise DatabaseError(
                f"Another process has held {lock_file} for {_LOCK_TIMEOUT_S} s.",
                f"See who it is with `fuser {lock_file}`, end it, and try again.",
            ) from None
        try:
            yield
        finally:
            lock.release()

    def _server_version(self, database: str = "postgres") -> int | None:
        """Return the server's version number, such as 180004, or None if it does not answer."""
        try:
            with self._connect(database) as connection:
                return connection.info.server_version
        except psycopg.OperationalError:
            return None

    def _refusal(self) -> str:
        """Return why the server does not accept a connection, or an empty string if it does."""
        try:
            self._connect("postgres").close()
        except psycopg.OperationalError as error:
            return str(error).strip()
        return ""

    def _connect(self, database: str) -> psycopg.Connection:
        return psycopg.connect(
            self.url(database), connect_timeout=_CONNECT_TIMEOUT_S, autocommit=True
        )

    def _start(self) -> int:
        """Bring the server up, whatever state it was left in; return its version number."""
        made_by = launch.made_by(self.data)
        if made_by is not None:
            self._require_major(made_by)
        server = launch.Launch(self.directory, self.major, self.durable, self.socket, self._account)
        if made_by is None:
            server.make_data()
        if not self._recovers():
            server.start()
        version = self._server_version()
        if version is None:
            raise server.failure("The embedded PostgreSQL does not accept connections")
        return version

    def _recovers(self) -> bool:
        """Tell whether a server that is there, though it did not answer, answers after all."""
        began = time.monotonic()
        while (pid := postmaster.find_postmaster(self.data)) is not None:
            refusal = self._refusal()
            if not refusal:
                return True
            if postmaster.is_unreachable(self.data, self.socket):
                self._stop()
                return False
            patience_s = _RECOVERY_TIMEOUT_S if _NOT_YET in refusal else _CONNECT_TIMEOUT_S
            if time.monotonic() - began > patience_s:
                raise DatabaseError(
                    f"The embedded PostgreSQL runs (pid {pid}) but refuses connections: {refusal}",
                    "Close what is connected to it, or run `nox -s db -- stop`, and try again.",
                )
            postmaster.pause()
        return False

    def _stop(self) -> None:
        if not postmaster.stop_postmaster(self.data):
            raise DatabaseError(
                f"The embedded PostgreSQL in {self.directory} does not stop.",
                f"Its log is {self.log}; pid {postmaster.find_postmaster(self.data)}.",
            )

    def _require_major(self, found: str) -> None:
        if found != str(self.major):
            raise DatabaseError(
                f"{self.directory} holds data of PostgreSQL {found}; this needs {self.major}.",
                f"Save what you need with pg_dump of version {found}. {RESET}",
            )

    def _create_database(self, name: str) -> None:
        statement = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))
        with self._connect("postgres") as connection:
            known = "SELECT FROM pg_database WHERE datname = %s"
            if connection.execute(known, [name]).fetchone() is not None:
                return
            try:
                connection.execute(statement)
            except (psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
                return  # another process was quicker


def _size_bytes(directory: Path) -> int:
    total = 0
    for folder, _, names in os.walk(directory):
        for name in names:
            try:
                total += os.lstat(f"{folder}/{name}").st_size
            except FileNotFoundError:  # a running server deletes files as it pleases
                continue
    return total
