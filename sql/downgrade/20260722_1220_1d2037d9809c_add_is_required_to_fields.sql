-- Undo: Add is_required to fields
--
-- revision  1d2037d9809c, back to 5e9c5e20ce9a; one transaction

BEGIN;

SET LOCAL lock_timeout = '2s';

ALTER TABLE fields DROP COLUMN is_required;

UPDATE alembic_version
SET version_num = '5e9c5e20ce9a'
WHERE alembic_version.version_num = '1d2037d9809c';

COMMIT;
