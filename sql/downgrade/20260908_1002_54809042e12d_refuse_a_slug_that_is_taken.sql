-- Undo: Refuse a slug that is taken
--
-- revision    54809042e12d, back to ee688469083a; one transaction
-- workspaces  ACCESS EXCLUSIVE: blocks reads and writes; no rewrite, no scan

BEGIN;

SET LOCAL lock_timeout = '2s';

DO $$ DECLARE present text[]; BEGIN
    present := ARRAY(SELECT version_num FROM alembic_version ORDER BY version_num COLLATE "C");
    IF NOT present @> ARRAY['54809042e12d']::text[] THEN
        RAISE 'This file is for a database at 54809042e12d, and this one is at %.',
            coalesce(nullif(array_to_string(present, ' and '), ''), 'base');
    END IF;
END $$;

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
