-- Index the trash
--
-- revision  8ff06cbec855, after 0845be6841a8; no transaction
-- records   SHARE UPDATE EXCLUSIVE: blocks nothing but other DDL

SET default_transaction_read_only = on;

DO $$ DECLARE present text[]; BEGIN
    present := ARRAY(SELECT version_num FROM alembic_version ORDER BY version_num COLLATE "C");
    IF NOT present @> ARRAY['0845be6841a8']::text[] THEN
        RAISE 'This file is for a database at 0845be6841a8, and this one is at %.',
            coalesce(nullif(array_to_string(present, ' and '), ''), 'base');
    END IF;
    RESET default_transaction_read_only;
END $$;

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
