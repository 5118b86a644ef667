CREATE TABLE public.bases (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    workspace_id uuid NOT NULL,
    name text NOT NULL,
    description text,
    "position" bigint DEFAULT 0 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT ck_bases_name_not_blank CHECK (name ~ '\S'::text),
    CONSTRAINT fk_bases_workspace_id_workspaces FOREIGN KEY (workspace_id)
    REFERENCES public.workspaces (id) ON DELETE CASCADE,
    CONSTRAINT pk_bases PRIMARY KEY (id)
);

CREATE INDEX ix_bases_workspace_id ON public.bases USING btree (workspace_id);
