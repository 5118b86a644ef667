-- Refuse a slug that is taken
--
-- revision    54809042e12d, after ee688469083a; no transaction
-- workspaces  ACCESS EXCLUSIVE: blocks reads and writes; no rewrite, no scan

SET default_transaction_read_only = on;

DO $$ DECLARE present text[]; BEGIN
    present := ARRAY(SELECT version_num FROM alembic_version ORDER BY version_num COLLATE "C");
    IF NOT present @> ARRAY['ee688469083a']::text[] THEN
        RAISE 'This file is for a database at ee688469083a, and this one is at %.',
            coalesce(nullif(array_to_string(present, ' and '), ''), 'base');
    END IF;
    RESET default_transaction_read_only;
END $$;

ALTER TABLE workspaces DROP CONSTRAINT IF EXISTS uq_workspaces_slug;

DROP INDEX CONCURRENTLY IF EXISTS uq_workspaces_slug;

CREATE UNIQUE INDEX CONCURRENTLY uq_workspaces_slug ON workspaces (slug);

ALTER TABLE workspaces ADD CONSTRAINT uq_workspaces_slug UNIQUE USING INDEX uq_workspaces_slug;

BEGIN;

SET LOCAL lock_timeout = '2s';

UPDATE alembic_version
SET version_num = '54809042e12d'
WHERE alembic_version.version_num = 'ee688469083a';

DO $$ BEGIN
    INSERT INTO migration_ledger (revision, direction, digest)
    VALUES ('54809042e12d', 'upgrade', '4bd5177f22d6df76');
EXCEPTION WHEN undefined_table THEN NULL;
END $$;

COMMIT;
