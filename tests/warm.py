"""Run `python -m pybase` in forks of a process that has imported everything already.

Each command is a process of its own, with its own folder, environment, streams and exit code, as
people run it; only the second that its imports take is spent once. `python tests/warm.py` reads
one command a line from its standard input, as JSON, and answers each with the exit code.
"""

import gc
import importlib
import json
import os
import pkgutil
import signal
import subprocess
import sys
import threading
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

_MODULES = ("alembic.command", "sqlalchemy.dialects.postgresql.psycopg", "pglast", "sqlfluff")


class Warm:
    """A process that forks for each command; one command at a time."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()

    def run(
        self, arguments: tuple[str, ...], cwd: Path, env: dict[str, str]
    ) -> tuple[int, str, str] | None:
        """Run a command; its exit code, output and errors, or None while another one runs."""
        if not self._lock.acquire(blocking=False):
            return None
        try:
            with TemporaryDirectory() as folder:
                streams = [str(Path(folder, name)) for name in ("out", "err")]
                code = self._ask([list(arguments), str(cwd), env, streams])
                out, err = (Path(path).read_text("utf-8") for path in streams)
                return code, out, err
        finally:
            self._lock.release()

    def _ask(self, command: list[Any]) -> int:
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, __file__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                encoding="utf-8",
                env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])},
            )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(command), file=self._process.stdin, flush=True)
        return int(self._process.stdout.readline())


def _serve() -> None:
    """Answer until the other side is gone."""
    import pybase

    for module in pkgutil.walk_packages(pybase.__path__, "pybase."):
        if not module.name.startswith(("pybase.models", "pybase.__main__")):
            importlib.import_module(module.name)
    for name in _MODULES:
        importlib.import_module(name)
    gc.freeze()  # or the collector of each fork writes to, and so copies, every page
    for line in sys.stdin:
        arguments, cwd, env, streams = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _become(arguments, cwd, env, streams)
            return
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        print(code, flush=True)


def _become(arguments: list[str], cwd: str, env: dict[str, str], streams: list[str]) -> None:
    """Be the process of one command: never returns."""
    sys.stdin.close()
    flags = os.O_WRONLY | os.O_CREAT
    opened = [os.open(os.devnull, os.O_RDONLY), *(os.open(path, flags) for path in streams)]
    for number, descriptor in enumerate(opened):
        os.dup2(descriptor, number)
        os.close(descriptor)
    sys.stdin = sys.__stdin__ = os.fdopen(0, encoding="utf-8")
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    given = env.get("PYTHONPATH", "").split(os.pathsep)
    sys.path[:] = [cwd, *given, *(path for path in sys.path if path != str(Path(__file__).parent))]
    from pybase.cli import main

    sys.exit(main(arguments))


if __name__ == "__main__":
    _serve()
