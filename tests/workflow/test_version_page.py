"""docs/versions.md: what statements do on 16, 18 and 19, measured here, and what is known.

`UPDATE_GOLDEN=1 nox -s tests -- tests/workflow/test_version_page.py` writes the page. What 19 does
is measured where PYBASE_POSTGRES_19_URL names such a server; else the page is believed.
"""

import os
import re
from collections.abc import Iterator
from contextlib import closing
from difflib import unified_diff

import psycopg
from projects import ROOT, SERVER_19

from pybase.migrate.record import Script, Statement
from pybase.migrate.rehearsal._observation import Observation
from pybase.migrate.rehearsal._observer import Observer
from pybase.migrate.sql import LOCKS
from pybase.postgres import scratch_database

from .version_cases import CASES, DOCUMENTED, VersionCase

PAGE = ROOT / "docs/versions.md"
_TABLE = """
DROP SCHEMA public CASCADE; CREATE SCHEMA public;
CREATE TABLE t (id bigint PRIMARY KEY, n integer);
INSERT INTO t SELECT g, g FROM generate_series(1, 3) AS g;
"""
_INTRODUCTION = """\
<!-- Written by `UPDATE_GOLDEN=1 nox -s tests -- tests/workflow/test_version_page.py`. -->

# Versions of PostgreSQL

`postgres = [16, 18]` in `[tool.pybase]`, which is the default, has every revision rehearsed on both
versions at once: those that PyBase can start by itself. The SQL is rendered, and proven, on the
oldest. Where they differ, the header of the SQL file has lines `on 16` and `on 18`, the worst
counts, and the record holds both. Name only what production may have: `postgres = 18`.
`PYBASE_REHEARSAL_URL` names a server of any version, which is used instead of them; set it wherever
`sql/` is written or checked. `migrate` and `pending` warn of a server whose version is none of
those on which a revision was rehearsed.

| version | what is tested |
| --- | --- |
| 16, 18 | the hazards, the catalog, and PyBase's own history on both; all else on 18 |
| 14, 15, 17 | nothing; of 14 and 15, `migrate` warns in any case |
| 19 | by hand, on 19rc1 (Debian): what 16 and 18 have of these; in CI nothing, as no wheel has it |

The grammar of pglast 8.8 is that of PostgreSQL 18. REPACK, MERGE PARTITIONS and SPLIT PARTITION,
which it cannot read, are known by their tokens: REPACK is a rewrite under ACCESS EXCLUSIVE, REPACK
(CONCURRENTLY) is none, and a merged or split partition is a rewrite of its parent that loses no row
(a DO block that executes one is reported as if it lost them). `sql-lint` notes that it has not read
such a statement, and `migrate` splits and sends it as it is; only the answer of a server of 19
counts, so rehearse on one: `PYBASE_REHEARSAL_URL`. What builds of 19 had before its release
candidate, and that has not, was taken out again: MERGE PARTITIONS, SPLIT PARTITION, and the new
column of a constrained domain that rewrites nothing.

With `PYBASE_POSTGRES_19_URL`, the URL of a superuser, the tests of this page, of the hazards and of
the catalog run on that server, too.

## Measured

The strongest lock on each table that existed before, and whether it is rewritten, or read from end
to end, in the transaction of the statement: as the [rehearsal](rehearsal.md) observes it. The table
`t` has the columns `id` and `n`.

| statement | after | 16 | 18 | 19rc1 |
| --- | --- | --- | --- | --- |
"""
_DOCUMENTED = """
## Documented

What the manual of PostgreSQL specifies (release notes: appendix E), not measured here.

| since | what |
| --- | --- |
"""


def measured(url: str, major: int, case: VersionCase) -> str:
    """Return what a statement does, in words."""
    if major < case.since:
        return "-"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"{_TABLE}{case.setup}".encode())
    with closing(Observer(url)) as observer:
        run = observer.run(Script((Statement(case.statement, 0),)))
    (observation,) = run.observations
    if observation.error is not None:
        return f"refused: {observation.error.diag.message_primary}"
    return "<br>".join(sorted(_effects(observation))) or "no lock"


def _effects(observation: Observation) -> Iterator[str]:
    for oid, rank in observation.locks.items():
        relation = observation.before.relations.get(oid)
        if relation is not None and relation.is_table:
            done = [
                *(["rewritten"] if observation.is_rewritten(oid) else []),
                *(["read"] if observation.is_scanned(oid) else []),
            ]
            yield ", ".join([f"`{relation.name}`: {LOCKS[rank][0]}", *done])


def test_page_of_versions_is_what_servers_do(server16_url: str, server18_url: str) -> None:
    servers = {16: server16_url, 18: server18_url}
    columns = [_measured(url, major) for major, url in servers.items()]
    columns.append(_measured(SERVER_19, 19) if SERVER_19 else _believed())
    page = "".join(_page(*columns))
    if os.environ.get("UPDATE_GOLDEN"):
        PAGE.write_text(page, "utf-8")
    diff = "\n".join(unified_diff(PAGE.read_text("utf-8").splitlines(), page.splitlines()))
    assert not diff, f"docs/versions.md is not what the servers do:\n{diff}"


def _measured(server: str, major: int) -> list[str]:
    with scratch_database(server, prefix="versions") as url:
        return [measured(url, major, case) for case in CASES]


def _believed() -> list[str]:
    """Return the last column of the page, which no server here can confirm."""
    rows = re.findall(r"^\| `.* \| (.*) \|$", PAGE.read_text("utf-8"), re.MULTILINE)
    assert len(rows) == len(CASES), "a case is new: write the page with PYBASE_POSTGRES_19_URL"
    return rows


def _page(*columns: list[str]) -> Iterator[str]:
    yield _INTRODUCTION
    for case, *results in zip(CASES, *columns, strict=True):
        cells = (f"`{case.statement}`", f"`{case.setup}`" if case.setup else "", *results)
        yield f"| {' | '.join(cells)} |\n"
    yield _DOCUMENTED
    for version, text in DOCUMENTED:
        yield f"| {version} | {text} |\n"
