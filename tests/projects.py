"""Small projects as data, written into a folder; and the command line, run as users run it."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import dedent, indent

from warm import Command, Warm

from pybase.cli import TerminalReporter
from pybase.core import settings
from pybase.core.files import digest, write_file
from pybase.core.sealed import read_sealed, write_sealed
from pybase.migrate import deploy
from pybase.migrate.database import Database
from pybase.migrate.record import Direction
from pybase.migrate.revisions import History
from pybase.migrate.revisions import _history as history
from pybase.migrate.sqlfiles import has_manifest

ROOT = Path(__file__).parents[1]

_INI = (ROOT / "alembic.ini").read_text("utf-8")
_TEMPLATE = (ROOT / "migrations/script.py.mako").read_text("utf-8")
_ENV = """\
from models import metadata
from pybase.migrate import environment

environment.run(metadata)
"""
_REVISION = '''\
"""{title}

Revision ID: {revision}
Revises: {parents}
"""

import sqlalchemy as sa
from alembic import op

revision = {revision!r}
down_revision = {down_revision!r}
'''
_PYPROJECT = "".join(
    re.findall(
        r"^\[tool\.sqlfluff.*?(?=^\[(?!tool\.sqlfluff)|\Z)",
        (ROOT / "pyproject.toml").read_text("utf-8"),
        re.DOTALL | re.MULTILINE,
    )
)
"""The settings of sqlfluff."""

_WARM = Warm()
_STORE = TemporaryDirectory()
"""What `sql` wrote, by the digest of the files it wrote it from."""

Git = Callable[..., str]
"""Runs git with arguments, in a project's folder."""

SERVER_19 = os.environ.get("PYBASE_POSTGRES_19_URL", "")
"""A server of PostgreSQL 19, which no wheel has; empty for none."""

OWN_TABLES = ("public.alembic_version", "public.migration_ledger")
"""The workflow's own tables, as a catalog names them."""

NO_MODELS = "metadata = None\n"
MODELS = """\
import sqlalchemy as sa

metadata = sa.MetaData()
"""

CREATE_CITIES = (
    "op.create_table('cities', sa.Column('name', sa.Text(), nullable=False),"
    " sa.PrimaryKeyConstraint('name', name='pk_cities'))"
)
CITIES_MODEL = MODELS + (
    "sa.Table('cities', metadata, sa.Column('name', sa.Text(), nullable=False),"
    " sa.PrimaryKeyConstraint('name', name='pk_cities'))\n"
)


@dataclass(frozen=True)
class Revision:
    """A revision file as data; None as a body leaves the function out."""

    id: str
    parents: str | tuple[str, ...] | None = None
    upgrade: str | None = "pass"
    downgrade: str | None = "pass"
    title: str = "Change something."
    accepted: dict[str, str] | None = None
    labels: str | None = field(default=None, kw_only=True)

    @property
    def name(self) -> str:
        return f"20260101_0000_{self.id}_change"

    @property
    def text(self) -> str:
        parents = self.parents if isinstance(self.parents, tuple) else (self.parents or "",)
        head = _REVISION.format(
            title=self.title,
            revision=self.id,
            parents=", ".join(parents),
            down_revision=self.parents,
        )
        if self.labels is not None:
            head += f"branch_labels = {self.labels!r}\n"
        if self.accepted is not None:
            head += f"accepted_hazards = {self.accepted!r}\n"
        bodies = (("upgrade", self.upgrade), ("downgrade", self.downgrade))
        return head + "".join(
            f"\n\ndef {name}() -> None:\n{indent(dedent(body), '    ')}\n"
            for name, body in bodies
            if body is not None
        )


ONE = Revision("aaaaaaaaaaaa", None, CREATE_CITIES, "op.drop_table('cities')", "Create cities.")
TWO = Revision(
    "bbbbbbbbbbbb",
    "aaaaaaaaaaaa",
    "op.execute(\"INSERT INTO cities (name) VALUES ('Troy')\")",
    "op.execute(\"DELETE FROM cities\\nWHERE name = 'Troy'\")",
    "Found Troy.",
)
THREE = Revision(
    "cccccccccccc",
    "bbbbbbbbbbbb",
    "op.add_column('cities', sa.Column('note', sa.Text()))",
    "op.drop_column('cities', 'note')",
    "Add note to cities.",
)
LINE = (ONE, TWO, THREE)
"""A history of three."""

FORK = Revision("dddddddddddd", "bbbbbbbbbbbb", title="Go another way.")
"""A second head, next to THREE."""


@dataclass(frozen=True)
class Result:
    """Exit code and output of a command."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        return self.out + self.err


@dataclass
class Project:
    """A folder with an alembic.ini, env.py, models and revisions; and how to run a verb in it."""

    root: Path
    environment: dict[str, str] = field(default_factory=dict)
    """Variables for every command; of this process it inherits only a few."""
    secrets: tuple[str, ...] = ()
    """Texts that no command may print."""

    def lay_out(self, *revisions: Revision, models: str = NO_MODELS) -> "Project":
        self.write("alembic.ini", _INI)
        self.write("pyproject.toml", _PYPROJECT)
        self.write("models.py", models)
        self.write("migrations/env.py", _ENV)
        self.write("migrations/script.py.mako", _TEMPLATE)
        self.versions.mkdir(exist_ok=True)
        for revision in revisions:
            self.add(revision)
        return self

    def on(self, version: int) -> "Project":
        """Leave one version of PostgreSQL in the settings: that of the server that it is given."""
        path = self.root / "pyproject.toml"
        self.write(path.name, f"{path.read_text('utf-8')}[tool.pybase]\npostgres = {version}\n")
        return self

    def add(self, revision: Revision) -> Path:
        return self.write(f"migrations/versions/{revision.name}.py", revision.text)

    def write(self, path: str, text: str) -> Path:
        file = self.root / path
        write_file(file, text)
        return file

    @property
    def versions(self) -> Path:
        return self.root / "migrations" / "versions"

    @property
    def sql(self) -> Path:
        return self.root / "sql"

    def history(self) -> History:
        return history.read(settings.load(self.root / "alembic.ini"))

    def files(self) -> dict[str, str]:
        """Everything that git would see, by its path."""
        hidden = {"__pycache__", ".pybase", ".ruff_cache", ".git"}
        return {
            path.relative_to(self.root).as_posix(): path.read_text("utf-8")
            for path in sorted(self.root.rglob("*"))
            if path.is_file() and not hidden & set(path.relative_to(self.root).parts)
        }

    def run(self, *arguments: str, **variables: str) -> Result:
        """Run `python -m pybase ARGUMENTS`; `variables` go into its environment."""
        return self.ended(self.start(*arguments, **variables))

    def start(
        self, *arguments: str, module: str = "pybase", terminal: str = "", **variables: str
    ) -> Command:
        """Start `python -m MODULE ARGUMENTS`, at a terminal; `ended` waits for its end."""
        return _WARM.start(module, arguments, self.root, self._environment(variables), terminal)

    def ended(self, command: Command) -> Result:
        """Wait for the end of a command."""
        return self._checked(Result(*command.wait()))

    def alembic(self, *arguments: str, **variables: str) -> Result:
        """Run plain `alembic ARGUMENTS`."""
        return self.ended(self.start(*arguments, module="alembic", **variables))

    def python(self, *arguments: str, **variables: str) -> Result:
        """Run a Python that has imported nothing yet."""
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.root,
            env=self._environment(variables),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            check=False,
            timeout=120,
        )
        return self._checked(Result(done.returncode, done.stdout, done.stderr))

    def _environment(self, variables: dict[str, str]) -> dict[str, str]:
        return plain_environment() | self.environment | variables

    def _checked(self, result: Result) -> Result:
        for secret in self.secrets:
            assert secret not in result.text
        return result

    def refused(self, *arguments: str, code: int, **variables: str) -> str:
        """Run a command that must end with `code` and no traceback; return its message."""
        result = self.run(*arguments, **variables)
        assert result.code == code, result.text
        assert "Traceback" not in result.text
        return result.err

    def write_sql(self) -> "Project":
        """Run `sql`; where it has run on the same files before, copy what it wrote instead.

        A test of `sql` itself calls `done("sql")`.
        """
        key = digest(repr((self.files(), self.environment.get("PYBASE_REHEARSAL_URL"))).encode())
        stored = Path(_STORE.name, key)
        if not stored.exists():
            self.done("sql")
            _copy_written(self.root, stored)
        else:
            _copy_written(stored, self.root)
        return self

    def done(self, *arguments: str, **variables: str) -> str:
        """Run a command that must succeed; return its output."""
        result = self.run(*arguments, **variables)
        assert result.code == 0, result.text
        return result.out


def _copy_written(source: Path, target: Path) -> None:
    """Copy `sql/`, and what the cache knows of it: it is keyed by the project's place."""
    shutil.rmtree(target / "sql", ignore_errors=True)
    shutil.copytree(source / "sql", target / "sql")
    places = [
        (str(place), digest(str(place / "alembic.ini").encode())) for place in (source, target)
    ]
    changes = list(zip(*places, strict=True))
    for path in filter(Path.is_file, (source / ".pybase").rglob("*")):
        sealed = read_sealed(path)
        place, text = path.relative_to(source).as_posix(), (sealed or path.read_bytes()).decode()
        for old, new in changes:
            place, text = place.replace(old, new), text.replace(old, new)
        if sealed is None:
            write_file(target / place, text)
        else:
            write_sealed(target / place, text.encode())


def plain_environment() -> dict[str, str]:
    """Our environment without what would change a command's behaviour."""
    prefixes = ("PG", "DATABASE_URL", "PYBASE_", "NOX_", "PYTEST_", "COV_", "CI")
    prefixes += ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(prefixes)}
    return kept | {"PYTHONPATH": str(ROOT)}


def run_target(history: History, url: str, target: str, direction: Direction) -> None:
    """Migrate a database in this process, by `sql/` or by Alembic where there is none."""
    reporter = TerminalReporter()
    database = Database(url, is_embedded=False)
    runs_python = not has_manifest(history.settings)
    with deploy.locked(history.settings, database, reporter, runs_python=runs_python) as locked:
        consent = deploy.Consent(to_all=True)
        deploy.apply(locked, locked.plan(target, direction), reporter, consent)


def commit(git: Git) -> None:
    git("add", "-A")
    git("commit", "-q", "-m", "Commit.")
