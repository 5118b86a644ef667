-- Undo: Refuse a slug that is taken
--
-- revision    54809042e12d, back to ee688469083a; one transaction
-- workspaces  ACCESS EXCLUSIVE: blocks reads and writes; no rewrite, no scan

BEGIN;

SET LOCAL lock_timeout = '2s';

ALTER TABLE workspaces DROP CONSTRAINT uq_workspaces_slug;

UPDATE alembic_version
SET version_num = 'ee688469083a'
WHERE alembic_version.version_num = '54809042e12d';

DO $$ BEGIN
    INSERT INTO migration_ledger (revision, direction, digest)
    VALUES ('54809042e12d', 'downgrade', 'bea60a1e58bf70a3');
EXCEPTION WHEN undefined_table THEN NULL;
END $$;

COMMIT;
