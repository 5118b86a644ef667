"""makemigration --again: what only this branch has is replaced, and nothing that a person wrote."""

import psycopg
import pytest
from projects import CITIES_MODEL, ONE, Git, Project, commit

KEY = "sa.PrimaryKeyConstraint"


def model(*columns: str) -> str:
    listed = "".join(f"sa.Column({name!r}, sa.Text()), " for name in columns)
    return CITIES_MODEL.replace(KEY, f"{listed}{KEY}")


def revisions(project: Project) -> list[str]:
    return [path for path in project.files() if "/versions/" in path]


@pytest.fixture
def branch(project: Project, git: Git) -> Project:
    """A branch with one revision of its own, which adds a column; main has the one before."""
    project.lay_out(ONE, models=CITIES_MODEL).write_sql()
    project.write(".gitignore", ".pybase/\n__pycache__/\n")
    commit(git)
    git("switch", "-q", "-c", "ours")
    project.write("models.py", model("note"))
    project.done("makemigration", "add note to cities")
    return project


def test_own_revision_follows_the_models_and_keeps_its_title(branch: Project, git: Git) -> None:
    commit(git)  # committed or not: it is not on the main branch
    (_, own) = revisions(branch)
    branch.write("models.py", model("note", "size"))
    out = branch.done("makemigration", "--again")
    (one, new) = revisions(branch)
    assert f"removed  {own}\n" in out
    assert one.endswith(f"{ONE.name}.py")
    assert new != own
    text = (branch.root / new).read_text()
    assert text.startswith('"""Add note to cities.')
    assert ('"note"' in text, '"size"' in text) == (True, True)
    assert not [path for path in branch.files() if own.split("_")[2] in path]
    branch.done("sql", "--check")
    branch.done("migrate")
    with psycopg.connect(branch.environment["DATABASE_URL"]) as connection:
        columns = connection.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = 'cities'::regclass AND attnum > 0"
        ).fetchall()
    assert columns == [("name",), ("note",), ("size",)]


def test_models_back_at_the_main_branch_need_no_revision(branch: Project, git: Git) -> None:
    main = {path for path in git("ls-files").split() if path.startswith(("sql", "migr"))}
    branch.write("models.py", CITIES_MODEL)
    assert "removed  " in branch.done("makemigration", "--again")
    assert {path for path in branch.files() if path.startswith(("sql", "migr"))} == main
    assert git("status", "--porcelain") == ""
    branch.done("check")


def edit(branch: Project, _: Git) -> None:
    path = revisions(branch)[-1]
    branch.write(path, f"{(branch.root / path).read_text()}\n# by hand\n")


def migrate(branch: Project, _: Git) -> None:
    branch.done("migrate")


def merge(branch: Project, git: Git) -> None:
    commit(git)
    git("branch", "-f", "main")


def break_model(branch: Project, _: Git) -> None:
    branch.write("models.py", model("note").replace("sa.Text()", "sa.Text(collation='nowhere')"))


def forget_git(branch: Project, git: Git) -> None:
    git("branch", "-m", "main", "trunk")


REFUSALS = {
    "edited by hand": (edit, (), 1, "Not as makemigration wrote it"),
    "applied": (migrate, (), 1, f"nox -s downgrade -- {ONE.id}"),
    "merged": (merge, (), 1, "All revisions are on the main branch already"),
    "models that fail": (break_model, (), 1, "nowhere"),
    "no main branch": (forget_git, (), 2, "main_branch"),
    "with a revision by hand": (lambda *_: None, ("--empty",), 2, "--again writes again"),
}


@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS)
def test_refused_and_nothing_is_changed(refusal: tuple, branch: Project, git: Git) -> None:
    prepare, flags, code, message = refusal
    branch.write("models.py", model("note", "size"))
    prepare(branch, git)
    before = branch.files()
    assert message in branch.refused("makemigration", "--again", *flags, code=code)
    assert branch.files() == before


def test_downgrade_that_is_named_makes_it_possible(branch: Project) -> None:
    branch.done("migrate")
    branch.write("models.py", model("note", "size"))
    branch.done("downgrade", ONE.id)
    branch.done("makemigration", "--again", "add note and size")
    assert "add_note_and_size" in revisions(branch)[-1]
    branch.done("migrate")
