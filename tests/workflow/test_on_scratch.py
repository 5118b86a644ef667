"""Revisions rendered on a scratch database: which ones, from what, and how often."""

import pytest
from projects import Project, Revision

from pybase.migrate.rehearsal import render

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
