-- Undo: Validate the slugs of workspaces
--
-- revision    d766119b54ba, back to 101d3c9230d7; one transaction
-- workspaces  ACCESS EXCLUSIVE: blocks reads and writes; no rewrite, no scan

BEGIN;

SET LOCAL lock_timeout = '2s';

DO $$ DECLARE present text[]; BEGIN
    present := ARRAY(SELECT version_num FROM alembic_version ORDER BY version_num COLLATE "C");
    IF NOT present @> ARRAY['d766119b54ba']::text[] THEN
        RAISE 'This file is for a database at d766119b54ba, and this one is at %.',
            coalesce(nullif(array_to_string(present, ' and '), ''), 'base');
    END IF;
END $$;

ALTER TABLE workspaces DROP CONSTRAINT ck_workspaces_slug_not_null;

ALTER TABLE workspaces DROP CONSTRAINT ck_workspaces_slug_format;

ALTER TABLE workspaces
ADD CONSTRAINT ck_workspaces_slug_format
CHECK (slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$') NOT VALID;

ALTER TABLE workspaces
ADD CONSTRAINT ck_workspaces_slug_not_null
CHECK (slug IS NOT NULL) NOT VALID;

UPDATE alembic_version
SET version_num = '101d3c9230d7'
WHERE alembic_version.version_num = 'd766119b54ba';

DO $$ BEGIN
    INSERT INTO migration_ledger (revision, direction, digest)
    VALUES ('d766119b54ba', 'downgrade', 'f75fd67728e0e3a1');
EXCEPTION WHEN undefined_table THEN NULL;
END $$;

COMMIT;
