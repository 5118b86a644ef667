"""Cluster: one embedded PostgreSQL server, which is created, started, stopped and destroyed.

A server is running when it accepts a connection; no pid or file proves it. Every change is made
under the cluster's file lock, so that any number of processes that start at once use one server. It
is left running for the next command.
"""

import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote, urlencode

import psycopg
from msgspec import Struct
from psycopg import sql

from pybase.core.errors import DatabaseError
from pybase.core.files import file_lock
from pybase.postgres import _checkouts as checkouts
from pybase.postgres import _launch as launch
from pybase.postgres import _postmaster as postmaster
from pybase.postgres._binaries import INSTALLATIONS
from pybase.postgres._connect import connect, register
from pybase.postgres._os_user import OsUser, server_user
from pybase.postgres._paths import lock_file, report_os_errors, socket_folder
from pybase.postgres._removal import delete_files

_LOCK_TIMEOUT_S = 180
_CONNECT_TIMEOUT_S = 5
# A killed server may have much to recover from its write-ahead log.
_RECOVERY_TIMEOUT_S = 300
_NOT_YET = "the database system is"  # starting up, shutting down, in recovery
LOCKED_OUT = re.compile('(role|database) "postgres"')
"""Part of a refusal that lasts: what we connect by is gone, or closed to us."""


class Status(Struct, frozen=True):
    """Properties of a cluster: `version` such as "18.4", sizes in bytes."""

    directory: Path
    running: bool
    version: str | None
    pid: int | None
    size_bytes: int


class Cluster(Struct, frozen=True):
    """A PostgreSQL server, and the folder of its files.

    `directory` contains `data/`, `log`, `log.old`, `lock` and usually `socket/`. A cluster that is
    not `durable` is fast and loses its data in a power cut: for scratch databases only. The data of
    a `checkout` are deleted after it.
    """

    directory: Path
    major: int = 18
    durable: bool = True
    checkout: Path | None = None

    @property
    def data(self) -> Path:
        """The data directory."""
        return self.directory / "data"

    @property
    def log(self) -> Path:
        """The server's messages since its last start."""
        return self.directory / "log"

    @property
    def socket(self) -> Path:
        """The folder of the server's socket, which is the only way to reach it."""
        return socket_folder(self.directory, self._user)

    @report_os_errors()
    def url(self, database: str = "postgres") -> str:
        """Return the libpq URI of `database`, without a password; starts nothing."""
        register(self.socket, self.data, self._user)
        # The port is explicit for programs that take PGPORT from the environment.
        address = urlencode({"host": str(self.socket), "port": 5432}, safe="/")
        return f"postgresql://postgres@/{quote(database, safe='')}?{address}"

    @report_os_errors()
    def is_running(self) -> bool:
        """Return whether the server accepts a connection."""
        return self._server_version() is not None

    @report_os_errors()
    def ensure_running(self) -> None:
        """Start the server unless it runs, and create it if needed.

        Raise DatabaseError with the last lines of the server's log when it does not start.
        """
        version = self._server_version()
        if version is None:
            with self._locked():
                version = self._server_version() or self._start()
        self._require_major(str(version // 10_000))

    @report_os_errors()
    def ensure_database(self, name: str) -> str:
        """Start the server and create the database `name` unless they exist; return its URL."""
        version = self._server_version(name)
        if version is None:
            self.ensure_running()
            self._create_database(name)
        else:
            self._require_major(str(version // 10_000))
        return self.url(name)

    @report_os_errors()
    def stop(self) -> None:
        """Stop the server if it runs. Raise DatabaseError if it does not stop."""
        if self.data.exists():
            with self._locked():
                self._stop()

    @report_os_errors()
    def destroy(self) -> None:
        """Stop the server and delete its data, log and socket, and nothing else.

        The lock file is kept: another process may be waiting for it.
        """
        if not self.directory.exists():
            return
        with self._locked():
            self._stop()
            delete_files(self.directory, self.socket)

    @report_os_errors()
    def status(self) -> Status:
        """Return the properties of the cluster; starts nothing and takes no lock."""
        number = self._server_version()
        version = launch.data_version(self.data)
        if number is not None:
            version = f"{number // 10_000}.{number % 10_000}"
        pid = postmaster.find_postmaster(self.data)
        return Status(self.directory, number is not None, version, pid, _size_bytes(self.directory))

    @property
    def _user(self) -> OsUser:
        return server_user(self.data)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        path = lock_file(self.directory)
        lock = file_lock(path, _LOCK_TIMEOUT_S)
        try:
            lock.acquire()
        except TimeoutError:
            raise DatabaseError(
                f"Another process has held {path} for {_LOCK_TIMEOUT_S} s.",
                f"Find it with `fuser {path}`, end it, and try again.",
                code="cluster-locked",
            ) from None
        try:
            yield
        finally:
            lock.release()

    def _server_version(self, database: str = "postgres") -> int | None:
        """Return the server's version number, such as 180004, or None without a connection."""
        try:
            with self._connect(database) as connection:
                return connection.info.server_version
        except psycopg.OperationalError:
            return None

    def _refusal(self) -> str:
        """Return why the server refuses a connection, or an empty string."""
        try:
            self._connect("postgres").close()
        except psycopg.OperationalError as error:
            return str(error).strip()
        return ""

    def _connect(self, database: str) -> psycopg.Connection:
        return connect(self.url(database), connect_timeout=_CONNECT_TIMEOUT_S, autocommit=True)

    def _start(self) -> int:
        """Start the server from any state of its files; return its version number."""
        if self.checkout is not None:
            checkouts.sweep()
            checkouts.remember(self.directory, self.checkout)
        server = launch.Launch(self.directory, self.major, self.durable, self.socket, self._user)
        created_by = launch.data_version(self.data)
        if created_by is None:
            server.create_data()
        else:
            self._require_major(created_by)
        if not self._recovers():
            server.start()
        version = self._server_version()
        if version is None:
            raise server.failure("The embedded PostgreSQL does not accept connections")
        return version

    def _recovers(self) -> bool:
        """Wait for a server that runs but refused a connection; return whether it accepts one."""
        start = time.monotonic()
        while (pid := postmaster.find_postmaster(self.data)) is not None:
            refusal = self._refusal()
            if not refusal:
                return True
            if postmaster.is_unreachable(self.data, self.socket):
                self._stop()
                return False
            timeout_s = _RECOVERY_TIMEOUT_S if _NOT_YET in refusal else _CONNECT_TIMEOUT_S
            timeout_s = 0 if LOCKED_OUT.search(refusal) else timeout_s
            if time.monotonic() - start > timeout_s:
                raise DatabaseError(
                    f"The embedded PostgreSQL runs (pid {pid}) but refuses connections: {refusal}",
                    "Close its connections, or run `nox -s db -- stop`, and try again.",
                    code="server-refuses-connections",
                )
            postmaster.pause()
        return False

    def _stop(self) -> None:
        if not postmaster.stop_postmaster(self.data):
            raise DatabaseError(
                f"The embedded PostgreSQL in {self.directory} does not stop.",
                f"Its log is {self.log}; pid {postmaster.find_postmaster(self.data)}.",
                code="server-does-not-stop",
            )

    def _require_major(self, version: str) -> None:
        if version != str(self.major):
            raise DatabaseError(
                f"{self.directory} contains data of PostgreSQL {version}; this needs {self.major}.",
                f"Save it with pg_dump of version {version}; {launch.RESET}",
                code="other-postgres-version",
            )

    def _create_database(self, name: str) -> None:
        statement = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))
        exists = "SELECT FROM pg_database WHERE datname = %s"
        # Another process may create it at the same time.
        known = (psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation)
        with self._connect("postgres") as connection, suppress(*known):
            if connection.execute(exists, [name]).fetchone() is None:
                connection.execute(statement)


def scratch_cluster(directory: Path, major: int = 18) -> Cluster:
    """Return the cluster in `directory`, fast and not durable; it is not started."""
    return Cluster(directory, major, durable=False)


def kept_cluster(checkout: Path, directory: Path, major: int) -> Cluster:
    """Return the durable cluster of a checkout: of the version of its data; of `major` without any.

    A developer's database outlives a change of the settings. It is not started.
    """
    created_by = None
    with suppress(OSError):
        created_by = launch.data_version(directory / "data")
    known = {str(number): number for number in INSTALLATIONS}
    return Cluster(directory, known.get(created_by or "", major), checkout=checkout)


def _size_bytes(directory: Path) -> int:
    total = 0
    for folder, _, names in os.walk(directory):
        for name in names:
            try:
                total += os.lstat(f"{folder}/{name}").st_size
            except FileNotFoundError:  # a running server deletes files
                continue
    return total
