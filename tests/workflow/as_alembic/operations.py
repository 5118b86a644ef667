"""Operations of Alembic, without anything that is special about the project."""

from . import MIGRATE, Case, line, one

ITEMS = "op.create_table('items', sa.Column('id', sa.Integer(), primary_key=True))"
TEXT = "op.add_column('items', sa.Column('text', sa.Text()))"

CASES = (
    Case("create_table", one(ITEMS)),
    Case("own_env", line(ITEMS, TEXT), env=None),
    Case(
        "rename_after_the_fact",
        line(ITEMS, TEXT, "op.alter_column('items', 'text', new_column_name='note')"),
        runs=((f"{MIGRATE} +2", "upgrade +2"), (MIGRATE, "upgrade head")),
    ),
    Case(
        "downgrade",
        one(ITEMS, "op.drop_table('items')"),
        runs=((MIGRATE, "upgrade head"), ("downgrade -1 --database {database}", "downgrade -1")),
    ),
)
