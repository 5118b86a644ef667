"""How long writers wait while a migration runs: the safe recipes and what Alembic writes.

pgbench writes to a table of a million rows with four clients, all the time. Each recipe is run
twice, on copies of one database: as plain Alembic would, and as PyBase does. What counts is the
longest single write.
"""

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from benchmarks.generate import write_project
from benchmarks.row import Row
from pybase.postgres import Cluster, database_name, find_bin, scratch_database

ROWS = 1_000_000
CLIENTS = 4
READER_S = 9.0
"""Seconds for which a reader keeps its lock."""

_ALONE = "with op.get_context().autocommit_block():\n    "
_TABLE = """
CREATE TABLE records (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_records PRIMARY KEY,
    owner_id bigint DEFAULT 1, number integer, data jsonb DEFAULT '{}', pad text
);
CREATE TABLE owners (id bigint CONSTRAINT pk_owners PRIMARY KEY);
INSERT INTO owners VALUES (1)"""
_WRITE = f"""\
\\set k random(1, {ROWS})
UPDATE records SET pad = md5(random()::text) WHERE id = :k;
\\sleep 2 ms
"""


@dataclass(frozen=True)
class Recipe:
    """The same change twice: bodies of upgrade(), one a revision."""

    name: str
    naive: tuple[str, ...]
    safe: tuple[str, ...]
    has_reader: bool = False
    is_backfill: bool = False


def _sql(text: str) -> str:
    return f"op.execute({text!r})"


RECIPES = (
    Recipe(
        "index",
        (_sql("CREATE INDEX ix_number ON records (number)"),),
        (_ALONE + _sql("CREATE INDEX CONCURRENTLY ix_number ON records (number)"),),
    ),
    Recipe(
        "foreign key",
        (_sql("ALTER TABLE records ADD CONSTRAINT f FOREIGN KEY (owner_id) REFERENCES owners"),),
        (
            _sql(
                "ALTER TABLE records ADD CONSTRAINT f FOREIGN KEY (owner_id) REFERENCES owners"
                " NOT VALID"
            ),
            _sql("ALTER TABLE records VALIDATE CONSTRAINT f"),
        ),
    ),
    Recipe(
        "not null",
        (_sql("ALTER TABLE records ALTER COLUMN owner_id SET NOT NULL"),),
        (
            _sql("ALTER TABLE records ADD CONSTRAINT n CHECK (owner_id IS NOT NULL) NOT VALID"),
            _sql("ALTER TABLE records VALIDATE CONSTRAINT n"),
            _sql("ALTER TABLE records ALTER COLUMN owner_id SET NOT NULL")
            + "\n"
            + _sql("ALTER TABLE records DROP CONSTRAINT n"),
        ),
    ),
    Recipe(
        "column, behind a reader",
        (_sql("ALTER TABLE records ADD COLUMN note text"),),
        (_sql("ALTER TABLE records ADD COLUMN note text"),),
        has_reader=True,
    ),
    Recipe(
        "backfill",
        (_sql("UPDATE records SET number = 1 WHERE number IS NULL"),),
        ("op.backfill('records', set='number = 1', where='number IS NULL')",),
        is_backfill=True,
    ),
)


@dataclass(frozen=True)
class Outcome:
    """One migration under traffic. `late_s` is its end after that of the reader."""

    stall_s: float
    seconds: float
    late_s: float


def measure(_runs: int) -> Iterator[Row]:
    """Yield the longest stalls, and the times that are promised; each once, it takes a while."""
    with tempfile.TemporaryDirectory(prefix="pybase-benchmark-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with _server(folder) as url, scratch_database(url, prefix="records") as full:
            _fill(full)
            quiet_s = _longest(full, folder, lambda: time.sleep(8.0))
            yield Row("no migration: longest stall", quiet_s)
            for recipe in RECIPES:
                yield from _both(recipe, folder, url, full, max(2 * quiet_s, 0.15))


@contextmanager
def _server(folder: Path) -> Iterator[str]:
    """Run a server that keeps what it commits, as the embedded one does."""
    cluster = Cluster(folder / "server", 18)
    cluster.ensure_running()
    try:
        yield cluster.url()
    finally:
        cluster.destroy()


def _both(recipe: Recipe, folder: Path, url: str, full: str, limit_s: float) -> Iterator[Row]:
    naive = _run(recipe, folder / "naive", url, full, is_safe=False)
    safe = _run(recipe, folder / "safe", url, full, is_safe=True)
    yield Row(f"{recipe.name}, plain Alembic: longest stall", naive.stall_s)
    yield Row(f"{recipe.name}, PyBase: longest stall", safe.stall_s, limit=limit_s)
    if recipe.has_reader:
        yield Row(f"{recipe.name}: applied after the reader's end", safe.late_s, limit=2.0)
    if recipe.is_backfill:
        ratio = safe.seconds / naive.seconds
        yield Row(f"{recipe.name}: time of it", safe.seconds, ratio=ratio, limit=2.0)


def _run(recipe: Recipe, folder: Path, url: str, full: str, *, is_safe: bool) -> Outcome:
    """Run one way of a recipe on a copy of the full database."""
    folder.mkdir(exist_ok=True)
    bodies = (_sql(_TABLE), *(recipe.safe if is_safe else recipe.naive))
    first = write_project(folder, bodies)
    if is_safe:
        _call(folder, "pybase", "sql", PYBASE_REHEARSAL_URL=url)
    with scratch_database(url, template=database_name(full), prefix="copy") as copy:
        with psycopg.connect(copy, autocommit=True) as connection:
            connection.execute(_VERSION.format(first).encode())
        verb = ("pybase", "migrate") if is_safe else ("alembic", "upgrade", "head")
        times: dict[str, float] = {}

        def work() -> None:
            reader = _reader(copy, times) if recipe.has_reader else None
            began = time.monotonic()
            _call(folder, *verb, DATABASE_URL=copy)
            times["end"] = time.monotonic()
            times["took"] = times["end"] - began
            if reader is not None:
                reader.join()

        stall_s = _longest(copy, folder, work)
        late_s = times["end"] - times.get("reader", times["end"])
    return Outcome(stall_s, times["took"], late_s)


_VERSION = """
CREATE TABLE alembic_version (version_num varchar(32) NOT NULL CONSTRAINT v PRIMARY KEY);
INSERT INTO alembic_version VALUES ('{}')
"""


def _reader(url: str, times: dict[str, float]) -> threading.Thread:
    """Read for a while, from now on."""
    is_there = threading.Event()

    def read() -> None:
        with psycopg.connect(url) as connection:
            connection.execute("SELECT FROM records LIMIT 1")
            is_there.set()
            time.sleep(READER_S)
        times["reader"] = time.monotonic()

    thread = threading.Thread(target=read)
    thread.start()
    is_there.wait()
    return thread


def _longest(url: str, folder: Path, work: Callable[[], object]) -> float:
    """Return the longest write, in seconds, while `work` runs."""
    script = folder / "write.sql"
    script.write_text(_WRITE)
    for old in folder.glob("writes.*"):
        old.unlink()
    command = [
        *(str(find_bin(18) / "pgbench"), "--no-vacuum", f"--client={CLIENTS}", "--time=3600"),
        *(f"--file={script}", "--log", f"--log-prefix={folder / 'writes'}", url),
    ]
    pgbench = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        time.sleep(2.0)
        work()
        time.sleep(1.0)  # so that who still waits gets through, and is counted
    finally:
        pgbench.terminate()
        pgbench.wait()
    lines = [line.split() for log in folder.glob("writes.*") for line in log.open()]
    return max(int(line[2]) for line in lines if len(line) >= 6) / 1e6


def _call(folder: Path, module: str, *arguments: str, **variables: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=folder,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"{module} {' '.join(arguments)} fails:\n{done.stdout}{done.stderr}")


def _fill(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(_TABLE.encode())
        connection.execute(
            "INSERT INTO records (pad)"
            f" SELECT repeat('x', 150) FROM generate_series(1, {ROWS})".encode()
        )
        connection.execute("VACUUM ANALYZE records")
        connection.execute("CHECKPOINT")
