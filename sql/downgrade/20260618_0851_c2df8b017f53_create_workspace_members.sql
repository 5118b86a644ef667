-- Undo: Create workspace_members
--
-- revision    c2df8b017f53, back to 71bd8a0cf6b9; one transaction
-- users       ACCESS EXCLUSIVE: blocks reads and writes; no rewrite, no scan
-- workspaces  ACCESS EXCLUSIVE: blocks reads and writes; no rewrite, no scan
-- loses       workspace_members

BEGIN;

SET LOCAL lock_timeout = '2s';

DO $$ DECLARE present text[]; BEGIN
    present := ARRAY(SELECT version_num FROM alembic_version ORDER BY version_num COLLATE "C");
    IF NOT present @> ARRAY['c2df8b017f53']::text[] THEN
        RAISE 'This file is for a database at c2df8b017f53, and this one is at %.',
            coalesce(nullif(array_to_string(present, ' and '), ''), 'base');
    END IF;
END $$;

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
