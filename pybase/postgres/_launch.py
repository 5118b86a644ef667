"""Creation of a data directory, and start of a server on it.

The caller holds the cluster's lock, and knows that no server of that data directory is alive.
"""

import os
import shlex
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from msgspec import Struct

from pybase.core.errors import DatabaseError
from pybase.postgres import _postmaster as postmaster
from pybase.postgres._binaries import find_bin
from pybase.postgres._os_user import OsUser
from pybase.postgres._paths import own_folder

RESET = "`nox -s db -- reset` starts with a new one (its data is lost)."
_START_TIMEOUT_S = 300  # a killed server may have much to recover
_CHILDREN_TIMEOUT_S = 10
_QUOTED_LINES = 8
_DISK_FULL = "No space left on device"

# The user's PGDATA, PGPORT, TZ or LD_PRELOAD would change the server, LANG its log.
_ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C"}
# SQLAlchemy cannot connect without UTF8; with UTC every machine has the same server.
_INITDB = "-U postgres -A trust -E UTF8 --locale=C --set=timezone=UTC --set=log_timezone=UTC"
_SETTINGS = {"listen_addresses": "", "port": "5432", "max_connections": "100"}
# A scratch cluster is created again after a power cut, so it need not wait for a disk.
_SCRATCH_SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    # CREATE and DROP DATABASE look through all of them, several times
    "shared_buffers": "16MB",
}


class Launch(Struct, frozen=True):
    """Parameters of a server to start."""

    directory: Path
    major: int
    durable: bool
    socket: Path
    user: OsUser

    @property
    def data(self) -> Path:
        """The data directory."""
        return self.directory / "data"

    def create_data(self) -> None:
        """Run initdb aside and rename the result: a killed initdb leaves no data directory."""
        self._require_reachable()
        self._require_name()
        if self.data.exists() and any(self.data.iterdir()):
            raise DatabaseError(
                f"{self.data} is not a PostgreSQL data directory: it has no PG_VERSION.",
                "Move its content elsewhere, and try again.",
                code="foreign-data-directory",
            )
        for abandoned in self.directory.glob("initdb-*"):
            shutil.rmtree(abandoned, ignore_errors=True)
        partial = Path(tempfile.mkdtemp(prefix="initdb-", dir=self.directory))
        self.user.own(partial)
        options = _INITDB.split() + ([] if self.durable else ["--no-sync"])
        result = self._run("initdb", *options, "-D", partial.name, capture=True)
        if result.returncode != 0:
            shutil.rmtree(partial, ignore_errors=True)
            raise self._failure(
                "The embedded PostgreSQL cannot be created", result.stdout, code="initdb-failed"
            )
        partial.rename(self.data)

    def start(self) -> None:
        """Start the server and wait until it is ready. Raise DatabaseError with its log if not."""
        self._require_reachable()
        own_folder(self.socket, self.user.uid, 0o700, self.user)
        postmaster.release_lock_files(self.data, self.socket)
        deadline = time.monotonic() + _CHILDREN_TIMEOUT_S
        while not self._try_start():
            # The children of a killed server use its shared memory for a moment.
            if "still in use" not in self._log_text() or time.monotonic() > deadline:
                raise self.failure("The embedded PostgreSQL does not start")
            postmaster.pause()

    def failure(self, problem: str) -> DatabaseError:
        """Return an error with `problem` and the last lines of the server's log."""
        return self._failure(problem, self._log_text())

    def _failure(
        self, problem: str, output: str, *, code: str = "embedded-server-failed"
    ) -> DatabaseError:
        quoted = "\n".join(f"    {line}" for line in output.strip().splitlines()[-_QUOTED_LINES:])
        if _DISK_FULL in output:
            return DatabaseError(
                f"{problem}, because the disk of {self.directory} is full.\n{quoted}",
                "Free some space there, and run the command again.",
                code="disk-full",
            )
        return DatabaseError(
            f"{problem} in {self.directory}:\n{quoted}",
            f"Fix the cause; or {RESET}",
            code=code,
        )

    def _try_start(self) -> bool:
        log = self._new_log()
        settings = _SETTINGS | ({} if self.durable else _SCRATCH_SETTINGS)
        settings["unix_socket_directories"] = str(self.socket)
        options = shlex.join(f"--{name}={value}" for name, value in settings.items())
        # The paths are relative because pg_ctl passes them to a shell.
        arguments = ["-D", self.data.name, "-l", log.name, "-o", options]
        arguments += ["-w", "-t", str(_START_TIMEOUT_S), "-s", "start"]
        return self._run("pg_ctl", *arguments).returncode == 0

    def _run(
        self, program: str, *arguments: str, capture: bool = False
    ) -> subprocess.CompletedProcess[str]:
        # The server inherits what pg_ctl has, and would keep a pipe open: so it gets none.
        return subprocess.run(
            [str(find_bin(self.major, self.user) / program), *arguments],
            cwd=self.directory,
            env=_ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if capture else subprocess.DEVNULL,
            stderr=subprocess.STDOUT if capture else subprocess.DEVNULL,
            text=True,
            errors="replace",
            check=False,
            **self.user.process_identity(),
        )

    def _require_reachable(self) -> None:
        if not self.user.can_enter(self.directory):
            raise DatabaseError(
                f"User {self.user.name}, as whom the server has to run, cannot enter "
                f"{self.directory}.",
                "Run the command as an ordinary user, or set DATABASE_URL to an existing server.",
                code="unreachable-folder",
            )

    def _require_name(self) -> None:
        if not self.user.is_known:  # in a container started with a number for its user
            uid, gid = self.user.uid, self.user.gid
            raise DatabaseError(
                f"PostgreSQL can be created only by a user with a name, and uid {uid} has none.",
                f"Give it one: echo 'app:x:{uid}:{gid}::/tmp:/bin/sh' >> /etc/passwd; or set "
                "DATABASE_URL and PYBASE_REHEARSAL_URL to existing servers.",
                code="nameless-user",
            )

    def _new_log(self) -> Path:
        """Create a new log, and keep the one of the run before."""
        log = self.directory / "log"
        if log.exists():
            log.replace(self.directory / "log.old")
        os.close(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        self.user.own(log)
        return log

    def _log_text(self) -> str:
        log = self.directory / "log"
        return log.read_text(errors="replace") if log.exists() else ""


def data_version(data: Path) -> str | None:
    """Return the major version of a data directory, such as "18", or None if there is no data."""
    try:
        return (data / "PG_VERSION").read_text().strip()
    except FileNotFoundError:
        return None
