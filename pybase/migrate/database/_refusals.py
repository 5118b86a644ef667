"""Refusals: errors that the server causes, and not a revision, each with what to do about it."""

import re

import psycopg


def first_line(error: BaseException | None) -> str:
    """Return the first line of an error's message without values, or its type where it has none."""
    message = (isinstance(error, psycopg.Error) and error.diag.message_primary) or str(error)
    if isinstance(error, psycopg.DataError):
        message = _VALUE.sub('"..."', message)
    return (message.strip().splitlines() or [type(error).__name__])[0]


def refusal(error: BaseException | None) -> tuple[str, str] | None:
    """Return what the server, and not a revision, is the cause of, and the hint; else None."""
    message, state = first_line(error), sqlstate(error)
    for prefix, pattern, what, hint in _REFUSALS:
        match = re.search(pattern, message) if state.startswith(prefix) else None
        if match:
            return what, hint.format(**match.groupdict())
    return None


def sqlstate(error: BaseException | None) -> str:
    """Return the SQLSTATE; an error of the connection has none, and gets that of its class."""
    state = getattr(error, "sqlstate", None)
    return state or ("08000" if isinstance(error, psycopg.OperationalError) else "")


_VALUE = re.compile(r'(?<!encoding )"(?:.*"|.*)', re.DOTALL)
"""All that may be a value in the message of a DataError."""

NO_EXTENSION = re.compile(r"extension \"(?P<name>[^\"]*)\" is not available")
_INSTALL = "Install {name} on the machine of the server, and run the same command again."

NO_ROLE = re.compile(r"role \"(?P<name>[^\"]*)\" does not exist")

_GRANTS = (
    (r"denied for schema (?P<name>\S+)", "Let its owner GRANT USAGE, CREATE ON SCHEMA {name}"),
    (
        r"denied for (?:table|view|materialized view|foreign table|relation) (?P<name>\S+)",
        "Let its owner GRANT SELECT, INSERT, UPDATE, DELETE ON {name}",
    ),
    (r"denied for sequence (?P<name>\S+)", "Let its owner GRANT USAGE, SELECT ON SEQUENCE {name}"),
    (r"denied for database (?P<name>\S+)", "Let its owner GRANT CREATE ON DATABASE {name}"),
    (r"denied for (?:function|procedure) (?P<name>\S+)", "Let its owner GRANT EXECUTE ON {name}"),
    (
        r"denied for (?P<kind>type|language|tablespace) (?P<name>\S+)",
        "Let its owner GRANT the right to {kind} {name}",
    ),
    (r"must be owner of (?P<name>.+)", "Let the owner of {name} GRANT its own role"),
    (r"must be able to SET ROLE (?P<name>.+)", "Let an administrator GRANT {name}"),
)
"""(what a refusal holds, who has to grant what), for the role that connects."""

_AS_ANOTHER = "connect as a role that may; then run the same command again."

_REFUSES = "The server refuses"

_REFUSALS = (
    ("0A000", NO_EXTENSION.pattern, _REFUSES, _INSTALL),
    ("58P01", NO_EXTENSION.pattern, _REFUSES, _INSTALL),
    (
        "42704",
        NO_ROLE.pattern,
        _REFUSES,
        "Let a role that may run there: CREATE ROLE {name}; then run the same command again.",
    ),
    (
        "42501",
        r"create extension \"(?P<name>[^\"]*)\"",
        _REFUSES,
        "Let a superuser run: CREATE EXTENSION {name}; then run the same command again, with "
        "IF NOT EXISTS in the revision.",
    ),
    (
        "42501",
        r"row-level security",
        _REFUSES,
        "This role does not see all rows: connect as the owner of the table, or a role with "
        "BYPASSRLS.",
    ),
    *(
        ("42501", pattern, _REFUSES, f"{grant} to this role, or {_AS_ANOTHER}")
        for pattern, grant in _GRANTS
    ),
    ("42501", "", _REFUSES, f"Let an administrator allow it, or {_AS_ANOTHER}"),
    (
        "25006",
        "",
        _REFUSES,
        "This is a read-only standby or session: point DATABASE_URL at the primary server.",
    ),
    (
        "55P03",
        "",
        _REFUSES,
        "Another session holds the lock; run the same command again when it is done.",
    ),
    (
        "57014",
        "",
        "The statement was cancelled",
        "Raise the statement_timeout that the revision sets, or find out who cancelled it in the "
        "server's log; then run the same command again.",
    ),
    (
        "53100",
        "",
        "The server has no space left",
        "Free space on the server, and run the same command again.",
    ),
    (
        "53200",
        "",
        "The server has no memory left",
        "Give the server more memory, or lower work_mem and maintenance_work_mem; where it asks "
        "for max_locks_per_transaction, raise that. Then run the same command again.",
    ),
    (
        "53",
        "",
        "The server has reached a limit of its configuration",
        "Raise it, or wait until other sessions have ended, and run the same command again.",
    ),
    (
        "58",
        "",
        "The server's operating system reports an error",
        "See the server's log, correct the cause, and run the same command again.",
    ),
    *(
        (
            prefix,
            "",
            _REFUSES,
            "Run the same command again: each revision is applied completely or not at all.",
        )
        for prefix in ("08", "25P03", "40", "57P")
    ),
)
"""(SQLSTATE or its beginning, what the message holds, the sentence's beginning, the hint), the more
special first. Any other is the revision's."""
