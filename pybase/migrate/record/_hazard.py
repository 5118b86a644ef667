"""Form of a hazard, and what several families of them share."""

from msgspec import Struct

ERROR, WARNING = "error", "warning"

LATER = (
    "First release a version that does not use it, then do this one release later; accept it with "
    "the reason."
)

ALONE = "in `with op.get_context().autocommit_block():`, alone in its revision"


class Hazard(Struct, frozen=True):
    """One way to hurt a live server or those who use it.

    `consequence` is a sentence with `{relation}` and `{detail}`; `without_loss` is that of a
    finding that loses no data. `recipe` describes how to do it safely, in Alembic's terms.
    """

    code: str
    level: str
    consequence: str
    recipe: str
    without_loss: str = ""
