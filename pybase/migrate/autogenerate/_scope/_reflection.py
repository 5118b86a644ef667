"""Reflected tables of a scratch database, as Alembic hands them to include_object."""

import warnings
from collections.abc import Iterable, Mapping

import sqlalchemy as sa

from pybase.migrate.autogenerate._scope._elements import find_table
from pybase.migrate.database import engine, scratch_at
from pybase.migrate.sql.names import schema_of


def reflect(url: str, tables: Iterable[str]) -> Mapping[str, sa.Table]:
    """Return the tables of a database by their quoted, qualified names."""
    tables, metadata = sorted(tables), sa.MetaData()
    with engine(scratch_at(url)).connect() as connection, warnings.catch_warnings():
        warnings.simplefilter("ignore", sa.exc.SAWarning)  # of types that SQLAlchemy does not know
        for schema in sorted({schema_of(table) or "" for table in tables}):
            metadata.reflect(connection, schema=schema or None, resolve_fks=False)
    found = ((name, find_table([metadata], name)) for name in tables)
    return {name: table for name, table in found if table is not None}
