-- Undo: Give every workspace a slug
--
-- revision  4769c700cf0e, back to 54809042e12d; one transaction

BEGIN;

SET LOCAL lock_timeout = '2s';

UPDATE workspaces SET slug = NULL WHERE right(slug, 36) = id::text;

UPDATE alembic_version
SET version_num = '54809042e12d'
WHERE alembic_version.version_num = '4769c700cf0e';

COMMIT;
