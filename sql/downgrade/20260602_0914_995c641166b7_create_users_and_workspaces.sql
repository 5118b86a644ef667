-- Undo: Create users and workspaces
--
-- revision  995c641166b7, back to base; one transaction
-- loses     users, workspaces

BEGIN;

SET LOCAL lock_timeout = '2s';

DROP TABLE workspaces;

DROP TABLE users;

DELETE FROM alembic_version
WHERE alembic_version.version_num = '995c641166b7';

DO $$ BEGIN
    INSERT INTO migration_ledger (revision, direction, digest)
    VALUES ('995c641166b7', 'downgrade', '5f5da3de825ee5a5');
EXCEPTION WHEN undefined_table THEN NULL;
END $$;

COMMIT;
