-- Undo: Index the data of records
--
-- revision  5e9c5e20ce9a, back to 82d58978bddb; no transaction
-- records   SHARE UPDATE EXCLUSIVE: blocks nothing but other DDL

DROP INDEX CONCURRENTLY IF EXISTS ix_records_data;

BEGIN;

SET LOCAL lock_timeout = '2s';

UPDATE alembic_version
SET version_num = '82d58978bddb'
WHERE alembic_version.version_num = '5e9c5e20ce9a';

DO $$ BEGIN
    INSERT INTO migration_ledger (revision, direction, digest)
    VALUES ('5e9c5e20ce9a', 'downgrade', 'f0005bed3025e2d3');
EXCEPTION WHEN undefined_table THEN NULL;
END $$;

COMMIT;
