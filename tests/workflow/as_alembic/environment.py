"""What env.py does on its own connection, where it is configured, and branches by design."""

from projects import Revision

from . import ENGINE, MIGRATE, OFFLINE, STOCK_ENV, Case, line, one

ITEMS = "op.create_table('items', sa.Column('id', sa.Integer(), primary_key=True))"
TEXT = "op.add_column('items', sa.Column('text', sa.Text()))"
OTHERS = "op.create_table('others', sa.Column('id', sa.Integer(), primary_key=True))"
REMEMBER = "op.execute(\"CREATE TABLE remembered AS SELECT current_setting('{}') AS value\")"
TWICE = ((MIGRATE, "upgrade +1"), ("migrate", "upgrade head"))
PYTHON = ((f"{MIGRATE} --python-revisions", "upgrade head"),) * 2
NEW_SCHEMA = "CREATE SCHEMA app"


def env(prepare: str = "pass", options: str = "", engine: str = "", above: str = "") -> str:
    """Return an env.py whose online part does something on its connection."""
    created = ENGINE.replace('["DATABASE_URL"])\n', f'["DATABASE_URL"]{engine})\n')
    return f"""\
from sqlalchemy import event, text
{created}{above}
{OFFLINE}\
else:
    with engine.connect() as connection:
        {prepare}
        connection.commit()
        context.configure(connection=connection, target_metadata=None, {options})
        with context.begin_transaction():
            context.run_migrations()
"""


def execute(*statements: str) -> str:
    return "; ".join(f"connection.execute(text({statement!r}))" for statement in statements)


CONNECT_EVENT = """
@event.listens_for(engine, "connect")
def prepare(connection, _record):
    with connection.cursor() as cursor:
        cursor.execute("SET search_path TO app")
    connection.commit()
"""
BEGIN_EVENT = """
@event.listens_for(engine, "begin")
def prepare(connection):
    connection.exec_driver_sql("SET LOCAL search_path TO app")
"""
CALLBACK = """
def audit(ctx, **_):
    if not ctx.as_sql:
        ctx.connection.execute(text("INSERT INTO audit VALUES ('one')"))
"""
RENAMES = """
@event.listens_for(engine, "before_cursor_execute", retval=True)
def rename(_connection, _cursor, statement, parameters, _context, _executemany):
    return statement.replace("items", "things"), parameters
"""
CONVENTION = """
from sqlalchemy import MetaData

models = MetaData(naming_convention={"pk": "pk_%(table_name)s"})
"""
NAMED = "op.create_table('n', sa.Column('id', sa.Integer()), sa.PrimaryKeyConstraint('id'))"
IN_TRANSACTION = f"""\
from sqlalchemy import text
{ENGINE}
{OFFLINE}\
else:
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(4711)"))
        connection.execute(text("SET LOCAL search_path TO app"))
        context.configure(connection=connection)
        context.run_migrations()
"""
ASYNC = f"""\
import asyncio
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
{ENGINE}
def migrate(connection):
    connection.execute(text("SET search_path TO app"))
    connection.commit()
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()


async def connect():
    url = os.environ["DATABASE_URL"].replace("postgresql:", "postgresql+psycopg:")
    engine = create_async_engine(url)
    async with engine.connect() as connection:
        await connection.run_sync(migrate)
    await engine.dispose()


{OFFLINE}\
else:
    asyncio.run(connect())
"""
TO_PSYCOPG2 = '.replace("postgresql:", "postgresql+psycopg2:")'
READS = """
for (key,) in op.get_bind().execute(sa.text("SELECT id FROM items")).all():
    op.execute(f"INSERT INTO items VALUES ({key + 10}, '{key}: a%')")
"""
ROWS = line(f"{ITEMS}\n{TEXT}\nop.execute('INSERT INTO items VALUES (1)')", READS, OTHERS)
"""SQL, Python on a session of the driver's own, and SQL again."""

SEVERAL = f"""\
{ENGINE}
{OFFLINE}\
else:
    for name in ("one", "other"):
        with engine.connect() as connection:
            context.configure(connection=connection)
            with context.begin_transaction():
                context.run_migrations(engine_name=name)
"""
BY_ARGUMENT = """\
schema = context.get_x_argument(as_dictionary=True).get("schema", "public")
        connection.execute(text(f"SET search_path TO {schema}"))
"""
LONG = Revision("a_revision_of_which_the_id_is_longer_than_32", None, ITEMS)
WIDE = (
    "CREATE TABLE IF NOT EXISTS alembic_version (version_num varchar(128) NOT NULL,"
    " CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
)


def table(name: str) -> tuple[str, str]:
    """Return what creates a table, and what drops it."""
    column = "sa.Column('id', sa.BigInteger(), primary_key=True)"
    return f"op.create_table({name!r}, {column})", f"op.drop_table({name!r})"


FORKED = (
    Revision("aaaaaaaaaaaa", None, *table("start")),
    Revision("bbbbbbbbbbbb", "aaaaaaaaaaaa", *table("new"), labels="expand"),
    Revision("cccccccccccc", "aaaaaaaaaaaa", *table("old"), labels="contract"),
    Revision("dddddddddddd", "bbbbbbbbbbbb", *table("newer")),
)
APART = (
    Revision("aaaaaaaaaaaa", None, *table("one"), labels="expand"),
    Revision("bbbbbbbbbbbb", "aaaaaaaaaaaa", *table("two")),
    Revision("cccccccccccc", None, *table("other"), labels="contract"),
)


def same(*commands: str) -> tuple[tuple[str, str], ...]:
    """Return command lines that differ in the verb only."""
    return tuple((command.replace("upgrade", "migrate"), command) for command in commands)


TRANSLATED = env(
    "connection = connection.execution_options(schema_translate_map={None: 'app'})",
    "version_table_schema='app'",
)

CASES = (
    Case("nothing", line(ITEMS, TEXT), env=env(), runs=TWICE),
    Case(
        "search_path",
        line(ITEMS, TEXT),
        env=env(execute("SET search_path TO app")),
        before=NEW_SCHEMA,
        runs=TWICE,
    ),
    Case(
        "search_path_of_the_engine",
        line(ITEMS, TEXT),
        env=env(engine=', connect_args={"options": "-csearch_path=app"}'),
        before=NEW_SCHEMA,
        runs=TWICE,
    ),
    Case(
        "search_path_by_a_connect_event",
        line(ITEMS, TEXT),
        env=env(above=CONNECT_EVENT),
        before=NEW_SCHEMA,
        runs=TWICE,
    ),
    Case(
        "search_path_by_a_begin_event",
        line(ITEMS, TEXT),
        env=env(above=BEGIN_EVENT),
        before=NEW_SCHEMA,
        runs=TWICE,
    ),
    Case("async_engine", line(ITEMS, TEXT), env=ASYNC, before=NEW_SCHEMA, runs=TWICE),
    Case(
        "psycopg2",
        ROWS,
        env=STOCK_ENV.replace('["DATABASE_URL"])\n', f'["DATABASE_URL"]{TO_PSYCOPG2})\n', 1),
        needs="psycopg2",
    ),
    Case(
        "asyncpg",
        ROWS,
        env=ASYNC.replace("+psycopg:", "+asyncpg:"),
        before=NEW_SCHEMA,
        needs="asyncpg",
    ),
    Case("transaction_of_env", line(ITEMS, TEXT), env=IN_TRANSACTION, before=NEW_SCHEMA),
    Case(
        "role",
        line(ITEMS, TEXT),
        env=env(execute("SET ROLE env_owner")),
        before="GRANT ALL ON SCHEMA public TO env_owner",
        roles=("env_owner",),
        runs=TWICE,
    ),
    Case(
        "session_authorization",
        line(ITEMS, TEXT),
        env=env(
            execute("SET maintenance_work_mem TO '70MB'", "SET SESSION AUTHORIZATION env_login")
        ),
        before="GRANT ALL ON SCHEMA public TO env_login",
        roles=("env_login",),
        runs=TWICE,
    ),
    Case(
        "setting",
        line(ITEMS, REMEMBER.format("TimeZone")),
        env=env(execute("SET TimeZone TO 'Asia/Tokyo'")),
    ),
    Case(
        "setting_of_the_project",
        line(ITEMS, REMEMBER.format("app.tenant")),
        env=env(execute("SET app.tenant TO 'acme'")),
    ),
    Case(
        "version_table_online",
        line(ITEMS, TEXT),
        env=env(options="version_table='versions'"),
        runs=TWICE,
    ),
    Case(
        "version_table_schema_online",
        line(ITEMS, TEXT),
        env=env(execute("CREATE SCHEMA IF NOT EXISTS app"), "version_table_schema='app'"),
        runs=TWICE,
    ),
    Case(
        "version_table_without_key",
        line(ITEMS, TEXT),
        env=env(options="version_table_pk=False"),
        runs=TWICE,
    ),
    Case(
        "version_table_of_env",
        (LONG,),
        env=env(execute(WIDE)),
        runs=((MIGRATE, "upgrade head"),) * 2,
    ),
    Case(
        "transaction_per_migration",
        line(ITEMS, TEXT),
        env=env(options="transaction_per_migration=True"),
    ),
    Case(
        "one_transaction",
        line(ITEMS, TEXT),
        env=env(options="transaction_per_migration=False"),
        runs=same("upgrade head"),
        refused="checks-failed",
    ),
    Case(
        "one_transaction_of_one_revision",
        line(ITEMS, TEXT),
        env=env(options="transaction_per_migration=False"),
        runs=((f"{MIGRATE} +1", "upgrade +1"), (MIGRATE, "upgrade head")),
    ),
    Case(
        "schema_translate_map",
        line(ITEMS),
        env=TRANSLATED,
        before=NEW_SCHEMA,
        refused="needs-alembic",
    ),
    Case(
        "schema_translate_map_by_alembic",
        line(ITEMS, OTHERS),
        env=TRANSLATED,
        before=NEW_SCHEMA,
        runs=PYTHON,
    ),
    Case(
        "callback",
        line(ITEMS),
        env=env(options="on_version_apply=audit", above=CALLBACK),
        before="CREATE TABLE audit (line text)",
        refused="needs-alembic",
    ),
    Case(
        "callback_by_alembic",
        line(ITEMS),
        env=env(options="on_version_apply=audit", above=CALLBACK),
        before="CREATE TABLE audit (line text)",
        runs=PYTHON,
    ),
    Case(
        "listener_that_changes_statements",
        line(ITEMS, TEXT),
        env=env(above=RENAMES),
        refused="needs-alembic",
    ),
    Case(
        "listener_that_adds_a_comment",
        line(ITEMS, TEXT),
        env=env(above=RENAMES.replace('.replace("items", "things")', ' + " /* of the tests */"')),
    ),
    Case(
        "naming_convention_online",
        line(NAMED),
        env=env(above=CONVENTION).replace("target_metadata=None", "target_metadata=models"),
        refused="needs-alembic",
    ),
    Case("several_databases", one(ITEMS), env=SEVERAL, refused="several-databases"),
    Case("branches", FORKED, env=None, runs=(("migrate", "upgrade heads"),) * 2),
    Case(
        "branch_by_branch",
        FORKED,
        env=None,
        runs=same("upgrade expand@+2", "upgrade contract@head", "downgrade contract@-1")
        + same("upgrade heads", "downgrade expand@-1"),
    ),
    Case(
        "branches_to_base",
        FORKED,
        env=None,
        runs=(
            ("migrate", "upgrade heads"),
            ("downgrade contract@base --database {database}", "downgrade contract@base"),
        ),
    ),
    Case(
        "bases",
        APART,
        env=None,
        runs=(("migrate", "upgrade heads"), *same("downgrade contract@base")),
    ),
    Case(
        "head_of_branches", FORKED, runs=same("upgrade head"), env=None, refused="several-branches"
    ),
    Case(
        "arguments",
        line(ITEMS, TEXT),
        env=env(BY_ARGUMENT),
        before=NEW_SCHEMA,
        runs=same("-x schema=app upgrade +1", "-x schema=app upgrade head"),
    ),
    Case(
        "revision_with_arguments",
        one(f"from alembic import context\nif context.get_x_argument():\n    {ITEMS}"),
        env=STOCK_ENV,
        runs=same("-x data=yes upgrade head"),
        refused="needs-alembic",
    ),
    Case(
        "section",
        (),
        files={
            "alembic.ini": "[alembic]\nscript_location = migrations\n\n"
            "[other]\nscript_location = others\nversion_table = versions\n",
            "others/env.py": STOCK_ENV,
            "others/versions/one.py": one(ITEMS)[0].text,
        },
        runs=(("-n other sql", "current"), *same("-n other upgrade head")),
    ),
    Case(
        "pyproject",
        line(ITEMS, TEXT),
        files={
            "alembic.ini": "[alembic]\n",
            "pyproject.toml": "[tool.alembic]\nscript_location = '%(here)s/migrations'\n",
        },
        runs=same("upgrade +1", "upgrade head"),
    ),
)
