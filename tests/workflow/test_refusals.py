"""What a server refuses amid a run: one sentence, nothing half-done, and how to go on."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from projects import ONE, Project, Revision
from tcp_servers import ENCODED, PASSWORD, TcpServer

from pybase.postgres import database_name
from pybase.postgres._os_user import server_user


def extension(name: str) -> Revision:
    create = f"op.create_table('shops', sa.Column('id', sa.Integer()))\nop.execute('{name}')"
    return Revision("eeeeeeeeeeee", ONE.id, create, "op.drop_table('shops')", "Add an extension.")


def tables(url: str) -> set[str]:
    with psycopg.connect(url, autocommit=True) as connection:
        found = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        return {name for (name,) in connection.execute(found)}


OWN = {"alembic_version", "migration_ledger", "cities"}


def test_extension_that_the_server_does_not_have(project: Project, database_url: str) -> None:
    project.lay_out(ONE, extension("CREATE EXTENSION nothing")).run("sql")
    message = project.refused("migrate", "--force", "hazards", code=3)
    assert (
        'in revision eeeeeeeeeeee (Add an extension): extension "nothing" is not avail' in message
    )
    assert "1 before it stay applied." in message
    assert "Install nothing on the machine of the server" in message
    assert tables(database_url) == OWN


def test_extension_that_the_role_may_not_create(
    project: Project, tcp_url: str, guest_url: str
) -> None:
    project.secrets = (PASSWORD, ENCODED, "guest-secret")
    project.lay_out(ONE, extension("CREATE EXTENSION IF NOT EXISTS vector")).done("sql")
    with psycopg.connect(tcp_url, autocommit=True) as connection:
        connection.execute("GRANT CREATE ON SCHEMA public TO guest")
    message = project.refused("migrate", "--force", "hazards", code=3, DATABASE_URL=guest_url)
    assert 'permission denied to create extension "vector" (guest@' in message
    assert "1 before it stay applied." in message
    assert "Let a superuser run: CREATE EXTENSION vector" in message
    assert tables(tcp_url) == OWN
    with psycopg.connect(tcp_url, autocommit=True) as connection:
        connection.execute("CREATE EXTENSION vector")
    assert "1 applied." in project.done("migrate", "--force", "hazards", DATABASE_URL=guest_url)
    with psycopg.connect(tcp_url, autocommit=True) as connection:
        connection.execute("DROP OWNED BY guest CASCADE")


# --- a full disk ----------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tcp_server: TcpServer, tcp_url: str) -> Iterator[Path]:
    """A disk of 4 MB, on which new tables of the database of `tcp_url` lie."""
    disk = tcp_server.directory / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(disk)]
    if os.getuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        disk.rmdir()
        pytest.skip("only root may mount a small disk")
    server_user(tcp_server.directory).own(disk)
    name = database_name(tcp_url)
    with psycopg.connect(tcp_server.url(), autocommit=True) as connection:
        connection.execute(f"CREATE TABLESPACE small LOCATION '{disk}'")
        connection.execute(f'ALTER DATABASE "{name}" SET default_tablespace = small')
    yield disk
    with psycopg.connect(tcp_server.url(), autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
        connection.execute(f'CREATE DATABASE "{name}"')
        connection.execute("DROP TABLESPACE small")
    subprocess.run(["umount", str(disk)], check=True)
    disk.rmdir()


def test_full_disk_leaves_nothing_half_done(
    project: Project, tcp_url: str, small_disk: Path
) -> None:
    project.secrets = (PASSWORD, ENCODED)
    fill = (
        "op.create_table('shops', sa.Column('id', sa.Integer()))\n"
        "op.execute('INSERT INTO shops SELECT generate_series(1, 200000)')"
    )
    large = Revision("eeeeeeeeeeee", ONE.id, fill, "op.drop_table('shops')", "Fill the shops.")
    project.lay_out(ONE, large).done("sql")
    message = project.refused("migrate", "--force", "hazards", code=3, DATABASE_URL=tcp_url)
    assert "in revision eeeeeeeeeeee (Fill the shops): could not extend file" in message
    assert "No space left on device" in message
    assert "1 before it stay applied." in message
    assert "Free space on the server, and run the same command again." in message
    assert tables(tcp_url) == OWN
    subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
    assert "1 applied." in project.done("migrate", "--force", "hazards", DATABASE_URL=tcp_url)
