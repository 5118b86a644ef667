"""sql, sql-lint and check: what they write, refuse and print."""

import json
import os
import shutil
from pathlib import Path

import pytest
from projects import CITIES_MODEL, FORK, LINE, MODELS, ONE, THREE, TWO, Project, Revision


@pytest.fixture(scope="session")
def written_once(tmp_path_factory: pytest.TempPathFactory, server18_url: str) -> Path:
    """A history of three revisions with a fresh `sql/`, to copy."""
    folder = tmp_path_factory.mktemp("written")
    Project(folder, {"PYBASE_REHEARSAL_URL": server18_url}).lay_out(*LINE).done("sql")
    return folder


@pytest.fixture
def three(project: Project, written_once: Path) -> Project:
    """A history of three revisions with a fresh `sql/`."""
    shutil.copytree(written_once, project.root, dirs_exist_ok=True)
    return project


# --- sql ----------------------------------------------------------------------------------------


def test_sql_writes_three_files_a_revision_the_schema_and_the_manifest(three: Project) -> None:
    assert set(three.files()) >= {
        *(f"sql/{way}/{each.name}.sql" for each in LINE for way in ("upgrade", "downgrade")),
        *(f"sql/records/{each.name}.json" for each in LINE),
        "sql/manifest.txt",
        "sql/.gitattributes",
        "sql/README.md",
        "sql/schema.json",
        "sql/schema/cities.sql",
    }


def test_schema_holds_the_tables_at_head_and_not_alembics_own(three: Project) -> None:
    assert [path.name for path in (three.sql / "schema").iterdir()] == ["cities.sql"]
    assert "note text" in (three.sql / "schema/cities.sql").read_text()


def test_sql_prints_what_it_wrote(project: Project) -> None:
    lines = project.lay_out(ONE).done("sql").splitlines()
    assert f"wrote    sql/upgrade/{ONE.name}.sql" in lines
    assert lines[-1] == f"{len(lines) - 1} files written."


def test_sql_again_has_nothing_to_do(three: Project) -> None:
    assert three.done("sql") == "Nothing to do: sql/ is fresh.\n"


def test_new_revision_adds_its_three_files_and_touches_three_more(three: Project) -> None:
    before = three.files()
    four = Revision("dddddddddddd", THREE.id, "op.drop_column('cities', 'note')")
    three.add(four)
    three.done("sql")
    changed = {path for path, text in three.files().items() if before.get(path) != text}
    assert changed == {
        f"migrations/versions/{four.name}.py",
        f"sql/upgrade/{four.name}.sql",
        f"sql/downgrade/{four.name}.sql",
        f"sql/records/{four.name}.json",
        "sql/manifest.txt",
        "sql/schema.json",
        "sql/schema/cities.sql",
    }


def test_files_of_a_deleted_revision_are_removed(three: Project) -> None:
    (three.versions / f"{THREE.name}.py").unlink()
    assert f"removed  sql/upgrade/{THREE.name}.sql" in three.done("sql")
    assert not (three.sql / f"upgrade/{THREE.name}.sql").exists()


@pytest.mark.parametrize("seed", ["1", "2"])
def test_files_are_the_same_bytes_on_another_machine(
    seed: str, project: Project, tmp_path: Path
) -> None:
    """Elsewhere, under another hash seed, language, time zone and account; with branches too."""
    merge = Revision("eeeeeeeeeeee", (THREE.id, FORK.id))
    project.lay_out(*LINE, FORK, merge).done("sql", PYTHONHASHSEED="0")
    other = Project(tmp_path / "with blanks" / "and ünïcode", project.environment)
    other.lay_out(*LINE, FORK, merge)
    other.done("sql", PYTHONHASHSEED=seed, LC_ALL="C", TZ="Asia/Kolkata", USER="eve", COLUMNS="40")
    assert other.files() == {
        path: text for path, text in project.files().items() if not path.startswith("with blanks")
    }


def test_project_without_revisions_has_an_empty_manifest(project: Project) -> None:
    project.lay_out().done("sql")
    lines = (project.sql / "manifest.txt").read_text().splitlines()
    names = [line for line in lines if not line.startswith("#")]
    assert names == [".gitattributes", "README.md", "schema.json"]


def test_folder_of_the_sql_is_configurable(project: Project) -> None:
    project.lay_out(ONE)
    with (project.root / "pyproject.toml").open("a") as file:
        file.write("\n[tool.pybase]\nsql = 'db/reviewed'\n")
    project.done("sql")
    assert (project.root / "db/reviewed/manifest.txt").is_file()
    assert not project.sql.exists()


# --- sql --check ----------------------------------------------------------------------------------


def stale(project: Project) -> str:
    """What `sql --check` prints; it must fail, and change nothing."""
    before = project.files()
    message = project.refused("sql", "--check", code=1)
    assert project.files() == before
    assert "error[stale-sql]: " in message
    assert "Run `nox -s sql` and commit what it writes." in message
    return message


def test_fresh_sql_passes_the_check(three: Project) -> None:
    assert three.done("sql", "--check") == "sql/ is fresh.\n"


def test_check_that_finds_no_sql_fails(project: Project) -> None:
    assert "missing   sql/manifest.txt" in stale(project.lay_out(ONE))


def test_edited_sql_is_stale_with_a_short_diff(three: Project) -> None:
    path = three.sql / f"upgrade/{THREE.name}.sql"
    path.write_text(path.read_text().replace("note TEXT", "note INTEGER"))
    message = stale(three)
    assert f"stale     sql/upgrade/{THREE.name}.sql" in message
    assert "-ALTER TABLE cities ADD COLUMN note INTEGER;" in message
    assert "+ALTER TABLE cities ADD COLUMN note TEXT;" in message
    assert len(message.splitlines()) < 15


def test_edited_revision_makes_its_sql_stale(three: Project) -> None:
    three.add(Revision(THREE.id, TWO.id, "op.add_column('cities', sa.Column('n', sa.Text()))"))
    message = stale(three)
    assert f"upgrade/{THREE.name}.sql" in message
    assert "manifest.txt" in message
    assert "schema/cities.sql" in message


def test_missing_file_is_named(three: Project) -> None:
    (three.sql / f"downgrade/{TWO.name}.sql").unlink()
    assert f"missing   sql/downgrade/{TWO.name}.sql" in stale(three)


@pytest.mark.parametrize("name", ["upgrade/20250101_0000_gone.sql", "schema/gone.sql", "notes.txt"])
def test_foreign_file_is_named_and_kept(name: str, three: Project) -> None:
    three.write(f"sql/{name}", "SELECT 1;\n")
    message = three.refused("sql", "--check", code=1)
    assert f"foreign   sql/{name}" in message
    assert "nox -s sql` deletes only what it has written." in message
    assert f"kept     sql/{name}" in three.run("sql").err
    assert (three.sql / name).read_text() == "SELECT 1;\n"
    three.refused("sql", "--check", code=1)


def test_orphaned_file_is_named(three: Project) -> None:
    (three.versions / f"{THREE.name}.py").unlink()
    assert f"orphaned  sql/upgrade/{THREE.name}.sql" in stale(three)


def test_stale_manifest_is_named(three: Project) -> None:
    path = three.sql / "manifest.txt"
    path.write_text(path.read_text().replace(TWO.id, "999999999999"))
    assert "stale     sql/manifest.txt" in stale(three)


def test_stale_sql_is_fresh_after_the_command_of_the_hint(three: Project) -> None:
    (three.sql / "manifest.txt").unlink()
    stale(three)
    three.done("sql")
    three.done("sql", "--check")


def test_cache_of_an_earlier_run_hides_no_change_of_the_same_size_and_time(three: Project) -> None:
    path = three.sql / f"upgrade/{THREE.name}.sql"
    times = path.stat()
    path.write_text(path.read_text().replace("TEXT", "REAL"))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    stale(three)


def test_change_in_a_module_that_a_revision_imports_is_seen(project: Project) -> None:
    project.lay_out(Revision(ONE.id, None, "import words\nop.execute(words.SQL)"))
    project.write("words.py", "SQL = 'SELECT 1'\n")
    project.done("sql")
    project.write("words.py", "SQL = 'SELECT 2'\n")
    assert "+SELECT 2;" in stale(project)


def test_check_works_without_the_cache(three: Project) -> None:
    shutil.rmtree(three.root / ".pybase")
    three.done("sql", "--check")


# --- revisions without SQL ------------------------------------------------------------------------

BROKEN = Revision(TWO.id, ONE.id, "op.get_bind().execute(sa.text('SELECT now()')).scalar()")


def test_unrenderable_revision_is_named(project: Project) -> None:
    message = project.lay_out(ONE, BROKEN, THREE).refused("sql", code=1)
    assert f"The upgrade of revision {TWO.id} ({TWO.name}.py) cannot be rendered" in message
    assert "now()" in message


def test_unrenderable_revision_is_named_again_where_nothing_has_changed(project: Project) -> None:
    message = project.lay_out(ONE, BROKEN, THREE).refused("sql", code=1)
    project.done("sql", "--check")
    assert project.refused("sql", code=1) == message


def test_files_of_the_others_are_written_next_to_an_unrenderable_revision(project: Project) -> None:
    project.lay_out(ONE, BROKEN, THREE).refused("sql", code=1)
    assert "cannot be rendered" in (project.sql / f"upgrade/{TWO.name}.sql").read_text()
    for name in (ONE.name, THREE.name):
        assert "\nCOMMIT;\n" in (project.sql / f"upgrade/{name}.sql").read_text()


# --- sql-lint -------------------------------------------------------------------------------------


def findings(project: Project) -> str:
    """What `sql-lint` finds; it must fail for it."""
    result = project.run("sql-lint")
    assert result.code == 1, result.text
    assert "Traceback" not in result.text
    return result.out


def written(project: Project, *revisions: Revision) -> Project:
    for revision in revisions:
        project.add(revision)
    project.done("sql")
    return project


def test_clean_sql_passes_the_lint(three: Project) -> None:
    assert three.done("sql-lint") == "sql/ is fresh and clean: 14 files.\n"


def test_lint_refuses_stale_sql(three: Project) -> None:
    (three.sql / "manifest.txt").unlink()
    assert "sql/manifest.txt:1: error: not-fresh\n  the file is missing" in findings(three)


def test_unrenderable_revision_is_a_finding(project: Project) -> None:
    project.lay_out(ONE, BROKEN, THREE).refused("sql", code=1)
    assert f"error: cannot-render (upgrade of {TWO.id})" in findings(project)


def test_revision_that_a_server_refuses_is_a_finding(three: Project) -> None:
    written(three, Revision(THREE.id, TWO.id, "op.drop_column('cities', 'nothing')"))
    message = findings(three)
    assert f"(upgrade of {THREE.id})" in message
    assert 'column "nothing" of relation "cities" does not exist' in message


def test_finding_has_its_place_and_rule(three: Project) -> None:
    written(three, Revision(THREE.id, TWO.id, "op.execute('select 1 as one,2 as two')"))
    message = findings(three)
    assert f"sql/upgrade/{THREE.name}.sql:17: error: CP01" in message
    assert f"sql/upgrade/{THREE.name}.sql:17: error: LT01" in message


def test_statement_that_only_postgresql_reads_is_noted(three: Project) -> None:
    code = "op.execute('ALTER TABLE cities ALTER name SET STATISTICS -1')"
    written(three, Revision(THREE.id, TWO.id, code))
    out = three.done("sql-lint", "--strict")
    place = f"sql/upgrade/{THREE.name}.sql:18: ALTER TABLE cities ALTER name SET STATISTICS -1;"
    assert place in out
    found = json.loads(three.done("sql-lint", "--format", "json"))
    assert {(each["code"], each["level"]) for each in found} == {("unread-by-sqlfluff", "note")}


def test_no_file_is_skipped_whatever_is_configured(three: Project) -> None:
    """sqlfluff skips what is long or to be ignored, with a warning at most."""
    three.write(".sqlfluffignore", "sql/\n")
    three.write(".sqlfluff", "[sqlfluff]\nlarge_file_skip_byte_limit = 300\nignore = parsing\n")
    long = f"-- {'word ' * 15}\\n" * 300
    written(three, Revision(THREE.id, TWO.id, f"op.execute('{long}SELECT 1,2')"))
    assert "LT01" in findings(three)


def test_comment_in_a_revision_cannot_switch_the_lint_off(three: Project) -> None:
    code = "op.execute('-- noqa: disable=all\\nselect 1 as one,2 as two')"
    written(three, Revision(THREE.id, TWO.id, code))
    assert "LT01" in findings(three)


def test_braces_in_a_literal_are_no_template(three: Project) -> None:
    three.add(Revision(THREE.id, TWO.id, "op.execute(\"SELECT '{{ x }} {% y %} {z}'\")"))
    three.done("sql")
    three.done("sql-lint")


# --- check ----------------------------------------------------------------------------------------


def test_fresh_history_passes_the_check(project: Project) -> None:
    project.lay_out(ONE, models=CITIES_MODEL).done("sql")
    assert project.done("check").splitlines()[:3] == [
        "ok  one head",
        "ok  1 docstring agrees with the code",
        "ok  models equal revisions",
    ]


def test_revision_that_fails_on_a_server_fails_the_check(three: Project) -> None:
    written(three, Revision(THREE.id, TWO.id, "op.drop_column('cities', 'nothing')"))
    message = three.refused("check", code=1)
    assert THREE.id in message
    assert 'column "nothing" of relation "cities" does not exist' in message


def test_two_heads_fail_the_check(project: Project) -> None:
    message = project.lay_out(*LINE, FORK).refused("check", code=1)
    assert "2 heads" in message
    assert f"migrations/versions/{THREE.name}.py" in message
    assert f"migrations/versions/{FORK.name}.py" in message
    assert "alembic merge" in message


def test_merge_settles_two_heads(project: Project) -> None:
    merge = Revision("eeeeeeeeeeee", (THREE.id, FORK.id))
    project.lay_out(*LINE, FORK, merge).done("sql")
    project.done("check")


@pytest.mark.parametrize(
    ("claim", "lie", "message"),
    [
        (f"Revision ID: {TWO.id}", "Revision ID: 123456789abc", f"the code has {TWO.id}"),
        (f"Revises: {ONE.id}", "Revises: 123456789abc", f"the code has {ONE.id}"),
        (f"Revises: {ONE.id}", "Revises:", f"the code has {ONE.id}"),
        (f"Revises: {ONE.id}", "Revises: None", f"the code has {ONE.id}"),
    ],
)
def test_wrong_docstring_fails_the_check(
    claim: str, lie: str, message: str, project: Project
) -> None:
    project.lay_out(*LINE)
    path = project.versions / f"{TWO.name}.py"
    path.write_text(path.read_text().replace(claim, lie))
    refusal = project.refused("check", code=1)
    assert path.name in refusal
    assert message in refusal


def test_model_without_a_revision_fails_the_check(project: Project) -> None:
    message = (
        project.lay_out(models=CITIES_MODEL).lay_out(ONE, models=MODELS).refused("check", code=1)
    )
    assert "only in revisions: table public.cities" in message
    assert "nox -s makemigration" in message


@pytest.mark.parametrize(
    ("model", "identity"),
    [
        ("sa.Index('ix', sa.text('lower(name)'), postgresql_using='btree')", "index public.ix"),
        ("sa.CheckConstraint(\"name <> ''\", name='ck')", "constraint public.cities.ck"),
        ("sa.Column('note', sa.Text(), server_default='x')", "column public.cities.note"),
    ],
)  # fmt: skip
def test_drift_is_named_by_object(model: str, identity: str, project: Project) -> None:
    models = CITIES_MODEL.replace("sa.PrimaryKey", f"{model}, sa.PrimaryKey")
    message = project.lay_out(ONE, models=models).refused("check", code=1)
    assert f"only in models: {identity}" in message


def test_other_primary_key_fails_the_check(project: Project) -> None:
    models = CITIES_MODEL.replace("'name', name='pk_", "'other', name='pk_").replace(
        "sa.PrimaryKey", "sa.Column('other', sa.Text(), nullable=False), sa.PrimaryKey"
    )
    code = "op.add_column('cities', sa.Column('other', sa.Text(), nullable=False))"
    project.lay_out(ONE, Revision(TWO.id, ONE.id, code), models=models)
    assert "differs: constraint public.cities.pk_cities" in project.refused("check", code=1)


def test_project_without_models_passes_the_check(three: Project) -> None:
    assert "not proven: models equal revisions" in three.done("check")


def test_check_needs_no_database_of_the_user(three: Project) -> None:
    three.done("check", DATABASE_URL="postgresql://127.0.0.1:1/none")
