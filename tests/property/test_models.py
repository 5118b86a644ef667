"""Any two small schemas: after makemigration and migrate they are equal, or the gap was named.

Counter-examples become named cases in `tests/workflow/model_cases.py`.
"""

import importlib
import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from projects import MODELS, OWN_TABLES, Project, run_target

from pybase.core import settings as configuration
from pybase.migrate import autogenerate, catalog
from pybase.migrate.database import Database, engine
from pybase.migrate.record import Direction
from pybase.migrate.revisions import read
from pybase.postgres import scratch_database

EXAMPLES = int(os.environ.get("PYBASE_EXAMPLES", "6"))
"""More of them, and new ones each time, where the variable is set."""

_TYPES = {
    "sa.Text()": "'x'",
    "sa.String(20)": "'x'",
    "sa.Integer()": "'7'",
    "sa.BigInteger()": "'7'",
    "sa.Numeric(10, 2)": "'7'",
    "sa.Boolean()": "'true'",
    "sa.DateTime(timezone=True)": "sa.func.now()",
    "sa.Uuid()": "sa.func.gen_random_uuid()",
    "pg.JSONB()": "sa.text(\"'{}'::jsonb\")",
    "sa.Enum('a', 'b', name='e')": "'a'",
}


@dataclass(frozen=True)
class Table:
    name: str
    columns: tuple[tuple[str, str], ...]
    extras: tuple[str, ...]

    @property
    def source(self) -> str:
        parts = [f"sa.Column({name!r}, {rest})" for name, rest in self.columns]
        identity = "sa.Column('id', sa.BigInteger(), sa.Identity(), primary_key=True)"
        listed = ", ".join([identity, *parts, *self.extras])
        return f"sa.Table({self.name!r}, metadata, {listed})\n"


@st.composite
def tables(draw: st.DrawFn, name: str, others: tuple[str, ...]) -> Table:
    columns, extras = [], []
    for column in sorted(draw(st.sets(st.sampled_from(["a", "b", "select", "Odd 1"]), max_size=3))):
        type_ = draw(st.sampled_from(sorted(_TYPES)))
        options = [type_]
        if draw(st.booleans()):
            options.append(f"server_default={_TYPES[type_]}")
        options.append(f"nullable={draw(st.booleans())}")
        columns.append((column, ", ".join(options)))
        kind = draw(st.sampled_from(["", "", "index", "unique", "partial", "check"]))
        extras += _extra(name, column, type_, kind)
    if others and draw(st.booleans()):
        other = draw(st.sampled_from(others))
        columns.append((f"{other}_id", f"sa.ForeignKey('{other}.id', name='fk_{name}_{other}')"))
    return Table(name, tuple(columns), tuple(extras))


def _extra(table: str, column: str, type_: str, kind: str) -> Iterator[str]:
    quoted = f'"{column}"'
    if kind == "index":
        yield f"sa.Index('ix_{table}_{column}', {column!r})"
    elif kind == "unique" and "JSONB" not in type_:
        yield f"sa.UniqueConstraint({column!r}, name='uq_{table}_{column}')"
    elif kind == "partial":
        where = f"sa.text({f'{quoted} IS NOT NULL'!r})"
        yield f"sa.Index('ix_{table}_{column}', {column!r}, postgresql_where={where})"
    elif kind == "check":
        yield f"sa.CheckConstraint({f'{quoted} IS NULL OR id > 0'!r}, name='ck_{table}_{column}')"


@st.composite
def schemas(draw: st.DrawFn) -> str:
    names: tuple[str, ...] = ()
    source = MODELS + "from sqlalchemy.dialects import postgresql as pg\n"
    for name in ("one", "two", "Three"):
        if draw(st.booleans()):
            source += draw(tables(name, names)).source
            names += (name,)
    return source


@given(before=schemas(), after=schemas(), single=st.booleans())
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize="PYBASE_EXAMPLES" not in os.environ,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
def test_database_equals_the_models_but_for_the_named_gap(
    before: str, after: str, single: bool, server18_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        scratch_database(server18_url, prefix="test") as url,
        monkeypatch.context() as patch,
    ):
        Path(folder).chmod(0o755)
        project = Project(Path(folder))
        patch.setenv("PYBASE_REHEARSAL_URL", server18_url)
        patch.setattr(sys, "path", [folder, *sys.path])
        project.lay_out(models=before).on(18)
        for models, message in ((before, "create the first schema"), (after, "follow the second")):
            gap = _follow(project, url, models, message, single=single and models == after)
            missing = catalog.difference(_created(models, server18_url), _snapshot(url))
            unnamed = [change for change in missing if change.identity not in gap]
            assert not unnamed, f"{catalog.describe(unnamed)}\nGAP {gap!r}"


def _follow(project: Project, url: str, models: str, message: str, *, single: bool) -> str:
    """Generate and migrate; return the gap that the outcome names, empty where it is complete."""
    project.write("models.py", models)
    sys.modules.pop("models", None)
    importlib.invalidate_caches()
    for cached in project.root.glob("__pycache__/*"):
        cached.unlink()
    config = configuration.load(project.root / "alembic.ini")
    request = autogenerate.Request(message, no_rename=True, single=single)
    outcome = autogenerate.generate(config, request)
    revisions = read(config)
    if revisions.revisions:
        run_target(revisions, url, "head", Direction.UPGRADE)
    return outcome.gap if outcome is not None else ""


def _created(models: str, server: str) -> dict[str, str]:
    namespace: dict[str, object] = {}
    exec(models, namespace)
    with scratch_database(server, prefix="test") as url:
        with engine(Database(url, is_embedded=True)).begin() as connection:
            namespace["metadata"].create_all(connection)  # type: ignore[attr-defined]
        return _snapshot(url)


def _snapshot(url: str) -> dict[str, str]:
    with psycopg.connect(url, autocommit=True) as connection:
        return catalog.snapshot(connection, ignore_tables=OWN_TABLES)
