"""Bad input: each is answered in a sentence with a code, and changes nothing.

The generated ones come from `grammars`, the same at each run; the listed ones were once answered
with a traceback, or wrongly.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from projects import LINE, ONE, THREE, TWO, Project, plain_environment
from waiting import wait_until

from pybase.postgres import scratch_database

from . import grammars
from .in_process import SECRET, Attacked, assert_held, called, tree

pytestmark = pytest.mark.adversary("input")

NOWHERE = f"postgresql://u:{SECRET}@127.0.0.1:1/d"
Record = Callable[[str, object], None]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory, server18_url: str) -> Iterator[Attacked]:
    """A project of three revisions with its SQL, whose database is at head."""
    with scratch_database(server18_url, prefix="input") as url:
        environment = {"DATABASE_URL": url, "PYBASE_REHEARSAL_URL": server18_url}
        project = Project(tmp_path_factory.mktemp("input"), environment).lay_out(*LINE).write_sql()
        project.done("migrate")
        yield Attacked(project)


@pytest.fixture
def attacked(prepared: Attacked) -> Iterator[Attacked]:
    before = tree(prepared.root)
    yield prepared
    assert tree(prepared.root) == before
    with psycopg.connect(prepared.project.environment["DATABASE_URL"]) as connection:
        versions = connection.execute("SELECT version_num FROM alembic_version").fetchall()
    assert versions == [(THREE.id,)]


def attack(
    inputs: st.SearchStrategy[Any], most: int, check: Callable[[Any], object], record: Record
) -> None:
    """Check so many generated inputs, the same ones at each run; failures are not shrunk."""
    tried = []

    @settings(
        max_examples=most,
        derandomize=True,
        database=None,
        deadline=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(inputs)
    def each(given_input: Any) -> None:
        tried.append(given_input)
        check(given_input)

    each()
    assert len(tried) > most // 2
    record("tried", len(tried))


# --- generated ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variable", "verb", "most"),
    [("DATABASE_URL", "current", 150), ("PYBASE_REHEARSAL_URL", "sql", 100)],
)
def test_any_url(
    variable: str, verb: str, most: int, attacked: Attacked, record_property: Record
) -> None:
    shutil.rmtree(attacked.root / ".pybase", ignore_errors=True)  # or nothing asks the server
    attack(
        grammars.URLS,
        most,
        lambda url: attacked.run(verb, **{"DATABASE_URL": NOWHERE, variable: url}),
        record_property,
    )


@pytest.mark.parametrize(
    ("name", "texts", "most"),
    [("pyproject.toml", grammars.TOML, 150), ("alembic.ini", grammars.INI, 150)],
    ids=["toml", "ini"],
)
def test_any_configuration(
    name: str,
    texts: st.SearchStrategy[str],
    most: int,
    attacked: Attacked,
    record_property: Record,
) -> None:
    def check(given_input: tuple[str, str]) -> None:
        text, encoding = given_input
        with attacked.replaced(name, text.encode(encoding, "replace")):
            attacked.run("history", DATABASE_URL=NOWHERE)

    inputs = st.tuples(texts, st.sampled_from(grammars.ENCODINGS))
    attack(inputs, most, check, record_property)


def test_any_revision(attacked: Attacked, record_property: Record) -> None:
    def check(text: str) -> None:
        with attacked.replaced(f"migrations/versions/{TWO.name}.py", text.encode()):
            attacked.run("history", DATABASE_URL=NOWHERE)

    attack(grammars.REVISIONS, 200, check, record_property)


@pytest.mark.parametrize("kind", ["manifest", "record", "note"])
def test_any_file_of_a_program(kind: str, attacked: Attacked, record_property: Record) -> None:
    names = {"manifest": "sql/manifest.txt", "record": f"sql/records/{THREE.name}.json"}
    notes = sorted((attacked.root / ".pybase/cache").glob("*.json"))
    before = attacked.run("history", DATABASE_URL=NOWHERE).out

    def check(value: object) -> None:
        content = json.dumps(value).encode()
        if kind == "note":
            for path in notes:
                path.write_bytes(content)
            assert attacked.run("history", DATABASE_URL=NOWHERE).out == before
        else:
            with attacked.replaced(names[kind], content):
                assert attacked.run("migrate").code == 1

    attack(grammars.JSON, 50, check, record_property)


# --- listed: arguments --------------------------------------------------------------------------

TEXTS = (
    "", " ", "\t", "a\nb", "\x1b[31m", "\x00", "\udcff", "\u202ex", "x" * 5000, "%s", "%(x)s", "é",
    "../x", "'", '"', "\\", "nope",
)  # fmt: skip
TARGETS = (
    *TEXTS, "+0", "-0", "+99999999999999999999", "-99999999999999999999", "a:b:c", ":", "base:",
    ":head", "@", "x@", "+", "-", "+1+1", "+-1", "head+1", "aaaaaaaaaaaa-1", "current", "+٣",
)  # fmt: skip

ARGUMENTS = {
    "migrate": TARGETS,
    "migrate --plan": TARGETS,
    "migrate --sql": TARGETS,
    "downgrade": TARGETS,
    "downgrade --sql": tuple(text for text in TARGETS if text != "aaaaaaaaaaaa-1"),  # which is base
    "review": (*TEXTS, "a:b:c", "head:base"),
    "review --output": ("", " ", "\x00", "\udcff", "x" * 5000, ".", "models.py/x"),
    "history -r": (*TEXTS, "a:b:c", "x:y"),
    "backfill": TEXTS,
    "sql-lint --since": (*TEXTS, "@", "head+1"),
    "sql-lint --format": TEXTS,
    "migrate --force": TEXTS,
    "migrate --plan --force": TEXTS,
    "migrate --deadline-s": (*TEXTS, "1.5", "9" * 5000, "1e3"),
    "downgrade base --database": TEXTS,
    "makemigration": ("", " ", "\udcff", "x" * 5000),
    "makemigration x --sql-only": ("", "nowhere", ".", "\udcff", "alembic.ini/x"),
    "makemigration x --rename": ("", ":", "a", "a:b:c"),
    "sql -c": (*TEXTS, ".", "..", "/", "/dev/null", "models.py", "pyproject.toml", "x" * 300),
    "": (*TEXTS, "migrat", "--nope", "-c"),
    "check": TEXTS,
    "sql": TEXTS,
    "db": TEXTS,
    "db status": TEXTS,
    "db stop": TEXTS,
    "db reset": ("", "--no", "--yess"),
}


@pytest.mark.parametrize("command", ARGUMENTS)
def test_argument(command: str, attacked: Attacked, record_property: Record) -> None:
    words = command.split()
    for text in ARGUMENTS[command]:
        result = attacked.run(*words, text, DATABASE_URL="" if words[:1] == ["db"] else NOWHERE)
        assert result.code != 0, (text, result.text)
    record_property("tried", len(ARGUMENTS[command]))


NOTHING_TO_DO = {
    "migrate base": "",
    "migrate": "",
    "migrate --force nope": "invalid-argument",
    "migrate --forc fresh": "invalid-argument",
    "migrate --plan --format xml": "invalid-argument",
    "migrate one two": "invalid-argument",
    "downgrade": "invalid-argument",
    "makemigration --empty --data x": "invalid-argument",
}


@pytest.mark.parametrize("command", NOTHING_TO_DO)
def test_nothing_to_do(command: str, attacked: Attacked) -> None:
    attacked.refused(NOTHING_TO_DO[command], *command.split())


@pytest.mark.parametrize("verb", ["migrate", "downgrade"])
def test_base_on_an_empty_database(verb: str, attacked: Attacked, database_url: str) -> None:
    result = attacked.run(verb, "base", DATABASE_URL=database_url)
    assert "Traceback" not in result.text


# --- listed: files ------------------------------------------------------------------------------

_LOCATED = b"[alembic]\nscript_location = migrations\n"
FILES = [
    ("alembic.ini", b"", "invalid-configuration"),
    ("alembic.ini", b"\xef\xbb\xbf" + _LOCATED, "invalid-configuration"),
    ("alembic.ini", b"[alembic]\n# caf\xe9\n", "invalid-configuration"),
    ("alembic.ini", _LOCATED + b"script_location = x\n", "invalid-configuration"),
    ("alembic.ini", _LOCATED + b"[alembic]\n", "invalid-configuration"),
    ("alembic.ini", b"[alembic]\n", "invalid-configuration"),
    ("alembic.ini", b"[alembic]\nscript_location =\n", "invalid-configuration"),
    ("alembic.ini", b"[alembic]\nscript_location = nowhere\n", "invalid-configuration"),
    ("alembic.ini", b"[alembic]\nscript_location = nowhere:x\n", "invalid-configuration"),
    ("alembic.ini", b"[alembic]\nscript_location = 100%\n", "invalid-configuration"),
    ("alembic.ini", b"[alembic]\nscript_location = %(where)s\n", "invalid-configuration"),
    ("alembic.ini", _LOCATED + b"version_locations = nowhere\n", "invalid-configuration"),
    (
        "alembic.ini",
        _LOCATED + b"version_locations = migrations\npath_separator = x\n",
        "invalid-configuration",
    ),
    ("alembic.ini", _LOCATED + b"version_locations = x:y\n", "invalid-configuration"),
    ("alembic.ini", _LOCATED + b"truncate_slug_length = many\n", "invalid-configuration"),
    ("alembic.ini", b"[alembic]\nscript_location = models.py\n", "env-failed"),
    ("pyproject.toml", b"# caf\xe9\n", "invalid-toml"),
    ("pyproject.toml", b"\x00", "invalid-toml"),
    ("pyproject.toml", b"x = " + b"[" * 9999, "invalid-toml"),
    ("pyproject.toml", b"tool = 1\n", "no-table"),
    ("pyproject.toml", b"[[tool.pybase]]\n", "no-table"),
    ("pyproject.toml", b"[tool.pybase]\nsql = ''\n", "invalid-setting"),
    ("pyproject.toml", b"[tool.pybase]\nsql = \"a\\u0000\"\n", "invalid-setting"),
    ("pyproject.toml", b"[tool.pybase]\npicture = '.'\n", "invalid-setting"),
    ("pyproject.toml", b"[tool.pybase]\npostgres = 17\n", "invalid-setting"),
    ("pyproject.toml", b"[tool.pybase]\nmain_branch = '--x'\n", "invalid-setting"),
    ("pyproject.toml", b"[tool.pybase]\nsmall_tables = [1]\n", "invalid-setting"),
    ("pyproject.toml", b"[tool.pybase]\npostgress = 18\n", "unknown-setting"),
    ("migrations/env.py", b"raise SystemExit(4)\n", "env-failed"),
    ("migrations/env.py", b"raise SystemExit\n", "env-failed"),
    ("migrations/env.py", b"raise BaseException('x')\n", "env-failed"),
    ("migrations/env.py", b"raise ValueError('a\\nb')\n", "env-failed"),
    ("migrations/env.py", b"def (\n", "env-failed"),
    ("migrations/env.py", b"\x00", "env-failed"),
    ("migrations/env.py", b"", "env-without-migrations"),
    ("migrations/env.py", b"print('x')\n", "env-without-migrations"),
    ("models.py", b"metadata = 1\n", "invalid-metadata"),
    ("models.py", b"metadata = [1]\n", "invalid-metadata"),
    ("models.py", b"import sys; sys.exit(1)\n", "env-failed"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "content", "code"),
    FILES,
    ids=[f"{name}-{content[:50]!r}" for name, content, _ in FILES],
)
def test_file(name: str, content: bytes, code: str, attacked: Attacked) -> None:
    with attacked.replaced(name, content):
        result = attacked.refused(code, "sql")
    assert result.code == 2


@pytest.mark.parametrize("name", ["alembic.ini", "pyproject.toml", ".env"])
@pytest.mark.parametrize("kind", ["folder", "loop", "null", "bytes"])
def test_file_that_is_none(name: str, kind: str, attacked: Attacked) -> None:
    path, kept = attacked.root / name, attacked.root / ".pybase" / "kept"
    if path.exists():
        path.rename(kept)
    {
        "folder": path.mkdir,
        "loop": lambda: path.symlink_to(name),
        "null": lambda: path.symlink_to("/dev/null"),
        "bytes": lambda: path.write_bytes(b"DATABASE_URL=\xff\xfe"),
    }[kind]()
    try:
        result = attacked.run("history", DATABASE_URL="")
    finally:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
        if kept.exists():
            kept.rename(path)
    assert result.code == 2 or name != "alembic.ini"


_HEAD = f"revision = 'eeeeeeeeeeee'\ndown_revision = {THREE.id!r}\n"
REVISIONS = [
    ("raise SystemExit(3)", "broken-revision"),
    ("raise BaseException('x')", "broken-revision"),
    ("def (", "broken-revision"),
    ("\x00", "broken-revision"),
    ("", "invalid-declaration"),
    ("revision = 'eeeeeeeeeeee'", "invalid-declaration"),
    ("revision = None\ndown_revision = None", "invalid-declaration"),
    ("revision = ('a', 'b')\ndown_revision = None", "invalid-declaration"),
    ("revision = ''\ndown_revision = None", "invalid-id"),
    ("revision = 'base'\ndown_revision = None", "invalid-id"),
    ("revision = 'a\\nb'\ndown_revision = None", "invalid-id"),
    ("revision = 'it\\'s'\ndown_revision = None", "invalid-id"),
    ("revision = ' e'\ndown_revision = None", "invalid-id"),
    ("revision = 'a\\x00'\ndown_revision = None", "invalid-id"),
    ("revision = 'a:b'\ndown_revision = None", "invalid-id"),
    (f"revision = 'e' * 40\ndown_revision = {THREE.id!r}", "long-id"),
    (f"revision = {TWO.id!r}\ndown_revision = None", "duplicate-revision"),
    ("revision = 'eeeeeeeeeeee'\ndown_revision = 'nope'", "missing-parent"),
    ("revision = 'eeeeeeeeeeee'\ndown_revision = ''", "missing-parent"),
    ("revision = 'eeeeeeeeeeee'\ndown_revision = 1", "invalid-declaration"),
    ("revision = 'eeeeeeeeeeee'\ndown_revision = (None,)", "invalid-declaration"),
    ("revision = 'eeeeeeeeeeee'\ndown_revision = 'eeeeeeeeeeee'", "alembic"),
    (_HEAD + "depends_on = 'nope'", "missing-parent"),
    (_HEAD + "depends_on = 'eeeeeeeeeeee'", "alembic"),
    (_HEAD + "branch_labels = 1", "invalid-declaration"),
    (_HEAD + "branch_labels = 'head'", "invalid-id"),
    (_HEAD + f"branch_labels = {ONE.id!r}", "alembic"),
    *(
        (f"{_HEAD}accepted_hazards = {value}", "invalid-declaration")
        for value in ("None", "1", "[]", "['x']", "'abc'", "{1: 2}", "{'a': None}", "{b'a': b'b'}")
    ),
    (_HEAD + "accepted_hazards = {'a': {'b': 'c'}}", "invalid-declaration"),
    (_HEAD + "accepted_hazards = {'a': '\\ud800'}", "invalid-declaration"),
    (_HEAD + "def upgrade(): raise SystemExit(3)", "cannot-render"),
    (_HEAD + "def upgrade(): raise BaseException", "cannot-render"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "code"), REVISIONS, ids=[repr(text) for text, _ in REVISIONS])
def test_revision(text: str, code: str, tmp_path: Path, server18_url: str) -> None:
    variables = {"DATABASE_URL": NOWHERE, "PYBASE_REHEARSAL_URL": server18_url}
    attacked = Attacked(Project(tmp_path, variables).lay_out(*LINE))
    (tmp_path / "migrations/versions/zz.py").write_text(f"{text}\n")
    verb = "history" if code not in ("long-id", "cannot-render") else "check"
    attacked.refused("" if verb == "check" and code == "cannot-render" else code, verb)


def test_cycle(tmp_path: Path) -> None:
    revisions = (replace(ONE, parents=THREE.id), TWO, THREE)
    Attacked(Project(tmp_path).lay_out(*revisions)).refused("alembic", "sql", DATABASE_URL=NOWHERE)


TEMPLATES = [
    ("file_template", "%%(nope)s"),
    ("file_template", "%%"),
    ("timezone", "Nowhere/X"),
    ("output_encoding", "nope"),
    ("hooks", "nope"),
]


@pytest.mark.parametrize(("key", "value"), TEMPLATES)
def test_template_of_revisions(key: str, value: str, attacked: Attacked) -> None:
    ini = (attacked.root / "alembic.ini").read_text("utf-8")
    kept = [line for line in ini.splitlines() if not line.startswith(key)]
    section = "[post_write_hooks]" if key == "hooks" else "[alembic]"
    text = "\n".join(kept).replace(section, f"{section}\n{key} = {value}")
    with attacked.replaced("alembic.ini", text.encode()):
        assert attacked.run("makemigration", "--empty", "x").code == 2


@pytest.mark.parametrize("text", ["", "${nope}", "<%", "% if x:\n"])
def test_mako_template(text: str, attacked: Attacked) -> None:
    with attacked.replaced("migrations/script.py.mako", text.encode()):
        assert attacked.run("makemigration", "--empty", "x").code == 2


@pytest.mark.parametrize("name", ["100%", "%(here)s", "my.app", "a b", "it's", "ü", "x" * 200])
def test_name_of_the_folder(name: str, tmp_path: Path, server18_url: str) -> None:
    variables = {"DATABASE_URL": NOWHERE, "PYBASE_REHEARSAL_URL": server18_url}
    attacked = Attacked(Project(tmp_path / name, variables).lay_out(ONE))
    assert attacked.run("sql").code == 0
    assert attacked.run("sql", "--check").code == 0


@pytest.mark.parametrize("name", ["new\nline", "\udcff"], ids=["newline", "surrogate"])
def test_unprintable_name_of_the_folder(name: str, tmp_path: Path) -> None:
    attacked = Attacked(Project(tmp_path / name).lay_out(ONE))
    attacked.refused("unprintable-folder", "sql")


# --- real processes -----------------------------------------------------------------------------


def process(project: Project, shell: str) -> "subprocess.CompletedProcess[bytes]":
    """Run `$PYBASE` in a shell, as users do."""
    command = f"{sys.executable} -m pybase"
    return subprocess.run(
        ["bash", "-c", shell.replace("$PYBASE", command)],
        cwd=project.root,
        env=plain_environment() | project.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=60,
    )


PROCESSES = {
    "output is closed": ("$PYBASE history >&-", 0, ""),
    "all streams are closed": ("$PYBASE history <&- >&- 2>&-", 0, ""),
    "the reader has gone": ("$PYBASE history | true; exit ${PIPESTATUS[0]}", 0, ""),
    "the reader of help has gone": ("$PYBASE --help | true; exit ${PIPESTATUS[0]}", 0, ""),
    "the disk of the output is full": ("$PYBASE history >/dev/full", 2, "file-error"),
    "errors cannot be written": ("$PYBASE history -c nowhere 2>/dev/full", 2, ""),
    "an argument is not UTF-8": ("$PYBASE migrate $'\\xff'", 2, "unusable-argument"),
    "a variable is empty": ('$PYBASE migrate "$NOT_SET"', 2, "empty-argument"),
    "files may not grow": ("ulimit -f 1; rm -r sql .pybase; $PYBASE sql", 2, "file-error"),
}


@pytest.mark.parametrize("case", PROCESSES)
def test_process(case: str, tmp_path: Path, prepared: Attacked) -> None:
    shutil.copytree(prepared.root, tmp_path / "copy")
    shell, status, code = PROCESSES[case]
    done = process(Project(tmp_path / "copy", prepared.project.environment), shell)
    err = done.stderr.decode()
    assert done.returncode == status, err
    assert "Traceback" not in err
    assert f"error[{code}]: " in err if code else not err.startswith("error")


def test_full_disk(tmp_path: Path, server18_url: str) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root can mount a small disk")
    try:
        project = Project(disk / "project", {"PYBASE_REHEARSAL_URL": server18_url}).lay_out(*LINE)
        for verb in (("sql",), ("makemigration", "--empty", "x"), ("review",)):
            result = project.run(*verb, DATABASE_URL=NOWHERE)
            assert_held(result)
            assert result.code == 2
            assert "No space left on device" in result.err
        assert len(list(project.versions.glob("*.py"))) == len(LINE)
    finally:
        subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.parametrize("place", ["revision", "import", "env"])
def test_endless_code_is_interrupted(place: str, project: Project) -> None:
    endless = "import pathlib, time\npathlib.Path('began').touch()\nwhile True: time.sleep(9)\n"
    project.lay_out(replace(ONE, upgrade=endless if place == "revision" else "pass"))
    if place == "import":
        (project.versions / "zz.py").write_text(endless)
    elif place == "env":
        project.write("migrations/env.py", endless)
    command = project.start("sql")
    wait_until((project.root / "began").exists)
    os.kill(command.pid, signal.SIGINT)
    result = project.ended(command)
    assert result.code == 130
    assert result.err == (
        "Interrupted. Finished steps are kept; run the same command again to resume.\n"
    )


def test_endless_revision_has_a_time_limit(
    tmp_path: Path, server18_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limits are seconds; here they are shorter."""
    monkeypatch.setattr("pybase.migrate.revisions._declared.LOAD_LIMIT_S", 0.2)
    monkeypatch.setattr("pybase.migrate.revisions._renderer.TIME_LIMIT_S", 0.2)
    variables = {"DATABASE_URL": NOWHERE, "PYBASE_REHEARSAL_URL": server18_url}
    endless = "import time\nwhile True: time.sleep(9)"
    project = Project(tmp_path, variables).lay_out(replace(ONE, upgrade=endless))
    result = called(project, ("sql",), {})
    assert f"{ONE.name}.py) cannot be rendered: TimeLimitError" in result.err
    project.write("migrations/versions/zz.py", endless)
    refusal = Attacked(project).refused("broken-revision", "sql").err
    assert "zz.py cannot be loaded: TimeLimitError" in refusal


def test_unexpected_error_is_a_sentence_and_a_traceback_on_request(
    attacked: Attacked, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError(SECRET)

    monkeypatch.setattr("pybase.core.settings.load", fail)
    for arguments in (("history",), ("history", "--traceback")):
        result = called(attacked.project, arguments, {})
        assert result.code == 70
        assert "error[internal-error]: Unexpected ZeroDivisionError" in result.err
        assert ("Traceback" in result.err) == (len(arguments) > 1)
