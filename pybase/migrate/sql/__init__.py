"""SQL text: identifiers, statements, layout, lock modes; nothing of Alembic or of a server."""
