"""Revisions run on a scratch database and observed: effects, hazards, losses.

    rendered = render(history)
    rehearsed = rehearse(history, rendered)

`scratch` gives databases at a revision for everything else that is tried on a real server.
`_observer` observes and never evaluates; `_rules` and `_losses` evaluate, and never ask a server.
Nothing here knows the user's database.
"""

from pybase.migrate.rehearsal._baseline import Baseline
from pybase.migrate.rehearsal._execution import execute
from pybase.migrate.rehearsal._on_scratch import on_scratch, render
from pybase.migrate.rehearsal._reports import Rehearsed, rehearse
from pybase.migrate.rehearsal._samples import Samples
from pybase.migrate.rehearsal.scratch import at_head as scratch_at_head
from pybase.migrate.rehearsal.scratch import empty as scratch_empty

__all__ = [
    "Baseline",
    "Rehearsed",
    "Samples",
    "execute",
    "on_scratch",
    "rehearse",
    "render",
    "scratch_at_head",
    "scratch_empty",
]
