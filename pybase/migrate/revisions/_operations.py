"""`op.backfill`: an operation for revisions beyond Alembic's own.

A revision imports nothing for it: `migrations/env.py` brings this room in before any revision is
run, and plain `alembic` reads the same file.
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic.operations import MigrateOperation, Operations

from pybase.migrate.sql import Backfill, render_backfill


@Operations.register_operation("backfill")
class BackfillOp(MigrateOperation):
    """Change rows of a table that is in use, in batches that commit each."""

    def __init__(self, declared: Backfill) -> None:
        self.declared = declared

    @classmethod
    def backfill(
        cls,
        operations: Operations,
        table_name: str,
        *,
        set: str,
        where: str,
        key: Sequence[str] = ("id",),
        schema: str | None = None,
    ) -> Any:
        """Run `UPDATE table_name SET set WHERE where`, batch by batch along the columns of `key`.

        It has to be alone in its revision, since it cannot be in a transaction. `where` must be
        false, or null, for a row that `set` has changed. Raises ValueError as
        render_backfill.
        """
        return operations.invoke(cls(Backfill(table_name, set, where, key, schema)))


@Operations.implementation_for(BackfillOp)
def _run(operations: Operations, operation: BackfillOp) -> None:
    text = render_backfill(operation.declared).replace(":", "\\:")  # there are no parameters in it
    with operations.get_context().autocommit_block():
        operations.execute(sa.text(text))
