-- Undo: Add is_required to fields
--
-- revision  1d2037d9809c, back to 5e9c5e20ce9a; one transaction
-- fields    ACCESS EXCLUSIVE: blocks reads and writes; no rewrite, no scan
-- loses     fields.is_required

BEGIN;

SET LOCAL lock_timeout = '2s';

DO $$ DECLARE present text[]; BEGIN
    present := ARRAY(SELECT version_num FROM alembic_version ORDER BY version_num COLLATE "C");
    IF NOT present @> ARRAY['1d2037d9809c']::text[] THEN
        RAISE 'This file is for a database at 1d2037d9809c, and this one is at %.',
            coalesce(nullif(array_to_string(present, ' and '), ''), 'base');
    END IF;
END $$;

ALTER TABLE fields DROP COLUMN is_required;

UPDATE alembic_version
SET version_num = '5e9c5e20ce9a'
WHERE alembic_version.version_num = '1d2037d9809c';

DO $$ BEGIN
    INSERT INTO migration_ledger (revision, direction, digest)
    VALUES ('1d2037d9809c', 'downgrade', 'f0600a4385045218');
EXCEPTION WHEN undefined_table THEN NULL;
END $$;

COMMIT;
