"""Note, kept on this machine, that an env.py was run and left its connection as it was opened."""

import os
from collections.abc import Mapping
from pathlib import Path

from pybase.core import cache
from pybase.core.inputs import env_digest
from pybase.core.settings import Settings
from pybase.migrate.record import VersionTable

_KIND = "quiet-env"


def is_noted(settings: Settings, env: Path, version_table: VersionTable) -> bool:
    """Whether an env.py, as it is now, did nothing on its connection and has that version table."""
    key = env_digest(settings, env, os.environ)
    return key is not None and cache.recall(settings, _KIND, key, VersionTable) == version_table


def note(
    settings: Settings, env: Path, version_table: VersionTable, variables: Mapping[str, str]
) -> None:
    """Keep that an env.py, which met these environment variables, did nothing."""
    key = env_digest(settings, env, variables)
    if key is not None:
        cache.remember(settings, _KIND, key, version_table)
