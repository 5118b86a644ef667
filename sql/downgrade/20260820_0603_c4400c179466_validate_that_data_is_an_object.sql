-- Undo: Validate that data is an object
--
-- revision  c4400c179466, back to c1b8707a1827; one transaction
-- records   ACCESS EXCLUSIVE: blocks reads and writes; no rewrite, no scan

BEGIN;

SET LOCAL lock_timeout = '2s';

DO $$ DECLARE present text[]; BEGIN
    present := ARRAY(SELECT version_num FROM alembic_version ORDER BY version_num COLLATE "C");
    IF NOT present @> ARRAY['c4400c179466']::text[] THEN
        RAISE 'This file is for a database at c4400c179466, and this one is at %.',
            coalesce(nullif(array_to_string(present, ' and '), ''), 'base');
    END IF;
END $$;

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
