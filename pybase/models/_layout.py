"""How a table is spread over a Citus cluster: the `info` of its model. One without any is local.

`sql/citus.sql` is rendered from it; on PostgreSQL without Citus it has no effect.
"""

from typing import Any


def reference() -> dict[str, Any]:
    """Keep a copy of the table on every node: it is small, and any base may refer to it."""
    return {"citus": {"distributed_by": None}}


def distributed(column: str, *, colocated_with: str | None = None) -> dict[str, Any]:
    """Store each row on the node of its value of `column`.

    Rows with the same value are on one node in all tables that are colocated.
    """
    return {"citus": {"distributed_by": column, "colocated_with": colocated_with}}
