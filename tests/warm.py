"""`python -m MODULE` in forks of one process that has imported everything already.

Each command is a process of its own, with its own folder, environment, streams and exit code, as
users run it; only the second that its imports take is spent once. `python tests/warm.py` reads a
command a line from its standard input, as JSON. It answers with the process id, and again with the
exit code when the process has ended; any number of commands may run at the same time.
"""

import atexit
import gc
import importlib
import json
import os
import pkgutil
import runpy
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

_MODULES = ("alembic.config", "sqlalchemy.dialects.postgresql.psycopg", "pglast")
_TIMEOUT_S = 120


class Command:
    """A running command; its streams are in `folder`."""

    def __init__(self, pid: int, folder: "TemporaryDirectory[str]", code: "Future[int]") -> None:
        self.pid = pid
        self._folder = folder
        self._code = code

    @property
    def is_running(self) -> bool:
        """Whether it has not ended yet."""
        return not self._code.done()

    def at_end(self, call: Callable[[], None]) -> None:
        """Call when it has ended, in another thread."""
        self._code.add_done_callback(lambda _: call())

    @property
    def err(self) -> str:
        """What it has written to its standard error so far."""
        return Path(self._folder.name, "err").read_text("utf-8")

    def wait(self) -> tuple[int, str, str]:
        """Return the exit code (negative for a signal), output and errors."""
        code = self._code.result(_TIMEOUT_S)
        with self._folder as folder:
            return code, Path(folder, "out").read_text("utf-8"), self.err


class Warm:
    """A process that forks for each command."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._codes: dict[int, Future[int]] = {}
        self._started: Future[tuple[int, Future[int]]] = Future()
        self._lock = threading.Lock()

    def start(
        self,
        module: str,
        arguments: tuple[str, ...],
        cwd: Path,
        env: dict[str, str],
        terminal: str = "",
    ) -> Command:
        """Start `python -m MODULE ARGUMENTS`; its streams are those of a terminal, if one is given.

        `terminal` is the path of a terminal that controls no process yet.
        """
        folder = TemporaryDirectory()
        for name in ("out", "err"):
            Path(folder.name, name).touch()
        with self._lock:
            self._started = Future()
            command = [module, list(arguments), str(cwd), env, folder.name, terminal]
            print(json.dumps(command), file=self._requests(), flush=True)
            pid, code = self._started.result(_TIMEOUT_S)
            return Command(pid, folder, code)

    def _requests(self) -> "subprocess._FILE":
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, __file__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                encoding="utf-8",
                env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])},
            )
            threading.Thread(target=self._read, args=(self._process.stdout,), daemon=True).start()
        return self._process.stdin

    def _read(self, answers: "subprocess._FILE") -> None:
        for line in answers:
            pid, *code = map(int, line.split())
            if code:
                self._codes.pop(pid).set_result(*code)
            else:
                self._codes[pid] = Future()
                self._started.set_result((pid, self._codes[pid]))


def _serve() -> None:
    """Answer until the other side is gone."""
    _import_all()
    gc.freeze()  # or the collector of each fork writes to, and so copies, every page
    woken, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    while True:
        # no line waits in the buffer of stdin: the client sends the next one after our answer
        ready, _, _ = select.select([sys.stdin, woken], [], [])
        if woken in ready:
            os.read(woken, 4096)
            _report_ended()
        if sys.stdin in ready:
            line = sys.stdin.readline()
            if not line:
                return
            pid = os.fork()
            if pid == 0:
                _become(*json.loads(line))
                return
            print(pid, flush=True)


def _import_all() -> None:
    import sqlfluff

    import pybase

    for module in pkgutil.walk_packages(pybase.__path__, "pybase."):
        if not module.name.startswith(("pybase.models", "pybase.__main__")):
            with suppress(ImportError):  # the command that imports it reports that
                importlib.import_module(module.name)
    for name in _MODULES:
        importlib.import_module(name)
    sqlfluff.lint("SELECT 1\n", dialect="postgres")  # which loads its plugins and the dialect


def _report_ended() -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        print(pid, os.waitstatus_to_exitcode(status), flush=True)


def _become(
    module: str, arguments: list[str], cwd: str, env: dict[str, str], folder: str, terminal: str
) -> None:
    """Be the process of one command."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.stdin.close()
    paths = (os.devnull, f"{folder}/out", f"{folder}/err")
    if terminal:
        os.setsid()  # the terminal that is opened next controls this process
        paths = (terminal,) * 3
        sys.stdout.reconfigure(line_buffering=True)
    for number, path in enumerate(paths):
        descriptor = os.open(path, os.O_RDWR)
        os.dup2(descriptor, number)
        os.close(descriptor)
    sys.stdin = sys.__stdin__ = os.fdopen(0, encoding="utf-8")
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    given = env.get("PYTHONPATH", "").split(os.pathsep)
    sys.path[:] = [cwd, *given, *(path for path in sys.path if path != str(Path(__file__).parent))]
    sys.argv[1:] = arguments
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as error:
        if isinstance(error.code, int | None):
            _end(error.code or 0)
        raise
    _end(0)


def _end(code: int) -> None:
    """End as the interpreter does, but do not free memory, which takes 0.1 s."""
    threading._shutdown()
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        if not stream.closed:
            stream.flush()
    os._exit(code & 0xFF)


if __name__ == "__main__":
    _serve()
