"""Values that differ from run to run are found where they are rendered."""

from shutil import rmtree

from projects import Project, Revision

VARYING = {
    "uuid": "import uuid\nop.execute(f\"SELECT '{uuid.uuid4()}'\")",
    "day": "import datetime\nop.execute(f\"SELECT '{datetime.date.today()}'\")",
    "random": "import random\nop.execute(f'SELECT {random.random()}')",
    "user": "import os\nop.execute(f\"SELECT '{os.environ.get('TENANT')}'\")",
    "order_of_a_set": "for name in {'one', 'two', 'three', 'four', 'five', 'six', 'seven'}:\n"
    "    op.execute(f\"SELECT '{name}'\")",
}
ON_SCRATCH = "import uuid\nop.get_bind().execute(sa.text(f\"SELECT '{uuid.uuid4()}'\"))"
VARYING["uuid_over_the_connection"] = ON_SCRATCH
SAME = {
    "sorted": "for name in sorted({'one', 'two', 'three'}):\n    op.execute(f\"SELECT '{name}'\")",
    "date": "import datetime\nop.execute(f\"SELECT '{datetime.date(2026, 1, 2)}'\")",
    "server": 'op.execute("SELECT gen_random_uuid(), now()")',
    "indexes_of_columns": "import os\n"
    "columns = [sa.Column(name, sa.Text(), index=True) for name in 'abcdefgh']\n"
    "op.create_table('indexed', *columns)",
    "state_of_its_module": "runs = globals().setdefault('runs', [])\nruns.append(1)\n"
    "op.get_bind().execute(sa.text(f'SELECT {len(runs)}'))",
}
BODIES = VARYING | SAME


def test_value_of_its_own_is_reported_and_not_stale(project: Project) -> None:
    ids = {name: f"{number:012}" for number, name in enumerate(BODIES)}
    project.lay_out(*(Revision(id_, None, BODIES[name]) for name, id_ in ids.items()))
    project.add(Revision("b" * 12, tuple(ids.values())))
    text = project.refused("sql", code=1, TENANT="first")
    reported = {name for name, id_ in ids.items() if f"{id_} is rendered in two ways" in text}
    assert reported == VARYING.keys()
    rmtree(project.root / ".pybase" / "cache")
    committed = project.files()
    project.refused("sql", code=1, TENANT="second")
    assert project.files() == committed
