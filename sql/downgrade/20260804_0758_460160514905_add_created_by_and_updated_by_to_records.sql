-- Undo: Add created_by and updated_by to records
--
-- revision  460160514905, back to 1d2037d9809c; one transaction
-- records   ACCESS EXCLUSIVE: blocks reads and writes; no rewrite, no scan
-- loses     records.created_by, records.updated_by

BEGIN;

SET LOCAL lock_timeout = '2s';

DO $$ DECLARE present text[]; BEGIN
    present := ARRAY(SELECT version_num FROM alembic_version ORDER BY version_num COLLATE "C");
    IF NOT present @> ARRAY['460160514905']::text[] THEN
        RAISE 'This file is for a database at 460160514905, and this one is at %.',
            coalesce(nullif(array_to_string(present, ' and '), ''), 'base');
    END IF;
END $$;

ALTER TABLE records DROP COLUMN updated_by;

ALTER TABLE records DROP COLUMN created_by;

UPDATE alembic_version
SET version_num = '1d2037d9809c'
WHERE alembic_version.version_num = '460160514905';

DO $$ BEGIN
    INSERT INTO migration_ledger (revision, direction, digest)
    VALUES ('460160514905', 'downgrade', '511bb47c1afce55b');
EXCEPTION WHEN undefined_table THEN NULL;
END $$;

COMMIT;
