"""Revisions run on a scratch database and observed: effects, hazards, losses."""
