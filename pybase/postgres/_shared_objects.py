"""What the databases of a server share: roles, their settings, parameters, other databases.

A revision can change it, and its scratch database being dropped undoes none of that. A scratch
cluster in which something is left is replaced before it can influence another rehearsal, and two
projects never use one at the same time.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
from psycopg import sql

from pybase.core.errors import DatabaseError
from pybase.postgres._checkouts import sweep
from pybase.postgres._cluster import LOCKED_OUT, Cluster
from pybase.postgres._lease import Lease, lease, scratch_clusters, watch
from pybase.postgres._maintenance import maintenance, new_session
from pybase.postgres._scratch import SCRATCH_NAME, TEMPLATE_MARK

_BUSY_TIMEOUT_S = 180
_POLL_S = 0.05

_FIRST_OID = 16384  # of what initdb did not make
_IS_OURS = """
    d.datname ~ %(scratch)s AND NOT d.datistemplate
    OR starts_with(coalesce(shobj_description(d.oid, 'pg_database'), ''), %(mark)s)
"""
_SHARED = f"""
SELECT 'role ' || r.rolname, to_jsonb(r)::text FROM pg_roles AS r
WHERE (r.oid >= {_FIRST_OID} OR r.oid = 10 AND NOT (
    r.rolname = 'postgres' AND r.rolsuper AND r.rolinherit AND r.rolcreaterole AND r.rolcreatedb
    AND r.rolcanlogin AND r.rolreplication AND r.rolbypassrls AND r.rolconnlimit = -1
    AND r.rolvaliduntil IS NULL
)) AND NOT (
    r.rolname = ANY(%(roles)s) AND r.rolinherit AND NOT (
        r.rolsuper OR r.rolcreaterole OR r.rolcreatedb OR r.rolcanlogin OR r.rolreplication
        OR r.rolbypassrls
    ) AND r.rolconnlimit = -1 AND r.rolvaliduntil IS NULL
)
UNION ALL
SELECT 'member of ' || pg_get_userbyid(m.roleid), to_jsonb(m)::text FROM pg_auth_members AS m
WHERE greatest(m.member::bigint, (to_jsonb(m) ->> 'oid')::bigint) >= {_FIRST_OID}  -- oid: since 16
UNION ALL
SELECT
    'settings of ' || concat_ws(
        ' in ', nullif(pg_get_userbyid(s.setrole), 'unknown (OID=0)'), d.datname
    ),
    s.setconfig::text
FROM pg_db_role_setting AS s LEFT JOIN pg_database AS d ON d.oid = s.setdatabase
WHERE d.oid IS NULL OR NOT ({_IS_OURS})
UNION ALL
SELECT
    'database ' || d.datname,
    concat_ws(' ', d.datdba, d.datallowconn, d.datconnlimit, d.datistemplate)
FROM pg_database AS d
WHERE d.oid >= {_FIRST_OID} AND NOT ({_IS_OURS}) OR d.oid < {_FIRST_OID} AND NOT (
    d.datname IN ('postgres', 'template0', 'template1') AND d.datconnlimit = -1
    AND d.datallowconn = (d.datname <> 'template0') AND d.datistemplate = (d.datname <> 'postgres')
)
UNION ALL
SELECT 'tablespace ' || t.spcname, to_jsonb(t)::text FROM pg_tablespace AS t
WHERE t.oid >= {_FIRST_OID}
UNION ALL
SELECT 'privileges on parameter ' || a.parname, a.paracl::text FROM pg_parameter_acl AS a
UNION ALL
SELECT 'subscription ' || s.subname, s.subowner::text FROM pg_subscription AS s
UNION ALL
SELECT 'replication slot ' || s.slot_name, s.plugin FROM pg_replication_slots AS s
WHERE NOT s.temporary
UNION ALL
SELECT 'replication origin ' || o.roname, o.roident::text FROM pg_replication_origin AS o
"""
_PARAMETERS = """
UNION ALL
SELECT 'parameter ' || f.name, f.setting FROM pg_file_settings AS f
WHERE f.sourcefile LIKE '%%/postgresql.auto.conf'
"""

_REPLACED = ("embedded-server-failed", "other-postgres-version")
"""Codes of errors that a new cluster does not have."""


def shared_objects(server_url: str, roles: Sequence[str] = ()) -> set[tuple[str, str]]:
    """Return what initdb did not make, with its definition: `role app`, `parameter work_mem`.

    Scratch databases, templates, and `roles` as `ensure_roles` creates them are left out, and
    without a superuser also ALTER SYSTEM.
    """
    with maintenance(server_url) as connection:
        is_superuser = connection.info.parameter_status("is_superuser") == "on"
        query = _SHARED + (_PARAMETERS if is_superuser else "")
        names = {"scratch": SCRATCH_NAME, "mark": TEMPLATE_MARK, "roles": [*roles]}
        return {(name, str(text)) for name, text in connection.execute(query.encode(), names)}


def ensure_roles(server_url: str, roles: Sequence[str]) -> None:
    """Create the roles that a server does not have, without a right to log in."""
    if not roles:
        return
    known = (psycopg.errors.DuplicateObject, psycopg.errors.UniqueViolation)  # by another process
    with maintenance(server_url) as connection:
        exists = "SELECT rolname FROM pg_roles WHERE rolname = ANY(%s)"
        present = {name for (name,) in connection.execute(exists, [[*roles]])}
        for role in (role for role in roles if role not in present):
            with suppress(*known):
                connection.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(role)))


@contextmanager
def pristine(
    project: Path, major: int, idle_s: int, roles: Sequence[str] = ()
) -> Iterator[Cluster]:
    """Yield a running scratch cluster, as initdb made it, that no other project uses meanwhile.

    One that revisions have changed, or that cannot start, is replaced. It is left as it is inside
    of another `pristine`, where all belongs to one history. It ends by itself when it was not used
    for `idle_s` seconds. It may have `roles`.
    Raises DatabaseError when other processes of the project keep it changed.
    """
    if (project, major) in _held:
        yield _held[project, major]
        return
    lease = _pristine_lease(project, major, idle_s, roles)
    _held[project, major] = lease.cluster
    try:
        yield lease.cluster
    finally:
        del _held[project, major]
        lease.end_use()


def held(project: Path, major: int) -> Cluster:
    """Return the cluster of the `pristine` that this is inside of."""
    return _held[project, major]


_held: dict[tuple[Path, int], Cluster] = {}
"""The clusters that this process uses, by project and version."""


def _pristine_lease(project: Path, major: int, idle_s: int, roles: Sequence[str]) -> Lease:
    deadline = time.monotonic() + _BUSY_TIMEOUT_S
    while True:
        taken = lease(project, major, idle_s)
        try:
            if watch(taken.cluster):
                _clean_up()
            if _is_pristine(taken.cluster, roles):
                return taken
            if time.monotonic() > deadline:
                raise DatabaseError(
                    f"A revision has changed the scratch server in {taken.cluster.directory} "
                    f"itself, and another process has used it for {_BUSY_TIMEOUT_S} s.",
                    "Wait until that is done, or run `nox -s db -- reset`; then run the command "
                    "again.",
                    code="scratch-server-busy",
                )
            _replace(taken, roles)
        except BaseException:
            taken.close()
            raise
        taken.close()


def _clean_up() -> None:
    """Let what earlier processes have left end: data of deleted checkouts, unwatched servers."""
    sweep()
    for cluster in scratch_clusters():
        watch(cluster)


def _replace(taken: Lease, roles: Sequence[str]) -> None:
    """Destroy the cluster, unless another process uses it or has replaced it already."""
    if not taken.seize():
        time.sleep(_POLL_S)
    elif not _is_pristine(taken.cluster, roles):
        taken.cluster.destroy()


def _is_pristine(cluster: Cluster, roles: Sequence[str]) -> bool:
    try:
        cluster.ensure_running()
        return _has_its_programs(cluster) and not shared_objects(cluster.url(), roles)
    except DatabaseError as error:
        if error.code in _REPLACED or LOCKED_OUT.search(error.problem):
            return False
        raise


def _has_its_programs(cluster: Cluster) -> bool:
    """Return whether the server can load its libraries: its environment may be deleted by now."""
    try:
        # a session that was used before has loaded them
        with new_session(cluster.url()) as connection:
            connection.execute("DO $$ BEGIN END $$")
    except psycopg.errors.UndefinedFile:
        return False
    return True
