-- Undo: Refuse unknown writers of records
--
-- revision  50feb32b7224, back to 460160514905; one transaction
-- records   ACCESS EXCLUSIVE: blocks reads and writes; no rewrite, no scan
-- users     ACCESS EXCLUSIVE: blocks reads and writes; no rewrite, no scan

BEGIN;

SET LOCAL lock_timeout = '2s';

DO $$ DECLARE present text[]; BEGIN
    present := ARRAY(SELECT version_num FROM alembic_version ORDER BY version_num COLLATE "C");
    IF NOT present @> ARRAY['50feb32b7224']::text[] THEN
        RAISE 'This file is for a database at 50feb32b7224, and this one is at %.',
            coalesce(nullif(array_to_string(present, ' and '), ''), 'base');
    END IF;
END $$;

ALTER TABLE records DROP CONSTRAINT fk_records_updated_by_users;

ALTER TABLE records DROP CONSTRAINT fk_records_created_by_users;

UPDATE alembic_version
SET version_num = '460160514905'
WHERE alembic_version.version_num = '50feb32b7224';

DO $$ BEGIN
    INSERT INTO migration_ledger (revision, direction, digest)
    VALUES ('50feb32b7224', 'downgrade', '424ce4cee52943a3');
EXCEPTION WHEN undefined_table THEN NULL;
END $$;

COMMIT;
