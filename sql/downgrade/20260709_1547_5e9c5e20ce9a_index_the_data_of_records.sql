-- Undo: Index the data of records
--
-- revision  5e9c5e20ce9a, back to 82d58978bddb; no transaction
-- records   SHARE UPDATE EXCLUSIVE: blocks nothing but other DDL

SET default_transaction_read_only = on;

DO $$ DECLARE present text[]; BEGIN
    present := ARRAY(SELECT version_num FROM alembic_version ORDER BY version_num COLLATE "C");
    IF NOT present @> ARRAY['5e9c5e20ce9a']::text[] THEN
        RAISE 'This file is for a database at 5e9c5e20ce9a, and this one is at %.',
            coalesce(nullif(array_to_string(present, ' and '), ''), 'base');
    END IF;
    RESET default_transaction_read_only;
END $$;

DROP INDEX CONCURRENTLY IF EXISTS ix_records_data;

BEGIN;

SET LOCAL lock_timeout = '2s';

UPDATE alembic_version
SET version_num = '82d58978bddb'
WHERE alembic_version.version_num = '5e9c5e20ce9a';

DO $$ BEGIN
    INSERT INTO migration_ledger (revision, direction, digest)
    VALUES ('5e9c5e20ce9a', 'downgrade', 'f0005bed3025e2d3');
EXCEPTION WHEN undefined_table THEN NULL;
END $$;

COMMIT;
