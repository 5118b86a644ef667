-- Validate the slugs of workspaces
--
-- revision    d766119b54ba, after 101d3c9230d7; one transaction
-- workspaces  SHARE UPDATE EXCLUSIVE: blocks nothing but other DDL; scanned

BEGIN;

SET LOCAL lock_timeout = '2s';

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
