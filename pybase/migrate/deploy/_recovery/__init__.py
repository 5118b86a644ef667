"""What an interrupted run has left: found out, and continued.

`resume` needs a SQL parser, and is imported only for a statement outside a transaction.
"""

from pybase.migrate.deploy._recovery._outcome import UnclearError, was_applied

__all__ = ["UnclearError", "was_applied"]
