-- Undo: Index records for paging
--
-- revision  82d58978bddb, back to c2df8b017f53; no transaction
-- records   SHARE UPDATE EXCLUSIVE: blocks nothing but other DDL

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
