-- Undo: Create users and workspaces
--
-- revision  995c641166b7, back to base; one transaction
-- loses     users, workspaces

BEGIN;

SET LOCAL lock_timeout = '2s';

DO $$ DECLARE present text[]; BEGIN
    present := ARRAY(SELECT version_num FROM alembic_version ORDER BY version_num COLLATE "C");
    IF NOT present @> ARRAY['995c641166b7']::text[] THEN
        RAISE 'This file is for a database at 995c641166b7, and this one is at %.',
            coalesce(nullif(array_to_string(present, ' and '), ''), 'base');
    END IF;
END $$;

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
