"""Rows as the product at each revision writes them; later revisions run over them."""

USER, OTHER = "00000000-0000-0000-0000-00000000000a", "00000000-0000-0000-0000-00000000000b"
WORKSPACE, BARE = "00000000-0000-0000-0000-0000000000a1", "00000000-0000-0000-0000-0000000000b1"
BASE, TABLE = "00000000-0000-0000-0000-0000000000c1", "00000000-0000-0000-0000-0000000000d1"
FIELD, RECORD = "00000000-0000-0000-0000-0000000000e1", "00000000-0000-0000-0000-0000000000f1"
TRASHED = "00000000-0000-0000-0000-0000000000f2"

ROWS = {
    "995c641166b7": f"""
        INSERT INTO users (id, email, display_name) VALUES
            ('{USER}', 'Ada@example.org', 'Ada'),
            ('{OTHER}', 'eve@example.org', 'Ève "E" O''Brien');
        INSERT INTO workspaces (id, owner_id, name) VALUES
            ('{WORKSPACE}', '{USER}', 'Difference Engines'),
            ('{BARE}', '{OTHER}', '  --日本 & 100%  ');
    """,
    "71bd8a0cf6b9": f"""
        INSERT INTO bases (id, workspace_id, name) VALUES ('{BASE}', '{WORKSPACE}', 'Engine 2');
        INSERT INTO tables (base_id, id, name) VALUES ('{BASE}', '{TABLE}', 'Parts');
        INSERT INTO fields (base_id, id, table_id, name, type, is_primary, options) VALUES
            ('{BASE}', '{FIELD}', '{TABLE}', 'Label', 'text', true, '{{"max": 10}}');
        INSERT INTO records (base_id, id, table_id, data) VALUES
            ('{BASE}', '{RECORD}', '{TABLE}', '{{"{FIELD}": "wheel"}}'),
            ('{BASE}', '{TRASHED}', '{TABLE}', '{{}}');
    """,
    "c2df8b017f53": f"""
        INSERT INTO workspace_members (workspace_id, user_id, role) VALUES
            ('{WORKSPACE}', '{USER}', 'owner'), ('{WORKSPACE}', '{OTHER}', 'viewer');
    """,
    "1d2037d9809c": f"""
        UPDATE fields SET is_required = true WHERE id = '{FIELD}';
    """,
    "460160514905": f"""
        UPDATE records SET created_by = '{USER}', updated_by = '{OTHER}' WHERE id = '{RECORD}';
    """,
    "ee688469083a": f"""
        UPDATE workspaces SET slug = 'engines' WHERE id = '{WORKSPACE}';
    """,
    "0845be6841a8": f"""
        UPDATE records SET deleted_at = now() WHERE id = '{TRASHED}';
    """,
}
"""Statements by the revision after which they are executed."""
