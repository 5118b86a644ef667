"""An env.py run on the database that is to be migrated."""

import os
from pathlib import Path

from pybase.core.inputs import record_inputs
from pybase.migrate.database import Database
from pybase.migrate.deploy._env._note import note
from pybase.migrate.deploy._env._source import may_act
from pybase.migrate.revisions import History, OnlineEnv, read_online


def read_env(history: History, database: Database) -> OnlineEnv:
    """Run env.py on a database without a revision; notes where it leaves the session as it was.

    Raises as `read_online`.
    """
    settings, variables = history.settings, dict(os.environ)
    env = Path(history.scripts.env_py_location)
    online = read_online(history, database)
    if online.is_quiet and not settings.x and not may_act(env):
        folders = (Path(history.scripts.dir), *map(Path, history.scripts.version_locations or ()))
        record_inputs(settings, folders)
        note(settings, env, online.version_table, variables)
    return online
