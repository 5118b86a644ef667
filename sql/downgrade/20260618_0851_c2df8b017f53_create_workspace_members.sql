-- Undo: Create workspace_members
--
-- revision    c2df8b017f53, back to 71bd8a0cf6b9; one transaction
-- users       ACCESS EXCLUSIVE: blocks reads and writes; no rewrite, no scan
-- workspaces  ACCESS EXCLUSIVE: blocks reads and writes; no rewrite, no scan
-- loses       workspace_members

BEGIN;

SET LOCAL lock_timeout = '2s';

DROP TABLE workspace_members;

UPDATE alembic_version
SET version_num = '71bd8a0cf6b9'
WHERE alembic_version.version_num = 'c2df8b017f53';

DO $$ BEGIN
    INSERT INTO migration_ledger (revision, direction, digest)
    VALUES ('c2df8b017f53', 'downgrade', 'faeb5794c481ba1d');
EXCEPTION WHEN undefined_table THEN NULL;
END $$;

COMMIT;
