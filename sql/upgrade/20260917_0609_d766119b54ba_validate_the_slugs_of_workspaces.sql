-- Validate the slugs of workspaces
--
-- revision    d766119b54ba, after 101d3c9230d7; one transaction
-- workspaces  SHARE UPDATE EXCLUSIVE: blocks nothing but other DDL; scanned

BEGIN;

SET LOCAL lock_timeout = '2s';

DO $$ DECLARE present text[]; BEGIN
    present := ARRAY(SELECT version_num FROM alembic_version ORDER BY version_num COLLATE "C");
    IF NOT present @> ARRAY['101d3c9230d7']::text[] THEN
        RAISE 'This file is for a database at 101d3c9230d7, and this one is at %.',
            coalesce(nullif(array_to_string(present, ' and '), ''), 'base');
    END IF;
END $$;

ALTER TABLE workspaces VALIDATE CONSTRAINT ck_workspaces_slug_format;

ALTER TABLE workspaces VALIDATE CONSTRAINT ck_workspaces_slug_not_null;

UPDATE alembic_version
SET version_num = 'd766119b54ba'
WHERE alembic_version.version_num = '101d3c9230d7';

DO $$ BEGIN
    INSERT INTO migration_ledger (revision, direction, digest)
    VALUES ('d766119b54ba', 'upgrade', '5c1fe57d6386c693');
EXCEPTION WHEN undefined_table THEN NULL;
END $$;

COMMIT;
