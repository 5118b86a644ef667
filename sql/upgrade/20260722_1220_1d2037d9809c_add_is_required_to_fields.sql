-- Add is_required to fields
--
-- revision  1d2037d9809c, after 5e9c5e20ce9a; one transaction
-- fields    ACCESS EXCLUSIVE: blocks reads and writes; no rewrite, no scan

BEGIN;

SET LOCAL lock_timeout = '2s';

DO $$ DECLARE present text[]; BEGIN
    present := ARRAY(SELECT version_num FROM alembic_version ORDER BY version_num COLLATE "C");
    IF NOT present @> ARRAY['5e9c5e20ce9a']::text[] THEN
        RAISE 'This file is for a database at 5e9c5e20ce9a, and this one is at %.',
            coalesce(nullif(array_to_string(present, ' and '), ''), 'base');
    END IF;
END $$;

ALTER TABLE fields ADD COLUMN is_required BOOLEAN DEFAULT false NOT NULL;

UPDATE alembic_version
SET version_num = '1d2037d9809c'
WHERE alembic_version.version_num = '5e9c5e20ce9a';

DO $$ BEGIN
    INSERT INTO migration_ledger (revision, direction, digest)
    VALUES ('1d2037d9809c', 'upgrade', '02e788e9d6bdb4f3');
EXCEPTION WHEN undefined_table THEN NULL;
END $$;

COMMIT;
