"""What runs is what was reviewed: manifests, records, SQL files, revisions and notes tampered with.

Each case changes one thing of a project whose `sql/` was fresh, and runs verbs on a server that is
not the embedded one. The run has to end with the code of an error, and the database to stay as it
was.
"""
# ruff: noqa: E501  a case a line

import json
import os
import py_compile
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.util import cache_from_source
from pathlib import Path
from typing import Any
from unicodedata import category

import psycopg
import pytest
from msgspec import structs
from projects import LINE, ONE, THREE, TWO, Project, Revision

from pybase.core import cache, sealed, settings
from pybase.core.files import digest
from pybase.core.inputs import inputs_digest
from pybase.migrate import sqlfiles
from pybase.migrate.database import Database
from pybase.migrate.deploy import _sources
from pybase.migrate.record import Directions, ScriptStatus
from pybase.migrate.revisions import render
from pybase.migrate.sql import _hidden as hidden
from pybase.migrate.sqlfiles import LintResult
from pybase.migrate.sqlfiles import _manifest as manifest
from pybase.migrate.sqlfiles._manifest import Line
from pybase.postgres import scratch_database

PYTHON = "--python-revisions"

READER = Revision(
    "dddddddddddd",
    THREE.id,
    "op.get_bind().execute(sa.text('SELECT now()')).scalar()\nop.execute('CREATE TABLE python_ran ()')",
    "raise NotImplementedError('It stays.')",
    "Read the database.",
)
"""A revision without SQL, which a reviewer sees in its files."""

HISTORY = (*LINE, READER)


# --- projects and their database ----------------------------------------------------------------


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory, server18_url: str) -> Iterator[Project]:
    """A project whose `sql/` was reviewed, and a database that is at none of its revisions."""
    with scratch_database(server18_url, prefix="test") as url:
        environment = {"DATABASE_URL": url, "PYBASE_REHEARSAL_URL": server18_url}
        project = Project(tmp_path_factory.mktemp("review") / "project", environment)
        project.lay_out(*HISTORY).run("sql")
        yield project


@pytest.fixture
def copy(fresh: Project, tmp_path: Path) -> Project:
    """A copy to tamper with; all copies have the one database, because none may change it."""
    ignored = shutil.ignore_patterns("__pycache__", ".pybase")
    shutil.copytree(fresh.root, tmp_path, ignore=ignored, dirs_exist_ok=True)
    return Project(tmp_path, fresh.environment)


def objects(project: Project) -> int:
    """How many objects the database has that are not the server's own, rows of tables too."""
    catalogs = ("pg_class", "pg_proc", "pg_type", "pg_namespace", "pg_attrdef", "pg_constraint")
    counts = " + ".join(f"(SELECT count(*) FROM {name} WHERE oid >= 16384)" for name in catalogs)
    with psycopg.connect(project.environment["DATABASE_URL"], autocommit=True) as connection:
        row = connection.execute(f"SELECT {counts}".encode()).fetchone()
        return int(row[0]) if row else -1


def options(project: Project) -> settings.Settings:
    return settings.load(project.root / "alembic.ini")


# --- what a tamperer does -----------------------------------------------------------------------


def lines(project: Project) -> list[Line]:
    return manifest.read(options(project)) or []


def write_lines(project: Project, changed: list[Line]) -> None:
    (project.sql / manifest.MANIFEST).write_text(manifest.to_text(changed), "utf-8")


def line(change: Callable[[Line], Line], revision: str = THREE.id) -> Callable[[Project], None]:
    """Change a line of the manifest."""

    def tamper(project: Project) -> None:
        write_lines(
            project,
            [change(item) if item.revision == revision else item for item in lines(project)],
        )

    return tamper


def order(change: Callable[[list[Line]], list[Line]]) -> Callable[[Project], None]:
    """Change the lines of the manifest."""
    return lambda project: write_lines(project, change(lines(project)))


def renew(project: Project) -> None:
    """Renew the digests of the manifest, so that all files look as they were written."""

    def renewed(item: Line) -> Line:
        record, *sql = (digest((project.sql / path).read_bytes()) for path in item.paths)
        source = digest((project.versions / f"{item.stem}.py").read_bytes())
        return structs.replace(item, source=source, record=record, sql=Directions(*sql))

    write_lines(project, [renewed(item) for item in lines(project)])


def text(
    path: str, change: Callable[[str], str], *, renewed: bool = True
) -> Callable[[Project], None]:
    """Change a file of `sql/`, or `versions/`; with new digests unless they are left."""

    def tamper(project: Project) -> None:
        file = project.root / path
        before = file.read_text("utf-8")
        after = change(before)
        assert after != before
        file.write_bytes(after.encode("utf-8", "surrogateescape"))
        if renewed:
            renew(project)

    return tamper


def insert(characters: str, after: str = "ALTER TABLE") -> Callable[[str], str]:
    return lambda text: text.replace(after, f"{after}{characters}", 1)


def record(
    change: Callable[[dict[str, Any]], object], revision: Revision = THREE
) -> Callable[[Project], None]:
    """Change a record, and the digests with it."""

    def changed(text: str) -> str:
        values = json.loads(text)
        change(values)
        return json.dumps(values)

    return text(f"sql/records/{revision.name}.json", changed)


def all_of(*tampers: Callable[[Project], None]) -> Callable[[Project], None]:
    def tamper(project: Project) -> None:
        for step in tampers:
            step(project)

    return tamper


def remove(path: str) -> Callable[[Project], None]:
    def tamper(project: Project) -> None:
        target = project.root / path
        shutil.rmtree(target) if target.is_dir() else target.unlink()

    return tamper


def add(path: str, source: str) -> Callable[[Project], None]:
    return lambda project: shutil.copy(project.root / source, project.root / path)


def write(path: str, written: bytes) -> Callable[[Project], None]:
    return lambda project: (project.root / path).write_bytes(written)


def make_folder(project: Project) -> None:
    (project.sql / manifest.MANIFEST).unlink()
    (project.sql / manifest.MANIFEST).mkdir()


def read_only_in_python(values: dict[str, Any]) -> None:
    for direction in ("upgrade", "downgrade"):
        values["scripts"][direction] = {"status": "python", "reason": "it reads the database"}


UP, DOWN = f"sql/upgrade/{THREE.name}.sql", f"sql/downgrade/{THREE.name}.sql"
RECORD, FILE = f"sql/records/{THREE.name}.json", f"migrations/versions/{THREE.name}.py"
MANIFEST = f"sql/{manifest.MANIFEST}"
EXTRA = "migrations/versions/20260101_0000_eeeeeeeeeeee_extra.py"
STALE, HIDDEN, NONE = "stale-sql", "hidden-character", "no-reviewed-sql"


@dataclass(frozen=True)
class Tampering:
    """What is done, the code of the error, and a part of its sentence."""

    name: str
    tamper: Callable[[Project], object]
    code: str = STALE
    says: str = ""


# fmt: off
TAMPERINGS = [
    # the manifest
    Tampering("folder missing", remove("sql"), NONE),
    Tampering("manifest missing", remove(MANIFEST), NONE),
    Tampering("manifest empty", write(MANIFEST, b""), says="has no SQL yet"),
    Tampering("manifest a folder", make_folder, says="cannot be read"),
    Tampering("manifest in another encoding", write(MANIFEST, b"\xff"), says="not UTF-8"),
    Tampering("manifest with a conflict", text(MANIFEST, lambda t: f"{t}<<<<<<< HEAD\n", renewed=False), says="or edited"),
    Tampering("manifest of an earlier format", text(MANIFEST, lambda t: t.replace(" - ", " ", 1), renewed=False), says="or edited"),
    Tampering("order reversed", order(lambda all_: all_[::-1]), says="before its parent"),
    Tampering("two lines exchanged", order(lambda all_: [all_[0], all_[2], all_[1], *all_[3:]]), says="before its parent"),
    Tampering("line removed", order(lambda all_: all_[:-1]), says="has no SQL yet"),
    Tampering("line twice", order(lambda all_: [*all_, all_[-1]]), says="twice"),
    Tampering("no parent", line(lambda item: structs.replace(item, parents=())), says="the manifest in its id or parents"),
    Tampering("another parent", line(lambda item: structs.replace(item, parents=(ONE.id,))), says="the manifest in its id or parents"),
    Tampering("one parent more", line(lambda item: structs.replace(item, parents=(ONE.id, TWO.id))), says="the manifest in its id or parents"),
    Tampering("unknown parent", line(lambda item: structs.replace(item, parents=("999999999999",))), says="before its parent"),
    Tampering("another id", order(lambda all_: [*all_[:3], structs.replace(all_[3], revision="eeeeeeeeeeee")]), says="the manifest in its id or parents"),
    Tampering("files of another revision", order(lambda all_: [*all_[:2], structs.replace(all_[2], stem=all_[1].stem, record=all_[1].record, sql=all_[1].sql), all_[3]]), says="not in the manifest"),
    Tampering("files outside of the folder", line(lambda item: structs.replace(item, stem=f"../upgrade/../records/{item.stem}")), says="missing"),
    Tampering("another digest of the SQL", line(lambda item: structs.replace(item, sql=Directions("0" * 16, "0" * 16))), says="has changed"),
    Tampering("another digest of the revision", line(lambda item: structs.replace(item, source="0" * 16)), says="has changed"),
    # records
    Tampering("record missing", remove(RECORD), says="missing"),
    Tampering("record more", add("sql/records/extra.json", RECORD), says="records/extra.json is not in the manifest"),
    Tampering("record altered", text(RECORD, lambda t: t + " ", renewed=False), says="has changed"),
    Tampering("record is no JSON", text(RECORD, lambda t: t[1:]), says="not its record"),
    Tampering("record of another version", record(lambda r: r.update(format=99)), says="another version"),
    Tampering("record of another revision", record(lambda r: r["revision"].update(id=TWO.id)), says="the manifest in its id or parents"),
    Tampering("record with another parent", record(lambda r: r["revision"].update(parents=[ONE.id])), says="the manifest in its id or parents"),
    Tampering("record and manifest with another parent", all_of(record(lambda r: r["revision"].update(parents=[ONE.id])), line(lambda item: structs.replace(item, parents=(ONE.id,)))), says="the revision's file in its parents"),
    Tampering("record with an acceptance of its own", record(lambda r: r["revision"].update(accepted={"drops-table": "it is fine"})), says="file in its acceptances"),
    Tampering("record with another version table", record(lambda r: r["version_table"].update(name="other")), says="in its version table"),
    Tampering("record without SQL, with files that have it", record(read_only_in_python), says="the file has"),
    Tampering("record without one statement", record(lambda r: r["scripts"]["upgrade"]["statements"].pop(0)), says="not in the record"),
    Tampering("record with a statement twice", record(lambda r: r["scripts"]["upgrade"]["statements"].insert(0, r["scripts"]["upgrade"]["statements"][0])), says="not in the record"),
    Tampering("record with a statement after the file", record(lambda r: r["scripts"]["upgrade"]["statements"][-1].update(last=999)), says="not in the record"),
    Tampering("record with SQL, with a file that refuses", record(lambda r: r["scripts"]["upgrade"].update(status="sql"), READER), says="not in the record"),
    # SQL files
    Tampering("SQL file missing", remove(UP), says="missing"),
    Tampering("SQL file of the downgrade missing", remove(DOWN), says="missing"),
    Tampering("SQL file more", add("sql/upgrade/extra.sql", UP), says="upgrade/extra.sql is not in the manifest"),
    Tampering("SQL file altered", text(UP, insert(" IF EXISTS"), renewed=False), says="has changed"),
    Tampering("statement added at the end", text(UP, lambda t: f"{t}SELECT 1;\n"), says="not in the record"),
    Tampering("statement added in the frame", text(UP, lambda t: t.replace("COMMIT;", "COMMIT; SELECT 1;")), says="not in the record"),
    Tampering("check of the version changed", text(UP, lambda t: t.replace("IF NOT present", "IF FALSE AND NOT present")), says="not in the record"),
    Tampering("statement added to a refusal", text(f"sql/upgrade/{READER.name}.sql", lambda t: f"SELECT 1;\n{t}"), says="the file has"),
    Tampering("statement behind a carriage return", text(UP, lambda t: t.replace("-- Add", "-- Add\rSELECT 1;", 1)), HIDDEN, "U+000D"),
    Tampering("NUL", text(UP, insert("\0")), HIDDEN, "U+0000"),
    Tampering("NUL in a comment", text(UP, lambda t: t.replace("-- Add", "-- \0Add", 1)), HIDDEN, "U+0000 in line 1, column 4"),
    Tampering("backspace", text(UP, insert("\b")), HIDDEN, "U+0008"),
    Tampering("right-to-left override", text(UP, insert("/*\u202e*/")), HIDDEN, "U+202E"),
    Tampering("isolate", text(UP, insert("/*\u2066*/")), HIDDEN, "U+2066"),
    Tampering("zero-width space", text(UP, insert("\u200b")), HIDDEN, "U+200B"),
    Tampering("line separator", text(UP, insert("/*\u2028*/")), HIDDEN, "U+2028"),
    Tampering("byte order mark", text(UP, lambda t: f"\ufeff{t}"), HIDDEN, "U+FEFF in line 1, column 1"),
    Tampering("SQL in another encoding", text(UP, insert("/*\udcff*/")), says="not UTF-8"),
    # revisions
    Tampering("revision edited", text(FILE, lambda t: f"{t}\n# edited\n", renewed=False), says="has changed"),
    Tampering("revision missing", remove(FILE), says="missing"),
    Tampering("revision more", write(EXTRA, replace(THREE, id="eeeeeeeeeeee").text.encode()), says="has no SQL yet"),
    Tampering("revision more, in a hidden file", write("migrations/versions/.extra.py", replace(THREE, id="eeeeeeeeeeee").text.encode()), says="has no SQL yet"),
    Tampering("revision with another parent", text(FILE, lambda t: t.replace(f"= '{TWO.id}'", f"= '{ONE.id}'")), says="file in its parents"),
    Tampering("revision with another id", text(FILE, lambda t: t.replace(f"= '{THREE.id}'", "= 'eeeeeeeeeeee'")), says="file in its id"),
    Tampering("revision with an acceptance", text(FILE, lambda t: f"{t}\naccepted_hazards = {{'drops-table': 'it is fine'}}\n"), says="file in its acceptances"),
    Tampering("revision that is no Python", text(FILE, lambda t: f"{t}\n)\n"), says="file in its code"),
]
# fmt: on


@pytest.mark.adversary("review")
@pytest.mark.parametrize("case", TAMPERINGS, ids=lambda case: case.name.replace(" ", "-"))
def test_tampering_stops_the_run_and_the_database_stays(case: Tampering, copy: Project) -> None:
    case.tamper(copy)
    message = copy.refused("migrate", "--force", "hazards", code=1)
    assert f"error[{case.code}]: " in message
    assert case.says in message
    assert "hint: Run `nox -s sql`" in message
    assert objects(copy) == 0


# --- downgrades and backfills -------------------------------------------------------------------


@pytest.fixture(scope="module")
def applied(fresh: Project, server18_url: str) -> Iterator[str]:
    """A database at head, to which the reviewed Python of one revision belongs."""
    with scratch_database(server18_url, prefix="test") as url:
        fresh.done("migrate", "--force", "hazards", DATABASE_URL=url)
        with psycopg.connect(url) as connection:
            row = connection.execute("SELECT to_regclass('python_ran') IS NOT NULL").fetchone()
        assert row == (True,)
        yield url


LAST_UP = f"sql/upgrade/{READER.name}.sql"
LAST_DOWN = f"sql/downgrade/{READER.name}.sql"

# fmt: off
BACKWARDS = [
    Tampering("folder missing", remove("sql"), NONE),
    Tampering("manifest missing", remove(MANIFEST), NONE),
    Tampering("order reversed", order(lambda all_: all_[::-1])),
    Tampering("file missing", remove(LAST_DOWN)),
    Tampering("file of another step missing", remove(UP)),
    Tampering("statement in a refusal", text(LAST_DOWN, lambda t: f"{t}DROP TABLE cities;\n")),
    Tampering("refusal taken out of the record", record(lambda r: r["scripts"]["downgrade"].update(status="sql"), READER)),
    Tampering("NUL", text(LAST_DOWN, lambda t: t.replace("DO", "DO\0")), HIDDEN),
]
# fmt: on


@pytest.mark.adversary("review")
@pytest.mark.parametrize("case", BACKWARDS, ids=lambda case: case.name.replace(" ", "-"))
def test_tampering_stops_a_downgrade_and_the_database_stays(
    case: Tampering, copy: Project, applied: str
) -> None:
    there = replace(copy, environment={**copy.environment, "DATABASE_URL": applied})
    before = objects(there)
    case.tamper(copy)
    message = there.refused("downgrade", "-1", "--allow-data-loss", "--force", "hazards", code=1)
    assert f"error[{case.code}]: " in message
    assert objects(there) == before


@pytest.mark.adversary("review")
def test_backfill_of_a_tampered_folder_is_not_run(copy: Project) -> None:
    text(UP, insert("\0"))(copy)
    assert f"error[{HIDDEN}]" in copy.refused("backfill", "cities", code=1)
    assert objects(copy) == 0


def test_embedded_server_runs_a_project_without_sql(copy: Project) -> None:
    """It is its developer's own; the same project is refused on any other."""

    class Silent:
        result = note = echo = staticmethod(lambda _text: None)

    remove("sql")(copy)
    database = Database(copy.environment["DATABASE_URL"], is_embedded=True)
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.syspath_prepend(copy.root)
        monkeypatch.delitem(sys.modules, "models", raising=False)
        source = _sources.committed_source(options(copy), database, Silent())
    assert {source.record(id).scripts.upgrade.status for id in source.graph} == {
        ScriptStatus.PYTHON
    }


# --- characters that a reviewer cannot see ------------------------------------------------------

CHARACTERS = (
    *("\0", "\x01", "\b", "\v", "\f", "\r", "\x1b", "\x7f", "\x85", "\xad", "\u061c", "\u200b"),
    *("\u200d", "\u200e", "\u2028", "\u2029", "\u202a", "\u202e", "\u2060", "\u2066", "\u2069"),
    *("\ufeff", "\ufff9", "\U000e0041"),
)


def hexadecimal(character: str) -> str:
    return f"{ord(character):04X}"


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> dict[str, ScriptStatus | str]:
    """The upgrade of one revision for each character, all rendered at once."""
    project = Project(tmp_path_factory.mktemp("characters")).lay_out(ONE)
    for character in CHARACTERS:
        body = f"op.execute({f'SELECT 1{character} + 1'!a})"
        project.add(Revision(f"{ord(character):012x}", ONE.id, body))
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.syspath_prepend(project.root)
        monkeypatch.delitem(sys.modules, "models", raising=False)
        scripts = [(sql.revision.id, sql.scripts) for sql in render(project.history()).revisions]
    return {id: both.upgrade.reason or both.upgrade.status for id, both in scripts}


@pytest.mark.adversary("review")
@pytest.mark.parametrize("character", CHARACTERS, ids=hexadecimal)
def test_hidden_character_is_refused_where_sql_is_rendered(
    character: str, rendered: dict[str, str]
) -> None:
    place = f"U+{hexadecimal(character)} in line 1, column 9"
    assert f"its SQL has the hidden character {place}" in rendered[f"{ord(character):012x}"]
    assert rendered[ONE.id] is ScriptStatus.SQL


def test_hidden_characters_are_those_of_unicode() -> None:
    """What a later Unicode adds to these categories has to be added to the pattern."""
    characters = "".join(map(chr, range(0x110000)))
    refused = set(re.findall(hidden._HIDDEN, characters))
    expected = {c for c in characters if category(c) in ("Cc", "Cf", "Zl", "Zp")} - {"\n", "\t"}
    assert expected <= refused
    assert {category(character) for character in refused - expected} <= {"Cn"}


@pytest.mark.parametrize(
    "text", ["Zoë's", "5\u00a0€", "漢字", "👍🏽", "a\tb\nc", "e\u0301", "\u3000"]
)
def test_visible_text_is_not_refused(text: str) -> None:
    assert hidden.hidden_character(text) is None


SENDER = Revision(
    TWO.id, ONE.id,
    "op.get_bind().execute(sa.text('SELECT now()')).scalar()\n"
    "op.execute('CREATE TABLE python_ran () \\0 WITH (fillfactor = 50)')",
    title="Send a NUL.",
)  # fmt: skip


@pytest.mark.adversary("review")
@pytest.mark.parametrize("how", [("--force", "hazards"), (PYTHON,)], ids=["reviewed", "asked for"])
def test_nul_is_not_sent_by_python_either(
    how: tuple[str, ...], tmp_path: Path, server18_url: str, database_url: str
) -> None:
    environment = {"DATABASE_URL": database_url, "PYBASE_REHEARSAL_URL": server18_url}
    project = Project(tmp_path, environment).lay_out(ONE, SENDER)
    if PYTHON not in how:
        project.run("sql")
    message = project.refused("migrate", *how, code=1)
    assert f"error[{HIDDEN}]: A statement of the revision's Python has" in message
    with psycopg.connect(database_url) as connection:
        query = "SELECT to_regclass('cities') IS NOT NULL, to_regclass('python_ran') IS NULL"
        assert connection.execute(query).fetchone() == (True, True)


@pytest.mark.adversary("review")
def test_lint_reports_the_place_of_a_hidden_character(copy: Project) -> None:
    text(UP, insert("\u200b"))(copy)
    copy.add(replace(TWO, upgrade="op.execute('SELECT 1,\\n 2\\0')"))
    lint = copy.run("sql-lint", "--format", "json")
    found = {(item["file"], item["code"]): item for item in json.loads(lint.out)}
    line = (copy.sql / f"upgrade/{THREE.name}.sql").read_text("utf-8").split("ALTER TABLE")[0]
    hidden_there = found[UP, "hidden-character"]
    assert lint.code == 1
    assert hidden_there["line"] == line.count("\n") + 1
    assert f"U+200B in line {hidden_there['line']}, column 12" in hidden_there["message"]
    refused = found[f"sql/upgrade/{TWO.name}.sql", "cannot-render"]
    assert "U+0000 in line 2, column 3" in refused["message"]
    assert "E'\\u200d'" in refused["message"]


@pytest.mark.adversary("review")
def test_bytecode_that_came_with_the_checkout_is_not_run(tmp_path: Path) -> None:
    """Python would not compare it with its source: it was compiled so."""
    project = Project(tmp_path).lay_out(ONE)
    path = project.add(replace(TWO, upgrade="op.execute('SELECT 2')"))
    unchecked = py_compile.PycInvalidationMode.UNCHECKED_HASH
    py_compile.compile(str(path), invalidation_mode=unchecked)
    bytecode = Path(cache_from_source(path))
    compiled = bytecode.read_bytes()
    project.add(TWO)
    bytecode.write_bytes(compiled)
    printed = project.done("migrate", "--sql")
    assert "INSERT INTO cities" in printed
    assert "SELECT 2" not in printed


# --- notes --------------------------------------------------------------------------------------


@contextmanager
def another_user(folder: Path) -> Iterator[None]:
    """The key of another user, or of another machine."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("XDG_STATE_HOME", str(folder))
        sealed._key.cache_clear()
        yield
    sealed._key.cache_clear()


def unsealed(path: Path, note: bytes, _folder: Path) -> None:
    path.write_bytes(note)


def empty_seal(path: Path, note: bytes, _folder: Path) -> None:
    path.write_bytes(b"\n" + note)


def sealed_by_another_user(path: Path, note: bytes, folder: Path) -> None:
    with another_user(folder):
        sealed.write_sealed(path, note)


def sealed_for_another_note(path: Path, note: bytes, _folder: Path) -> None:
    other = path.with_name(f"other-{path.name}")
    sealed.write_sealed(other, note)
    other.replace(path)


def sealed_and_altered(path: Path, note: bytes, _folder: Path) -> None:
    sealed.write_sealed(path, b" " + note)
    path.write_bytes(path.read_bytes().replace(b"\n ", b"\n", 1))


FORGERIES = (
    *(unsealed, empty_seal, sealed_by_another_user),
    *(sealed_for_another_note, sealed_and_altered),
)
Forgery = Callable[[Path, bytes, Path], None]


@pytest.fixture(scope="module")
def noted(tmp_path_factory: pytest.TempPathFactory, server18_url: str) -> Project:
    """A project whose SQL was edited after it was written; its notes are those of before."""
    environment = {"PYBASE_REHEARSAL_URL": server18_url}
    project = Project(tmp_path_factory.mktemp("notes") / "project", environment)
    project.lay_out(ONE).write_sql()
    text(f"sql/upgrade/{ONE.name}.sql", insert(" IF NOT EXISTS", "CREATE TABLE"))(project)
    return project


def note_of_freshness(project: Project) -> tuple[Path, bytes]:
    """The note that would let `sql --check` pass: what it is kept under, and what it holds."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        for name, value in project.environment.items():
            monkeypatch.setenv(name, value)
        configured = options(project)
        key = inputs_digest(configured, sqlfiles.PACKAGES, folders=[configured.sql])
    assert key is not None
    return cache._path(configured, "sql"), json.dumps({key: []}).encode()


@pytest.mark.adversary("review")
@pytest.mark.parametrize("forge", FORGERIES, ids=lambda forge: forge.__name__)
def test_note_that_this_user_has_not_written_is_not_believed(
    forge: Forgery, noted: Project, tmp_path: Path
) -> None:
    path, note = note_of_freshness(noted)
    forge(path, note, tmp_path)
    assert "error[stale-sql]" in noted.refused("sql", "--check", code=1)


def test_same_note_of_this_user_is_believed(noted: Project) -> None:
    """Else the forgeries would prove nothing."""
    path, note = note_of_freshness(noted)
    sealed.write_sealed(path, note)
    noted.done("sql", "--check")
    path.unlink()


@pytest.mark.adversary("review")
@pytest.mark.parametrize("kind", ["lint", "rendered", "rehearsed", "revisions", "head"])
@pytest.mark.parametrize("forge", FORGERIES, ids=lambda forge: forge.__name__)
def test_note_of_any_kind_needs_the_seal(
    forge: Forgery, kind: str, noted: Project, tmp_path: Path
) -> None:
    configured = options(noted)
    forge(cache._path(configured, kind), b'{"key": {"findings": [], "files": 1}}', tmp_path)
    assert cache.recall(configured, kind, "key", dict) is None


def readable_by_others(key: Path) -> None:
    key.chmod(0o644)


def too_short(key: Path) -> None:
    key.write_bytes(b"short")


def behind_a_link(key: Path) -> None:
    key.rename(key.with_name("real"))
    key.symlink_to(key.with_name("real"))


def of_another_user(key: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    os.chown(key, 65534, 65534)


@pytest.mark.adversary("review")
@pytest.mark.parametrize(
    "spoil", [readable_by_others, too_short, behind_a_link, of_another_user],
    ids=lambda spoil: spoil.__name__,
)  # fmt: skip
def test_key_that_another_user_may_know_is_not_used(
    spoil: Callable[[Path], None], tmp_path: Path
) -> None:
    with another_user(tmp_path):
        known = sealed._key()
        assert sealed._key.__wrapped__() == known
        spoil(tmp_path / "pybase" / "key")
        assert sealed._key.__wrapped__() != known


@pytest.mark.adversary("review")
def test_note_that_is_not_believed_costs_only_time(noted: Project) -> None:
    shutil.rmtree(noted.root / ".pybase")
    configured = options(noted)
    path = cache._path(configured, "lint")
    path.parent.mkdir(parents=True)
    path.write_bytes(b"\xff\xfe garbage")
    assert cache.recall(configured, "lint", "key", LintResult) is None
    cache.remember(configured, "lint", "key", LintResult((), 1, 1))
    assert cache.recall(configured, "lint", "key", LintResult) == LintResult((), 1, 1)
