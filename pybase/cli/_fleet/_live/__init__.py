"""The live table of a fleet; Rich, which draws it, is imported at a terminal only."""

from typing import TYPE_CHECKING

from pybase.core.lazy import lazy

if TYPE_CHECKING:
    from pybase.cli._fleet._live._table import LiveTable as LiveTable
else:
    __getattr__ = lazy(__name__, {"_table": "LiveTable"})
