-- Undo: Refuse a workspace without a slug
--
-- revision    101d3c9230d7, back to 4769c700cf0e; one transaction
-- workspaces  ACCESS EXCLUSIVE: blocks reads and writes; no rewrite, no scan

BEGIN;

SET LOCAL lock_timeout = '2s';

DO $$ DECLARE present text[]; BEGIN
    present := ARRAY(SELECT version_num FROM alembic_version ORDER BY version_num COLLATE "C");
    IF NOT present @> ARRAY['101d3c9230d7']::text[] THEN
        RAISE 'This file is for a database at 101d3c9230d7, and this one is at %.',
            coalesce(nullif(array_to_string(present, ' and '), ''), 'base');
    END IF;
END $$;

ALTER TABLE workspaces DROP CONSTRAINT ck_workspaces_slug_not_null;

UPDATE alembic_version
SET version_num = '4769c700cf0e'
WHERE alembic_version.version_num = '101d3c9230d7';

DO $$ BEGIN
    INSERT INTO migration_ledger (revision, direction, digest)
    VALUES ('101d3c9230d7', 'downgrade', 'dc7c1575582f3b67');
EXCEPTION WHEN undefined_table THEN NULL;
END $$;

COMMIT;
