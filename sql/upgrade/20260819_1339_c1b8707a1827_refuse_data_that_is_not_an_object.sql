-- Refuse data that is not an object
--
-- revision  c1b8707a1827, after a28935dc496c; one transaction
-- records   ACCESS EXCLUSIVE: blocks reads and writes; no rewrite, no scan

BEGIN;

SET LOCAL lock_timeout = '2s';

DO $$ DECLARE present text[]; BEGIN
    present := ARRAY(SELECT version_num FROM alembic_version ORDER BY version_num COLLATE "C");
    IF NOT present @> ARRAY['a28935dc496c']::text[] THEN
        RAISE 'This file is for a database at a28935dc496c, and this one is at %.',
            coalesce(nullif(array_to_string(present, ' and '), ''), 'base');
    END IF;
END $$;

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
