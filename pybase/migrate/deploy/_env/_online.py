"""An env.py run on the database that is to be migrated."""

import os
from collections.abc import Sequence
from pathlib import Path

from msgspec.structs import replace

from pybase.core.inputs import record_inputs
from pybase.migrate.database import Database
from pybase.migrate.deploy._env._note import note
from pybase.migrate.deploy._env._source import may_act
from pybase.migrate.record import VersionTable
from pybase.migrate.revisions import History, OnlineEnv, configured_naming, read_online


def read_env(
    history: History, database: Database, rendered: tuple[VersionTable, Sequence[str]] | None
) -> OnlineEnv | None:
    """Run env.py on a database without a revision, and return what it does there.

    None, which is noted, where that is nothing but what was `rendered`: the version table, and the
    statements that create it first. Raises as `read_online`.
    """
    settings, variables = history.settings, dict(os.environ)
    online = read_online(history, database)
    if rendered is None:
        return online
    if online.names_by_models:
        online = replace(online, has_other_names=online.naming != configured_naming(history))
    if not online.is_quiet or not _is_same(online, *rendered):
        return online
    env = Path(history.scripts.env_py_location)
    if not settings.x and not may_act(env):
        folders = (Path(history.scripts.dir), *map(Path, history.scripts.version_locations or ()))
        record_inputs(settings, folders)
        note(settings, env, online.version_table, variables)
    return None


def _is_same(online: OnlineEnv, version_table: VersionTable, setup: Sequence[str]) -> bool:
    created = [" ".join(statement.split()) for statement in (online.create_table, *setup[:1])]
    return online.version_table == version_table and len(set(created)) == 1
