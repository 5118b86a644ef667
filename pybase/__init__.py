"""PyBase's PostgreSQL schema, and the workflow that changes it."""
