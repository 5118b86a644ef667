CREATE TABLE public.tables (
    base_id uuid NOT NULL,
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    name text NOT NULL,
    description text,
    "position" bigint DEFAULT 0 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT fk_tables_base_id_bases FOREIGN KEY (base_id)
    REFERENCES public.bases (id) ON DELETE CASCADE,
    CONSTRAINT pk_tables PRIMARY KEY (base_id, id),
    CONSTRAINT uq_tables_base_id_name UNIQUE (base_id, name)
);
