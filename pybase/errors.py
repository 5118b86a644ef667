"""The one family of errors that a user may meet.

Every error says what is wrong, the value that was seen (never a password) and, in `mend`, the
command or change that puts it right. `cli` prints it without a traceback and exits with
`exit_code`: 1 a check failed, 2 misuse, 3 the database could not be reached or would not yield.
"""

from typing import ClassVar


class PybaseError(Exception):
    """A user's mistake or an unlucky server; never a bug of ours."""

    exit_code: ClassVar[int] = 1

    def __init__(self, problem: str, mend: str = "") -> None:
        """State `problem` in one sentence; `mend` is the sentence that tells what to do."""
        super().__init__(problem)
        self.problem = problem
        self.mend = mend

    def __str__(self) -> str:
        return f"{self.problem}\n{self.mend}" if self.mend else self.problem


class CheckFailedError(PybaseError):
    """Work is stale, unsafe, irreversible or drifting."""

    exit_code = 1


class UsageError(PybaseError):
    """The command, its arguments or its configuration make no sense."""

    exit_code = 2


class DatabaseError(PybaseError):
    """The database could not be reached, refused us, or would not yield."""

    exit_code = 3
