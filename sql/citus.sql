-- The layout of the tables on a Citus cluster, as the models declare it
--
-- On PostgreSQL without Citus it has no effect, nor has a second run. All in one transaction: it
-- copies the rows of each table, which blocks writes to all of them meanwhile, not reads.
-- `nox -s distribute -- --plan` shows how long that may be, and what is in the way.

DO $layout$
DECLARE item record;
BEGIN
    -- Nothing below is planned without Citus, whose catalog it needs.
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_extension WHERE extname = 'citus') THEN
        RETURN;
    END IF;
    SET LOCAL citus.propagate_set_commands = 'local';
    SET LOCAL lock_timeout = '2s';
    SET LOCAL citus.multi_shard_modify_mode = 'sequential';
    SET LOCAL citus.enable_local_reference_table_foreign_keys = off;
    FOR item IN
        SELECT * FROM (VALUES
            (1, 'public.users', NULL, NULL),
            (2, 'public.workspaces', NULL, NULL),
            (3, 'public.bases', 'id', 'none'),
            (4, 'public.workspace_members', NULL, NULL),
            (5, 'public.tables', 'base_id', 'public.bases'),
            (6, 'public.fields', 'base_id', 'public.bases'),
            (7, 'public.records', 'base_id', 'public.bases')
        ) AS layout (number, name, distribution_column, colocated_with)
        WHERE to_regclass(name) IS NOT NULL AND NOT EXISTS (
            SELECT FROM pg_catalog.pg_dist_partition AS p
            WHERE p.logicalrelid = to_regclass(name)
            AND (p.partmethod = 'h' OR p.repmodel = 't')
        )
        ORDER BY number
    LOOP
        IF item.distribution_column IS NULL THEN
            PERFORM pg_catalog.create_reference_table(item.name::regclass);
        ELSE
            PERFORM pg_catalog.create_distributed_table(
                item.name::regclass, item.distribution_column,
                colocate_with := item.colocated_with
            );
        END IF;
    END LOOP;
END
$layout$;
