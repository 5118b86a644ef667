"""Fleets: 200 databases of one server, and 1,000 schemas of one database, against one and a loop.

The loop of plain Alembic runs over some databases only, as its row says, and its time is taken for
all of them.
"""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import psycopg

from benchmarks.row import Row
from pybase.postgres import scratch_database, with_database

DATABASES = 200
LOOPED = 20
SCHEMAS = 1000
PENDING = 3

_WITH_MEMORY = """
import sys
from pybase.cli import main
code = main(sys.argv[1:])
print(open("/proc/self/status").read(), file=sys.stderr)
sys.exit(code)
"""
"""`python -m pybase`, and the memory that it used: that of a child has the parent's before it."""

_MIGRATE = (sys.executable, "-c", _WITH_MEMORY, "migrate")
_UPGRADE = (sys.executable, "-m", "alembic", "upgrade", "head")


@dataclass(frozen=True)
class Cost:
    """What a command took: seconds, and the most memory of its process, in kB."""

    seconds: float
    memory_kb: int


def measure(folder: Path, server: str, runs: int) -> Iterator[Row]:
    """Measure the history of PyBase in `folder`, on databases of `server` that are dropped."""
    names = [f"fleet_{number:03d}" for number in range(DATABASES)]
    others = [f"loop_{number:03d}" for number in range(LOOPED)]
    with _copies(folder, server, [*names, *others]):
        urls = {name: with_database(server, name) for name in (*names, *others)}
        toml = "".join(f"{name} = '{urls[name]}'\n" for name in names)
        (folder / "fleet.toml").write_text(f"[databases]\n{toml}", encoding="utf-8")
        fleet = (*_MIGRATE, "--fleet", "fleet.toml")
        yield from _with(
            f"{PENDING} pending",
            alone=[_run(_MIGRATE, folder, urls[others.pop()])],
            fleet=[_run(fleet, folder)],
            loop=[_run(_UPGRADE, folder, urls[name]) for name in others],
            limits=(None, 0.1, 1.5),
        )
        alone, all_ = [], []
        for _ in range(runs + 1):  # the first warms the caches
            alone.append(_run(_MIGRATE, folder, urls[names[0]]))
            all_.append(_run(fleet, folder))
        loop = [_run(_UPGRADE, folder, urls[name]) for name in others]
        yield from _with(
            "nothing to do", alone=alone[1:], fleet=all_[1:], loop=loop, limits=(12.0, 0.03, 1.5)
        )
    yield from _schemas(folder, server, runs)


def _with(
    what: str,
    *,
    alone: Sequence[Cost],
    fleet: Sequence[Cost],
    loop: Sequence[Cost],
    limits: tuple[float | None, float, float],
) -> Iterator[Row]:
    one, many = (median(cost.seconds for cost in costs) for costs in (alone, fleet))
    looped = sum(cost.seconds for cost in loop) / len(loop) * DATABASES
    memory = max(c.memory_kb for c in fleet) / max(c.memory_kb for c in alone)
    name = f"pybase migrate --fleet, {DATABASES} databases, {what}"
    yield Row(f"pybase migrate, {what}", one)
    yield Row(f"alembic upgrade head in a loop, {what}, from {len(loop)} of {DATABASES}", looped)
    yield Row(f"{name}: to one", many, ratio=many / one, limit=limits[0])
    yield Row(f"{name}: to the loop", many, ratio=many / looped, limit=limits[1])
    yield Row("its memory to that of one", ratio=memory, limit=limits[2])


@contextmanager
def _copies(folder: Path, server: str, names: Sequence[str]) -> Iterator[None]:
    """Create databases with the last revisions pending."""
    last = sorted((folder / "migrations" / "versions").glob("*.py"))[-PENDING - 1]
    with scratch_database(server) as url, psycopg.connect(server, autocommit=True) as connection:
        _run((*_MIGRATE, last.name.split("_")[2]), folder, url)
        template = psycopg.conninfo.conninfo_to_dict(url)["dbname"]
        try:
            for name in names:
                connection.execute(f'CREATE DATABASE {name} TEMPLATE "{template}"'.encode())
            yield
        finally:
            for name in names:
                connection.execute(f"DROP DATABASE IF EXISTS {name}".encode())


def _schemas(folder: Path, server: str, runs: int) -> Iterator[Row]:
    """Migrate one schema, and give all others its version table."""
    with scratch_database(server) as url, psycopg.connect(url, autocommit=True) as connection:
        names = [f"tenant_{number:04d}" for number in range(SCHEMAS)]
        connection.execute(f"CREATE SCHEMA {names[0]}".encode())
        _run((*_MIGRATE, "--schemas", names[0]), folder, url)
        for name in names[1:]:
            copied = f"CREATE TABLE {name}.alembic_version AS TABLE {names[0]}.alembic_version"
            connection.execute(f"CREATE SCHEMA {name}; {copied}".encode())
        command = (*_MIGRATE, "--schemas", "tenant_%")
        seconds = median(_run(command, folder, url).seconds for _ in range(runs))
        yield Row(f"pybase migrate --schemas, {SCHEMAS}, nothing to do", seconds, limit=5.0)


def _run(command: Sequence[str], folder: Path, url: str = "postgresql://127.0.0.1:1/") -> Cost:
    """Run a command that has to succeed."""
    # with it set, the compiler would be measured
    inherited = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    began = time.perf_counter()
    done = subprocess.run(
        command,
        cwd=folder,
        env=inherited | {"DATABASE_URL": url},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = time.perf_counter() - began
    if done.returncode:
        sys.exit(f"{' '.join(command)} fails:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    memory = re.search(r"^VmHWM:\s+(\d+)", done.stderr, re.MULTILINE)
    return Cost(seconds, int(memory[1]) if memory else 0)
