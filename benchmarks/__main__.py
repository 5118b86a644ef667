"""Measure the promises about speed, and say which of them hold.

    python -m benchmarks                 all but `first`
    python -m benchmarks render check    only these
    python -m benchmarks first           from an empty machine; downloads everything again

Run it with the Python of `.nox/environment`. Each promise is a ratio between two commands that
take turns, so that whatever else the machine does falls on both; the median of the rounds' ratios
counts. "cpu" is what the commands themselves used, without the servers: steadier than the clock.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import median

import psycopg
from rich.console import Console
from rich.table import Table

from benchmarks.fleet import measure as measure_fleets
from benchmarks.generate import add_revision, write_history, write_models
from benchmarks.machine import first_migration_s
from benchmarks.row import Row
from benchmarks.stalls import measure as measure_stalls
from pybase.core import settings
from pybase.migrate.rehearsal import scratch
from pybase.postgres import find_bin, held, scratch_database, with_database

ROOT = Path(__file__).parents[1]
SIZES = (250, 500, 1000)
"""Revisions of the generated histories; promises are about the last."""

REHEARSED_SIZES = (100, 200, 400)

_ALEMBIC = (sys.executable, "-m", "alembic")
_PYBASE = (sys.executable, "-m", "pybase")
_NOX = (sys.executable, "-m", "nox", "--noxfile", str(ROOT / "noxfile.py"), "-s")


@dataclass(frozen=True)
class Contender:
    """A command, and what puts everything back before it so that it has its work to do."""

    name: str
    command: Sequence[str]
    prepare: Callable[[], object] = lambda: None


@dataclass(frozen=True)
class Times:
    """What one run of a command took."""

    seconds: float
    cpu_s: float


def measure_migrate(runs: int) -> Iterator[Row]:
    """`nox -s migrate` with nothing to do, against plain Alembic on the same database."""
    with scratch.started(_settings(ROOT)) as server, scratch_database(server) as url:
        environment = {"DATABASE_URL": url}
        _run((*_ALEMBIC, "upgrade", "head"), ROOT, environment)
        alembic = Contender("alembic upgrade head", (*_ALEMBIC, "upgrade", "head"))
        session = Contender("nox -s migrate, nothing to do", (*_NOX, "migrate"))
        alone = Contender("python -m pybase migrate, nothing to do", (*_PYBASE, "migrate"))
        yield from _compare(alembic, [(session, 0.55), (alone, 0.25)], ROOT, runs, environment)


def measure_render(runs: int) -> Iterator[Row]:
    """All of `sql/` written again, both directions, rehearsed before: against `alembic history`."""
    per_revision_s = []
    for size in SIZES:
        with _generated(size) as folder:
            name = f"pybase sql, {size} revisions, no file there"
            render = Contender(name, (*_PYBASE, "sql"), partial(_forget, folder))
            limit = 3.0 if size == SIZES[-1] else None
            rows = list(_compare(_history(size), [(render, limit)], folder, runs))
        per_revision_s.append((rows[-1].seconds or 0) / size)
        yield from rows
    growth = per_revision_s[-1] / per_revision_s[0]
    yield Row(f"its cost of one of {SIZES[-1]} to one of {SIZES[0]}", ratio=growth, limit=1.0)


def measure_rehearse(runs: int) -> Iterator[Row]:
    """Write `sql/` with nothing rehearsed before, by size: once, for it takes its time."""
    per_revision_s = []
    for size in REHEARSED_SIZES:
        with _generated(size) as folder:
            name = f"pybase sql, {size} revisions, nothing rehearsed"
            forget = partial(_forget, folder, rehearsals=True)
            taken = []
            for _ in range(min(runs, 2)):
                forget()
                taken.append(_run((*_PYBASE, "sql"), folder))
        row = _row(name, taken)
        per_revision_s.append((row.seconds or 0) / size)
        yield row
    growth = per_revision_s[-1] / per_revision_s[0]
    sizes = f"one of {REHEARSED_SIZES[-1]} to one of {REHEARSED_SIZES[0]}"
    yield Row(f"its cost of {sizes}", ratio=growth, limit=1.0)


def measure_check(runs: int) -> Iterator[Row]:
    """Time `sql --check` with nothing changed, against `alembic history`."""
    with _generated(SIZES[-1]) as folder:
        _run((*_PYBASE, "sql"), folder)
        check = Contender("pybase sql --check, nothing changed", (*_PYBASE, "sql", "--check"))
        yield from _compare(_history(SIZES[-1]), [(check, 0.5)], folder, runs)


def measure_add(runs: int) -> Iterator[Row]:
    """One revision added to a long history: `sql` beyond what it costs to find nothing to do."""
    size = SIZES[-1]
    with _generated(size) as folder:
        _run((*_PYBASE, "sql"), folder)
        nothing, one = [], []
        for number in range(runs + 1):
            nothing.append(_run((*_PYBASE, "sql", "--check"), folder))
            add_revision(folder, size + number)
            one.append(_run((*_PYBASE, "sql"), folder))
    yield _beyond(f"pybase sql, 1 revision added to {size}", nothing[1:], one[1:], limit=2.0)


def measure_apply(runs: int) -> Iterator[Row]:
    """Run a long history from nothing to head, against psql with the same files, and Alembic."""
    size = SIZES[-1]
    with _generated(size) as folder:
        _run((*_PYBASE, "sql"), folder)
        with psycopg.connect(scratch.server(_settings(folder)), autocommit=True) as connection:

            def empty() -> None:
                connection.execute("DROP DATABASE IF EXISTS bench WITH (FORCE)")
                connection.execute("CREATE DATABASE bench TEMPLATE template0")

            url = with_database(scratch.server(_settings(folder)), "bench")
            files = [f"--file={path}" for path in sorted((folder / "sql" / "upgrade").iterdir())]
            psql = (str(find_bin(18) / "psql"), "--quiet", "--set=ON_ERROR_STOP=1", url, *files)
            by_psql = Contender(f"psql, {size} files", psql, empty)
            forced = (*_PYBASE, "migrate", "--force", "hazards")  # the history has old sins
            migrate = Contender("pybase migrate", forced, empty)
            alembic = Contender("alembic upgrade head", (*_ALEMBIC, "upgrade", "head"), empty)
            environment = {"DATABASE_URL": url}
            contenders = [(migrate, 1.5), (alembic, None)]
            rows = [*_compare(by_psql, contenders, folder, runs, environment)]
    yield from rows
    seconds = [row.seconds or 0 for row in rows]
    yield Row("pybase migrate to alembic upgrade head", ratio=seconds[1] / seconds[2], limit=0.7)


def measure_make(runs: int) -> Iterator[Row]:
    """Time `makemigration` on PyBase and on many tables, against `alembic check`."""
    with _copied() as folder, _at_head(folder) as environment:
        check = Contender("alembic check", _CHECK)
        nothing = Contender("pybase makemigration, nothing to do", _MAKE)
        yield from _compare(check, [(nothing, 2.0)], folder, runs, environment)
        for name, path, line, limit in _EDITS:
            checks, makes = _change(folder, environment, runs, path, line)
            name = f"pybase makemigration, {name}"
            yield _beyond(name, checks, makes, limit=limit, than="alembic check")
    with _of_tables() as folder, _at_head(folder) as environment:
        checks, makes = _change(folder, environment, runs, "models.py", _COLUMN)
    yield _row(f"alembic check, {TABLES} tables", checks)
    ratio = median(make.seconds / check.seconds for make, check in zip(makes, checks, strict=True))
    made = _row(f"pybase makemigration, {TABLES} tables, one column", makes)
    yield replace(made, ratio=ratio, limit=2.5)


_CHECK = (*_ALEMBIC, "check")
_MAKE = (*_PYBASE, "makemigration", "change the models")
_EDITS = (
    ("one column", "pybase/models/record.py", "    colour: Mapped[str | None]\n", 1.2),
    (
        "six revisions (index, foreign key, NOT NULL)",
        "pybase/models/workspace.py",
        "    region: Mapped[str]\n    deputy_id: Mapped[UUID | None] = mapped_column("
        "sa.ForeignKey('users.id', ondelete='SET NULL'), index=True)\n",
        2.0,
    ),
)
"""Changes of PyBase's models: file, lines, and the seconds that they may take."""

TABLES = 300
_COLUMN = "    colour: Mapped[str | None]\n"


def _change(
    folder: Path, environment: dict[str, str], runs: int, path: str, lines: str
) -> tuple[list[Times], list[Times]]:
    """Time `alembic check`, and `makemigration` after `lines` were added to models, in turns."""
    model, checks, makes = folder / path, [], []
    before = model.read_text("utf-8")
    after = before.replace("\n    created_at: ", f"\n{lines}    created_at: ", 1)
    with tempfile.TemporaryDirectory() as kept:
        for name in ("migrations", "sql"):
            shutil.copytree(folder / name, Path(kept, name))
        for _ in range(runs + 1):
            checks.append(_run(_CHECK, folder, environment))
            model.write_text(after, "utf-8")
            makes.append(_run(_MAKE, folder, environment))
            model.write_text(before, "utf-8")
            for name in ("migrations", "sql"):
                shutil.rmtree(folder / name)
                shutil.copytree(Path(kept, name), folder / name)
    return checks[1:], makes[1:]


@contextmanager
def _at_head(folder: Path) -> Iterator[dict[str, str]]:
    """Yield the environment for a database at the head of the history."""
    with scratch_database(scratch.server(_settings(folder))) as url:
        environment = {"DATABASE_URL": url}
        _run((*_ALEMBIC, "upgrade", "head"), folder, environment)
        yield environment


def measure_review(runs: int) -> Iterator[Row]:
    """Time `review` of a branch with three revisions and of a long history, and its size."""
    size = SIZES[-1]
    with _generated(size) as folder:
        for command in (("init", "-q", "-b", "main"), ("add", "migrations"), _COMMIT):
            _run(("git", *command), folder)
        for number in range(size, size + 3):
            add_revision(folder, number)
        _run((*_PYBASE, "sql"), folder)
        check, review, complete = [], [], []
        for _ in range(runs):
            check.append(_run((*_PYBASE, "sql", "--check"), folder))
            review.append(_run((*_PYBASE, "review"), folder))
            complete.append(_run((*_PYBASE, "review", "base:head"), folder))
        megabytes = (folder / ".pybase" / "review.html").stat().st_size / 1_000_000
    yield _beyond("pybase review, 3 new revisions", check, review, limit=1.0, than="sql --check")
    yield replace(_row(f"pybase review, all of {size}", complete), limit=10.0)
    yield Row(f"the page of {size} revisions, in MB", ratio=megabytes, limit=5.0)


_COMMIT = ("-c", "user.name=Eve", "-c", "user.email=eve@example.org", "commit", "-q", "-m", "Begin")


def _beyond(
    name: str,
    less: Sequence[Times],
    more: Sequence[Times],
    *,
    limit: float = 3.0,
    than: str = "nothing to do",
) -> Row:
    """Return the row of what `more` takes beyond `less`, which may be `limit` seconds."""
    times = [
        Times(one.seconds - other.seconds, one.cpu_s - other.cpu_s)
        for one, other in zip(more, less, strict=True)
    ]
    return replace(_row(f"{name}: beyond {than}", times), limit=limit)


@contextmanager
def _copied() -> Iterator[Path]:
    """Lay out a copy of PyBase itself, rehearsed; all gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="pybase-benchmark-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        for each in ("alembic.ini", "pyproject.toml"):
            shutil.copy(ROOT / each, folder)
        for each in ("migrations", "pybase", "sql"):
            shutil.copytree(ROOT / each, folder / each, ignore=shutil.ignore_patterns("*.pyc"))
        with _scratch_server_of(folder):
            _run((*_PYBASE, "sql"), folder)
            yield folder


@contextmanager
def _of_tables() -> Iterator[Path]:
    """Lay out a project of many tables, rehearsed; all gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="pybase-benchmark-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        write_models(folder, ROOT, TABLES)
        with _scratch_server_of(folder):
            _run((*_PYBASE, "sql"), folder)
            yield folder


def measure_fleet(runs: int) -> Iterator[Row]:
    """Time many databases, and many schemas, against one and against a loop of plain Alembic."""
    with _copied() as folder:
        _run((*_PYBASE, "current"), folder, {"DATABASE_URL": scratch.server(_settings(folder))})
        yield from measure_fleets(folder, scratch.server(_settings(folder)), runs)


def measure_first(_runs: int) -> Iterator[Row]:
    """From an empty machine to a migrated database: once, it downloads everything."""
    seconds = first_migration_s(ROOT)
    yield Row("install nox, nox -s migrate, no cache", seconds, limit=60.0)


MEASURES: dict[str, Callable[[int], Iterator[Row]]] = {
    "migrate": measure_migrate,
    "render": measure_render,
    "check": measure_check,
    "rehearse": measure_rehearse,
    "add": measure_add,
    "apply": measure_apply,
    "make": measure_make,
    "review": measure_review,
    "stalls": measure_stalls,
    "fleet": measure_fleet,
    "first": measure_first,
}


def main() -> int:
    """Print a table; returns 1 when a promise does not hold."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(MEASURES))
    parser.add_argument("--runs", type=int, default=5, help="times that each command is run")
    arguments = parser.parse_args()
    names = arguments.names or [name for name in MEASURES if name != "first"]
    if unknown := set(names) - set(MEASURES):
        parser.error(f"there is no measurement {', '.join(sorted(unknown))}")
    rows = [row for name in names for row in MEASURES[name](arguments.runs)]
    Console(width=None if sys.stdout.isatty() else 120).print(_table(rows))
    return int(any(_is_broken(row) for row in rows))


def _compare(
    reference: Contender,
    others: Sequence[tuple[Contender, float | None]],
    folder: Path,
    runs: int,
    environment: dict[str, str] | None = None,
) -> Iterator[Row]:
    """Time `reference` and the others in turns, after one untimed round that warms the caches."""
    contenders = [reference, *(contender for contender, _ in others)]
    times: list[list[Times]] = [[] for _ in contenders]
    for round_ in range(runs + 1):
        for taken, contender in zip(times, contenders, strict=True):
            contender.prepare()
            measured = _run(contender.command, folder, environment)
            if round_:
                taken.append(measured)
    yield _row(reference.name, times[0])
    for (contender, limit), taken in zip(others, times[1:], strict=True):
        yield replace(
            _row(contender.name, taken),
            ratio=median(
                mine.seconds / its.seconds for mine, its in zip(taken, times[0], strict=True)
            ),
            limit=limit,
        )


def _row(name: str, times: Sequence[Times]) -> Row:
    return Row(name, median(each.seconds for each in times), median(each.cpu_s for each in times))


def _run(command: Sequence[str], folder: Path, environment: dict[str, str] | None = None) -> Times:
    """Run a command that has to succeed."""
    # With it set, the compiler would be measured: 1,000 revisions are 1,000 modules.
    inherited = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    before, began = os.times(), time.perf_counter()
    result = subprocess.run(
        command,
        cwd=folder,
        env=inherited | (environment or {}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    after, seconds = os.times(), time.perf_counter() - began
    if result.returncode:
        sys.exit(f"{' '.join(command)} fails:\n{result.stdout[-2000:]}{result.stderr[-2000:]}")
    cpu_s = sum(after[2:4]) - sum(before[2:4])  # user and system time of children
    return Times(seconds, cpu_s)


def _history(size: int) -> Contender:
    return Contender(f"alembic history, {size} revisions", (*_ALEMBIC, "history"))


@contextmanager
def _generated(size: int) -> Iterator[Path]:
    """Lay out a generated history with a running scratch server; all gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="pybase-benchmark-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # root's server runs as another user
        write_history(folder, size)
        with _scratch_server_of(folder):
            yield folder


@contextmanager
def _scratch_server_of(folder: Path) -> Iterator[None]:
    """Keep the scratch server for a project; its commands share it, and it is gone afterwards."""
    options = _settings(folder)
    with scratch.started(options):
        cluster = held(options.root, options.versions[0])
        yield
    cluster.destroy()


def _settings(folder: Path) -> settings.Settings:
    return settings.load(folder / "alembic.ini")


def _forget(folder: Path, *, rehearsals: bool = False) -> None:
    """Undo what an earlier `sql` left: its files and its note, on request all that it learned."""
    config = _settings(folder)
    shutil.rmtree(config.sql, ignore_errors=True)
    for kept in (config.state / "cache").glob("*" if rehearsals else "sql-*"):
        kept.unlink()
    if rehearsals:
        with psycopg.connect(scratch.server(config), autocommit=True) as connection:
            templates = "SELECT datname FROM pg_database WHERE datname ~ '^head_'"
            for (name,) in connection.execute(templates).fetchall():
                connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def _is_broken(row: Row) -> bool:
    measured = row.seconds if row.ratio is None else row.ratio
    return row.limit is not None and measured is not None and measured > row.limit


def _table(rows: Sequence[Row]) -> Table:
    table = Table("what", "seconds", "cpu", "ratio", "promise", "")
    for column in table.columns[1:5]:
        column.justify = "right"
    for row in rows:
        verdict = "" if row.limit is None else "BROKEN" if _is_broken(row) else "holds"
        numbers = (
            "" if each is None else f"{each:.2f}" for each in (row.seconds, row.cpu_s, row.ratio)
        )
        promise = "" if row.limit is None else f"<= {row.limit:g}"
        table.add_row(row.name, *numbers, promise, verdict)
    return table


if __name__ == "__main__":
    raise SystemExit(main())
