-- Undo: Index records for paging
--
-- revision  82d58978bddb, back to c2df8b017f53; no transaction
-- records   SHARE UPDATE EXCLUSIVE: blocks nothing but other DDL

SET default_transaction_read_only = on;

DO $$ DECLARE present text[]; BEGIN
    present := ARRAY(SELECT version_num FROM alembic_version ORDER BY version_num COLLATE "C");
    IF NOT present @> ARRAY['82d58978bddb']::text[] THEN
        RAISE 'This file is for a database at 82d58978bddb, and this one is at %.',
            coalesce(nullif(array_to_string(present, ' and '), ''), 'base');
    END IF;
    RESET default_transaction_read_only;
END $$;

DROP INDEX CONCURRENTLY IF EXISTS ix_records_base_id_table_id_created_at_id;

BEGIN;

SET LOCAL lock_timeout = '2s';

UPDATE alembic_version
SET version_num = 'c2df8b017f53'
WHERE alembic_version.version_num = '82d58978bddb';

DO $$ BEGIN
    INSERT INTO migration_ledger (revision, direction, digest)
    VALUES ('82d58978bddb', 'downgrade', '0e2dd7950ac70122');
EXCEPTION WHEN undefined_table THEN NULL;
END $$;

COMMIT;
