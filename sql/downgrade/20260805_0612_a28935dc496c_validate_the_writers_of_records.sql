-- Undo: Validate the writers of records
--
-- revision  a28935dc496c, back to 50feb32b7224; one transaction
-- records   ACCESS EXCLUSIVE: blocks reads and writes; no rewrite, no scan
-- users     ACCESS EXCLUSIVE: blocks reads and writes; no rewrite, no scan

BEGIN;

SET LOCAL lock_timeout = '2s';

DO $$ DECLARE present text[]; BEGIN
    present := ARRAY(SELECT version_num FROM alembic_version ORDER BY version_num COLLATE "C");
    IF NOT present @> ARRAY['a28935dc496c']::text[] THEN
        RAISE 'This file is for a database at a28935dc496c, and this one is at %.',
            coalesce(nullif(array_to_string(present, ' and '), ''), 'base');
    END IF;
END $$;

ALTER TABLE records DROP CONSTRAINT fk_records_updated_by_users;

ALTER TABLE records DROP CONSTRAINT fk_records_created_by_users;

ALTER TABLE records
ADD CONSTRAINT fk_records_created_by_users
FOREIGN KEY (created_by)
REFERENCES users (id) ON DELETE SET NULL NOT VALID;

ALTER TABLE records
ADD CONSTRAINT fk_records_updated_by_users
FOREIGN KEY (updated_by)
REFERENCES users (id) ON DELETE SET NULL NOT VALID;

UPDATE alembic_version
SET version_num = '50feb32b7224'
WHERE alembic_version.version_num = 'a28935dc496c';

DO $$ BEGIN
    INSERT INTO migration_ledger (revision, direction, digest)
    VALUES ('a28935dc496c', 'downgrade', 'bd21737f756871ef');
EXCEPTION WHEN undefined_table THEN NULL;
END $$;

COMMIT;
