-- Create users and workspaces
--
-- revision  995c641166b7, the first; one transaction

BEGIN;

SET LOCAL lock_timeout = '2s';

DO $$ DECLARE present text[]; BEGIN
    present := ARRAY(SELECT version_num FROM alembic_version ORDER BY version_num COLLATE "C");
    IF present <> ARRAY[]::text[] THEN
        RAISE 'This file is for a database at base, and this one is at %.',
            coalesce(nullif(array_to_string(present, ' and '), ''), 'base');
    END IF;
EXCEPTION WHEN undefined_table THEN NULL;
END $$;

CREATE TABLE IF NOT EXISTS alembic_version (
    version_num VARCHAR(32) NOT NULL,
    CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);

CREATE TABLE IF NOT EXISTS migration_ledger (
    revision TEXT NOT NULL,
    direction TEXT NOT NULL,
    applied_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    role TEXT DEFAULT current_user NOT NULL,
    duration INTERVAL,
    digest TEXT
);

CREATE TABLE users (
    id UUID DEFAULT gen_random_uuid() NOT NULL,
    email TEXT NOT NULL,
    display_name TEXT NOT NULL,
    password_hash TEXT,
    is_active BOOLEAN DEFAULT true NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_users PRIMARY KEY (id)
);

CREATE UNIQUE INDEX uq_users_lower_email ON users (lower(email));

CREATE TABLE workspaces (
    id UUID DEFAULT gen_random_uuid() NOT NULL,
    owner_id UUID NOT NULL,
    name TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_workspaces PRIMARY KEY (id),
    CONSTRAINT fk_workspaces_owner_id_users
    FOREIGN KEY (owner_id)
    REFERENCES users (id) ON DELETE RESTRICT
);

CREATE INDEX ix_workspaces_owner_id ON workspaces (owner_id);

INSERT INTO alembic_version (version_num)
VALUES ('995c641166b7');

DO $$ BEGIN
    INSERT INTO migration_ledger (revision, direction, digest)
    VALUES ('995c641166b7', 'upgrade', '7cc7fe36bc6371e5');
EXCEPTION WHEN undefined_table THEN NULL;
END $$;

COMMIT;
