-- Undo: Add slug to workspaces
--
-- revision    ee688469083a, back to c4400c179466; one transaction
-- workspaces  ACCESS EXCLUSIVE: blocks reads and writes; no rewrite, no scan
-- loses       workspaces.slug

BEGIN;

SET LOCAL lock_timeout = '2s';

DO $$ DECLARE present text[]; BEGIN
    present := ARRAY(SELECT version_num FROM alembic_version ORDER BY version_num COLLATE "C");
    IF NOT present @> ARRAY['ee688469083a']::text[] THEN
        RAISE 'This file is for a database at ee688469083a, and this one is at %.',
            coalesce(nullif(array_to_string(present, ' and '), ''), 'base');
    END IF;
END $$;

ALTER TABLE workspaces DROP COLUMN slug;

UPDATE alembic_version
SET version_num = 'c4400c179466'
WHERE alembic_version.version_num = 'ee688469083a';

DO $$ BEGIN
    INSERT INTO migration_ledger (revision, direction, digest)
    VALUES ('ee688469083a', 'downgrade', '32c06e819b316005');
EXCEPTION WHEN undefined_table THEN NULL;
END $$;

COMMIT;
