"""Whether the role may do what the rehearsal saw done."""

from collections.abc import Iterator

from pybase.migrate.deploy._check_result import Colour, Concern, Situation
from pybase.migrate.sql._lock_modes import ROW_EXCLUSIVE, SHARE_ROW_EXCLUSIVE
from pybase.migrate.sql._names import LABEL


def rights(now: Situation) -> Iterator[Concern]:
    """Look whether the role may do what was seen done, and keep the version table."""
    tables = now.tables
    role = now.row("SELECT current_user::text")[0]
    for label, is_owner, may_refer, may_write, owner in now.connection.execute(
        _RIGHTS, [[*tables, now.version_table]]
    ):
        lock = tables[label].lock if label in tables else ROW_EXCLUSIVE
        if is_owner or (lock <= ROW_EXCLUSIVE and may_write):
            continue
        if lock == SHARE_ROW_EXCLUSIVE and may_refer:
            continue
        yield Concern(
            "rights", Colour.RED,
            f"The role {role} may not change {label}, which belongs to {owner}.",
            f"Connect as {owner}, or GRANT {owner} TO {role}.", True,
        )  # fmt: skip
    if any(_creates(header.sql) for header in now.path):
        yield from _may_create(now, role)


def _may_create(now: Situation, role: str) -> Iterator[Concern]:
    schema, is_allowed = now.row(
        "SELECT coalesce(current_schema(), 'public'), "
        "coalesce(has_schema_privilege(current_schema(), 'CREATE'), false)",
    )
    if not is_allowed:
        yield Concern(
            "rights", Colour.RED,
            f"The role {role} may not create anything in the schema {schema}.",
            f"As its owner: GRANT CREATE ON SCHEMA {schema} TO {role}.", True,
        )  # fmt: skip


def _creates(sql: str) -> bool:
    """Whether a file makes something in the schema; what it makes for itself counts too."""
    return any(line.lstrip().startswith("CREATE ") for line in sql.splitlines())


_RIGHTS = f"""
SELECT
    {LABEL}, pg_has_role(c.relowner, 'USAGE'),
    has_table_privilege(c.oid, 'REFERENCES') AND has_table_privilege(c.oid, 'TRIGGER'),
    has_table_privilege(c.oid, 'INSERT') AND has_table_privilege(c.oid, 'UPDATE')
    AND has_table_privilege(c.oid, 'DELETE'),
    pg_get_userbyid(c.relowner)::text
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'm', 'f') AND {LABEL} = ANY(%s)
ORDER BY 1
"""
