-- Add slug to workspaces
--
-- revision    ee688469083a, after c4400c179466; one transaction
-- workspaces  ACCESS EXCLUSIVE: blocks reads and writes; no rewrite, no scan

BEGIN;

SET LOCAL lock_timeout = '2s';

DO $$ DECLARE present text[]; BEGIN
    present := ARRAY(SELECT version_num FROM alembic_version ORDER BY version_num COLLATE "C");
    IF NOT present @> ARRAY['c4400c179466']::text[] THEN
        RAISE 'This file is for a database at c4400c179466, and this one is at %.',
            coalesce(nullif(array_to_string(present, ' and '), ''), 'base');
    END IF;
END $$;

ALTER TABLE workspaces ADD COLUMN slug TEXT;

ALTER TABLE workspaces
ADD CONSTRAINT ck_workspaces_slug_format
CHECK (slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$') NOT VALID;

UPDATE alembic_version
SET version_num = 'ee688469083a'
WHERE alembic_version.version_num = 'c4400c179466';

DO $$ BEGIN
    INSERT INTO migration_ledger (revision, direction, digest)
    VALUES ('ee688469083a', 'upgrade', '09c7dc56e45165a5');
EXCEPTION WHEN undefined_table THEN NULL;
END $$;

COMMIT;
