"""One database for this folder, made by the migrations; what a test writes is rolled back."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from sqlalchemy.orm import Session

from pybase.models import Base, Field, Record, Table, User, Workspace, WorkspaceMember
from pybase.postgres import scratch_database

ALEMBIC_INI = Path(__file__).parents[2] / "alembic.ini"


@pytest.fixture(scope="session")
def engine(server18_url: str) -> Iterator[sa.Engine]:
    with scratch_database(server18_url, prefix="models") as url:
        engine = sa.create_engine(
            "postgresql+psycopg://", creator=lambda: psycopg.connect(url), poolclass=sa.NullPool
        )
        with engine.connect() as connection:
            config = Config(ALEMBIC_INI)
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
        yield engine


@pytest.fixture
def session(engine: sa.Engine) -> Iterator[Session]:
    """A session whose commits are savepoints of a transaction that is rolled back."""
    with engine.connect() as connection, connection.begin() as transaction:
        with Session(connection, join_transaction_mode="create_savepoint") as session:
            yield session
        transaction.rollback()


@pytest.fixture
def record(session: Session) -> Record:
    """A record in a table in a base in a workspace, with the rows that they refer to."""
    owner = User(email="ada@example.org", display_name="Ada")
    workspace = Workspace(name="Engines", slug="engines", owner=owner)
    workspace.members.append(WorkspaceMember(user=owner, role="owner"))
    table = Table(name="Parts", base=Base(name="Difference engine", workspace=workspace))
    table.fields.append(Field(name="Label", type="text", is_primary=True))
    record = Record(table=table, data={}, creator=owner, updater=owner)
    session.add(owner)
    session.commit()
    return record
