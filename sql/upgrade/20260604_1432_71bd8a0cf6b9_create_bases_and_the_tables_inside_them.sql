-- Create bases and the tables inside them
--
-- revision    71bd8a0cf6b9, after 995c641166b7; one transaction
-- workspaces  SHARE ROW EXCLUSIVE: blocks writes; no rewrite, no scan

SET standard_conforming_strings = on;

BEGIN;

SET LOCAL lock_timeout = '2s';

DO $$ DECLARE present text[]; BEGIN
    present := ARRAY(SELECT version_num FROM alembic_version ORDER BY version_num COLLATE "C");
    IF NOT present @> ARRAY['995c641166b7']::text[] THEN
        RAISE 'This file is for a database at 995c641166b7, and this one is at %.',
            coalesce(nullif(array_to_string(present, ' and '), ''), 'base');
    END IF;
END $$;

CREATE TABLE bases (
    id UUID DEFAULT gen_random_uuid() NOT NULL,
    workspace_id UUID NOT NULL,
    name TEXT NOT NULL,
    description TEXT,
    position BIGINT DEFAULT 0 NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_bases PRIMARY KEY (id),
    CONSTRAINT fk_bases_workspace_id_workspaces
    FOREIGN KEY (workspace_id)
    REFERENCES workspaces (id) ON DELETE CASCADE,
    CONSTRAINT ck_bases_name_not_blank CHECK (name ~ '\S')
);

CREATE INDEX ix_bases_workspace_id ON bases (workspace_id);

CREATE TABLE tables (
    base_id UUID NOT NULL,
    id UUID DEFAULT gen_random_uuid() NOT NULL,
    name TEXT NOT NULL,
    description TEXT,
    position BIGINT DEFAULT 0 NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_tables PRIMARY KEY (base_id, id),
    CONSTRAINT fk_tables_base_id_bases
    FOREIGN KEY (base_id)
    REFERENCES bases (id) ON DELETE CASCADE,
    CONSTRAINT uq_tables_base_id_name UNIQUE (base_id, name)
);

CREATE TABLE fields (
    base_id UUID NOT NULL,
    id UUID DEFAULT gen_random_uuid() NOT NULL,
    table_id UUID NOT NULL,
    name TEXT NOT NULL,
    type TEXT NOT NULL,
    options JSONB DEFAULT '{}'::jsonb NOT NULL,
    position BIGINT DEFAULT 0 NOT NULL,
    is_primary BOOLEAN DEFAULT false NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_fields PRIMARY KEY (base_id, id),
    CONSTRAINT fk_fields_base_id_table_id_tables
    FOREIGN KEY (base_id, table_id)
    REFERENCES tables (base_id, id) ON DELETE CASCADE,
    CONSTRAINT uq_fields_base_id_table_id_name UNIQUE (base_id, table_id, name),
    CONSTRAINT ck_fields_type_known
    CHECK (
        type IN (
            'text',
            'long_text',
            'number',
            'currency',
            'percent',
            'checkbox',
            'date',
            'datetime',
            'duration',
            'single_select',
            'multi_select',
            'email',
            'url',
            'phone',
            'rating',
            'user',
            'attachment',
            'link',
            'lookup',
            'rollup',
            'formula',
            'count',
            'autonumber',
            'created_time',
            'modified_time',
            'created_by',
            'modified_by'
        )
    )
);

CREATE UNIQUE INDEX uq_fields_primary ON fields (base_id, table_id) WHERE is_primary;

CREATE TABLE records (
    base_id UUID NOT NULL,
    id UUID DEFAULT gen_random_uuid() NOT NULL,
    table_id UUID NOT NULL,
    data JSONB DEFAULT '{}'::jsonb NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_records PRIMARY KEY (base_id, id),
    CONSTRAINT fk_records_base_id_table_id_tables
    FOREIGN KEY (base_id, table_id)
    REFERENCES tables (base_id, id) ON DELETE CASCADE
);

UPDATE alembic_version
SET version_num = '71bd8a0cf6b9'
WHERE alembic_version.version_num = '995c641166b7';

DO $$ BEGIN
    INSERT INTO migration_ledger (revision, direction, digest)
    VALUES ('71bd8a0cf6b9', 'upgrade', '0957934cb216f22f');
EXCEPTION WHEN undefined_table THEN NULL;
END $$;

COMMIT;
