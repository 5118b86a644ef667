"""Sources of a plan that follow what env.py does on its connection."""

from pybase.migrate.deploy._followed._follow import as_env_leaves_it, is_quiet, preview, runnable

__all__ = ["as_env_leaves_it", "is_quiet", "preview", "runnable"]
