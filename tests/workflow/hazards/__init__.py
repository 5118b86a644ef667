"""The cases of the hazard test by kind of object, and the cases that follow each recipe."""

from . import (
    acceptance,
    column_types,
    columns,
    constraints,
    data,
    downgrades,
    indexes,
    other_objects,
    partitions,
    tables,
    transactions,
    types,
)
from .case import Case, Findings, revision_source

__all__ = ["CASES", "RECIPES", "Case", "Findings", "revision_source"]

CASES: list[Case] = [
    *tables.CASES,
    *columns.CASES,
    *column_types.CASES,
    *constraints.CASES,
    *indexes.CASES,
    *types.CASES,
    *other_objects.CASES,
    *partitions.CASES,
    *data.CASES,
    *transactions.CASES,
    *downgrades.CASES,
    *acceptance.CASES,
]

RECIPES: dict[str, tuple[str, ...]] = {
    "blocking-index-build": (
        "index_concurrently",
        "index_concurrently_after_clearing_an_invalid_one",
    ),
    "blocking-index-drop": ("drop_index_concurrently",),
    "validates-constraint": ("foreign_key_not_valid", "foreign_key_validated_on_its_own"),
    "validates-with-not-valid": ("check_not_valid", "check_validated_on_its_own"),
    "sets-not-null": (
        "check_not_valid",
        "check_validated_on_its_own",
        "set_not_null_after_validated_check",
    ),
    "builds-key": (
        "index_concurrently_unique_if_not_exists",
        "unique_using_index",
        "primary_key_using_index",
    ),
    "adds-exclusion": ("exclude_on_new_table", "accepted_exclusion"),
    "rewrites-table": (
        "nullable_column",
        "default_volatile_set_afterwards",
        "update_in_committed_batches",
    ),
    "rewrites-by-maintenance": ("vacuum_analyze",),
    "refreshes-view": ("refresh_concurrently",),
    "attaches-partition": (
        "bounds_of_a_partition_not_valid",
        "bounds_of_a_partition_validated",
        "attach_proved_by_check",
        "attach_with_default_partition_proved",
    ),
    "detaches-partition": ("detach_concurrently",),
    "locks-table": ("update_by_key",),
    "many-blocking-locks": ("nullable_columns_in_one_statement",),
    "unbatched-data-change": ("update_in_committed_batches",),
    "changes-data-under-lock": ("nullable_column", "update_in_committed_batches"),
    "disables-triggers": ("trigger_that_spares_a_backfill", "backfill_with_the_trigger_on"),
    "truncates": ("delete_in_committed_batches",),
    "deletes-rows": ("delete_in_committed_batches",),
    "overwrites-values": ("nullable_column", "update_by_key"),
    "drops-table": ("accepted_drop_of_a_table",),
    "drops-column": ("accepted_drop",),
    "drops-schema": ("accepted_drop_of_a_schema",),
    "drops-view": ("accepted_drop_of_a_view",),
    "drops-function": ("accepted_drop_of_a_function",),
    "drops-type": ("accepted_drop_of_a_type",),
    "drops-enum-value": ("accepted_drop_of_an_enum_value",),
    "renames-table": ("rename_table_behind_a_view",),
    "renames-column": ("nullable_column", "update_in_committed_batches", "accepted_drop"),
    "renames-schema": ("table_moved_to_another_schema_behind_a_view",),
    "renames-type": ("enum_behind_a_domain_of_the_new_name",),
    "renames-enum-value": ("enum_value_added",),
    "adds-required-column": ("required_column_with_default", "nullable_column"),
    "narrows-access": ("privilege_granted",),
    "uses-new-enum-value": ("enum_value_added", "update_by_key"),
    "autocommit-not-alone": ("autocommit_alone_with_lock_timeout",),
    "concurrently-in-transaction": ("index_concurrently",),
    "transaction-control": ("enum_value_added_in_autocommit_block",),
    "cannot-render": ("statement_without_rows_through_the_bind",),
    "rehearsal-failed": ("drop_table_that_was_never_there",),
    "downgrade-missing": ("downgrade_raises_with_a_reason",),
    "downgrade-empty": ("downgrade_drops_what_the_upgrade_added", "downgrade_raises_with_a_reason"),
    "downgrade-wrong": ("downgrade_leaves_no_enum",),
    "downgrade-loses-data": ("downgrade_copies_back_what_was_moved", "accepted_downgrade"),
    "small-key": ("big_key", "uuid_key"),
    "timestamp-without-zone": ("timestamp_with_zone",),
    "json-column": ("jsonb_column",),
    "char-column": ("nullable_column",),
    "cut-identifier": ("name_of_exactly_63_bytes",),
    "accepted-without-reason": ("accepted_drop",),
    "accepted-unknown-hazard": ("accepted_drop",),
    "accepted-for-nothing": ("nullable_column",),
}
"""By hazard, the cases that do what its recipe says, each step of it being a revision.

They are free of the hazard; or they accept it, where that is what the recipe ends with.
"""
