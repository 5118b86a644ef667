CREATE TABLE public.workspaces (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    owner_id uuid NOT NULL,
    name text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    slug text NOT NULL,
    CONSTRAINT ck_workspaces_slug_format CHECK (slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$'::text),
    CONSTRAINT fk_workspaces_owner_id_users FOREIGN KEY (owner_id)
    REFERENCES public.users (id) ON DELETE RESTRICT,
    CONSTRAINT pk_workspaces PRIMARY KEY (id),
    CONSTRAINT uq_workspaces_slug UNIQUE (slug)
);

CREATE INDEX ix_workspaces_owner_id ON public.workspaces USING btree (owner_id);
