CREATE TABLE public.fields (
    base_id uuid NOT NULL,
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    table_id uuid NOT NULL,
    name text NOT NULL,
    type text NOT NULL,
    options jsonb DEFAULT '{}'::jsonb NOT NULL,
    "position" bigint DEFAULT 0 NOT NULL,
    is_primary boolean DEFAULT false NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    is_required boolean DEFAULT false NOT NULL,
    CONSTRAINT ck_fields_type_known CHECK (
        type = ANY(
            ARRAY[
                'text'::text, 'long_text'::text, 'number'::text, 'currency'::text, 'percent'::text,
                'checkbox'::text, 'date'::text, 'datetime'::text, 'duration'::text,
                'single_select'::text, 'multi_select'::text, 'email'::text, 'url'::text,
                'phone'::text, 'rating'::text, 'user'::text, 'attachment'::text, 'link'::text,
                'lookup'::text, 'rollup'::text, 'formula'::text, 'count'::text, 'autonumber'::text,
                'created_time'::text, 'modified_time'::text, 'created_by'::text,
                'modified_by'::text
            ]
        )
    ),
    CONSTRAINT fk_fields_base_id_table_id_tables FOREIGN KEY (base_id, table_id)
    REFERENCES public.tables (base_id, id) ON DELETE CASCADE,
    CONSTRAINT pk_fields PRIMARY KEY (base_id, id),
    CONSTRAINT uq_fields_base_id_table_id_name UNIQUE (base_id, table_id, name)
);

CREATE UNIQUE INDEX uq_fields_primary ON public.fields
USING btree (base_id, table_id)
WHERE is_primary;
