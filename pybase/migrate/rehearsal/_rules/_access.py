"""Rules about access that an upgrade takes from a role: privileges, ownership, row security."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from pglast import ast
from pglast.enums import ObjectType, RoleSpecType

from pybase.migrate.catalog import Access, ObjectKey, Policy, Privilege, Protected
from pybase.migrate.record import Finding
from pybase.migrate.rehearsal._observation import Observation
from pybase.migrate.rehearsal._rules._case import Case
from pybase.migrate.sql import QualifiedName
from pybase.migrate.sql.grammar import code_words, trees

_EVERYONE = "PUBLIC"


def narrowed(case: Case) -> Iterator[Finding]:
    """Find objects that a role can use at the start of an upgrade, and perhaps not at its end."""
    if case.access is None or not case.is_upgrade:
        return
    before, after = case.access
    named = {(key[0], _name(item)): key for key, item in after.objects.items()}
    moves = {_move(before, after, key) for key in before.objects if key[0] == "r"}
    for key, item in before.objects.items():
        new_key = key if key in after.objects else named.get((key[0], _name(item)))
        if new_key is None:  # it is dropped, which has a code of its own
            continue
        # a sequence of a column has the owner of its table
        is_part = key[0] == "s" and _move(before, after, key) in moves
        changes = [
            *_revoked(case, key, item, after.objects[new_key]),
            *(() if is_part else _owned(item, after, after.objects[new_key])),
            *_secured(case, key[1], item, after.objects[new_key]),
        ]
        if changes:
            name, detail = item.qualified_name, ", ".join(changes)
            yield Finding(mention(case, item.name), "narrows-access", name, detail)


def _move(before: Access, after: Access, key: ObjectKey) -> tuple[str, str]:
    """Return the owner before and after."""
    return before.objects[key].owner, after.objects.get(key, before.objects[key]).owner


def _name(item: Protected) -> tuple[str, ...]:
    return item.schema, item.name, item.suffix


def mention(case: Case, name: str = "") -> int:
    """Return the last statement that names an object; -1 for one like REASSIGN OWNED."""
    spellings = {name.lower(), f'"{name.lower()}"'} if name else set()
    indexes = [item.index for item in case.observations if spellings & {*code_words(item.sql)}]
    return indexes[-1] if indexes else -1


def _revoked(case: Case, key: ObjectKey, before: Protected, after: Protected) -> Iterator[str]:
    """Yield the privileges that a role has lost, unless it has them as a member of another."""
    assert case.access is not None
    groups = case.access[1].groups
    for item in sorted(before.privileges - after.privileges):
        is_owner = item.role == before.owner
        roles = {item.role, _EVERYONE, *groups.get(item.role, ())}
        kept = (Privilege(role, item.name, part) for role in roles for part in (0, item.column))
        if after.privileges.isdisjoint(kept) and not (is_owner and before.owner != after.owner):
            column = _column(case, key[1], item.column) if item.column else ""
            if column is not None:
                yield f"REVOKE {item.name}{column} FROM {'its owner' if is_owner else item.role}"


def _column(case: Case, oid: int, number: int) -> str | None:
    """Return a column in brackets; None where it is dropped."""
    after = case.run.end.relations.get(oid)
    column = after.columns.get(number) if after else None
    return None if column is None or column.is_dropped else f" ({column.name})"


def _owned(before: Protected, access: Access, after: Protected) -> Iterator[str]:
    if before.owner != after.owner and after.owner not in access.groups.get(before.owner, ()):
        yield "its owner is another role"
    if before.runs_as_owner and not after.runs_as_owner:
        yield "it has only the privileges of its caller"


def _secured(case: Case, oid: int, before: Protected, after: Protected) -> Iterator[str]:
    assert case.access is not None
    if not after.has_row_security:
        return
    old, new = (
        [item for item in access.policies.values() if item.table == oid] for access in case.access
    )
    if not before.has_row_security:
        if any(_narrowed_by_policies([_OPEN], new)):
            yield "row level security is enabled"
        return
    if after.is_forced and not before.is_forced:
        yield "row level security is for its owner, too"
    yield from _narrowed_by_policies(old, new)


def _narrowed_by_policies(old: Sequence[Policy], new: Sequence[Policy]) -> Iterator[str]:
    for policy in old:
        if policy.is_permissive and not any(_admits(item, policy) for item in new):
            yield f"policy {policy.name} does not admit all that it did"
    for policy in new:
        if not policy.is_permissive and not any(_restricts(item, policy) for item in old):
            yield f"policy {policy.name} restricts it"


_OPEN = Policy("", 0, True, "*", frozenset({_EVERYONE}), "true", "true")
"""What a table without row level security does."""


def _admits(policy: Policy, other: Policy) -> bool:
    """Whether a permissive policy is for all the roles, commands and rows of another one."""
    is_for_all = _EVERYONE in policy.roles or policy.roles >= other.roles
    return policy.is_permissive and is_for_all and _covers(policy, other)


def _restricts(policy: Policy, other: Policy) -> bool:
    """Whether a restrictive policy forbids already what another one does."""
    is_for_all = _EVERYONE in policy.roles or policy.roles >= other.roles
    is_looser = other.condition in (policy.condition, "true", "")
    is_looser = is_looser and other.check in (policy.check, "true", "")
    is_for_command = policy.command in (other.command, "*")
    return not policy.is_permissive and is_for_all and is_for_command and is_looser


def _covers(policy: Policy, other: Policy) -> bool:
    conditions = ((policy.condition, other.condition), (policy.check, other.check))
    return policy.command in (other.command, "*") and all(
        new in (old, "true") for new, old in conditions
    )


def revoked_of_server(case: Case, observation: Observation) -> Iterator[Finding]:
    """Find a REVOKE of what belongs to the server: a role, a database by its name, a setting."""
    for tree in trees(observation.sql) if case.is_upgrade and not observation.error else ():
        yield from _revokes(observation, tree)


def _revokes(observation: Observation, tree: Any) -> Iterator[Finding]:
    if not isinstance(tree, ast.GrantRoleStmt | ast.GrantStmt) or tree.is_grant:
        return
    if isinstance(tree, ast.GrantRoleStmt) and not tree.opt:
        members = _roles(tree.grantee_roles)
        for role in tree.granted_roles or ():
            name = QualifiedName("", role.priv_name)
            yield Finding(observation.index, "narrows-access", name, f"REVOKE FROM {members}")
    elif isinstance(tree, ast.GrantStmt) and tree.objtype in _OF_SERVER and not tree.grant_option:
        names = (item.priv_name for item in tree.privileges or ())
        revoked = ", ".join(str(name).upper() for name in names) or "ALL"
        detail = f"REVOKE {revoked} FROM {_roles(tree.grantees)}"
        for item in tree.objects or ():
            value = getattr(item, "sval", None) or getattr(item, "ival", "")
            name = QualifiedName("", f"{_OF_SERVER[tree.objtype]} {value}")
            yield Finding(observation.index, "narrows-access", name, detail)


_OF_SERVER = {
    ObjectType.OBJECT_DATABASE: "database",
    ObjectType.OBJECT_LANGUAGE: "language",
    ObjectType.OBJECT_LARGEOBJECT: "large object",
    ObjectType.OBJECT_PARAMETER_ACL: "parameter",
    ObjectType.OBJECT_TABLESPACE: "tablespace",
}


def _roles(roles: Iterable[Any] | None) -> str:
    kinds = {RoleSpecType.ROLESPEC_CSTRING: "", RoleSpecType.ROLESPEC_PUBLIC: _EVERYONE}
    names = (kinds.get(role.roletype, "the current role") or role.rolename for role in roles or ())
    return ", ".join(names)


RULES = (revoked_of_server,)
RUN_RULES = (narrowed,)
