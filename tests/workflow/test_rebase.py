"""rebase: two branches each added a revision, and ours goes after theirs."""

import subprocess

import pytest
from projects import FORK, LINE, ONE, THREE, TWO, Project, Revision

FORK_2 = Revision(
    "eeeeeeeeeeee",
    FORK.id,
    "op.add_column('cities', sa.Column('size', sa.Integer()))",
    "op.drop_column('cities', 'size')",
    "Add size to cities.",
)
BROKEN = Revision("ffffffffffff", TWO.id, "op.drop_column('cities', 'nope')", title="Break.")


def git(project: Project, *arguments: str) -> str:
    identity = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
    done = subprocess.run(
        ["git", *identity, *arguments], cwd=project.root, capture_output=True, text=True, check=True
    )
    return done.stdout


@pytest.fixture
def branched(project: Project) -> Project:
    """Main has three revisions; a branch of it is checked out."""
    project.lay_out(*LINE)
    project.done("sql")
    git(project, "init", "--quiet", "--initial-branch=main")
    git(project, "add", "--all")
    git(project, "commit", "--quiet", "--message=three")
    git(project, "checkout", "--quiet", "-b", "ours")
    return project


def test_two_heads_are_named_with_their_authors(branched: Project) -> None:
    branched.add(FORK)
    git(branched, "add", "--all")
    git(branched, "commit", "--quiet", "--message=fork")
    error = branched.refused("check", code=1)
    assert f"{THREE.name}.py, by Ada" in error
    assert f"{FORK.name}.py, by Ada" in error
    assert "nox -s rebase" in error


def test_ours_go_after_theirs_and_nothing_else_is_touched(branched: Project) -> None:
    ours = [branched.add(FORK), branched.add(FORK_2)]
    before = branched.files()
    out = branched.done("rebase")
    after = branched.files()
    assert f"moved  migrations/versions/{ours[0].name}  (now after {THREE.id})" in out
    text = ours[0].read_text()
    assert f"Revises: {THREE.id}\n" in text
    assert f'down_revision = "{THREE.id}"' in text
    changed = {path for path in after if before.get(path) != after[path]}
    assert changed == {
        f"migrations/versions/{FORK.name}.py",
        "sql/manifest.txt",
        "sql/schema.json",
        "sql/schema/cities.sql",
        *(f"sql/records/{revision.name}.json" for revision in (FORK, FORK_2)),
        *(
            f"sql/{direction}/{revision.name}.sql"
            for direction in ("upgrade", "downgrade")
            for revision in (FORK, FORK_2)
        ),
    }
    branched.done("check")
    branched.done("migrate")
    assert "Nothing to do" in branched.done("rebase")


def test_applied_revision_is_not_moved(branched: Project) -> None:
    (branched.versions / f"{THREE.name}.py").unlink()
    branched.add(FORK)
    branched.done("sql")
    branched.done("migrate")
    branched.add(THREE)
    before = branched.files()
    error = branched.refused("rebase", code=1)
    assert FORK.name in error
    assert f"nox -s downgrade -- {TWO.id}" in error
    assert branched.files() == before


def test_merged_revision_is_not_moved(project: Project) -> None:
    project.lay_out(*LINE, FORK)
    git(project, "init", "--quiet", "--initial-branch=main")
    git(project, "add", "--all")
    git(project, "commit", "--quiet", "--message=all")
    error = project.refused("rebase", code=1)
    assert "heads" in error or "main branch already" in error


def test_order_that_fails_changes_nothing(branched: Project) -> None:
    branched.add(BROKEN)
    before = branched.files()
    error = branched.refused("rebase", code=1)
    assert BROKEN.name in error
    assert branched.files() == before


def test_without_git_the_error_names_down_revision(project: Project) -> None:
    project.lay_out(ONE, TWO, THREE, FORK)
    error = project.refused("rebase", code=2)
    assert "down_revision" in error
