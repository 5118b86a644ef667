-- Index the trash
--
-- revision  8ff06cbec855, after 0845be6841a8; no transaction
-- records   SHARE UPDATE EXCLUSIVE: blocks nothing but other DDL

DROP INDEX CONCURRENTLY IF EXISTS ix_records_base_id_table_id_deleted_at;

CREATE INDEX CONCURRENTLY ix_records_base_id_table_id_deleted_at ON records (
    base_id,
    table_id,
    deleted_at
)
WHERE deleted_at IS NOT NULL;

BEGIN;

SET LOCAL lock_timeout = '2s';

UPDATE alembic_version
SET version_num = '8ff06cbec855'
WHERE alembic_version.version_num = '0845be6841a8';

DO $$ BEGIN
    INSERT INTO migration_ledger (revision, direction, digest)
    VALUES ('8ff06cbec855', 'upgrade', '5437c338f1ec7373');
EXCEPTION WHEN undefined_table THEN NULL;
END $$;

COMMIT;
