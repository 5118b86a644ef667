"""`migrate | head -1`: a reader that has gone stops no run midway."""

import subprocess
import sys
from typing import IO

import psycopg
import pytest
from projects import LINE, Project, plain_environment
from waiting import IS_BLOCKED, wait_for_query

FULL = "/dev/full"
BOTH = {"out": "gone", "err": "gone"}
CASES: dict[str, tuple[tuple[str, ...], dict[str, str], dict[str, str], int]] = {
    "output": (("migrate",), {"out": "gone"}, {}, 0),
    "output-in-colour": (("migrate",), {"out": "gone"}, {"FORCE_COLOR": "1"}, 0),
    "both": (("migrate", "--verbose"), BOTH, {"FORCE_COLOR": "1"}, 0),
    "full-disk": (("migrate", "--verbose"), {"out": FULL}, {}, 2),
}
"""The command, what is wrong with its streams, variables, and how it ends."""


@pytest.mark.parametrize("name", CASES)
def test_run_goes_on_when_its_output_cannot_be_written(name: str, project: Project) -> None:
    arguments, streams, variables, code = CASES[name]
    project.lay_out(*LINE).write_sql()
    url = project.environment["DATABASE_URL"]
    with psycopg.connect(url) as other:
        other.execute("CREATE TABLE alembic_version (version_num text)")  # it waits for its end
        process, pipes = start(project, arguments, streams, variables)
        wait_for_query(url, IS_BLOCKED)
        for pipe in filter(None, pipes):
            pipe.close()
        other.rollback()
        _, err = process.communicate(timeout=60)
    assert process.returncode == code, err
    assert "Traceback" not in (err or "")
    assert ("error[file-error]" in (err or "")) == (name == "full-disk")
    with psycopg.connect(url) as connection:
        query = "SELECT array_agg(revision ORDER BY applied_at) FROM migration_ledger"
        assert connection.execute(query).fetchone() == ([revision.id for revision in LINE],)


def start(
    project: Project, arguments: tuple[str, ...], streams: dict[str, str], variables: dict[str, str]
) -> "tuple[subprocess.Popen[str], list[IO[str] | None]]":
    """Start a command, and return the pipes whose reader will go."""
    files = {
        name: open(FULL, "w") if kind == FULL else subprocess.PIPE  # noqa: PTH123, SIM115
        for name, kind in ({"out": "", "err": ""} | streams).items()
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "pybase", *arguments],
        cwd=project.root,
        env=plain_environment() | project.environment | variables,
        stdin=subprocess.DEVNULL,
        stdout=files["out"],
        stderr=files["err"],
        text=True,
    )
    pipes = {"out": process.stdout, "err": process.stderr}
    return process, [pipes[name] for name, kind in streams.items() if kind == "gone"]
