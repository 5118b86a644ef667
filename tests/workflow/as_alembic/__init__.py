"""Projects on which `migrate` does what plain `alembic upgrade` does, as data.

Each module of this folder has a tuple `CASES`; `test_as_alembic_does.py` runs them all.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from projects import MODELS, Revision

ENGINE = """\
import os

from alembic import context
from sqlalchemy import create_engine

engine = create_engine(os.environ["DATABASE_URL"])
"""
"""The beginning of an env.py that connects by itself."""

OFFLINE = """\
if context.is_offline_mode():
    context.configure(url=os.environ["DATABASE_URL"], literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()
"""

STOCK_ENV = f"""\
{ENGINE}
{OFFLINE}\
else:
    with engine.connect() as connection:
        context.configure(connection=connection, target_metadata=None)
        with context.begin_transaction():
            context.run_migrations()
"""
"""What `alembic init` writes, for the URL in DATABASE_URL: nothing in it knows of PyBase."""


MIGRATE = "migrate --force hazards"
"""What a hazard means is not the subject here."""


@dataclass(frozen=True)
class Case:
    """A project, what is in its database before, and the commands that must agree."""

    id: str
    revisions: tuple[Revision, ...]
    files: Mapping[str, str] = field(default_factory=dict)
    """Further files, and those to replace, such as migrations/env.py, by path."""
    env: str | None = STOCK_ENV
    """The text of migrations/env.py; None for the one that calls PyBase."""
    models: str = MODELS
    before: str = ""
    """SQL for both databases, which are empty; several statements are sent one by one."""
    roles: tuple[str, ...] = ()
    """Roles of the server that the case needs, with LOGIN; dropped after it."""
    user: str | None = None
    """The role that connects; a superuser if it is None."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """The environment of every command."""
    encoding: str = "UTF8"
    runs: tuple[tuple[str, str], ...] = ((MIGRATE, "upgrade head"),)
    """Command lines of our verbs and of `alembic`, in turn; `{database}` is the one's name."""
    needs: str | None = None
    """The driver that its env.py uses, where that is not psycopg."""
    refused: str | None = None
    """The code of the error with which the last of our commands ends, before its first statement:
    the database stays as it was, and `alembic` is not run."""


def one(upgrade: str, downgrade: str = "pass") -> tuple[Revision, ...]:
    """Return a history of one revision."""
    return (Revision("aaaaaaaaaaaa", None, upgrade, downgrade),)


def line(*upgrades: str) -> tuple[Revision, ...]:
    """Return a history of one revision after the other."""
    ids = [letter * 12 for letter in "abcdef0123456789"[: len(upgrades)]]
    return tuple(
        Revision(name, parent, upgrade)
        for name, parent, upgrade in zip(ids, (None, *ids), upgrades, strict=False)
    )
