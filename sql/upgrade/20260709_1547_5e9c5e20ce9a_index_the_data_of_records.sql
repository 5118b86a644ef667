-- Index the data of records
--
-- revision  5e9c5e20ce9a, after 82d58978bddb; no transaction
-- records   SHARE UPDATE EXCLUSIVE: blocks nothing but other DDL

SET default_transaction_read_only = on;

DO $$ DECLARE present text[]; BEGIN
    present := ARRAY(SELECT version_num FROM alembic_version ORDER BY version_num COLLATE "C");
    IF NOT present @> ARRAY['82d58978bddb']::text[] THEN
        RAISE 'This file is for a database at 82d58978bddb, and this one is at %.',
            coalesce(nullif(array_to_string(present, ' and '), ''), 'base');
    END IF;
    RESET default_transaction_read_only;
END $$;

DROP INDEX CONCURRENTLY IF EXISTS ix_records_data;

CREATE INDEX CONCURRENTLY ix_records_data ON records USING gin (data jsonb_path_ops);

BEGIN;

SET LOCAL lock_timeout = '2s';

UPDATE alembic_version
SET version_num = '5e9c5e20ce9a'
WHERE alembic_version.version_num = '82d58978bddb';

DO $$ BEGIN
    INSERT INTO migration_ledger (revision, direction, digest)
    VALUES ('5e9c5e20ce9a', 'upgrade', '48ca5cd146657269');
EXCEPTION WHEN undefined_table THEN NULL;
END $$;

COMMIT;
