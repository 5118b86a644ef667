-- Undo: Give every workspace a slug
--
-- revision    4769c700cf0e, back to 54809042e12d; one transaction
-- workspaces  ROW EXCLUSIVE: blocks nothing; scanned; rows changed
-- hazards     unbatched-data-change on workspaces (accepted: workspaces are tens of thousands and
--             rarely written)

BEGIN;

SET LOCAL lock_timeout = '2s';

-- unbatched-data-change: one transaction works through all of workspaces; rows, and vacuum, wait
-- for its end.
-- accepted: workspaces are tens of thousands and rarely written
UPDATE workspaces
SET slug = NULL
WHERE right(slug, 36) = id::text;

UPDATE alembic_version
SET version_num = '54809042e12d'
WHERE alembic_version.version_num = '4769c700cf0e';

COMMIT;
