"""Revisions on a scratch database: what they send there, and what they read."""

from pybase.migrate.revisions._scratch._capture import captured as captured
