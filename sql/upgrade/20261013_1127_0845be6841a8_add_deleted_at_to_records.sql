-- Add deleted_at to records
--
-- revision  0845be6841a8, after 85ef73667e67; one transaction
-- records   ACCESS EXCLUSIVE: blocks reads and writes; no rewrite, no scan

BEGIN;

SET LOCAL lock_timeout = '2s';

DO $$ DECLARE present text[]; BEGIN
    present := ARRAY(SELECT version_num FROM alembic_version ORDER BY version_num COLLATE "C");
    IF NOT present @> ARRAY['85ef73667e67']::text[] THEN
        RAISE 'This file is for a database at 85ef73667e67, and this one is at %.',
            coalesce(nullif(array_to_string(present, ' and '), ''), 'base');
    END IF;
END $$;

ALTER TABLE records ADD COLUMN deleted_at TIMESTAMP WITH TIME ZONE;

UPDATE alembic_version
SET version_num = '0845be6841a8'
WHERE alembic_version.version_num = '85ef73667e67';

DO $$ BEGIN
    INSERT INTO migration_ledger (revision, direction, digest)
    VALUES ('0845be6841a8', 'upgrade', '1f4672e6f4737553');
EXCEPTION WHEN undefined_table THEN NULL;
END $$;

COMMIT;
