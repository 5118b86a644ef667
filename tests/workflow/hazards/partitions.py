"""Partitions: attached, detached, dropped."""

from .case import (
    ORDERS,
    PARTITIONED,
    PARTITIONED_CHECKED,
    PARTITIONED_DEFAULT,
    PARTITIONED_UNVALIDATED,
    Case,
    alone,
    execute,
)

PARTITIONS = [
    Case(
        "attach_unproved",
        PARTITIONED,
        execute(
            """
            ALTER TABLE events ATTACH PARTITION events_2027
                FOR VALUES FROM ('2027-01-01') TO ('2028-01-01')
            """
        ),
        'op.execute("ALTER TABLE events DETACH PARTITION events_2027")',
        {("attaches-partition", "events")},
        {("detaches-partition", "events")},
    ),
    Case(
        "attach_with_unvalidated_check",
        f"""{PARTITIONED}
        ALTER TABLE events_2027 ADD CHECK (at >= '2027-01-01' AND at < '2028-01-01') NOT VALID;
        """,
        execute(
            """
            ALTER TABLE events ATTACH PARTITION events_2027
                FOR VALUES FROM ('2027-01-01') TO ('2028-01-01')
            """
        ),
        'op.execute("ALTER TABLE events DETACH PARTITION events_2027")',
        {("attaches-partition", "events")},
        {("detaches-partition", "events")},
    ),
    Case(
        "attach_scans_the_default_partition",
        f"""{PARTITIONED_DEFAULT}
        ALTER TABLE events_2027 ADD CHECK (at >= '2027-01-01' AND at < '2028-01-01');
        """,
        execute(
            """
            ALTER TABLE events ATTACH PARTITION events_2027
                FOR VALUES FROM ('2027-01-01') TO ('2028-01-01')
            """
        ),
        'op.execute("ALTER TABLE events DETACH PARTITION events_2027")',
        {("attaches-partition", "events")},
        {("detaches-partition", "events")},
        note="the new partition is proved, the default partition is read under ACCESS EXCLUSIVE",
    ),
    Case(
        "new_partition_scans_the_default_partition",
        PARTITIONED_DEFAULT,
        execute(
            """
            CREATE TABLE events_2028 PARTITION OF events
                FOR VALUES FROM ('2028-01-01') TO ('2029-01-01')
            """
        ),
        'op.drop_table("events_2028")',
        {("attaches-partition", "events")},
    ),
    Case(
        "attach_in_do_block",
        PARTITIONED,
        execute(
            """
            DO $$ BEGIN
                EXECUTE 'ALTER TABLE events ATTACH PARTITION events_2027 FOR VALUES'
                    || ' FROM (''2027-01-01'') TO (''2028-01-01'')';
            END $$
            """
        ),
        'raise NotImplementedError("Detach it by hand, at a quiet hour.")',
        {("attaches-partition", "events")},
    ),
    Case(
        "detach",
        PARTITIONED,
        'op.execute("ALTER TABLE events DETACH PARTITION events_2025")',
        execute(
            """
            ALTER TABLE events ATTACH PARTITION events_2025
                FOR VALUES FROM ('2025-01-01') TO ('2026-01-01')
            """
        ),
        {("detaches-partition", "events")},
        {("attaches-partition", "events")},
    ),
    # safe
    Case(
        "attach_proved_by_check",
        PARTITIONED_CHECKED,
        execute(
            """
            ALTER TABLE events ATTACH PARTITION events_2027
                FOR VALUES FROM ('2027-01-01') TO ('2028-01-01')
            """
        ),
        alone('op.execute("ALTER TABLE events DETACH PARTITION events_2027 CONCURRENTLY")'),
    ),
    Case(
        "attach_with_default_partition_proved",
        f"""{PARTITIONED_DEFAULT}
        ALTER TABLE events_2027 ADD CHECK (at >= '2027-01-01' AND at < '2028-01-01');
        ALTER TABLE events_rest ADD CHECK (at < '2027-01-01' OR at >= '2028-01-01');
        """,
        execute(
            """
            ALTER TABLE events ATTACH PARTITION events_2027
                FOR VALUES FROM ('2027-01-01') TO ('2028-01-01')
            """
        ),
        'raise NotImplementedError("Detach it by hand; a default partition forbids CONCURRENTLY.")',
    ),
    Case(
        "attach_new_table",
        PARTITIONED,
        execute(
            """
            CREATE TABLE events_2028 (LIKE events INCLUDING ALL);
            ALTER TABLE events ATTACH PARTITION events_2028
                FOR VALUES FROM ('2028-01-01') TO ('2029-01-01');
            """
        ),
        'op.drop_table("events_2028")',
    ),
    Case(
        "bounds_of_a_partition_not_valid",
        PARTITIONED,
        execute(
            """
            ALTER TABLE events_2027 ADD CONSTRAINT ck_events_2027_range
            CHECK (at >= '2027-01-01' AND at < '2028-01-01') NOT VALID
            """
        ),
        'op.drop_constraint("ck_events_2027_range", "events_2027")',
        note="the first step; the attaching is the third",
    ),
    Case(
        "bounds_of_a_partition_validated",
        PARTITIONED_UNVALIDATED,
        execute("ALTER TABLE events_2027 VALIDATE CONSTRAINT ck_events_2027_range"),
        'raise NotImplementedError("Nothing to undo: the constraint was there before.")',
        note="the second step",
    ),
    Case(
        "new_partition",
        PARTITIONED,
        execute(
            """
            CREATE TABLE events_2028 PARTITION OF events
                FOR VALUES FROM ('2028-01-01') TO ('2029-01-01')
            """
        ),
        'op.drop_table("events_2028")',
    ),
    Case(
        "detach_concurrently",
        PARTITIONED,
        alone('op.execute("ALTER TABLE events DETACH PARTITION events_2025 CONCURRENTLY")'),
        'raise NotImplementedError("Attach it again by hand, after a check on its range.")',
        locks={"events_2025": "ACCESS EXCLUSIVE"},
    ),
    Case(
        "partitions_of_new_table",
        ORDERS,
        execute(
            """
            CREATE TABLE logs (id bigint, at date) PARTITION BY RANGE (at);
            CREATE TABLE logs_rest PARTITION OF logs DEFAULT;
            CREATE TABLE logs_2026 PARTITION OF logs
                FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
            CREATE INDEX ix_logs_at ON logs (at);
            """
        ),
        'op.drop_table("logs")',
    ),
]

DROPS = [
    Case(
        "drop_partition",
        PARTITIONED,
        'op.drop_table("events_2025")',
        'raise NotImplementedError("The events of 2025 are gone.")',
        {("drops-table", "events_2025")},
    ),
]

CASES = [*PARTITIONS, *DROPS]
