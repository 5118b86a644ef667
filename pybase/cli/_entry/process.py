"""What ends the process, as an exit code."""

import os
import traceback
from collections.abc import Callable
from pathlib import Path

from pybase.cli import _terminal as terminal
from pybase.core.errors import InternalError, PybaseError, UsageError

_RESUME = "Finished steps are kept; run the same command again to resume."
_INTERRUPTED = 130
"""What a shell reports of a program that SIGINT ended."""

_OURS = Path(__file__).parents[2]


def ensure_home() -> None:
    """Give a user without a home the root folder, as Docker does: libraries ask for one."""
    if not os.path.expanduser("~").startswith("/"):  # noqa: PTH111  pathlib raises
        os.environ["HOME"] = "/"


def exit_code(run: Callable[[], int], *, with_traceback: bool) -> int:
    """Run a command; report how it fails in one sentence, and return its exit code."""
    code = _reported(run, with_traceback)
    lost = terminal.close_streams()
    if lost is None or code:
        return code
    problem = explained(lost)
    terminal.error(problem)
    return problem.exit_code


def _reported(run: Callable[[], int], with_traceback: bool) -> int:
    try:
        return run()
    except KeyboardInterrupt as interruption:
        newline = "\n" if terminal.can_draw() else ""  # the terminal has printed ^C
        terminal.note(f"{newline}Interrupted. {str(interruption) or _RESUME}")
        return _INTERRUPTED
    except SystemExit as ended:  # argparse's, after --help
        return int(ended.code or 0)
    except BaseException as error:
        if with_traceback:
            terminal.note("".join(traceback.format_exception(error)).rstrip())
        problem = explained(error)
        terminal.error(problem)
        return problem.exit_code


def explained(error: BaseException) -> PybaseError:
    """Return an error as the one that is reported: one of ours, or a bug."""
    if isinstance(error, PybaseError):
        return error
    if isinstance(error, OSError) and error.strerror:
        name = f": {os.fsdecode(error.filename)}" if isinstance(error.filename, str | bytes) else ""
        return UsageError(
            f"The operating system refuses to read or write a file: {error.strerror}{name}.",
            "Make room, or correct the path or its permissions; then run the same command again.",
            code="file-error",
        )
    # its message is not shown: it may quote a password
    return InternalError(
        f"Unexpected {type(error).__name__}{_place(error)}: a bug of PyBase, or of what it runs.",
        "Run the same command with --traceback, and report what it prints, without passwords, to "
        "those who maintain PyBase; the last changes to your files are the likeliest cause.",
        code="internal-error",
    )


def _place(error: BaseException) -> str:
    """Return the last line of ours that the error passed through."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if Path(frame.filename).is_relative_to(_OURS)]
    return f" ({Path(ours[-1].filename).name}, line {ours[-1].lineno})" if ours else ""
