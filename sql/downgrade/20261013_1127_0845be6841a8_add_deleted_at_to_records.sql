-- Undo: Add deleted_at to records
--
-- revision  0845be6841a8, back to 85ef73667e67; one transaction
-- records   ACCESS EXCLUSIVE: blocks reads and writes; no rewrite, no scan
-- loses     records.deleted_at

BEGIN;

SET LOCAL lock_timeout = '2s';

DO $$ DECLARE present text[]; BEGIN
    present := ARRAY(SELECT version_num FROM alembic_version ORDER BY version_num COLLATE "C");
    IF NOT present @> ARRAY['0845be6841a8']::text[] THEN
        RAISE 'This file is for a database at 0845be6841a8, and this one is at %.',
            coalesce(nullif(array_to_string(present, ' and '), ''), 'base');
    END IF;
END $$;

ALTER TABLE records DROP COLUMN deleted_at;

UPDATE alembic_version
SET version_num = '85ef73667e67'
WHERE alembic_version.version_num = '0845be6841a8';

DO $$ BEGIN
    INSERT INTO migration_ledger (revision, direction, digest)
    VALUES ('0845be6841a8', 'downgrade', '4d41d1d4d44291da');
EXCEPTION WHEN undefined_table THEN NULL;
END $$;

COMMIT;
