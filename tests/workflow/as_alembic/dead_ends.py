"""Projects in which `migrate` ended in an error of its own, or in one that no hint led out of."""

from . import Case, line, one

ITEMS = "op.create_table('items', sa.Column('id', sa.Integer()), sa.Column('text', sa.Text()))"
ASKS = "rows = op.get_bind().execute(sa.text('SELECT 1')).scalar_one()\n"
KOELN = "INSERT INTO items (text) VALUES ('K\\u00f6ln')"

CASES = (
    Case("no_file_names_the_version_table", one(f"{ASKS}{ITEMS}")),
    Case(
        "encoding_of_the_client",
        line(ITEMS, f'op.execute("SET client_encoding = \'LATIN1\'")\nop.execute("{KOELN}")'),
    ),
    Case("encoding_of_the_files", line(ITEMS, f"op.execute(\"SET NAMES 'utf-8'; {KOELN}\")")),
    Case(
        "database_without_encoding",
        line(ITEMS, f'op.execute("{KOELN}")'),
        env=None,  # SQLAlchemy cannot connect to one by itself
        encoding="SQL_ASCII",
    ),
    Case("copy_from_the_client", one("op.execute('COPY t FROM STDIN')"), refused="copy-by-client"),
    Case(
        "copy_to_the_client",
        one("op.execute('COPY (SELECT 1) TO STDOUT')"),
        refused="copy-by-client",
    ),
)
