-- Add created_by and updated_by to records
--
-- revision  460160514905, after 1d2037d9809c; one transaction
-- records   ACCESS EXCLUSIVE: blocks reads and writes; no rewrite, no scan

BEGIN;

SET LOCAL lock_timeout = '2s';

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
