CREATE TABLE public.records (
    base_id uuid NOT NULL,
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    table_id uuid NOT NULL,
    data jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    created_by uuid,
    updated_by uuid,
    deleted_at timestamp with time zone,
    CONSTRAINT ck_records_data_is_object CHECK (jsonb_typeof(data) = 'object'::text),
    CONSTRAINT fk_records_base_id_table_id_tables FOREIGN KEY (base_id, table_id)
    REFERENCES public.tables (base_id, id) ON DELETE CASCADE,
    CONSTRAINT fk_records_created_by_users FOREIGN KEY (created_by)
    REFERENCES public.users (id) ON DELETE SET NULL,
    CONSTRAINT fk_records_updated_by_users FOREIGN KEY (updated_by)
    REFERENCES public.users (id) ON DELETE SET NULL,
    CONSTRAINT pk_records PRIMARY KEY (base_id, id)
);

CREATE INDEX ix_records_base_id_table_id_created_at_id ON public.records
USING btree (base_id, table_id, created_at, id);

CREATE INDEX ix_records_base_id_table_id_deleted_at ON public.records
USING btree (base_id, table_id, deleted_at)
WHERE deleted_at
IS NOT NULL;

CREATE INDEX ix_records_data ON public.records USING gin (data jsonb_path_ops);
