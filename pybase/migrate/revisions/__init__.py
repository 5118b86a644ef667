"""The revisions of an Alembic history: read, rendered to SQL, run by Alembic where need be."""
