"""Embedded PostgreSQL servers, and scratch databases.

Finds the PostgreSQL programs of the wheel, runs servers with them, and creates databases that are
dropped again. Reads no settings or environment variables (callers pass paths, versions and URLs),
changes no server or folder that it has not created, signals no process that it has not identified,
and knows nothing of Alembic and models.
"""

from typing import TYPE_CHECKING

from pybase.core.lazy import lazy

if TYPE_CHECKING:
    from pybase.postgres._binaries import find_bin as find_bin
    from pybase.postgres._checkouts import sweep as sweep
    from pybase.postgres._cluster import Cluster as Cluster
    from pybase.postgres._cluster import Status as Status
    from pybase.postgres._cluster import kept_cluster as kept_cluster
    from pybase.postgres._cluster import scratch_cluster as scratch_cluster
    from pybase.postgres._connect import connect as connect
    from pybase.postgres._connect import connect_scratch as connect_scratch
    from pybase.postgres._connect import plain_environment as plain_environment
    from pybase.postgres._connect import with_database as with_database
    from pybase.postgres._connect import without_variables as without_variables
    from pybase.postgres._lease import prune as prune
    from pybase.postgres._lease import scratch_clusters as scratch_clusters
    from pybase.postgres._lease import unused as unused
    from pybase.postgres._paths import locate as locate
    from pybase.postgres._scratch import copy_over as copy_over
    from pybase.postgres._scratch import database_name as database_name
    from pybase.postgres._scratch import keep_as_template as keep_as_template
    from pybase.postgres._scratch import last_template as last_template
    from pybase.postgres._scratch import prune_templates as prune_templates
    from pybase.postgres._scratch import scratch_database as scratch_database
    from pybase.postgres._shared_objects import ensure_roles as ensure_roles
    from pybase.postgres._shared_objects import held as held
    from pybase.postgres._shared_objects import pristine as pristine
    from pybase.postgres._shared_objects import shared_objects as shared_objects
else:
    __getattr__ = lazy(
        __name__,
        {
            "_binaries": "find_bin",
            "_checkouts": "sweep",
            "_cluster": "Cluster Status kept_cluster scratch_cluster",
            "_connect": "connect connect_scratch plain_environment with_database without_variables",
            "_lease": "prune scratch_clusters unused",
            "_paths": "locate",
            "_scratch": "copy_over database_name keep_as_template last_template "
            "prune_templates scratch_database",
            "_shared_objects": "ensure_roles held pristine shared_objects",
        },
    )
