"""Recipes of hazards: run step by step, without an error, to the catalog of what they replace."""

import re
from pathlib import Path

import pytest

from pybase.migrate.record import (
    ERROR,
    HAZARDS,
    Direction,
    Directions,
    Revision,
    RevisionReport,
    Script,
    Statement,
)
from pybase.migrate.rehearsal._rehearsal import Rehearsal
from pybase.migrate.revisions import RevisionSql
from pybase.migrate.sql.grammar import split
from pybase.postgres import scratch_database

from .hazards.recipes import RECIPES, Recipe
from .test_hazards import SERVERS, _rehearsal, _template

_ALONE = re.compile(r"\b(CONCURRENTLY|VACUUM|COMMIT)\b")

_VARIES = re.compile(r"\b(PARTITION|events|DOMAIN|NOT NULL)\b")
"""Statements whose recipes depend on the version: the others are run on the newest one only."""

RUNS = [
    pytest.param(recipe, major, id=f"{name}-pg{major}")
    for name, recipe in sorted(RECIPES.items(), key=lambda item: item[1].setup)
    for major in SERVERS
    if major >= recipe.min_version and (major == max(SERVERS) or _VARIES.search(recipe.bad))
]


def _rehearsed(rehearsal: Rehearsal, sql: str, *, alone: bool) -> RevisionReport:
    statements = tuple(Statement(text, None if alone else 1) for text in split(sql))
    revision = Revision("bbbbbbbbbbbb", ("aaaaaaaaaaaa",), "Do it.", "do_it.py")
    scripts = Directions(Script(statements), Script())
    return rehearsal.rehearse(RevisionSql(revision, Path("do_it.py"), scripts))


@pytest.mark.parametrize(("recipe", "major"), RUNS)
def test_recipe_reaches_the_same_catalog_without_an_error(
    recipe: Recipe, major: int, request: pytest.FixtureRequest
) -> None:
    server = request.getfixturevalue(f"server{major}_url")
    template = _template(server, recipe.setup)
    with (
        scratch_database(server, template=template) as bad,
        scratch_database(server, template=template) as good,
    ):
        direct, stepwise = _rehearsal(bad), _rehearsal(good)
        is_alone = recipe.bad.startswith("VACUUM")
        findings = _rehearsed(direct, recipe.bad, alone=is_alone).effects.upgrade.findings
        assert recipe.code in {finding.code for finding in findings}
        for step in recipe.steps:
            report = _rehearsed(stepwise, step, alone=bool(_ALONE.search(step)))
            found = {
                finding.code: finding.message
                for finding in report.effects.upgrade.findings
                if finding.level(Direction.UPGRADE) == ERROR
            }
            assert found.keys() <= recipe.accepted, found
            assert report.leads_on
        is_same = stepwise._database.schema == direct._database.schema
        assert is_same or recipe.is_other, stepwise.schema().items() ^ direct.schema().items()
        direct.close()
        stepwise.close()


def test_hazards_of_locks_and_rows_have_a_recipe_that_is_run() -> None:
    codes = list(HAZARDS)
    concerned = set(codes[: codes.index("disables-triggers")]) - {"adds-exclusion", "locks-table"}
    assert concerned - {recipe.code for recipe in RECIPES.values()} == {"unfilled-rule"}
