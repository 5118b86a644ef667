-- Validate the writers of records
--
-- revision  a28935dc496c, after 50feb32b7224; one transaction
-- records   SHARE UPDATE EXCLUSIVE: blocks nothing but other DDL; scanned

BEGIN;

SET LOCAL lock_timeout = '2s';

DO $$ DECLARE present text[]; BEGIN
    present := ARRAY(SELECT version_num FROM alembic_version ORDER BY version_num COLLATE "C");
    IF NOT present @> ARRAY['50feb32b7224']::text[] THEN
        RAISE 'This file is for a database at 50feb32b7224, and this one is at %.',
            coalesce(nullif(array_to_string(present, ' and '), ''), 'base');
    END IF;
END $$;

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
