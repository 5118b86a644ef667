"""PostgreSQL servers on loopback ports, which ask for a password."""

import os
import shutil
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from pybase.postgres import find_bin
from pybase.postgres._os_user import server_user

PASSWORD = "pä@ss/w%rd#1:2?"  # every character that a URL wants encoded
ENCODED = quote(PASSWORD, safe="")


@dataclass(frozen=True)
class TcpServer:
    """A PostgreSQL on a loopback port that asks every user for a password."""

    directory: Path
    port: int

    def url(
        self, database: str = "postgres", user: str = "postgres", password: str = ENCODED
    ) -> str:
        return f"postgresql://{user}:{password}@127.0.0.1:{self.port}/{database}"

    def run(self, program: str, *arguments: str, **variables: str) -> None:
        """Run one of PostgreSQL's programs as the user that the server runs as."""
        account = server_user(self.directory)
        subprocess.run(
            [str(find_bin(18, account) / program), *arguments],
            cwd=self.directory,
            env={"PATH": os.defpath, "LC_ALL": "C", **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,  # the server keeps it open: a pipe would never end
            stderr=subprocess.DEVNULL,
            check=True,
            timeout=120,
            **account.process_identity(),
        )

    def start(self) -> None:
        options = (
            f"-c listen_addresses=127.0.0.1 -c port={self.port} -c fsync=off"
            " -c unix_socket_directories= -c max_prepared_transactions=2"
        )
        self.run("pg_ctl", "-D", "data", "-l", "log", "-w", "-s", "-o", options, "start")

    def stop(self) -> None:
        """End it as a crash does: sessions break, and the next start recovers."""
        self.run("pg_ctl", "-D", "data", "-m", "immediate", "-w", "-s", "stop")


def new_folder(path: Path) -> Path:
    """A folder for a server; the watchdog finds it by its lock file when the run is killed."""
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir()
    path.chmod(0o700)
    (path / "lock").touch()
    server_user(path).own(path)
    return path


def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
