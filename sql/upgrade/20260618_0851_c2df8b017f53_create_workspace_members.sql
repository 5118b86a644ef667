-- Create workspace_members
--
-- revision    c2df8b017f53, after 71bd8a0cf6b9; one transaction
-- users       SHARE ROW EXCLUSIVE: blocks writes; no rewrite, no scan
-- workspaces  SHARE ROW EXCLUSIVE: blocks writes; no rewrite, no scan

BEGIN;

SET LOCAL lock_timeout = '2s';

DO $$ DECLARE present text[]; BEGIN
    present := ARRAY(SELECT version_num FROM alembic_version ORDER BY version_num COLLATE "C");
    IF NOT present @> ARRAY['71bd8a0cf6b9']::text[] THEN
        RAISE 'This file is for a database at 71bd8a0cf6b9, and this one is at %.',
            coalesce(nullif(array_to_string(present, ' and '), ''), 'base');
    END IF;
END $$;

CREATE TABLE workspace_members (
    workspace_id UUID NOT NULL,
    user_id UUID NOT NULL,
    role TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_workspace_members PRIMARY KEY (workspace_id, user_id),
    CONSTRAINT fk_workspace_members_workspace_id_workspaces
    FOREIGN KEY (workspace_id)
    REFERENCES workspaces (id) ON DELETE CASCADE,
    CONSTRAINT fk_workspace_members_user_id_users
    FOREIGN KEY (user_id)
    REFERENCES users (id) ON DELETE CASCADE,
    CONSTRAINT ck_workspace_members_role_known
    CHECK (role IN ('owner', 'editor', 'commenter', 'viewer'))
);

CREATE INDEX ix_workspace_members_user_id ON workspace_members (user_id);

UPDATE alembic_version
SET version_num = 'c2df8b017f53'
WHERE alembic_version.version_num = '71bd8a0cf6b9';

DO $$ BEGIN
    INSERT INTO migration_ledger (revision, direction, digest)
    VALUES ('c2df8b017f53', 'upgrade', 'd23e38aeabba84cd');
EXCEPTION WHEN undefined_table THEN NULL;
END $$;

COMMIT;
