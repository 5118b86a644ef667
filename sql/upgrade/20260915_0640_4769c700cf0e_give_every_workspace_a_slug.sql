-- Give every workspace a slug
--
-- revision  4769c700cf0e, after 54809042e12d; one transaction

BEGIN;

SET LOCAL lock_timeout = '2s';

UPDATE workspaces
SET slug = ltrim(
    regexp_replace(lower(name || '-' || id), '[^a-z0-9]+', '-', 'g'), '-'
)
WHERE slug IS NULL;

UPDATE alembic_version
SET version_num = '4769c700cf0e'
WHERE alembic_version.version_num = '54809042e12d';

COMMIT;
