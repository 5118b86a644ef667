"""Files: nothing foreign is deleted or overwritten, and whatever kills a writer leaves no trace."""

import os
import re
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from projects import FORK, LINE, NO_MODELS, ONE, ROOT, THREE, TWO, Git, Project, Revision, commit
from waiting import wait_until

from pybase.core import checkout, settings
from pybase.core.errors import CheckFailedError
from pybase.migrate import sqlfiles
from pybase.migrate.record import Direction

pytestmark = pytest.mark.adversary("files")

OWN = "mine\n"
"""The content of a file that the user has written."""


def configure(project: Project, **options: str) -> None:
    text = (project.root / "pyproject.toml").read_text("utf-8")
    lines = "".join(f"{name} = '{value}'\n" for name, value in options.items())
    project.write("pyproject.toml", f"{text}\n[tool.pybase]\n{lines}")


def state(project: Project) -> dict[str, bytes]:
    """Every file and link of the project but its caches."""
    hidden = {".pybase", "__pycache__"}
    return {
        path.relative_to(project.root).as_posix(): path.read_bytes()
        for path in sorted(project.root.rglob("*"))
        if path.is_file() and not hidden & set(path.relative_to(project.root).parts)
    }


# --- targets --------------------------------------------------------------------------------------

FOLDERS = [
    (".", "unsafe-folder"),
    ("", "invalid-setting"),
    ("..", "unsafe-folder"),
    ("migrations/..", "unsafe-folder"),
    ("../elsewhere", "unsafe-folder"),
    ("/tmp/elsewhere", "unsafe-folder"),
    (".git", "unsafe-folder"),
    (".git/sql", "unsafe-folder"),
    (".pybase/sql", "unsafe-folder"),
    ("migrations", "unsafe-folder"),
    ("migrations/versions", "unsafe-folder"),
    ("models.py", "unsafe-folder"),
    ("link", "unsafe-folder"),
    ("link/sql", "unsafe-folder"),
    ("own", "folder-in-use"),
    ("own/words", "folder-in-use"),
]
PICTURES = [
    ("README.md", "file-in-use"),
    ("own/notes.md", "file-in-use"),
    ("models.py", "invalid-setting"),
    ("docs/schema.html", "invalid-setting"),
    ("docs.md", "unsafe-picture"),
    ("../schema.md", "unsafe-picture"),
    ("/tmp/schema.md", "unsafe-picture"),
    (".git/schema.md", "unsafe-picture"),
    ("link/schema.md", "unsafe-picture"),
    ("link.md", "unsafe-picture"),
    ("sql/README.md", "unsafe-picture"),
]


@pytest.fixture
def furnished(project: Project, git: Git) -> Project:
    """A repository that has files of its own at every place that could be named."""
    project.lay_out(ONE)
    for path in ("README.md", "own/notes.md", "own/words/manifest.txt", "docs.md/x", "away/x.sql"):
        project.write(path, OWN)
    (project.root / "link").symlink_to(project.root / "away")
    (project.root / "link.md").symlink_to(project.root / "README.md")
    return project


TARGETS = [*((f"sql={value}", code) for value, code in FOLDERS),
           *((f"picture={value}", code) for value, code in PICTURES)]  # fmt: skip


@pytest.mark.parametrize(("setting", "code"), TARGETS, ids=[setting for setting, _ in TARGETS])
def test_unsafe_target_is_refused_and_nothing_is_touched(
    setting: str, code: str, furnished: Project
) -> None:
    name, _, value = setting.partition("=")
    configure(furnished, **{name: value})
    before = state(furnished)
    outside = sorted(path.name for path in furnished.root.parent.iterdir())
    message = furnished.refused("sql", code=2)
    assert f"error[{code}]" in message
    assert "hint: " in message
    assert state(furnished) == before
    assert sorted(path.name for path in furnished.root.parent.iterdir()) == outside


WRITERS: dict[str, tuple[str, ...]] = {
    "sql": ("sql",),
    "makemigration": ("makemigration", "--empty", "sack troy"),
    "rebase": ("rebase",),
}


@pytest.mark.parametrize("verb", WRITERS.values(), ids=WRITERS)
def test_own_folder_without_a_manifest_is_refused_by_every_writer(
    verb: tuple[str, ...], project: Project, git: Git
) -> None:
    project.lay_out(ONE, TWO)
    project.write("sql/seed.sql", OWN)
    commit(git)
    git("checkout", "-q", "-b", "ours")
    if verb == ("rebase",):
        project.add(Revision(FORK.id, ONE.id))
    before = state(project)
    assert "error[folder-in-use]" in project.refused(*verb, code=2)
    assert state(project) == before


FOREIGN = ["notes.txt", "upgrade/mine.sql", "records/mine.json", "schema/mine.sql", "a/b/c", ".x"]


def test_foreign_files_in_the_folder_are_kept_by_every_writer(project: Project) -> None:
    project.lay_out(*LINE).write_sql()
    for path in FOREIGN:
        project.write(f"sql/{path}", OWN)
    (project.versions / f"{THREE.name}.py").unlink()
    project.done("sql")
    project.done("makemigration", "--empty", "sack troy")
    after = state(project)
    assert {path: after.get(f"sql/{path}") for path in FOREIGN} == dict.fromkeys(
        FOREIGN, OWN.encode()
    )
    assert f"sql/upgrade/{THREE.name}.sql" not in after
    message = project.refused("sql", "--check", code=1)
    reported = [path for path in FOREIGN if f"foreign   sql/{path}" in message]
    assert reported == [path for path in FOREIGN if path != ".x"], "a hidden file is no finding"


@pytest.mark.parametrize("path", [".gitattributes", "schema.md"])
def test_own_file_at_a_new_place_is_kept(path: str, project: Project) -> None:
    """A folder that an earlier version has written, before it wrote that file."""
    project.lay_out(ONE).write_sql()
    manifest = project.sql / "manifest.txt"
    rows = manifest.read_text().splitlines()
    manifest.write_text("".join(f"{row}\n" for row in rows if " " in row))
    configure(project, picture="sql/schema.md")
    project.write(f"sql/{path}", OWN)
    before = state(project)
    assert f"error[file-in-use]: sql/{path} exists" in project.refused("sql", code=2)
    assert state(project) == before
    (project.sql / path).unlink()
    project.done("sql")
    project.add(TWO)
    project.done("sql")
    project.done("sql", "--check")


NAMES = ["../models.py", "schema/../../models.py", "schema/../../../secret", "%2Fetc%2Fhosts"]


def test_names_in_a_manifest_lead_out_of_the_folder_for_no_deletion(project: Project) -> None:
    project.lay_out(ONE).write_sql()
    manifest = project.sql / "manifest.txt"
    rows = manifest.read_text().splitlines()
    lies = [*NAMES, f"{TWO.id} - ..%2F..%2Fmodels {' '.join(['0' * 16] * 4)}"]
    manifest.write_text("\n".join([*rows, *lies, ""]))
    before = state(project)
    project.done("sql")
    assert {path: text for path, text in state(project).items() if not path.startswith("sql")} == {
        path: text for path, text in before.items() if not path.startswith("sql")
    }


@pytest.mark.parametrize("inside", ["upgrade", "schema/cities.sql"])
def test_links_below_the_folder_are_not_followed(inside: str, project: Project) -> None:
    project.lay_out(ONE).write_sql()
    away = project.write("away/cities.sql", OWN)
    path = project.sql / inside
    if path.is_dir():
        shutil.rmtree(path)
        path.symlink_to(away.parent)
    else:
        path.unlink()
        path.symlink_to(away)
    before = state(project)
    assert "error[linked-file]" in project.refused("sql", code=2)
    assert state(project) == before


# --- kills ----------------------------------------------------------------------------------------

MERGED = Revision(TWO.id, ONE.id, "op.execute('SELECT 1')")
OURS = Revision(FORK.id, ONE.id, "op.execute('SELECT 2')")
GONE = Revision("eeeeeeeeeeee", MERGED.id, "op.execute('SELECT 3')")


class Killed(NamedTuple):
    """A verb that is killed, and how its project is changed just before."""

    verb: tuple[str, ...]
    prepare: Callable[[Project], object]


KILLED = {
    "sql": Killed(WRITERS["sql"], lambda project: (project.versions / f"{GONE.name}.py").unlink()),
    "makemigration": Killed(WRITERS["makemigration"], lambda _project: None),
    "rebase": Killed(WRITERS["rebase"], lambda project: project.add(OURS)),
}


class Workshop:
    """A project that is put back, with its caches, before each attempt."""

    def __init__(self, project: Project, saved: Path, killed: Killed) -> None:
        self.project = project
        self._saved = saved
        self._verb = killed.verb
        project.environment["PYTHONPATH"] = f"{ROOT}:{Path(__file__).parent}"
        killed.prepare(project)
        shutil.copytree(project.root, saved, symlinks=True, ignore=_git)
        self.reset()
        self.before = state(project)
        self.done()
        self.after = self.result()
        shutil.copytree(project.root / ".pybase", saved / ".pybase", dirs_exist_ok=True)

    def reset(self) -> None:
        for path in self.project.root.iterdir():
            if path.name != ".git":
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        shutil.copytree(self._saved, self.project.root, dirs_exist_ok=True, symlinks=True)

    def disturbed(self, how: str, number: int) -> int:
        """Run the verb, disturbed; return its exit code."""
        run = self.project.start(how, str(number), *self._verb, module="killer")
        result = self.project.ended(run)
        assert "Traceback" not in result.text, result.text
        return result.code

    def done(self) -> None:
        self.project.done(*self._verb)

    def result(self) -> dict[str, str]:
        """The project, with the id and the time of a new revision in the place of every run's."""
        files = {path: content.decode("utf-8") for path, content in state(self.project).items()
                 if not path.startswith(".git/")}  # fmt: skip
        new = next((path for path in files if "sack_troy.py" in path), "")
        chosen = re.search(r"(\d{8}_\d{4})_([0-9a-f]{12})_sack_troy", new)
        if chosen is None:
            return files
        pattern = rf"{chosen[1]}|{chosen[2]}|[0-9a-f]{{16}}|\d{{4}}-\d\d-\d\d \d\d:\d\d:[\d.+:]*"
        return {re.sub(pattern, "~", k): re.sub(pattern, "~", v) for k, v in files.items()}

    def require_no_litter(self) -> None:
        """Every file is one that was there before, or one of the result."""
        assert set(self.result()) <= {*self.before, *self.after}


def _git(_folder: str, names: list[str]) -> set[str]:
    return {".git"} & set(names)


@pytest.fixture
def workshop(
    project: Project, git: Git, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Workshop]:
    def make(name: str) -> Workshop:
        project.lay_out(ONE, MERGED, *([GONE] if name == "sql" else [])).done("sql")
        commit(git)
        git("checkout", "-q", "-b", "ours")
        return Workshop(project, tmp_path_factory.mktemp("saved") / "project", KILLED[name])

    return make


@pytest.mark.parametrize("name", KILLED)
def test_verb_killed_at_any_file_operation(
    name: str,
    workshop: Callable[[str], Workshop],
    record_property: Callable[[str, object], None],
) -> None:
    """No litter is left, and the same command ends as if it had not been killed.

    What the next command does first is to restore the files: where these are again as before the
    kill, it ends as the undisturbed run. Of the kills with files half-written, some are repeated.
    """
    here = workshop(name)
    number = half = 0
    while True:
        here.reset()
        code = here.disturbed("kill", number + 1)
        if code == 0:
            break
        number += 1
        assert code == -signal.SIGKILL, f"operation {number}"
        here.require_no_litter()
        is_half_written = state(here.project) != here.before
        half += is_half_written
        if is_half_written and half % 3 == 1:
            here.done()
            assert here.result() == here.after, f"operation {number}"
        else:
            checkout.recover(settings.load(here.project.root / "alembic.ini"))
            assert state(here.project) == here.before, f"operation {number}"
    assert here.result() == here.after
    assert half > 3
    record_property("summary", f"{number} kills, {half} of them with files half-written")


def test_full_disk_at_any_file_operation(workshop: Callable[[str], Workshop]) -> None:
    """One sentence, and the files are as they were, or complete."""
    here = workshop("rebase")
    refused = number = 0
    while True:
        number += 1
        here.reset()
        code = here.disturbed("full", 2 * number)
        refused += code != 0
        expected = here.before if code else None
        assert code in (0, 2), f"operation {number}"
        assert state(here.project) == expected if expected else here.result() == here.after
        if code == 0:
            break
    assert refused > 5


def test_file_that_grows_too_large_leaves_the_files_as_they_were(project: Project) -> None:
    """A limit of the system, met in the middle of a write."""
    project.lay_out(*LINE)
    before = state(project)
    script = (
        "import resource, sys\n"
        "from pybase.core import checkout, settings\n"
        "from pathlib import Path\n"
        "root = Path.cwd()\n"
        "with checkout.writing(settings.load(root / 'alembic.ini')) as writer:\n"
        "    writer.write({root / 'sql/a': 'a'})\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (9000, 9000))\n"
        "    writer.write({root / 'sql/deep/b': 'b' * 5000, root / 'sql/c': 'c' * 10})\n"
        "    writer.write({root / 'alembic.ini': 'd' * 9001})\n"
    )
    result = project.python("-c", script)
    assert "cannot be written: File too large." in result.err
    assert state(project) == before
    assert not (project.root / "sql").exists()


# --- journals -------------------------------------------------------------------------------------


CHANGED = f"{NO_MODELS}# changed\n"


def interrupted(project: Project) -> Path:
    """Leave a journal: `models.py` is changed, `new.py` is written, and the process is gone."""
    contents = {project.root / "models.py": CHANGED, project.root / "new/new.py": "new\n"}
    child = os.fork()
    if child == 0:
        with checkout.writing(settings.load(project.root / "alembic.ini")) as writer:
            writer.write(contents)
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    journal = project.root / ".pybase/journal"
    assert journal.exists()
    assert all(path.read_text() == text for path, text in contents.items())
    return journal


def test_every_verb_undoes_first_what_a_killed_one_has_left(project: Project) -> None:
    project.lay_out(ONE)
    before = state(project)
    for verb in (("history",), ("sql", "--check"), ("check",), ("pending",), ("migrate", "--sql")):
        journal = interrupted(project)
        project.run(*verb)
        assert not journal.exists()
        assert state(project) == before, verb
        assert not (project.root / "new").exists()


def test_file_that_was_edited_since_is_kept(project: Project) -> None:
    project.lay_out(ONE)
    interrupted(project)
    project.write("models.py", OWN)
    project.write("new/other.py", OWN)
    project.run("history")
    assert (project.root / "models.py").read_text() == OWN
    assert [path.name for path in (project.root / "new").iterdir()] == ["other.py"]


def test_plain_alembic_waits_for_the_files(project: Project) -> None:
    project.lay_out(ONE)
    interrupted(project)
    result = project.alembic("upgrade", "head")
    assert result.code != 0
    assert "has not ended, or was killed" in result.text
    assert "Traceback" not in result.text
    project.done("history")
    assert project.alembic("upgrade", "head").code == 0


def copied(journal: Path) -> None:
    """As an archive, or `cp --preserve`, would bring it along."""
    shutil.copy2(journal, journal.with_name("copy"))
    journal.with_name("copy").replace(journal)


def checked_out(journal: Path) -> None:
    """The same file, with the time at which git has written it."""
    os.utime(journal)


def linked(journal: Path) -> None:
    journal.rename(journal.with_name("away"))
    journal.symlink_to(journal.with_name("away"))


JOURNALS: dict[str, Callable[[Path], object]] = {
    "copied": copied,
    "checked out by git": checked_out,
    "a link": linked,
    "empty": lambda journal: journal.write_bytes(b""),
    "garbage": lambda journal: journal.write_bytes(os.urandom(99)),
    "a folder": lambda journal: (journal.unlink(), journal.mkdir()),
}


@pytest.mark.parametrize("forge", JOURNALS.values(), ids=JOURNALS)
def test_journal_that_was_not_written_here_is_not_believed(
    forge: Callable[[Path], object], project: Project
) -> None:
    project.lay_out(ONE)
    forge(interrupted(project))
    before = state(project)
    error = project.refused("history", code=2)
    assert "error[foreign-journal]" in error or "error[unwritable-checkout]" in error
    assert "journal" in error
    assert state(project) == before


def test_state_folder_may_be_on_another_file_system(project: Project) -> None:
    memory = Path("/dev/shm")
    if not memory.is_dir() or memory.stat().st_dev == project.root.stat().st_dev:
        pytest.skip("there is no second file system")
    project.lay_out(ONE)
    away = memory / f"pybase-{os.getpid()}"
    away.mkdir()
    try:
        (project.root / ".pybase").symlink_to(away)
        before = state(project)
        interrupted(project)
        (project.root / "new/new.py").write_text(
            "ne"
        )  # as a kill in the middle of a copy leaves it
        project.done("sql")
        assert set(before) < set(state(project))
        assert not (project.root / "new").exists()
        project.done("sql", "--check")
    finally:
        shutil.rmtree(away)


# --- two at once ----------------------------------------------------------------------------------


def test_two_at_once_make_one_line(project: Project) -> None:
    project.lay_out(ONE).write_sql()
    names = ("sack troy", "rebuild troy", "leave troy")
    runs = [project.start("makemigration", "--empty", name) for name in names]
    assert [project.ended(run).code for run in runs] == [0, 0, 0]
    assert len(project.history().heads) == 1
    assert len(project.history().revisions) == 4
    project.done("sql", "--check")


def test_second_writer_reports_that_it_waits(project: Project) -> None:
    project.lay_out(ONE)
    with checkout.writing(settings.load(project.root / "alembic.ini")):
        second = project.start("sql")
        wait_until(lambda: "Another command writes this checkout; waiting" in second.err)
    assert project.ended(second).code == 0


def test_second_writer_gives_up(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkout, "_PATIENCE_S", 0.1)
    here = settings.load(project.lay_out(ONE).root / "alembic.ini")
    with checkout.writing(here):
        with pytest.raises(CheckFailedError) as caught, checkout.writing(here):
            pass
    assert caught.value.code == "busy-checkout"


def test_lock_can_be_opened_by_its_owner_only(project: Project) -> None:
    project.lay_out(ONE).done("sql")
    status = (project.root / ".pybase/lock").stat()
    assert status.st_mode & 0o777 == 0o600
    assert status.st_uid == project.root.stat().st_uid


# --- line ends ------------------------------------------------------------------------------------


def cloned(git: Git, folder: Path, attributes: str = "") -> None:
    git("clone", "-q", "--no-checkout", "-c", "core.autocrlf=true", ".", str(folder))
    (folder / ".git/info/attributes").write_text(attributes)
    git("-C", str(folder), "checkout", "-q")


@pytest.fixture
def clone(project: Project, git: Git, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The place of a clone of two revisions and their SQL; one has lines within a statement."""
    body = 'op.execute("""\nDO $$ BEGIN\n    PERFORM 1;\nEND $$\n""")'
    project.lay_out(ONE, Revision(TWO.id, ONE.id, body)).write_sql()
    commit(git)
    return Project(tmp_path_factory.mktemp("clone") / "clone", project.environment)


def has_crlf(path: Path) -> bool:
    return b"\r\n" in path.read_bytes()


def test_checkout_with_autocrlf_is_fresh(clone: Project, git: Git) -> None:
    cloned(git, clone.root)
    assert has_crlf(clone.versions / f"{ONE.name}.py")
    assert not has_crlf(clone.sql / "manifest.txt")
    clone.done("sql", "--check")
    clone.done("migrate")


def test_checkout_with_crlf_in_every_file_is_fresh(clone: Project, git: Git) -> None:
    """Attributes of a checkout are stronger than those of its folders."""
    cloned(git, clone.root, "* text eol=crlf\n")
    assert has_crlf(clone.versions / f"{ONE.name}.py")
    assert has_crlf(clone.sql / "manifest.txt")
    assert "Nothing to do" in clone.done("sql")
    clone.done("sql-lint")
    clone.done("check")
    committed = sqlfiles.load(settings.load(clone.root / "alembic.ini"))
    assert committed is not None
    texts = [committed.text(line.revision, way) for line in committed.lines for way in Direction]
    assert "\r" not in "".join(texts)
    clone.done("migrate")
    clone.done("makemigration", "--empty", "sack troy")
    changed = git("-C", str(clone.root), "status", "--porcelain", "-uno")
    assert changed.split() == ["M", "sql/manifest.txt"]
