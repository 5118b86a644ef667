"""What a comparison of models and revisions covers: the same for `check` and `makemigration`."""

import logging
import sys
from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest
from projects import ONE, Project, Revision

from pybase.core import settings
from pybase.core.errors import PybaseError
from pybase.migrate import autogenerate
from pybase.migrate.revisions import read, render

from .scope_cases import CASES, ScopeCase

ENV = """\
import alembic.context as context
import models
{env}

options = dict(target_metadata={target}, transaction_per_migration=True{options})
if context.is_offline_mode():
    context.configure(dialect_name="postgresql+psycopg", literal_binds=True, **options)
else:
    context.configure(connection=context.config.attributes["connection"], **options)
with context.begin_transaction():
    context.run_migrations()
"""


@pytest.fixture
def here(project: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """A project whose verbs run in this process."""
    monkeypatch.setenv("PYBASE_REHEARSAL_URL", project.environment["PYBASE_REHEARSAL_URL"])
    monkeypatch.setenv("DATABASE_URL", project.environment["DATABASE_URL"])
    monkeypatch.syspath_prepend(str(project.root))
    sys.modules.pop("models", None)
    yield project
    sys.modules.pop("models", None)


def lay_out(project: Project, case: ScopeCase) -> None:
    statements = [f"op.execute({sql!r})" for sql in case.sql.split(";") if sql.strip()]
    sql = Revision(ONE.id, None, "\n".join(statements), "raise NotImplementedError('No.')")
    project.lay_out(sql, models=f"import sqlalchemy as sa\n\nm = sa.MetaData()\n{case.models}").on(
        18
    )
    target = ", ".join(f"models.{name}" for name in case.target.strip("[]").split(", "))
    options = f", {case.options}" if case.options else ""
    env = ENV.format(env=case.env, target=f"[{target}]", options=options)
    project.write("migrations/env.py", env)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_scope(case: ScopeCase, here: Project, caplog: pytest.LogCaptureFixture) -> None:
    lay_out(here, case)
    history = read(settings.load(here.root / "alembic.ini"))
    with caplog.at_level(logging.WARNING):
        try:
            changes = autogenerate.differences(history, render(history))
        except PybaseError as error:
            assert error.code == case.code, str(error)
            return
    assert not case.code
    assert tuple(change.identity for change in changes) == case.differs
    assert case.warns in caplog.text


def test_version_table_in_a_schema_that_the_models_declare(here: Project) -> None:
    """The schema of the version table is part of the workflow's ground: it is created with it."""
    case = next(case for case in CASES if "version_table_schema" in case.options)
    lay_out(here, case)
    (here.versions / f"{ONE.name}.py").unlink()
    here.done("makemigration", "create the table t")
    here.done("check")
    here.done("migrate")
    assert "Nothing to do" in here.done("migrate")
    with psycopg.connect(here.environment["DATABASE_URL"]) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'app'")
        found = {name for (name,) in tables}
        database = connection.info.dbname
    assert found == {"t", "alembic_version", "migration_ledger"}
    here.done("downgrade", "base", "--allow-data-loss", "--database", database)
    here.done("migrate")


def test_filtered_index_of_a_new_table_is_not_created(here: Project) -> None:
    case = next(case for case in CASES if "added_key" in case.models)
    new = "sa.Table('n', m, sa.Column('x', sa.Integer), sa.Index('ix', 'x', info={'skip': True}))"
    lay_out(here, replace(case, models=case.models + new))
    outcome = autogenerate.generate(
        settings.load(here.root / "alembic.ini"), autogenerate.Request("add n")
    )
    assert outcome is not None
    assert outcome.is_complete, outcome.gap
    texts = [path.read_text("utf-8") for path in outcome.revisions]
    assert any("op.create_table" in text for text in texts)
    assert not any("create_index" in text or "added" in text for text in texts)
