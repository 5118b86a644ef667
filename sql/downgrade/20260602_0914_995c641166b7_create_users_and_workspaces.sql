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

COMMIT;
