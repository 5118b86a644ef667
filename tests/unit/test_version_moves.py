"""Moves of the version table: those of Alembic's HeadMaintainer, on random histories."""

from collections.abc import Sequence
from io import StringIO
from types import ModuleType

from alembic.runtime.migration import HeadMaintainer, MigrationContext, RevisionStep
from alembic.script import Script
from alembic.script.revision import RevisionMap
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pybase.migrate.record import Direction, VersionTable, moved, version_moves
from pybase.migrate.revisions import parents

NONE = st.just([])


@st.composite
def histories(draw: st.DrawFn) -> list[Script]:
    """Revisions with branches, merges and dependencies, parents first."""
    scripts: list[Script] = []
    for name in draw(st.permutations("abcdefgh"[: draw(st.integers(1, 8))])):
        earlier = [script.revision for script in scripts]
        some = st.lists(st.sampled_from(earlier), unique=True, max_size=3) if earlier else NONE
        module = ModuleType(name)
        module.down_revision = tuple(draw(some)) or None  # type: ignore[attr-defined]
        module.depends_on = tuple(draw(some)) or None  # type: ignore[attr-defined]
        module.upgrade = module.downgrade = lambda: None  # type: ignore[attr-defined]
        scripts.append(Script(module, name, f"{name}.py"))
    return scripts


class Alembic:
    """Alembic's own bookkeeping of the version table, which prints its SQL."""

    def __init__(self, revisions: Sequence[Script]) -> None:
        self._map = RevisionMap(lambda: revisions)
        self._map.heads  # noqa: B018  reads all of them
        self._output = StringIO()
        options = {"as_sql": True, "output_buffer": self._output}
        context = MigrationContext.configure(dialect_name="postgresql", opts=options)
        self._maintainer = HeadMaintainer(context, ())

    def order(self, direction: Direction) -> list[Script]:
        """All revisions in the order of `upgrade heads`, or of `downgrade base`."""
        if direction.is_upgrade:
            return list(self._map.iterate_revisions("heads", (), implicit_base=True))[::-1]
        heads = tuple(self._maintainer.heads)
        return list(self._map.iterate_revisions(heads, "base", select_for_downgrade=True))

    def run(self, script: Script, direction: Direction) -> tuple[set[str], list[str]]:
        """Return the heads after one revision, and the statements, without blanks."""
        self._output.truncate(0)
        step = RevisionStep(self._map, script, direction.is_upgrade)
        self._maintainer.update_to_step(step)
        text = "".join(self._output.getvalue().replace("\0", "").split())
        return set(self._maintainer.heads), [
            part.partition("RETURNING")[0] for part in text.split(";")[:-1]
        ]


@given(histories())
@settings(max_examples=300, deadline=None, derandomize=True)
def test_moves_are_those_of_alembic(scripts: list[Script]) -> None:
    alembic, table = Alembic(scripts), VersionTable()
    graph = {script.revision: parents(script) for script in scripts}
    heads: set[str] = set()
    for direction in Direction:
        order = alembic.order(direction)
        assert {script.revision for script in order} == set(graph)
        for script in order:
            moves = version_moves(graph, heads, script.revision, direction)
            for move in moves:
                assert move.before is None or move.before in heads, "a row that is not there"
                assert move.after is None or move.after not in heads, "a row that is there"
            heads = moved(heads, moves)
            try:
                expected, statements = alembic.run(script, direction)
            except KeyError:
                # Alembic deletes a row that is not there, where a dependency is redundant
                assume(False)
            assert heads == expected
            # which row of several Alembic updates depends on the order of a set
            kinds = sorted(table.move_sql(move)[:6] for move in moves)
            assert kinds == sorted(statement[:6] for statement in statements)
            if len(moves) == 1:
                assert "".join(table.move_sql(moves[0]).split()) == statements[0]
    assert heads == set()
