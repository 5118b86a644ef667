"""Rows in the way: what a revision says of the data that it may meet and cannot bear.

makemigration writes a query into the docstring; whoever sees the revision fail reads it out.
"""

import re

from alembic.script import Script

MARK = "Rows in the way: "
"""What stands before the query, at the start of a paragraph of the docstring."""

_QUERY = re.compile(rf"^{MARK}(.+?)(?=\n\s*\n|\Z)", re.MULTILINE | re.DOTALL)


def queries(script: Script) -> list[str]:
    """Return the queries that find them, none where the revision says nothing of it."""
    return [" ".join(found.split()) for found in _QUERY.findall(script.longdoc or "")]
