"""A real database changed: plan, checks, the runner, the data-loss check, backfills."""
