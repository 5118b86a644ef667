-- Undo: Refuse data that is not an object
--
-- revision  c1b8707a1827, back to a28935dc496c; one transaction
-- records   ACCESS EXCLUSIVE: blocks reads and writes; no rewrite, no scan

BEGIN;

SET LOCAL lock_timeout = '2s';

DO $$ DECLARE present text[]; BEGIN
    present := ARRAY(SELECT version_num FROM alembic_version ORDER BY version_num COLLATE "C");
    IF NOT present @> ARRAY['c1b8707a1827']::text[] THEN
        RAISE 'This file is for a database at c1b8707a1827, and this one is at %.',
            coalesce(nullif(array_to_string(present, ' and '), ''), 'base');
    END IF;
END $$;

ALTER TABLE records DROP CONSTRAINT ck_records_data_is_object;

UPDATE alembic_version
SET version_num = 'a28935dc496c'
WHERE alembic_version.version_num = 'c1b8707a1827';

DO $$ BEGIN
    INSERT INTO migration_ledger (revision, direction, digest)
    VALUES ('c1b8707a1827', 'downgrade', '8dd6e3a6ef990386');
EXCEPTION WHEN undefined_table THEN NULL;
END $$;

COMMIT;
