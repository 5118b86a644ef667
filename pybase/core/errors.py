"""Errors that a user may meet: problem, hint, stable code, exit code.

The problem states what is wrong and the value seen, never a password; the hint names the command or
change that fixes it. `cli` prints both without a traceback.
"""

from typing import ClassVar


class PybaseError(Exception):
    """Base of all errors that the command line reports in a sentence."""

    exit_code: ClassVar[int] = 1

    def __init__(self, problem: str, hint: str = "", *, code: str = "") -> None:
        """`code` is the stable kebab-case name of the kind of error, such as `stale-sql`."""
        super().__init__(problem)
        self.problem = problem
        self.hint = hint
        self.code = code

    def __str__(self) -> str:
        return f"{self.problem}\n{self.hint}" if self.hint else self.problem


class CheckFailedError(PybaseError):
    """Work is stale, unsafe, irreversible or drifting."""

    exit_code = 1


class UsageError(PybaseError):
    """The command, its arguments or its configuration are invalid."""

    exit_code = 2


class DatabaseError(PybaseError):
    """The database is unreachable, refuses the request, or stays locked."""

    exit_code = 3


class InternalError(PybaseError):
    """A bug of PyBase, as far as it can know: 70 is EX_SOFTWARE of sysexits.h."""

    exit_code = 70
