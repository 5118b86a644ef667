"""The workflow: from a revision to reviewed SQL to a migrated database.

This package sees a schema only through an Alembic `Config`. It never imports `pybase.models`, so
every verb works on any Alembic history on PostgreSQL.
"""
