-- Undo: Create bases and the tables inside them
--
-- revision    71bd8a0cf6b9, back to 995c641166b7; one transaction
-- workspaces  ACCESS EXCLUSIVE: blocks reads and writes; no rewrite, no scan
-- loses       bases, fields, records, tables

BEGIN;

SET LOCAL lock_timeout = '2s';

DO $$ DECLARE present text[]; BEGIN
    present := ARRAY(SELECT version_num FROM alembic_version ORDER BY version_num COLLATE "C");
    IF NOT present @> ARRAY['71bd8a0cf6b9']::text[] THEN
        RAISE 'This file is for a database at 71bd8a0cf6b9, and this one is at %.',
            coalesce(nullif(array_to_string(present, ' and '), ''), 'base');
    END IF;
END $$;

DROP TABLE records;

DROP TABLE fields;

DROP TABLE tables;

DROP TABLE bases;

UPDATE alembic_version
SET version_num = '995c641166b7'
WHERE alembic_version.version_num = '71bd8a0cf6b9';

DO $$ BEGIN
    INSERT INTO migration_ledger (revision, direction, digest)
    VALUES ('71bd8a0cf6b9', 'downgrade', '1adb43e63821c045');
EXCEPTION WHEN undefined_table THEN NULL;
END $$;

COMMIT;
