"""A long history, as a product would have grown it: tables, columns, indexes, checks, data.

    python -m benchmarks.generate FOLDER COUNT

The same count gives the same files on every machine. Every revision renders offline and runs both
ways, so the history serves tests as well as measurements.
"""

import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from textwrap import indent
from typing import TypeAlias

_START = datetime(2020, 1, 6, 8, 0, tzinfo=UTC)
_INTERVAL = timedelta(hours=37)

_INI = """\
[alembic]
script_location = %(here)s/migrations
path_separator = os
timezone = UTC
"""

_ENV = '''\
"""The environment of a generated history: it has no models."""

import sqlalchemy as sa

from pybase.migrate import environment

environment.run(sa.MetaData())
'''

_REVISION = '''\
"""{title}.

One of the revisions that benchmarks/generate.py writes.

Revision ID: {revision}
Revises: {parent}
Create Date: {at}
"""

import sqlalchemy as sa
from alembic import op

revision: str = "{revision}"
down_revision: str | None = {down_revision}


def upgrade() -> None:
{upgrade}


def downgrade() -> None:
{downgrade}
'''

_Change: TypeAlias = tuple[str, str, str]
"""The docstring of a revision, the body of its upgrade() and that of its downgrade()."""


def write_history(folder: Path, count: int) -> Path:
    """Write a project with `count` revisions in one line; returns the path of its alembic.ini."""
    return _write(folder, revisions(count))


def write_project(folder: Path, bodies: Sequence[str]) -> str:
    """Write a project of revisions whose upgrade() is given; returns the id of the first."""
    changes = ((f"Change {number}", body, "pass") for number, body in enumerate(bodies))
    files = [*_files(changes)]
    _write(folder, files)
    return files[0][0].split("_")[2]


def write_models(folder: Path, checkout: Path, count: int) -> None:
    """Write `count` models and their revisions, for ten each, with the settings of `checkout`."""
    tables = [(number, max(number - 1, 0)) for number in range(count)]
    bodies = [
        "\n".join(
            _TABLE.format(number=number, parent=parent) for number, parent in tables[i : i + 10]
        )
        for i in range(0, count, 10)
    ]
    write_project(folder, bodies)
    for path in ("alembic.ini", "migrations/script.py.mako"):
        shutil.copy(checkout / path, folder / path)
    env = _ENV.replace("it has no models", "its models are generated")
    env = env.replace("import sqlalchemy as sa", "from models import Model")
    env = env.replace("sa.MetaData()", "Model.metadata")
    (folder / "migrations" / "env.py").write_text(env, encoding="utf-8")
    models = (_MODEL.format(number=number, parent=parent) for number, parent in tables)
    (folder / "models.py").write_text(_MODELS + "".join(models), encoding="utf-8")


_TABLE = """\
op.create_table(
    "things_{number}",
    sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
    sa.Column("name", sa.Text(), nullable=False),
    sa.Column("price", sa.Numeric(10, 2)),
    sa.Column("parent_id", sa.BigInteger()),
    sa.Column("created_at", sa.Text(), server_default=sa.text("now()::text"), nullable=False),
    sa.PrimaryKeyConstraint("id", name="pk_things_{number}"),
    sa.ForeignKeyConstraint(
        ["parent_id"],
        ["things_{parent}.id"],
        name="fk_things_{number}_parent_id_things_{parent}",
    ),
    sa.CheckConstraint("price >= 0", name=op.f("ck_things_{number}_price")),
)
op.create_index("ix_things_{number}_name", "things_{number}", ["name"])
op.create_index("ix_things_{number}_parent_id", "things_{number}", ["parent_id"])"""
_MODELS = '''\
"""Generated models."""

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Model(DeclarativeBase):
    metadata = sa.MetaData(
        naming_convention={
            "pk": "pk_%(table_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
        }
    )
'''
_MODEL = """

class Model{number}(Model):
    __tablename__ = "things_{number}"
    __table_args__ = (sa.CheckConstraint("price >= 0", name="price"),)

    id: Mapped[int] = mapped_column(sa.BigInteger, sa.Identity(), primary_key=True)
    name: Mapped[str] = mapped_column(sa.Text, index=True)
    price: Mapped[float | None] = mapped_column(sa.Numeric(10, 2))
    parent_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("things_{parent}.id"), index=True
    )
    created_at: Mapped[str] = mapped_column(sa.Text, server_default=sa.text("now()::text"))
"""


def _write(folder: Path, files: Iterable[tuple[str, str]]) -> Path:
    versions = folder / "migrations" / "versions"
    shutil.rmtree(versions, ignore_errors=True)
    versions.mkdir(parents=True)
    (folder / "migrations" / "env.py").write_text(_ENV, encoding="utf-8")
    for name, text in files:
        (versions / name).write_text(text, encoding="utf-8")
    config = folder / "alembic.ini"
    config.write_text(_INI, encoding="utf-8")
    return config


def add_revision(folder: Path, number: int) -> None:
    """Write revision `number`, from 0, behind those that are there."""
    *_, (name, text) = revisions(number + 1)
    (folder / "migrations" / "versions" / name).write_text(text, encoding="utf-8")


def revisions(count: int) -> Iterator[tuple[str, str]]:
    """Yield (file name, text) of each revision, the first one first."""
    yield from _files(map(_change, range(count)))


def _files(changes: Iterable[_Change]) -> Iterator[tuple[str, str]]:
    parent = None
    for number, (title, upgrade, downgrade) in enumerate(changes):
        revision = sha256(f"revision {number}".encode()).hexdigest()[:12]
        at = _START + number * _INTERVAL
        slug = title.lower().replace(" ", "_")
        text = _REVISION.format(
            title=title,
            revision=revision,
            parent=parent or "",
            at=at,
            down_revision=f'"{parent}"' if parent else None,
            upgrade=indent(upgrade.strip(), "    "),
            downgrade=indent(downgrade.strip(), "    "),
        )
        yield f"{at:%Y%m%d_%H%M}_{revision}_{slug}.py", text
        parent = revision


def _change(number: int) -> _Change:
    """Tell what revision `number` does: the life of one table after another, a step at a time."""
    table, step = divmod(number, len(_STEPS))
    name = f"t{table:04d}"
    return _STEPS[step](name, f"t{table - 1:04d}" if table else name)


def _create(table: str, parent: str) -> _Change:
    upgrade = f"""
op.create_table(
    "{table}",
    sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
    sa.Column("parent_id", sa.Uuid(), nullable=True),
    sa.Column("name", sa.Text(), nullable=False),
    sa.Column("position", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
    sa.Column(
        "created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
    ),
    sa.ForeignKeyConstraint(
        ["parent_id"], ["{parent}.id"], name=op.f("fk_{table}_parent_id"), ondelete="CASCADE"
    ),
    sa.PrimaryKeyConstraint("id", name=op.f("pk_{table}")),
)
op.create_index(op.f("ix_{table}_parent_id"), "{table}", ["parent_id"])
"""
    return f"Create {table}", upgrade, f'op.drop_table("{table}")'


def _add_column(column: str, type_: str) -> Callable[[str, str], _Change]:
    def change(table: str, _parent: str) -> _Change:
        upgrade = f'op.add_column("{table}", sa.Column("{column}", {type_}, nullable=True))'
        return f"Add {column} to {table}", upgrade, f'op.drop_column("{table}", "{column}")'

    return change


def _add_default(table: str, _parent: str) -> _Change:
    upgrade = f"""
op.add_column(
    "{table}",
    sa.Column("is_active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
)
"""
    return f"Add is_active to {table}", upgrade, f'op.drop_column("{table}", "is_active")'


def _index(table: str, _parent: str) -> _Change:
    name = f"ix_{table}_name_created_at"
    drop = f"""
    op.drop_index(
        op.f("{name}"), "{table}", postgresql_concurrently=True, if_exists=True
    )
"""
    create = f"""
    op.create_index(
        op.f("{name}"), "{table}", ["name", "created_at"], postgresql_concurrently=True
    )
"""
    block = "with op.get_context().autocommit_block():"
    return f"Index {table} by name", block + drop.rstrip() + create, block + drop


def _fill(table: str, _parent: str) -> _Change:
    upgrade = f"""
op.execute(
    "UPDATE {table} SET code = 'c-' || left(id::text, 8)"
    " WHERE code IS NULL AND name NOT LIKE '100%:%'"
)
"""
    return f"Fill in code of {table}", upgrade, f'op.execute("UPDATE {table} SET code = NULL")'


def _check(table: str, _parent: str) -> _Change:
    name = f"ck_{table}_code_format"
    upgrade = f"""
op.create_check_constraint(
    op.f("{name}"), "{table}", "code ~ '^[a-z0-9-]+$'", postgresql_not_valid=True
)
"""
    return (
        f"Refuse a malformed code of {table}",
        upgrade,
        f'op.drop_constraint(op.f("{name}"), "{table}", type_="check")',
    )


def _validate(table: str, _parent: str) -> _Change:
    upgrade = f'op.execute("ALTER TABLE {table} VALIDATE CONSTRAINT ck_{table}_code_format")'
    return f"Validate the code of {table}", upgrade, "pass  # a proven check is no other check"


def _insert(table: str, _parent: str) -> _Change:
    upgrade = f"""
{table} = sa.table("{table}", sa.column("name", sa.Text()), sa.column("code", sa.Text()))
op.bulk_insert(
    {table},
    [
        {{"name": "O'Reilly: 50% off", "code": "c-1"}},
        {{"name": "Zoë's \\\\ path", "code": "c-2"}},
    ],
)
"""
    downgrade = f"""op.execute("DELETE FROM {table} WHERE code IN ('c-1', 'c-2')")"""
    return f"Insert the first rows of {table}", upgrade, downgrade


def _default(table: str, _parent: str) -> _Change:
    alter = 'op.alter_column("{}", "position", server_default=sa.text("{}"))'
    return f"Change a default of {table}", alter.format(table, 1), alter.format(table, 0)


_STEPS: tuple[Callable[[str, str], _Change], ...] = (
    _create,
    _add_column("description", "sa.Text()"),
    _add_default,
    _index,
    _add_column("code", "sa.Text()"),
    _fill,
    _check,
    _validate,
    _insert,
    _default,
)
"""One table's life; the next table begins when it ends."""


if __name__ == "__main__":
    print(write_history(Path(sys.argv[1]), int(sys.argv[2])))
