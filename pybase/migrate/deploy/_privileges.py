"""Privileges: whether the role may do what the rehearsal observed."""

from collections.abc import Iterator

from pybase.migrate.database import IS_USED, RECORDED_TABLES
from pybase.migrate.deploy._check import Checked, CheckResult, Severity
from pybase.migrate.deploy._plan import Step
from pybase.migrate.record import StatementKind
from pybase.migrate.sql import QualifiedName
from pybase.migrate.sql.lock_modes import ROW_EXCLUSIVE, SHARE_ROW_EXCLUSIVE


def privileges(checked: Checked) -> Iterator[CheckResult]:
    """Check that the role may do what was observed, and write the version table."""
    table = checked.plan.source.version_table
    version = QualifiedName(table.schema or "public", table.name)
    names = [*checked.tables, version]
    role = checked.row("SELECT current_user::text")[0]
    query = [[name.schema for name in names], [name.name for name in names]]
    for schema, name, *held, owner in checked.connection.execute(_PRIVILEGES, query):
        relation = QualifiedName(schema, name)
        effect = checked.tables.get(relation)
        if not _suffice(effect.rank if effect else ROW_EXCLUSIVE, *held):
            yield CheckResult(
                "privileges", Severity.ERROR,
                f"The role {role} may not change {relation.label}, which belongs to {owner}.",
                f"Connect as {owner}, or GRANT {owner} TO {role}.", True,
            )  # fmt: skip
    if any(map(_creates, checked.plan.steps)):
        yield from _may_create(checked, role)


def _suffice(rank: int, is_owner: bool, may_refer: bool, may_write: bool) -> bool:
    """Whether a role may take a lock of a rank for what takes it."""
    is_by_grant = (rank <= ROW_EXCLUSIVE and may_write) or (
        rank == SHARE_ROW_EXCLUSIVE and may_refer
    )
    return is_owner or is_by_grant


def _creates(step: Step) -> bool:
    return any(
        line.lstrip().startswith("CREATE ")
        for statement in step.script.statements
        if statement.kind in (StatementKind.OWN, StatementKind.SETUP)
        for line in statement.sql.splitlines()
    )


def _may_create(checked: Checked, role: str) -> Iterator[CheckResult]:
    schema, is_allowed = checked.row(
        "SELECT coalesce(current_schema(), 'public'), "
        "coalesce(has_schema_privilege(current_schema(), 'CREATE'), false)",
    )
    if not is_allowed:
        yield CheckResult(
            "privileges", Severity.ERROR,
            f"The role {role} may not create anything in the schema {schema}.",
            f"As its owner: GRANT CREATE ON SCHEMA {schema} TO {role}.", True,
        )  # fmt: skip


_PRIVILEGES = f"""
WITH recorded AS (SELECT * FROM unnest(%s::text[], %s::text[]) AS r (schema, name))
SELECT
    recorded.schema, recorded.name, pg_has_role(c.relowner, 'USAGE'),
    has_table_privilege(c.oid, 'REFERENCES') AND has_table_privilege(c.oid, 'TRIGGER'),
    has_table_privilege(c.oid, 'INSERT') AND has_table_privilege(c.oid, 'UPDATE')
    AND has_table_privilege(c.oid, 'DELETE'),
    pg_get_userbyid(c.relowner)::text
FROM {RECORDED_TABLES}
WHERE {IS_USED}
ORDER BY 1, 2
"""
