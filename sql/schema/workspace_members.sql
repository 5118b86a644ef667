CREATE TABLE public.workspace_members (
    workspace_id uuid NOT NULL,
    user_id uuid NOT NULL,
    role text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT ck_workspace_members_role_known CHECK (
        role = ANY(ARRAY['owner'::text, 'editor'::text, 'commenter'::text, 'viewer'::text])
    ),
    CONSTRAINT fk_workspace_members_user_id_users FOREIGN KEY (user_id)
    REFERENCES public.users (id) ON DELETE CASCADE,
    CONSTRAINT fk_workspace_members_workspace_id_workspaces FOREIGN KEY (workspace_id)
    REFERENCES public.workspaces (id) ON DELETE CASCADE,
    CONSTRAINT pk_workspace_members PRIMARY KEY (workspace_id, user_id)
);

CREATE INDEX ix_workspace_members_user_id ON public.workspace_members USING btree (user_id);
