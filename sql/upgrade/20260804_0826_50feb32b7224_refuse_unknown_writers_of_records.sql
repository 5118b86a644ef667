-- Refuse unknown writers of records
--
-- revision  50feb32b7224, after 460160514905; one transaction
-- records   SHARE ROW EXCLUSIVE: blocks writes; no rewrite, no scan
-- users     SHARE ROW EXCLUSIVE: blocks writes; no rewrite, no scan

BEGIN;

SET LOCAL lock_timeout = '2s';

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
