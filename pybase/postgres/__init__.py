"""Embedded PostgreSQL servers, and scratch databases.

Finds the PostgreSQL programs of the wheel, runs servers with them, and creates databases that are
dropped again. Reads no settings or environment variables (callers pass paths, versions and URLs),
changes no server or folder that it has not created, signals no process that it has not identified,
and knows nothing of Alembic and models.
"""

from pybase.postgres._binaries import find_bin
from pybase.postgres._cluster import Cluster, Status, scratch_cluster
from pybase.postgres._connect import (
    connect,
    connect_scratch,
    plain_environment,
    without_variables,
)
from pybase.postgres._paths import locate
from pybase.postgres._scratch import (
    copy_over,
    database_name,
    ensure_template,
    has_template,
    keep_as_template,
    prune_templates,
    scratch_database,
    template_names,
    with_database,
)
from pybase.postgres._shared_objects import pristine, shared_objects

__all__ = [
    "Cluster",
    "Status",
    "connect",
    "connect_scratch",
    "copy_over",
    "database_name",
    "ensure_template",
    "find_bin",
    "has_template",
    "keep_as_template",
    "locate",
    "plain_environment",
    "pristine",
    "prune_templates",
    "scratch_cluster",
    "scratch_database",
    "shared_objects",
    "template_names",
    "with_database",
    "without_variables",
]
