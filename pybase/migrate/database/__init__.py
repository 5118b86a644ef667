"""A PostgreSQL database at hand: connections, the migration lock, the ledger, table sizes."""
