"""What a project's env.py does on its connection, and whether it has to be run to know that.

Quick to import: Alembic runs an env.py only where it is not known to do nothing there.
"""

from typing import TYPE_CHECKING

from pybase.core.lazy import lazy

if TYPE_CHECKING:
    from pybase.migrate.deploy._env._note import is_noted as is_noted
    from pybase.migrate.deploy._env._note import note as note
    from pybase.migrate.deploy._env._online import read_env as read_env
    from pybase.migrate.deploy._env._source import delegates as delegates
else:
    __getattr__ = lazy(
        __name__, {"_note": "is_noted note", "_online": "read_env", "_source": "delegates"}
    )
