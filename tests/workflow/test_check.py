"""check: committed SQL does what Alembic does; downgrades restore; merged files are unchanged."""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from projects import CITIES_MODEL, LINE, ONE, THREE, TWO, Git, Project, Revision, commit

from pybase.core import git as core_git
from pybase.core import settings
from pybase.core.errors import CheckFailedError
from pybase.core.files import write_file
from pybase.migrate.verify import _checks as checks

OTHERWISE_ONLINE = """
import traceback

proof = {{"upgrade_online", "rows_that_differ"}}
if proof.isdisjoint(frame.name for frame in traceback.extract_stack()):
    op.execute({offline!r})
else:
    op.execute({online!r})
"""


def checked(project: Project, *revisions: Revision) -> str:
    """What `check` prints of a fresh `sql/`, which it must pass."""
    project.lay_out(*revisions).write_sql()
    return project.done("check")


def refused(project: Project, *revisions: Revision) -> str:
    """Why `check` refuses a fresh `sql/`."""
    project.lay_out(*revisions).write_sql()
    return project.refused("check", code=1)


def unlike_online(offline: str, online: str) -> Revision:
    """A revision that does one thing when it is rendered, and another when Alembic runs it."""
    code = OTHERWISE_ONLINE.format(offline=offline, online=online)
    return Revision(TWO.id, ONE.id, code, "raise NotImplementedError('No.')")


# --- committed SQL equals the online run ----------------------------------------------------------


def test_each_proof_has_a_line(project: Project) -> None:
    model = CITIES_MODEL.replace("sa.PrimaryKey", "sa.Column('note', sa.Text()), sa.PrimaryKey")
    project.lay_out(*LINE, models=model).write_sql()
    assert project.done("check").splitlines() == [
        "ok  one head",
        "ok  3 docstrings agree with the code",
        "ok  models equal revisions",
        "ok  committed SQL equals the online run, by catalog and rows",
        "ok  each downgrade leaves no trace, or gives the reason why there is none",
        "ok  each generated fill and cast has its rule",
        f"--  {NO_REPOSITORY}",
        "    hint: Run it in a checkout, with the folder .git.",
        "ok  what is applied to the database at hand has not changed since",
    ]


def test_fill_without_its_rule_is_refused_until_it_is_accepted(project: Project) -> None:
    fill = 'op.execute("UPDATE cities SET note = NULL WHERE note IS NULL AND (NULL) IS NOT NULL")'
    unfilled = Revision("dddddddddddd", THREE.id, fill, "pass  # rows may keep it", "Fill notes.")
    model = CITIES_MODEL.replace("sa.PrimaryKey", "sa.Column('note', sa.Text()), sa.PrimaryKey")
    project.lay_out(*LINE, unfilled, models=model).write_sql()
    assert project.refused("check", code=1).count("a rule is NULL") == 1
    assert "unfilled-rule" in project.run("sql-lint").text
    project.add(replace(unfilled, accepted={"unfilled-rule on cities": "no row has one"}))
    project.write_sql()
    assert "each generated fill and cast has its rule" in project.done("check")


def test_committed_sql_that_was_tampered_with_is_refused(project: Project) -> None:
    project.lay_out(*LINE).write_sql()
    path = project.sql / f"upgrade/{THREE.name}.sql"
    path.write_text(path.read_text("utf-8").replace("note TEXT", "note INTEGER"), "utf-8")
    message = project.refused("check", code=1)
    assert "-ALTER TABLE cities ADD COLUMN note INTEGER;" in message
    assert "Run `nox -s sql`" in message


def test_other_catalog_online_is_refused(project: Project) -> None:
    message = refused(
        project,
        ONE,
        unlike_online("CREATE TABLE t (a integer)", "CREATE TABLE t (a bigint)"),
    )
    assert "The committed SQL does not do what Alembic does" in message
    assert "column public.t.a" in message


def test_other_rows_online_are_refused(project: Project) -> None:
    offline, online = (f"INSERT INTO cities (name) VALUES ('{n}')" for n in ("Troy", "Ur"))
    message = refused(project, ONE, unlike_online(offline, online))
    assert "other rows: public.cities.name" in message


def test_other_change_of_rows_online_is_refused(project: Project) -> None:
    """No revision inserts a row: only sample rows show that the two statements differ."""
    offline, online = (f"UPDATE cities SET name = name || '{n}'" for n in ("a", "b"))
    message = refused(project, ONE, unlike_online(offline, online))
    assert "other rows, from the same sample rows: public.cities.name" in message


def test_revision_that_fails_on_sample_rows_is_compared_without_them(project: Project) -> None:
    required = "op.add_column('cities', sa.Column('n', sa.Integer(), nullable=False))"
    drop = "op.drop_column('cities', 'n')"
    note = 'op.execute("UPDATE cities SET n = n + 1")'
    three = Revision(THREE.id, TWO.id, note, "op.execute('UPDATE cities SET n = n - 1')")
    assert "by catalog and rows" in checked(
        project, ONE, Revision(TWO.id, ONE.id, required, drop), three
    )


def test_values_that_no_run_repeats_are_not_compared(project: Project) -> None:
    create = "CREATE TABLE t (id uuid DEFAULT gen_random_uuid(), at timestamptz DEFAULT now())"
    fill = "INSERT INTO t SELECT FROM generate_series(1, 3)"
    times = Revision(
        TWO.id, ONE.id, f"op.execute({create!r})\nop.execute({fill!r})", 'op.drop_table("t")'
    )
    assert "by catalog and rows" in checked(project, ONE, times)


# --- every downgrade restores the schema ---------------------------------------------------------

WRONG = [
    pytest.param("pass", "the downgrade does nothing", id="empty"),
    pytest.param(None, "there is no downgrade, and no reason for that", id="missing"),
    pytest.param(
        "op.drop_column('cities', 'note')\nop.execute('CREATE TYPE mood AS ENUM ()')",
        "type public.mood is left",
        id="trace",
    ),
    pytest.param("op.drop_column('cities', 'notes')", '"notes" of relation', id="failing"),
]


@pytest.mark.parametrize(("downgrade", "message"), WRONG)
def test_downgrade_that_does_not_restore_the_schema_is_refused(
    downgrade: str | None, message: str, project: Project
) -> None:
    note = Revision(TWO.id, ONE.id, THREE.upgrade, downgrade)
    refusal = refused(project, ONE, note)
    assert f"{note.name}.py: " in refusal
    assert message in refusal


def test_downgrade_that_raises_with_a_reason_is_taken(project: Project) -> None:
    reason = "raise NotImplementedError('What the notes were is not stored.')"
    checked(project, ONE, Revision(TWO.id, ONE.id, THREE.upgrade, reason))


def test_accepted_trace_is_taken(project: Project) -> None:
    accepted = {"downgrade-empty": "the column does no harm, and its data is dear"}
    checked(project, ONE, Revision(TWO.id, ONE.id, THREE.upgrade, "pass", accepted=accepted))


# --- nothing merged is edited ---------------------------------------------------------------------

NO_REPOSITORY = (
    "not proven: no revision of the branch main was edited"
    " (This project is not in a git repository)"
)


@pytest.fixture
def merged(project: Project, git: Git) -> Project:
    """Two revisions on the branch main; a branch for work, with a third."""
    project.lay_out(ONE, TWO).write_sql()
    commit(git)
    git("switch", "-q", "-c", "work")
    project.add(THREE)
    project.write_sql()
    return project


def edited(project: Project) -> list[str] | None:
    """The merged files that `check` reports as edited; None where git cannot tell."""
    try:
        finding = checks._merged_is_untouched(settings.load(project.root / "alembic.ini"))
    except CheckFailedError as error:
        assert error.code == "merged-edited"
        return [line.strip() for line in error.problem.splitlines()[1:]]
    return [] if finding.is_proven else None


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert old in text
    write_file(path, text.replace(old, new))


def test_new_revision_edits_nothing(merged: Project, git: Git) -> None:
    assert edited(merged) == []
    commit(git)
    assert edited(merged) == []
    assert "ok  no revision of the branch main was edited" in merged.done("check").splitlines()


@pytest.mark.parametrize("is_committed", [False, True])
def test_edited_revision_is_named_with_its_sql(
    is_committed: bool, merged: Project, git: Git
) -> None:
    edit(merged.versions / f"{TWO.name}.py", "Troy", "Ilion")
    merged.write_sql()
    if is_committed:
        commit(git)
    files = [
        f"migrations/versions/{TWO.name}.py",
        f"sql/records/{TWO.name}.json",
    ]
    assert edited(merged) == files
    message = merged.refused("check", code=1)
    assert "error[merged-edited]: These are on the branch main already" in message
    assert "and were edited:\n  " + "\n  ".join(files) in message
    assert "git checkout main -- FILE" in message


def test_edited_revision_with_a_name_that_is_not_ascii_is_named(project: Project, git: Git) -> None:
    project.lay_out(ONE)
    path = project.write("migrations/versions/gründe.py", TWO.text)
    project.write_sql()
    commit(git)
    merged = core_git.merged(settings.load(project.root / "alembic.ini"), [project.versions])
    assert path in (merged or ())
    edit(path, "Troy", "Ilion")
    assert edited(project) == ["migrations/versions/gründe.py"]


def test_deleted_revision_is_named(merged: Project) -> None:
    (merged.versions / f"{TWO.name}.py").unlink()
    assert edited(merged) == [f"migrations/versions/{TWO.name}.py"]


def test_word_in_the_docstring_of_a_merged_revision_is_an_edit(merged: Project) -> None:
    edit(merged.versions / f"{TWO.name}.py", "Found Troy.", "Found the city of Troy.")
    assert edited(merged) == [f"migrations/versions/{TWO.name}.py"]


def test_what_surrounds_the_statements_may_change(merged: Project) -> None:
    """A later PyBase may write the files in another way; what a revision runs stays the same."""
    record = merged.sql / f"records/{ONE.name}.json"
    edit(merged.sql / f"upgrade/{ONE.name}.sql", "-- revision", "-- hazards   none\n-- revision")
    edit(record, '"format": ', '"format": 1')
    assert edited(merged) == []
    edit(record, '"digest": "', '"digest": "0')
    assert edited(merged) == [f"sql/records/{ONE.name}.json"]


def test_edit_of_the_sql_alone_is_found_without_git(merged: Project) -> None:
    edit(merged.sql / f"upgrade/{TWO.name}.sql", "INSERT INTO cities", "-- INSERT INTO cities")
    assert "error[stale-sql]" in merged.refused("check", code=1)


def test_schema_and_manifest_may_change(merged: Project) -> None:
    assert "note" in (merged.sql / "schema/cities.sql").read_text("utf-8")
    assert edited(merged) == []


def test_later_merge_of_another_branch_is_no_edit(merged: Project, git: Git) -> None:
    commit(git)
    git("switch", "-q", "main")
    merged.add(Revision("dddddddddddd", TWO.id))
    commit(git)
    git("switch", "-q", "work")
    assert edited(merged) == []


def test_branch_may_be_known_only_at_the_origin(merged: Project, git: Git) -> None:
    git("update-ref", "refs/remotes/origin/main", "main")
    git("branch", "-q", "-D", "main")
    edit(merged.versions / f"{TWO.name}.py", "Troy", "Ilion")
    assert edited(merged) == [f"migrations/versions/{TWO.name}.py"]


def test_main_branch_may_have_another_name(merged: Project, git: Git) -> None:
    git("branch", "-q", "-m", "main", "trunk")
    assert edited(merged) is None
    with (merged.root / "pyproject.toml").open("a") as file:
        file.write("\n[tool.pybase]\nmain_branch = 'trunk'\n")
    assert edited(merged) == []


def only_shallow(git: Git, project: Project) -> None:
    """The checkout as CI makes it by default: one commit, and no other branch."""
    commit(git)
    head = git("rev-parse", "HEAD").strip()
    (project.root / ".git/shallow").write_text(f"{head}\n")
    git("branch", "-q", "-D", "main")


def renamed(git: Git, project: Project) -> None:
    git("branch", "-q", "-m", "main", "master")


def of_another_root(git: Git, project: Project) -> None:
    root = git("commit-tree", "-m", "Begin again.", "HEAD^{tree}").strip()
    git("branch", "-q", "-f", "main", root)


def of_another_user(git: Git, project: Project) -> None:
    os.chown(project.root, 12345, 12345)


def without_repository(git: Git, project: Project) -> None:
    shutil.rmtree(project.root / ".git")


UNKNOWN = {
    "shallow": (only_shallow, "The clone is shallow", "fetch --unshallow origin main"),
    "master": (renamed, "no branch main, here or at origin", 'main_branch = "master"'),
    "another root": (of_another_root, "no commit in common", "[tool.pybase] main_branch"),
    "distrusted": (of_another_user, "git distrusts this checkout", "--add safe.directory /"),
    "no repository": (without_repository, "not in a git repository", "with the folder .git"),
}
"""What keeps git from knowing what is merged; the reason, and the fix, that `check` prints."""


@pytest.mark.parametrize(("spoil", "reason", "fix"), UNKNOWN.values(), ids=UNKNOWN)
def test_where_git_cannot_look_nothing_is_proven(
    spoil: Callable[[Git, Project], None], reason: str, fix: str, merged: Project, git: Git
) -> None:
    if spoil is of_another_user and os.geteuid() != 0:
        pytest.skip("only root can give files away")
    edit(merged.versions / f"{TWO.name}.py", "Troy", "Ilion")
    spoil(git, merged)
    finding = checks._merged_is_untouched(settings.load(merged.root / "alembic.ini"))
    assert not finding.is_proven
    assert reason in finding.text
    assert fix in finding.hint


def test_what_is_not_proven_fails_in_ci(merged: Project, git: Git) -> None:
    commit(git)
    renamed(git, merged)
    assert "not proven: no revision of the branch main was edited" in merged.done("check")
    message = merged.refused("check", code=1, CI="true")
    assert "error[not-proven]" in message
    assert 'hint: Write main_branch = "master" into [tool.pybase]' in message
    renamed_back = ("branch", "-q", "-m", "master", "main")
    git(*renamed_back)
    assert "ok  no revision of the branch main was edited" in merged.done("check", CI="true")


def test_without_git_nothing_is_proven(merged: Project) -> None:
    lines = merged.done("check", PATH="").splitlines()
    assert "    hint: Install git." in lines
    assert "error[not-proven]" in merged.refused("check", code=1, PATH="", CI="true")


def test_database_that_does_not_answer_is_not_proven(project: Project, free_port: int) -> None:
    project.lay_out(ONE).write_sql()
    url = f"postgresql://u@localhost:{free_port}/x"
    message = project.done("check", DATABASE_URL=url)
    assert "--  not proven: what is applied has not changed since (" in message
    assert "    hint: " in message


def test_revision_that_alembic_alone_has_run_is_not_proven(project: Project) -> None:
    project.lay_out(ONE, TWO).write_sql().done("migrate", "+1")
    with psycopg.connect(project.environment["DATABASE_URL"]) as connection:
        connection.execute("UPDATE migration_ledger SET digest = NULL")
    assert (
        f"(the ledger does not know the SQL of 1 revision, the first is {ONE.id})"
        in project.done("check")
    )


@pytest.fixture
def reader(project: Project, tcp_url: str, guest_url: str) -> Iterator[str]:
    """The URL of a role that may not read the ledger, of a database at head."""
    project.lay_out(ONE).write_sql().done("migrate", DATABASE_URL=tcp_url)
    with psycopg.connect(tcp_url) as connection:
        connection.execute("GRANT SELECT ON alembic_version TO guest")
    yield guest_url
    with psycopg.connect(tcp_url) as connection:
        connection.execute("DROP OWNED BY guest")


def test_ledger_that_may_not_be_read_is_not_proven(project: Project, reader: str) -> None:
    message = project.done("check", DATABASE_URL=reader)
    assert (
        "--  not proven: what is applied has not changed since (The role guest may not" in message
    )
    assert "    hint: Let the owner of the table run: GRANT SELECT ON " in message
    project.add(TWO)
    project.write_sql()
    noted = project.run("migrate", "--force", "privileges", DATABASE_URL=reader).err
    assert "Not proven: what is applied has not changed since. The role guest may not" in noted


def test_ledger_that_may_not_be_read_is_not_an_empty_database(
    project: Project, reader: str, tcp_url: str
) -> None:
    with psycopg.connect(tcp_url) as connection:
        connection.execute("DROP TABLE alembic_version")
    assert "[ledger-unreadable]" in project.refused("current", code=3, DATABASE_URL=reader)
    assert "[ledger-unreadable]" in project.refused("migrate", code=3, DATABASE_URL=reader)


def test_stale_main_branch_is_not_what_the_origin_has(merged: Project, git: Git) -> None:
    """The base is the last commit in common with either."""
    commit(git)
    git("update-ref", "refs/remotes/origin/main", "work")
    edit(merged.versions / f"{THREE.name}.py", "note", "remark")
    assert edited(merged) == [f"migrations/versions/{THREE.name}.py"]


def test_project_may_be_in_a_folder_of_its_repository(
    project: Project, git: Git, tmp_path: Path
) -> None:
    inner = Project(tmp_path / "db" / "schema", project.environment).lay_out(ONE)
    inner.write_sql()
    commit(git)
    edit(inner.versions / f"{ONE.name}.py", "cities", "towns")
    inner.write_sql()
    assert edited(inner) == [
        f"migrations/versions/{ONE.name}.py",
        f"sql/records/{ONE.name}.json",
    ]


# --- models equal revisions -----------------------------------------------------------------------


def test_model_without_a_revision_is_drift(project: Project) -> None:
    project.lay_out(TOWNS, models=CITIES_MODEL).write_sql()
    message = project.refused("check", code=1)
    assert "Models and revisions differ" in message
    assert "only in models: table public.cities" in message
    assert "only in revisions: table public.towns" in message
    assert "nox -s makemigration" in message


TOWNS = Revision(
    "aaaaaaaaaaaa",
    None,
    "op.create_table('towns', sa.Column('name', sa.Text()))",
    "op.drop_table('towns')",
)


_EVERY_MODULE = """\
import pkgutil
from importlib import import_module

import sqlalchemy as sa

metadata = sa.MetaData()
for module in pkgutil.iter_modules(__path__):
    import_module(f"models.{module.name}")
"""


@pytest.mark.parametrize("place", ["models/towns.py", "models/more/__init__.py"])
def test_model_in_a_new_file_is_drift_after_a_check_that_passed(
    project: Project, place: str
) -> None:
    """The check that passed is remembered by the files that it depended on."""
    project.lay_out(ONE)
    (project.root / "models.py").unlink()
    model = CITIES_MODEL.replace("metadata = sa.MetaData()", "from models import metadata")
    project.write("models/__init__.py", _EVERY_MODULE)
    project.write("models/cities.py", model)
    project.write_sql()
    for arguments in (("check",), ("check", "--models")):
        project.done(*arguments)
    project.write(place, model.replace("cities", "towns"))
    for arguments in (("check",), ("check", "--models")):
        assert "[models-differ]" in project.refused(*arguments, code=1)


def test_without_models_nothing_is_proven_of_them(project: Project) -> None:
    message = checked(project, ONE)
    assert "--  not proven: models equal revisions (env.py gives no metadata)\n" in message


@pytest.mark.parametrize(
    ("online", "message"),
    [("SELECT 1 / 0", "DivisionByZero: division by zero."), ("", "KeyError: 'aaaaaaaaaaaa'.")],
    ids=["revision", "Alembic"],
)
def test_failure_of_the_online_run_is_a_sentence(
    online: str, message: str, project: Project
) -> None:
    """As at a merge that depends on an ancestor of its branches, which only our runner applies."""
    last = unlike_online("SELECT 1", online)
    if not online:
        left = Revision("bbbbbbbbbbbb", ONE.id)
        right = Revision("cccccccccccc", ONE.id)
        last = Revision("dddddddddddd", (left.id, right.id))
        project.lay_out(ONE, left, right)
        depends = f"{last.text}\ndepends_on = {ONE.id!r}\n"
        project.write(f"migrations/versions/{last.name}.py", depends)
    else:
        project.lay_out(ONE, last)
    project.write_sql()
    text = project.refused("check", code=1)
    assert "error[online-run-fails]: Alembic fails to run the revisions online: " in text
    assert message in text
    project.done("migrate")
