"""The committed layout: `citus.json`, which must be what the reviewed `citus.sql` does."""

from contextlib import suppress

import msgspec

from pybase.core.files import with_line_feeds
from pybase.core.settings import Settings
from pybase.migrate import layout
from pybase.migrate.sql import hidden_character
from pybase.migrate.sqlfiles._load import StaleError


def committed_layout(settings: Settings) -> tuple[layout.TableLayout, ...]:
    """Return the layout that `sql/` has; empty where none is declared.

    Raises StaleError where the two files differ, or have a character that a reviewer cannot see.
    """
    present: dict[str, str] = {}
    for path in (layout.SCRIPT, layout.DATA):
        with suppress(FileNotFoundError):
            content = with_line_feeds((settings.sql / path).read_bytes())
            present[path] = content.decode(errors="replace")
    try:
        layouts = layout.parse(present[layout.DATA].encode()) if present else ()
    except (KeyError, msgspec.MsgspecError):
        raise StaleError(settings, f"{layout.DATA} is missing, or cannot be read") from None
    if present != layout.files(layouts):
        raise StaleError(settings, f"{layout.SCRIPT} is not what {layout.DATA} declares")
    hidden = hidden_character(present.get(layout.SCRIPT, ""))
    if hidden is not None:
        reason = f"{layout.SCRIPT} has the hidden character {hidden[1]}"
        raise StaleError(settings, reason, code="hidden-character")
    return layouts
