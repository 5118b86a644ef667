-- Index records for paging
--
-- revision  82d58978bddb, after c2df8b017f53; no transaction
-- records   SHARE UPDATE EXCLUSIVE: blocks nothing but other DDL

SET default_transaction_read_only = on;

DO $$ DECLARE present text[]; BEGIN
    present := ARRAY(SELECT version_num FROM alembic_version ORDER BY version_num COLLATE "C");
    IF NOT present @> ARRAY['c2df8b017f53']::text[] THEN
        RAISE 'This file is for a database at c2df8b017f53, and this one is at %.',
            coalesce(nullif(array_to_string(present, ' and '), ''), 'base');
    END IF;
    RESET default_transaction_read_only;
END $$;

DROP INDEX CONCURRENTLY IF EXISTS ix_records_base_id_table_id_created_at_id;

CREATE INDEX CONCURRENTLY ix_records_base_id_table_id_created_at_id ON records (
    base_id,
    table_id,
    created_at,
    id
);

BEGIN;

SET LOCAL lock_timeout = '2s';

UPDATE alembic_version
SET version_num = '82d58978bddb'
WHERE alembic_version.version_num = 'c2df8b017f53';

DO $$ BEGIN
    INSERT INTO migration_ledger (revision, direction, digest)
    VALUES ('82d58978bddb', 'upgrade', '176f4b22a6d08c9e');
EXCEPTION WHEN undefined_table THEN NULL;
END $$;

COMMIT;
