"""The one family of errors that a user may meet.

Every error says what is wrong, the value that was seen (never a password) and, in `hint`, the
command or change that puts it right. `cli` prints it without a traceback and exits with
`exit_code`: 1 a check failed, 2 misuse, 3 the database could not be reached or would not yield.
"""

from typing import ClassVar


class PybaseError(Exception):
    """A user's mistake or an unlucky server; never a bug of ours."""

    exit_code: ClassVar[int] = 1

    def __init__(self, problem: str, hint: str = "", *, code: str = "") -> None:
        """State `problem` in one sentence; `hint` names the command or change that fixes it.

        `code` is a stable kebab-case name of the kind of error, such as `stale-sql`.
        """
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
    """The command, its arguments or its configuration make no sense."""

    exit_code = 2


class DatabaseError(PybaseError):
    """The database could not be reached, refused us, or would not yield."""

    exit_code = 3
