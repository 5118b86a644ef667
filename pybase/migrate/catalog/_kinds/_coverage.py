"""Every catalog of PostgreSQL: what is compared of it, or why nothing is.

A test holds these tables to the servers, so a version with one more catalog fails it.
"""

from collections.abc import Mapping

OBJECTS: Mapping[str, tuple[str, ...]] = {
    "pg_am": ("access method",),
    "pg_cast": ("cast",),
    "pg_class": (
        *("table", "foreign table", "column", "index"),
        *("view", "materialized view", "sequence"),
    ),
    "pg_collation": ("collation",),
    "pg_constraint": ("constraint",),
    "pg_conversion": ("conversion",),
    "pg_default_acl": ("default privileges",),
    "pg_event_trigger": ("event trigger",),
    "pg_extension": ("extension",),
    "pg_foreign_data_wrapper": ("foreign data wrapper",),
    "pg_foreign_server": ("server",),
    "pg_language": ("language",),
    "pg_namespace": ("schema",),
    "pg_opclass": ("operator class",),
    "pg_operator": ("operator",),
    "pg_opfamily": ("operator family",),
    "pg_policy": ("policy",),
    "pg_proc": ("function", "procedure", "aggregate"),
    "pg_publication": ("publication",),
    "pg_publication_namespace": ("publication schema",),
    "pg_publication_rel": ("publication table",),
    "pg_rewrite": ("rule",),
    "pg_statistic_ext": ("statistics",),
    "pg_transform": ("transform",),
    "pg_trigger": ("trigger",),
    "pg_ts_config": ("text search configuration",),
    "pg_ts_dict": ("text search dictionary",),
    "pg_ts_parser": ("text search parser",),
    "pg_ts_template": ("text search template",),
    "pg_type": ("type", "domain"),
}
"""Catalogs whose rows are objects, with the kinds of these."""

PARTS: Mapping[str, str] = {
    "pg_aggregate": "aggregate",
    "pg_amop": "operator class, operator family",
    "pg_amproc": "operator class, operator family",
    "pg_attrdef": "column",
    "pg_attribute": "column, type",
    "pg_description": "comments on all kinds",
    "pg_enum": "type",
    "pg_foreign_table": "foreign table",
    "pg_index": "index, constraint",
    "pg_inherits": "table, index",
    "pg_range": "type",
    "pg_sequence": "sequence",
    "pg_ts_config_map": "text search configuration",
}
"""Catalogs whose rows are compared as a part of something else."""

_CLUSTER = "shared by all databases of a server: a scratch database is not dropped with it"
_DATA = "data, not schema"
_LINKS = "what depends on what follows from the definitions"

LEFT_OUT: Mapping[str, str] = {
    "pg_auth_members": _CLUSTER,
    "pg_authid": _CLUSTER,
    "pg_database": _CLUSTER,
    "pg_db_role_setting": _CLUSTER,
    "pg_depend": _LINKS,
    "pg_init_privs": "what initdb and extensions granted: the baseline of grants",
    "pg_largeobject": _DATA,
    "pg_largeobject_metadata": _DATA,
    "pg_parameter_acl": _CLUSTER,
    "pg_partitioned_table": "pg_get_partkeydef() has it in the definition of the table",
    "pg_replication_origin": _CLUSTER,
    "pg_seclabel": "set by a provider that a scratch server does not load",
    "pg_shdepend": _LINKS,
    "pg_shdescription": _CLUSTER,
    "pg_shseclabel": _CLUSTER,
    "pg_statistic": _DATA,
    "pg_statistic_ext_data": _DATA,
    "pg_subscription": "its connection string has a password, and only superusers can read it",
    "pg_subscription_rel": _DATA,
    "pg_tablespace": _CLUSTER,
    "pg_user_mapping": "its options are passwords",
}
"""Catalogs of which nothing is compared, with the reason."""
