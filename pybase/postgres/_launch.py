"""Make a data directory and start a server on it.

The caller holds the cluster's lock, and knows that no server of that data directory is alive.
"""

import os
import shlex
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from pybase.core.errors import DatabaseError
from pybase.postgres import _postmaster as postmaster
from pybase.postgres._binaries import find_bin
from pybase.postgres._os_user import Account

_START_TIMEOUT_S = 300  # a killed server may have much to recover
_ORPHANS_TIMEOUT_S = 10
_LAST_WORDS = 8
_DISK_FULL = "No space left on device"

# The developer's PGDATA, PGPORT, TZ or LD_PRELOAD would change the server; its language, the log.
_ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C"}
# UTF8, or SQLAlchemy fails on its first connection; UTC, so that every machine sees one server.
_INITDB = "-U postgres -A trust -E UTF8 --locale=C --set=timezone=UTC --set=log_timezone=UTC"
_SETTINGS = {"listen_addresses": "", "port": "5432", "max_connections": "100"}
# A scratch cluster is made again after a power cut, so it never waits for a disk.
_SCRATCH_SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
}


@dataclass(frozen=True)
class Launch:
    """What it takes to start one server."""

    directory: Path
    major: int
    durable: bool
    socket: Path
    account: Account

    @property
    def data(self) -> Path:
        """The data directory."""
        return self.directory / "data"

    def make_data(self) -> None:
        """Run initdb aside and move its result into place when it is whole.

        A killed initdb thus leaves nothing that could be taken for a cluster.
        """
        self._require_reachable()
        self._require_room()
        for abandoned in self.directory.glob("initdb-*"):
            shutil.rmtree(abandoned, ignore_errors=True)
        partial = Path(tempfile.mkdtemp(prefix="initdb-", dir=self.directory))
        self.account.own(partial)
        options = _INITDB.split() + ([] if self.durable else ["--no-sync"])
        result = self._run("initdb", *options, "-D", partial.name, capture=True)
        if result.returncode != 0:
            shutil.rmtree(partial, ignore_errors=True)
            raise self._failure("The embedded PostgreSQL cannot be made", result.stdout)
        partial.rename(self.data)

    def start(self) -> None:
        """Start the server and wait until it is ready. Raise DatabaseError with its log if not."""
        self._require_reachable()
        self._prepare_socket()
        postmaster.disown_lock_files(self.data, self.socket)
        deadline = time.monotonic() + _ORPHANS_TIMEOUT_S
        while not self._try_start():
            # The children of a killed server take a moment to notice, and hold its shared memory.
            if "still in use" not in self._log_text() or time.monotonic() > deadline:
                raise self.failure("The embedded PostgreSQL does not start")
            postmaster.pause()

    def failure(self, problem: str) -> DatabaseError:
        """Return an error that says `problem` and quotes the last lines of the server's log."""
        return self._failure(problem, self._log_text())

    def _failure(self, problem: str, words: str) -> DatabaseError:
        quoted = "\n".join(f"    {line}" for line in words.strip().splitlines()[-_LAST_WORDS:])
        if _DISK_FULL in words:
            return DatabaseError(
                f"{problem}, because the disk of {self.directory} is full.\n{quoted}",
                "Free some space there, and run the command again.",
            )
        return DatabaseError(
            f"{problem} in {self.directory}:\n{quoted}",
            "Mend the cause, or run `nox -s db -- reset` to start afresh (its data is lost).",
        )

    def _try_start(self) -> bool:
        log = self._fresh_log()
        settings = _SETTINGS | ({} if self.durable else _SCRATCH_SETTINGS)
        settings["unix_socket_directories"] = str(self.socket)
        options = shlex.join(f"--{name}={value}" for name, value in settings.items())
        command = ["-D", self.data.name, "-l", log.name, "-o", options]
        # The paths are relative because pg_ctl hands them to a shell.
        waiting = ["-w", "-t", str(_START_TIMEOUT_S), "-s", "start"]
        return self._run("pg_ctl", *command, *waiting).returncode == 0

    def _run(
        self, program: str, *arguments: str, capture: bool = False
    ) -> subprocess.CompletedProcess[str]:
        # The server inherits what pg_ctl has: a pipe would never see its end, so it gets none.
        output = subprocess.PIPE if capture else subprocess.DEVNULL
        return subprocess.run(
            [str(find_bin(self.major, self.account) / program), *arguments],
            cwd=self.directory,
            env=_ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT if capture else subprocess.DEVNULL,
            text=True,
            errors="replace",
            check=False,
            **self.account.process_identity(),
        )

    def _require_reachable(self) -> None:
        if not self.account.can_enter(self.directory):
            raise DatabaseError(
                f"User {self.account.name}, as whom the server has to run, cannot enter "
                f"{self.directory}.",
                "Run the command as an ordinary user, or set DATABASE_URL to a server you have.",
            )

    def _require_room(self) -> None:
        if self.data.exists() and any(self.data.iterdir()):
            raise DatabaseError(
                f"{self.data} is not a PostgreSQL data directory: it has no PG_VERSION.",
                "Move away what is in it, and try again.",
            )

    def _prepare_socket(self) -> None:
        self.socket.mkdir(mode=0o700, exist_ok=True)
        self.account.own(self.socket)

    def _fresh_log(self) -> Path:
        """Start a new log, keep the one before it: two runs tell enough, and disks fill up."""
        log = self.directory / "log"
        if log.exists():
            log.replace(self.directory / "log.old")
        os.close(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        self.account.own(log)
        return log

    def _log_text(self) -> str:
        log = self.directory / "log"
        return log.read_text(errors="replace") if log.exists() else ""


def made_by(data: Path) -> str | None:
    """Return the major version that made `data`, such as "18", or None if there is no data."""
    try:
        return (data / "PG_VERSION").read_text().strip()
    except FileNotFoundError:
        return None


def discard(data: Path) -> None:
    """Delete a data directory; one that is half deleted is never found under its name."""
    if data.exists():
        trash = Path(tempfile.mkdtemp(prefix="initdb-", dir=data.parent)) / "data"
        data.rename(trash)
        shutil.rmtree(trash.parent)
