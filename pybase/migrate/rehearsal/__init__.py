"""Revisions run on a scratch database and observed: effects, hazards, losses."""

from pybase.migrate.rehearsal._reports import Rehearsed, rehearse

__all__ = ["Rehearsed", "rehearse"]
