-- Undo: Create workspace_members
--
-- revision  c2df8b017f53, back to 71bd8a0cf6b9; one transaction

BEGIN;

SET LOCAL lock_timeout = '2s';

DROP TABLE workspace_members;

UPDATE alembic_version
SET version_num = '71bd8a0cf6b9'
WHERE alembic_version.version_num = 'c2df8b017f53';

COMMIT;
