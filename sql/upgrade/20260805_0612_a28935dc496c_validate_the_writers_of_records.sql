-- Validate the writers of records
--
-- revision  a28935dc496c, after 50feb32b7224; one transaction
-- records   SHARE UPDATE EXCLUSIVE: blocks nothing but other DDL; scanned

BEGIN;

SET LOCAL lock_timeout = '2s';

ALTER TABLE records VALIDATE CONSTRAINT fk_records_created_by_users;

ALTER TABLE records VALIDATE CONSTRAINT fk_records_updated_by_users;

UPDATE alembic_version
SET version_num = 'a28935dc496c'
WHERE alembic_version.version_num = '50feb32b7224';

DO $$ BEGIN
    INSERT INTO migration_ledger (revision, direction, digest)
    VALUES ('a28935dc496c', 'upgrade', 'b58900c491dd46ad');
EXCEPTION WHEN undefined_table THEN NULL;
END $$;

COMMIT;
