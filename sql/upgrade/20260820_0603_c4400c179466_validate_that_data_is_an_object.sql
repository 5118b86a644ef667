-- Validate that data is an object
--
-- revision  c4400c179466, after c1b8707a1827; one transaction
-- records   SHARE UPDATE EXCLUSIVE: blocks nothing but other DDL; scanned

BEGIN;

SET LOCAL lock_timeout = '2s';

DO $$ DECLARE present text[]; BEGIN
    present := ARRAY(SELECT version_num FROM alembic_version ORDER BY version_num COLLATE "C");
    IF NOT present @> ARRAY['c1b8707a1827']::text[] THEN
        RAISE 'This file is for a database at c1b8707a1827, and this one is at %.',
            coalesce(nullif(array_to_string(present, ' and '), ''), 'base');
    END IF;
END $$;

ALTER TABLE records VALIDATE CONSTRAINT ck_records_data_is_object;

UPDATE alembic_version
SET version_num = 'c4400c179466'
WHERE alembic_version.version_num = 'c1b8707a1827';

DO $$ BEGIN
    INSERT INTO migration_ledger (revision, direction, digest)
    VALUES ('c4400c179466', 'upgrade', 'ddff0eb60fc29a40');
EXCEPTION WHEN undefined_table THEN NULL;
END $$;

COMMIT;
