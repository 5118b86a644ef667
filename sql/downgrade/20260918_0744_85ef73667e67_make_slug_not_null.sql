-- Undo: Make slug NOT NULL
--
-- revision    85ef73667e67, back to d766119b54ba; one transaction
-- workspaces  ACCESS EXCLUSIVE: blocks reads and writes; no rewrite, no scan

BEGIN;

SET LOCAL lock_timeout = '2s';

DO $$ DECLARE present text[]; BEGIN
    present := ARRAY(SELECT version_num FROM alembic_version ORDER BY version_num COLLATE "C");
    IF NOT present @> ARRAY['85ef73667e67']::text[] THEN
        RAISE 'This file is for a database at 85ef73667e67, and this one is at %.',
            coalesce(nullif(array_to_string(present, ' and '), ''), 'base');
    END IF;
END $$;

ALTER TABLE workspaces
ADD CONSTRAINT ck_workspaces_slug_not_null
CHECK (slug IS NOT NULL) NOT VALID;

ALTER TABLE workspaces ALTER COLUMN slug DROP NOT NULL;

UPDATE alembic_version
SET version_num = 'd766119b54ba'
WHERE alembic_version.version_num = '85ef73667e67';

DO $$ BEGIN
    INSERT INTO migration_ledger (revision, direction, digest)
    VALUES ('85ef73667e67', 'downgrade', '1fd033f58a8f5772');
EXCEPTION WHEN undefined_table THEN NULL;
END $$;

COMMIT;
