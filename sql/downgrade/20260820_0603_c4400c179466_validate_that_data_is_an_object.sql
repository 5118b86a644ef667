-- Undo: Validate that data is an object
--
-- revision  c4400c179466, back to c1b8707a1827; one transaction
-- records   ACCESS EXCLUSIVE: blocks reads and writes; no rewrite, no scan

BEGIN;

SET LOCAL lock_timeout = '2s';

ALTER TABLE records DROP CONSTRAINT ck_records_data_is_object;

ALTER TABLE records
ADD CONSTRAINT ck_records_data_is_object
CHECK (jsonb_typeof(data) = 'object') NOT VALID;

UPDATE alembic_version
SET version_num = 'c1b8707a1827'
WHERE alembic_version.version_num = 'c4400c179466';

DO $$ BEGIN
    INSERT INTO migration_ledger (revision, direction, digest)
    VALUES ('c4400c179466', 'downgrade', '10cf84d08315e5ac');
EXCEPTION WHEN undefined_table THEN NULL;
END $$;

COMMIT;
