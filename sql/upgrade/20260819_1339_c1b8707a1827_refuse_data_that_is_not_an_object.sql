-- Refuse data that is not an object
--
-- revision  c1b8707a1827, after a28935dc496c; one transaction
-- records   ACCESS EXCLUSIVE: blocks reads and writes; no rewrite, no scan

BEGIN;

SET LOCAL lock_timeout = '2s';

ALTER TABLE records
ADD CONSTRAINT ck_records_data_is_object
CHECK (jsonb_typeof(data) = 'object') NOT VALID;

UPDATE alembic_version
SET version_num = 'c1b8707a1827'
WHERE alembic_version.version_num = 'a28935dc496c';

DO $$ BEGIN
    INSERT INTO migration_ledger (revision, direction, digest)
    VALUES ('c1b8707a1827', 'upgrade', '8610b18712724609');
EXCEPTION WHEN undefined_table THEN NULL;
END $$;

COMMIT;
