"""How long readers and writers wait for each hazard, on tables of 200,000 rows.

    python -m benchmarks.waits [18|16] [NAME ...]

Cases of tests/workflow/hazards, a few of each hazard of locks and of none, are run on a filled copy
of their database, while one session reads and one writes each table, over and over. The server logs
each wait for a lock that lasts longer than 20 ms (`log_lock_waits`), so neither the client nor the
load of the machine is measured. The verdict is that of the rehearsal. Prints the table of
docs/waits.md, and each disagreement.
"""

import re
import sys
import tempfile
import threading
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

import psycopg
from psycopg.sql import Identifier

from benchmarks.generate import write_project
from pybase.core import settings
from pybase.migrate.record import HAZARDS, Script
from pybase.migrate.rehearsal import execute
from pybase.migrate.rehearsal._rehearsal import Rehearsal
from pybase.migrate.review._severity import Severity, severity
from pybase.migrate.revisions import RevisionSql, read, render
from pybase.postgres import (
    Cluster,
    keep_as_template,
    last_template,
    scratch_cluster,
    scratch_database,
)
from tests.workflow.hazards import CASES, Case, revision_source

ROWS = 200_000
SHORT_MS = 20
"""What a lock for a moment may take."""

_TRIES = 4
"""How often a case is run whose waits disagree with its verdict."""

_PARENT = "a" * 12
_OWN = ("public.alembic_version", "public.migration_ledger")
_VERSION_TABLE = f"""
CREATE TABLE alembic_version (version_num varchar(32) NOT NULL PRIMARY KEY);
INSERT INTO alembic_version VALUES ('{_PARENT}');
"""
_COLUMNS = """
SELECT c.oid::regclass::text, c.relname, json_agg(json_build_array(
    quote_ident(a.attname), format_type(a.atttypid, NULL), t.typtype::text,
    (SELECT min(enumlabel) FROM pg_enum WHERE enumtypid = t.oid)) ORDER BY a.attnum)
FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid
JOIN pg_type AS t ON t.oid = a.atttypid
WHERE c.relkind = 'r' AND c.oid >= 16384 AND a.attnum > 0 AND NOT a.attisdropped
AND a.attgenerated = '' AND c.relname <> 'alembic_version' GROUP BY c.oid, c.relname
"""
_VALUES = {
    "bigint": "g", "integer": "g", "smallint": "g % 30000", "numeric": "g % 1000",
    "double precision": "g", "boolean": "true", "uuid": "gen_random_uuid()",
    "text": "'v' || g", "character varying": "'v' || g", "jsonb": "'{}'", "json": "'{}'",
    "timestamp with time zone": "'{year}-01-01'::timestamptz + g * interval '1 minute'",
    "timestamp without time zone": "'{year}-01-01'::timestamp + g * interval '1 minute'",
    "int4range": "int4range(g, g + 1)",
    "tstzrange": "tstzrange(to_timestamp(g * 60), to_timestamp(g * 60 + 60))",
    "date": "'{year}-01-01'::date + g % 300", "inet": "'10.0.0.1'", "cidr": "'10.0.0.0/8'",
}  # fmt: skip
"""By type, the value of row `g`; of all others it is null."""


@dataclass(frozen=True)
class Wait:
    """The longest waits on one table, in ms, 0 where the server logged none."""

    case: str
    table: str
    verdict: Severity
    reader_ms: float
    writer_ms: float

    def shorter(self, other: "Wait") -> "Wait":
        """Return the shorter wait of each: a moment may be long on a busy machine."""
        reader_ms, writer_ms = (
            min(self.reader_ms, other.reader_ms),
            min(self.writer_ms, other.writer_ms),
        )
        return replace(self, reader_ms=reader_ms, writer_ms=writer_ms)

    @property
    def agrees(self) -> bool:
        """Whether those waited long who were said to, and no others."""
        is_long = self.verdict.level == 2
        reader_waits = is_long and self.verdict.blocks_readers
        return (self.reader_ms > 0, self.writer_ms > 0) == (reader_waits, is_long)


def main(arguments: list[str]) -> int:
    """Print a table of all hazards; returns 1 where a verdict is refuted."""
    major = int(arguments[0]) if arguments else 18
    cases = [*_chosen(major, arguments[1:])]
    found: dict[str, list[Wait]] = defaultdict(list)
    with tempfile.TemporaryDirectory(prefix="pybase-waits-", dir="/dev/shm") as name:
        folder = Path(name)
        folder.chmod(0o755)
        revisions = _rendered(folder / "project", cases)
        with _server(folder, major) as cluster:
            for case in sorted(cases, key=lambda item: item.setup):
                print(case.name, file=sys.stderr, flush=True)
                for codes, wait in _measured(cluster, case, revisions[case.name]):
                    for code in codes:
                        found[code].append(wait)
    print(*_page(found), sep="\n")
    refuted = {wait for waits in found.values() for wait in waits if not wait.agrees}
    for wait in sorted(refuted, key=lambda item: item.case):
        print(wait, file=sys.stderr)
    return int(bool(refuted))


def _chosen(major: int, names: list[str]) -> Iterator[Case]:
    """Yield the cases of these names, or a few of each hazard of locks and of none."""
    seen: Counter[str] = Counter()
    for case in CASES:
        is_of_version = (case.min_version or 0) <= major <= (case.max_version or major)
        codes = {code for code, _ in case.expect} & _OF_LOCKS or {"" if not case.expect else "-"}
        is_new = any(seen[code] < (_OF_NONE if code == "" else _OF_EACH) for code in codes - {"-"})
        if is_of_version and (case.name in names if names else is_new):
            seen.update(codes)
            yield case


_OF_EACH, _OF_NONE = 3, 30
_OF_LOCKS = {*list(HAZARDS)[: list(HAZARDS).index("unbatched-data-change")], "truncates"}


def _rendered(folder: Path, cases: Iterable[Case]) -> Mapping[str, RevisionSql]:
    """Return the SQL of each case by its name."""
    folder.mkdir()
    write_project(folder, ("pass",))
    versions = folder / "migrations" / "versions"
    next(versions.iterdir()).unlink()
    parent = Case("parent", "", "pass", "pass")
    (versions / "parent.py").write_text(revision_source(parent, _PARENT, None), "utf-8")
    ids = {sha256(case.name.encode()).hexdigest()[:12]: case for case in cases}
    for revision, case in ids.items():
        source = revision_source(case, revision, _PARENT)
        (versions / f"{case.name}.py").write_text(source, "utf-8")
    rendered = render(read(settings.load(folder / "alembic.ini"))).revisions
    return {ids[sql.revision.id].name: sql for sql in rendered if sql.revision.id in ids}


@contextmanager
def _server(folder: Path, major: int) -> Iterator[Cluster]:
    cluster = scratch_cluster(folder / str(major), major)
    cluster.ensure_running()
    try:
        with psycopg.connect(cluster.url(), autocommit=True) as connection:
            for setting in (
                "log_lock_waits = on",
                f"deadlock_timeout = '{SHORT_MS}ms'",
                "log_line_prefix = '%a|'",
                "autovacuum = off",
            ):
                connection.execute(f"ALTER SYSTEM SET {setting}".encode())
            connection.execute("SELECT pg_reload_conf()")
        yield cluster
    finally:
        cluster.destroy()


def _measured(
    cluster: Cluster, case: Case, revision: RevisionSql
) -> Iterator[tuple[set[str], Wait]]:
    """Yield the wait on each table that is locked or not, with the hazards of the case."""
    verdicts, codes = _verdicts(cluster, case, revision)
    if not verdicts or not revision.scripts.upgrade.has_sql or "rehearsal-failed" in codes:
        return
    try:
        _filled(cluster, case.setup)
    except psycopg.Error as error:
        print(f"{case.name}: its setup cannot be filled: {error}", file=sys.stderr)
        return
    waits: dict[str, Wait] = {}
    for _ in range(_TRIES):
        for wait in _waits(cluster, case, revision.scripts.upgrade, verdicts):
            waits[wait.table] = wait.shorter(waits.get(wait.table, wait))
        if all(wait.agrees for wait in waits.values()):
            break
    for wait in waits.values():
        if wait.verdict.length or not wait.agrees:
            yield codes or {"none"}, wait


def _waits(
    cluster: Cluster, case: Case, script: Script, verdicts: Mapping[str, Severity]
) -> Iterator[Wait]:
    """Run a case once on a copy of its filled database."""
    log = cluster.directory / "log"
    with scratch_database(cluster.url(), template=_filled(cluster, case.setup)) as url:
        start = log.stat().st_size
        tables = _tables(url)
        if not _run_under_traffic(url, script, tables):
            return
        text = log.read_bytes()[start:].decode(errors="replace")
    waits: dict[tuple[str, str], float] = defaultdict(float)
    for match in _ACQUIRED.finditer(text):
        key = match["who"], match["table"]
        waits[key] = max(waits[key], float(match["ms"]))
    for table in tables:
        verdict = verdicts.get(table, Severity(0, False))
        yield Wait(case.name, table, verdict, waits["reader", table], waits["writer", table])


_ACQUIRED = re.compile(
    r"^(?P<who>reader|writer):(?P<table>[^|]*)\|LOG:.* acquired .* after (?P<ms>[\d.]+) ms", re.M
)


def _verdicts(
    cluster: Cluster, case: Case, revision: RevisionSql
) -> tuple[dict[str, Severity], set[str]]:
    """Return the verdict of the rehearsal by table, and the codes of its hazards."""
    with scratch_database(cluster.url()) as url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f"{case.setup};{_VERSION_TABLE}".encode())
        rehearsal = Rehearsal(url, _OWN, frozenset(), lambda _: None)
        effects = rehearsal.rehearse(revision).effects.upgrade
        rehearsal.close()
    verdicts = {effect.table.label: severity(effect) for effect in effects.tables}
    return verdicts, {finding.code for finding in effects.findings}


def _filled(cluster: Cluster, setup: str) -> str:
    """Return a template with the setup of a case, and rows in all tables."""
    template = f"waits_{sha256(setup.encode()).hexdigest()[:20]}"
    if last_template(cluster.url(), [template]):
        return template
    with scratch_database(cluster.url()) as url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f"{setup};{_VERSION_TABLE}".encode())
            connection.execute("SET session_replication_role = replica")
            for table, name, columns in connection.execute(_COLUMNS).fetchall():
                connection.execute(_insert(table, name, columns).encode())
            connection.execute("VACUUM ANALYZE")
        keep_as_template(cluster.url(), url, template)
    return template


def _insert(table: str, name: str, columns: list[list[str]]) -> str:
    year = (re.findall(r"20\d\d", name) or ["2025"])[0]
    values = [_value(kind, typtype, label) for _, kind, typtype, label in columns]
    names = ", ".join(column for column, *_ in columns)
    row = ", ".join(values).replace("{year}", year)
    return (
        f"INSERT INTO {table} ({names}) OVERRIDING SYSTEM VALUE SELECT {row}"
        f" FROM generate_series(1, {ROWS}) AS g ON CONFLICT DO NOTHING"
    )


def _value(kind: str, typtype: str, label: str | None) -> str:
    return f"'{label}'" if typtype == "e" else _VALUES.get(kind, "NULL")


def _tables(url: str) -> list[str]:
    """Return the names of the tables, partitioned ones too, as a verdict has them."""
    query = """
        SELECT CASE n.nspname WHEN 'public' THEN '' ELSE n.nspname || '.' END || c.relname
        FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'p') AND c.oid >= 16384 AND c.relname <> 'alembic_version'
        """
    with psycopg.connect(url) as connection:
        return [name for (name,) in connection.execute(query)]


_TRAFFIC = {"reader": "SELECT FROM {} WHERE false", "writer": "DELETE FROM {} WHERE false"}
"""They find no row: only what they wait for counts. Both lock the indexes, too, to be planned."""


def _run_under_traffic(url: str, script: Script, tables: list[str]) -> bool:
    """Run a script while sessions read and write; returns whether the server accepted it."""
    done, ready = threading.Event(), threading.Barrier(2 * len(tables) + 1)
    with ExitStack() as stack:
        for who, query in _TRAFFIC.items():
            for table in tables:
                name = f"{who}:{table}"
                quoted = Identifier(*table.split(".")).as_string()
                arguments = (url, name, query.format(quoted), done, ready)
                thread = threading.Thread(target=_repeat, args=arguments)
                thread.start()
                stack.callback(thread.join)
        stack.callback(done.set)
        ready.wait()
        try:
            with psycopg.connect(url, autocommit=True, application_name="migration") as connection:
                execute(connection, script)
        except psycopg.Error as error:
            print(f"fails on these rows: {error}", file=sys.stderr, flush=True)
            return False
    return True


def _repeat(
    url: str, name: str, query: str, done: threading.Event, ready: threading.Barrier
) -> None:
    with psycopg.connect(url, autocommit=True, application_name=name) as connection:
        connection.execute(query.encode())
        ready.wait()
        while not done.wait(0.01):
            try:
                connection.execute(query.encode(), prepare=False)
            except psycopg.errors.UndefinedTable:
                return


def _page(found: Mapping[str, list[Wait]]) -> Iterator[str]:
    yield "| hazard | tables | verdict | readers waited | writers waited |"
    yield "| --- | ---: | --- | --- | --- |"
    for code in sorted(found):
        groups: dict[str, list[Wait]] = defaultdict(list)
        for wait in found[code]:
            groups[wait.verdict.words].append(wait)
        for words, waits in sorted(groups.items()):
            readers, writers = ([w.reader_ms for w in waits], [w.writer_ms for w in waits])
            name = f"`{code}`" if code in HAZARDS else code
            yield f"| {name} | {len(waits)} | {words} | {_range(readers)} | {_range(writers)} |"


def _range(times: list[float]) -> str:
    """Return in how many cases a wait was short, and the classes of the others."""
    counts = {"under 20 ms": sum(ms == 0 for ms in times), "longer": sum(ms > 0 for ms in times)}
    return ", ".join(f"{text}: {number}" for text, number in counts.items() if number)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
