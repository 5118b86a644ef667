"""Code of revisions and env.py reaches no database while nothing is applied."""

import psycopg
import pytest
from projects import Project, Revision

from pybase.migrate.revisions import render
from pybase.migrate.revisions._isolation import REFUSAL

from .as_alembic import STOCK_ENV

OWN = """\
import os

import psycopg

try:
    with psycopg.connect({address}) as connection:
        connection.execute("CREATE TABLE intruder ()")
except Exception:
    pass
"""
ADDRESSES = {
    "url_of_the_environment": 'os.environ["DATABASE_URL"]',
    "variables_of_libpq": '""',
    "url_in_the_file": "{url!r}",
}
OTHERS = {
    "engine": """\
import os

try:
    engine = sa.create_engine(os.environ["DATABASE_URL"])
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE intruder ()"))
except Exception:
    pass
""",
    "psql": """\
import os, subprocess

psql = ["psql", os.environ["DATABASE_URL"], "-c", "CREATE TABLE intruder ()"]
try:
    subprocess.run(psql, timeout=5, check=False, capture_output=True)
except OSError:
    pass
""",
    "rehearsal_url": OWN.format(address='os.environ["PYBASE_REHEARSAL_URL"]'),
}
BODIES = {name: OWN.format(address=address) for name, address in ADDRESSES.items()} | OTHERS


def test_only_what_is_applied_reaches_the_database(
    project: Project, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a revision, nor its module, nor env.py, whatever the driver."""
    bodies = [body.replace("{url!r}", repr(database_url)) for body in BODIES.values()]
    ids = {name: f"{number:012}" for number, name in enumerate(BODIES)}
    revisions = [Revision(id_, None, body) for id_, body in zip(ids.values(), bodies, strict=True)]
    project.lay_out(*revisions, Revision("b" * 12, tuple(ids.values())))
    project.write("migrations/env.py", f"import sqlalchemy as sa\n{''.join(bodies)}{STOCK_ENV}")
    path = project.add(Revision("c" * 12, "b" * 12))
    path.write_text(path.read_text("utf-8") + "".join(bodies), "utf-8")
    known = {"PGDATABASE": "dbname", "PGHOST": "host", "PGPORT": "port", "PGUSER": "user"}
    parts = psycopg.conninfo.conninfo_to_dict(database_url)
    variables = {name: str(parts[part]) for name, part in known.items()}
    for verb in ("sql", "sql-lint", "check"):
        result = project.run(verb, DATABASE_URL=database_url, **variables)
        assert (result.code, "Traceback" in result.text) == (1, False), result.text
        assert tables(database_url) == []
    monkeypatch.setenv("DATABASE_URL", database_url)
    reasons = {
        sql.revision.id: sql.scripts.upgrade.reason for sql in render(project.history()).revisions
    }
    refused = {name for name, id_ in ids.items() if REFUSAL in reasons[id_]}
    assert refused == BODIES.keys() - {"psql", "rehearsal_url"}  # these are without an address


def tables(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        query = "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        return [name for (name,) in connection.execute(query)]
