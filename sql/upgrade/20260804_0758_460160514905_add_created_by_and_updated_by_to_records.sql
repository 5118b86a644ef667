-- Add created_by and updated_by to records
--
-- revision  460160514905, after 1d2037d9809c; one transaction
-- records   ACCESS EXCLUSIVE: blocks reads and writes; no rewrite, no scan

BEGIN;

SET LOCAL lock_timeout = '2s';

DO $$ DECLARE present text[]; BEGIN
    present := ARRAY(SELECT version_num FROM alembic_version ORDER BY version_num COLLATE "C");
    IF NOT present @> ARRAY['1d2037d9809c']::text[] THEN
        RAISE 'This file is for a database at 1d2037d9809c, and this one is at %.',
            coalesce(nullif(array_to_string(present, ' and '), ''), 'base');
    END IF;
END $$;

ALTER TABLE records ADD COLUMN created_by UUID;

ALTER TABLE records ADD COLUMN updated_by UUID;

UPDATE alembic_version
SET version_num = '460160514905'
WHERE alembic_version.version_num = '1d2037d9809c';

DO $$ BEGIN
    INSERT INTO migration_ledger (revision, direction, digest)
    VALUES ('460160514905', 'upgrade', '74d49570167476f7');
EXCEPTION WHEN undefined_table THEN NULL;
END $$;

COMMIT;
