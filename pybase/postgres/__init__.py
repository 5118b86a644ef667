"""Local PostgreSQL servers, and scratch databases.

This room finds the PostgreSQL binaries of the wheel, runs servers of its own with them, and makes
databases to throw away. It must never read settings or environment variables (callers pass paths,
versions and URLs), touch a server or a folder that it has not made, signal a process that it has
not recognised, or know anything of Alembic and models.
"""

from pybase.postgres._binaries import find_bin
from pybase.postgres._cluster import Cluster, Status
from pybase.postgres._paths import locate
from pybase.postgres._scratch import (
    copy_over,
    database_name,
    ensure_template,
    has_template,
    keep_as_template,
    prune_templates,
    scratch_cluster,
    scratch_database,
    template_names,
    with_database,
)

__all__ = [
    "Cluster",
    "Status",
    "copy_over",
    "database_name",
    "ensure_template",
    "find_bin",
    "has_template",
    "keep_as_template",
    "locate",
    "prune_templates",
    "scratch_cluster",
    "scratch_database",
    "template_names",
    "with_database",
]
