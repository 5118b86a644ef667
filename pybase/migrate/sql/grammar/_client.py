"""Statements that need more of a client than to send them: no file of SQL can do what they do."""

import re

from pglast import ast

from pybase.migrate.sql.grammar._parse import parsed

COPY_HINT = "Write the rows as INSERT, or read them with COPY FROM a file of the server."
_ENCODING_HINT = "Leave it as it is: all SQL of a migration is sent as UTF-8."


def copy_fault(sql: str) -> str | None:
    """Return what is wrong with a COPY whose rows a client sends or receives; None for others."""
    tree = parsed(sql) if _COPY.search(sql) else None
    if not isinstance(tree, ast.CopyStmt) or tree.filename is not None:
        return None
    end = "FROM STDIN" if tree.is_from else "TO STDOUT"
    return f"COPY {end}, which moves rows to or from a client"


def client_fault(sql: str) -> str | None:
    """Return why a statement cannot be in a file of SQL, with advice; None where it can.

    The rows of a COPY are no SQL, and in another encoding the bytes of a file mean other text.
    """
    if fault := copy_fault(sql):
        return f"its SQL has {fault}. {COPY_HINT}"
    tree = parsed(sql) if _ENCODING.search(sql) else None
    encodings = _SET_CONFIG.findall(sql)
    if isinstance(tree, ast.VariableSetStmt) and tree.name == "client_encoding":
        encodings += [str(getattr(value.val, "sval", "")) for value in tree.args or ()]
    others = [name for name in encodings if re.sub(r"\W|_", "", name).upper() not in _UTF8]
    return f"its SQL sets client_encoding to {others[0]}. {_ENCODING_HINT}" if others else None


_COPY = re.compile(r"\bcopy\b", re.IGNORECASE)
_ENCODING = re.compile(r"\b(?:client_encoding|names)\b", re.IGNORECASE)
_SET_CONFIG = re.compile(r"(?i)\bset_config\s*\(\s*'client_encoding'\s*,\s*'([^']*)'")
_UTF8 = ("UTF8", "UNICODE")
