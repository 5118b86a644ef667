-- Make slug NOT NULL
--
-- revision    85ef73667e67, after d766119b54ba; one transaction
-- workspaces  ACCESS EXCLUSIVE: blocks reads and writes; no rewrite, no scan

BEGIN;

SET LOCAL lock_timeout = '2s';

DO $$ DECLARE present text[]; BEGIN
    present := ARRAY(SELECT version_num FROM alembic_version ORDER BY version_num COLLATE "C");
    IF NOT present @> ARRAY['d766119b54ba']::text[] THEN
        RAISE 'This file is for a database at d766119b54ba, and this one is at %.',
            coalesce(nullif(array_to_string(present, ' and '), ''), 'base');
    END IF;
END $$;

ALTER TABLE workspaces ALTER COLUMN slug SET NOT NULL;

ALTER TABLE workspaces DROP CONSTRAINT ck_workspaces_slug_not_null;

UPDATE alembic_version
SET version_num = '85ef73667e67'
WHERE alembic_version.version_num = 'd766119b54ba';

DO $$ BEGIN
    INSERT INTO migration_ledger (revision, direction, digest)
    VALUES ('85ef73667e67', 'upgrade', 'd4b556d29fb6ade6');
EXCEPTION WHEN undefined_table THEN NULL;
END $$;

COMMIT;
