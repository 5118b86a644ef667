"""Revisions rendered on a scratch database: which ones, from what, and how often."""

import psycopg
import pytest
from projects import Project, Revision

from pybase.migrate.rehearsal import render, scratch_at_head

from .as_alembic import STOCK_ENV, rendering


@pytest.mark.parametrize("bodies", rendering.GROUPS.values(), ids=rendering.GROUPS)
def test_what_only_reads_the_schema_has_sql(
    bodies: tuple[rendering.Body, ...], project: Project
) -> None:
    project.lay_out(*rendering.history(bodies)).write("migrations/env.py", STOCK_ENV)
    _, *scripts = (sql.scripts.upgrade for sql in render(project.history()).revisions)
    for body, script in zip(bodies, scripts, strict=True):
        assert (body.name, script.reason) == (body.name, body.reason)
        assert script.has_sql == (not body.reason)
        assert script.is_of_scratch or body.reason or "get_bind" not in body.code


GUARDED = """\
if sa.inspect(op.get_bind()).has_table("items"):
    op.execute("COMMENT ON TABLE items IS 'it''s {}'")
"""


def test_both_directions_are_marked_and_rendered_once(project: Project) -> None:
    first, second = rendering.line(rendering.ITEMS, GUARDED.format("up"))
    second = Revision(second.id, first.id, second.upgrade, GUARDED.format("down"))
    project.lay_out(first, second).write("migrations/env.py", STOCK_ENV)
    project.done("sql")
    for direction, word in (("upgrade", "up"), ("downgrade", "down")):
        text = (project.sql / direction / f"{second.name}.sql").read_text("utf-8")
        assert "; rendered on a scratch database\n" in text
        assert f"COMMENT ON TABLE items IS 'it''s {word}'" in text
    (kept,) = (project.root / ".pybase/cache").glob("on-scratch-*")
    before = kept.stat().st_mtime_ns
    project.add(Revision("c" * 12, second.id))
    project.done("sql")
    assert kept.stat().st_mtime_ns == before
    project.add(Revision(first.id, None, "op.execute('CREATE TABLE other ()')"))
    upgrade = render(project.history()).revisions[1].scripts.upgrade
    assert not any("COMMENT" in text for text in upgrade.texts)


def test_database_at_head_begins_with_that_of_the_revision_before(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYBASE_REHEARSAL_URL", project.environment["PYBASE_REHEARSAL_URL"])
    query = "SELECT value, obj_description('drawn'::regclass) FROM drawn"

    def at_head() -> tuple[object, ...] | None:
        history = project.history()
        with scratch_at_head(history.settings, render(history)) as url, psycopg.connect(url) as c:
            return c.execute(query).fetchone()

    draw = "op.execute('CREATE TABLE drawn AS SELECT gen_random_uuid() AS value')"
    project.lay_out(Revision("a" * 12, None, draw)).write("migrations/env.py", STOCK_ENV)
    (value, _) = at_head() or ()
    project.add(Revision("b" * 12, "a" * 12, "op.execute(\"COMMENT ON TABLE drawn IS 'two'\")"))
    assert at_head() == (value, "two")
