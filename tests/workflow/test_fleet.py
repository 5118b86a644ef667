"""A fleet of databases, or of schemas: each migrated as one is, with one outcome each."""

import json
import os
import random
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import psycopg
import pytest
from projects import LINE, ONE, THREE, TWO, Project, Result, Revision
from tcp_servers import ENCODED, PASSWORD, TcpServer
from waiting import IS_BLOCKED, wait_for_query, wait_until

from pybase.postgres import database_name, scratch_database, with_database

HEAD = THREE.id
NAMES = ("customer_1", "customer_2", "customer_3", "customer_4", "customer_5", "customer_6")
OTHER = "customers"
"""A name that customer_% would match if _ were special in it."""


@pytest.fixture(scope="module")
def server(tcp_server: TcpServer) -> Iterator[str]:
    """A server with the databases of NAMES and OTHER, without the database in the URL."""
    with _sql(tcp_server.url()) as connection:
        for name in (*NAMES, OTHER):
            connection.execute(f"CREATE DATABASE {name}".encode())
    yield tcp_server.url("").removesuffix("/")
    with _sql(tcp_server.url()) as connection:
        for name in (*NAMES, OTHER):
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


class Customers:
    """The databases of a server, and the commands on them as a fleet."""

    def __init__(self, project: Project, server: str) -> None:
        self.project, self.server = project, server
        url = server.replace(ENCODED, "${SECRET}")
        self.each = ("--fleet", f"{url}/?each=customer_%")
        project.environment |= {"SECRET": PASSWORD}
        project.secrets = (PASSWORD, ENCODED)

    def url(self, name: str) -> str:
        return f"{self.server}/{name}"

    def run(self, *arguments: str) -> Result:
        result = self.project.run(*arguments, *self.each)
        assert "Traceback" not in result.text
        return result

    def json(self, *arguments: str) -> tuple[int, dict[str, Any]]:
        """The exit code, and what the JSON has of each database."""
        result = self.run(*arguments, "--format", "json")
        return result.code, {each["name"]: each for each in json.loads(result.out)["databases"]}

    def versions(self) -> dict[str, str]:
        return {name: version(self.url(name)) for name in NAMES}


@pytest.fixture
def customers(project: Project, server: str) -> Iterator[Customers]:
    """The fleet at base, with a history of three revisions."""
    yield Customers(project.lay_out(*LINE).write_sql(), server)
    for name in (*NAMES, OTHER):
        with _sql(f"{server}/{name}") as connection:
            connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")


@contextmanager
def _sql(url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


def version(url: str, schema: str = "public") -> str:
    """The version of a schema, or base."""
    with _sql(url) as connection:
        table = f"{schema}.alembic_version"
        if connection.execute("SELECT to_regclass(%s)", [table]).fetchone() == (None,):
            return "base"
        rows = connection.execute(f"SELECT version_num FROM {table}".encode()).fetchall()
        return " ".join(row[0] for row in rows) or "base"


def ledger(url: str, schema: str = "public") -> list[str]:
    """The revisions that the ledger has, in order."""
    with _sql(url) as connection:
        query = f"SELECT revision FROM {schema}.migration_ledger ORDER BY applied_at"
        return [revision for (revision,) in connection.execute(query.encode())]


IN_ORDER = [revision.id for revision in LINE]


def test_fleet_goes_to_head_and_back(customers: Customers) -> None:
    code, shown = customers.json("current")
    assert (code, [shown[name]["current"] for name in NAMES]) == (0, [[]] * 6)
    assert OTHER not in shown
    code, shown = customers.json("migrate")
    assert code == 0
    assert {each["state"] for each in shown.values()} == {"done"}
    assert {each["changed"] for each in shown.values()} == {3}
    assert customers.versions() == dict.fromkeys(NAMES, HEAD)
    assert [ledger(customers.url(name)) for name in NAMES] == [IN_ORDER] * 6
    code, shown = customers.json("migrate")
    assert (code, {each["state"] for each in shown.values()}) == (0, {"nothing-to-do"})
    assert customers.run("pending", "--check").code == 0
    code, shown = customers.json("downgrade", "-1")
    assert (code, {each["changed"] for each in shown.values()}) == (0, {1})
    assert customers.versions() == dict.fromkeys(NAMES, TWO.id)
    result = customers.run("pending", "--check")
    assert (result.code, result.out.count(f"1 pending: {HEAD}")) == (1, 6)
    assert version(customers.url(OTHER)) == "base"
