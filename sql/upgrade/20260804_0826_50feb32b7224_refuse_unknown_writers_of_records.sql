-- Refuse unknown writers of records
--
-- revision  50feb32b7224, after 460160514905; one transaction
-- records   SHARE ROW EXCLUSIVE: blocks writes; no rewrite, no scan
-- users     SHARE ROW EXCLUSIVE: blocks writes; no rewrite, no scan

BEGIN;

SET LOCAL lock_timeout = '2s';

DO $$ DECLARE present text[]; BEGIN
    present := ARRAY(SELECT version_num FROM alembic_version ORDER BY version_num COLLATE "C");
    IF NOT present @> ARRAY['460160514905']::text[] THEN
        RAISE 'This file is for a database at 460160514905, and this one is at %.',
            coalesce(nullif(array_to_string(present, ' and '), ''), 'base');
    END IF;
END $$;

ALTER TABLE records
ADD CONSTRAINT fk_records_created_by_users
FOREIGN KEY (created_by)
REFERENCES users (id) ON DELETE SET NULL NOT VALID;

ALTER TABLE records
ADD CONSTRAINT fk_records_updated_by_users
FOREIGN KEY (updated_by)
REFERENCES users (id) ON DELETE SET NULL NOT VALID;

UPDATE alembic_version
SET version_num = '50feb32b7224'
WHERE alembic_version.version_num = '460160514905';

DO $$ BEGIN
    INSERT INTO migration_ledger (revision, direction, digest)
    VALUES ('50feb32b7224', 'upgrade', '4e463ed260987354');
EXCEPTION WHEN undefined_table THEN NULL;
END $$;

COMMIT;
