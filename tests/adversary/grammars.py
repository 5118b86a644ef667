"""Small grammars of what users write: URLs, TOML, ini files, revisions, JSON."""

from hypothesis import strategies as st

from .in_process import SECRET


def joined(*parts: st.SearchStrategy[str], between: str = "") -> st.SearchStrategy[str]:
    """Texts of one part each."""
    return st.tuples(*parts).map(between.join)


def one(*texts: str) -> st.SearchStrategy[str]:
    return st.sampled_from(texts)


def lines(line: st.SearchStrategy[str], most: int = 5) -> st.SearchStrategy[str]:
    return st.lists(line, max_size=most).map("\n".join)


NOISE = st.text(max_size=8)
"""Any characters, but lone surrogates."""

# --- URLs: nothing in them leads off this machine -----------------------------------------------

_SCHEME = one("postgresql", "postgres", "postgresql+asyncpg", "postgresql+psycopg", "POSTGRESQL")
_SCHEME |= one("postgresql+psycopg2", "mysql", "http", "", "post gres")
_USER = one("", "u@", f"u:{SECRET}@", f"u:{SECRET}%@", f"u:{SECRET}/@", f"u:@{SECRET}@", ":@")
_USER |= one(f"u:{SECRET}%00@", f"u:{SECRET} x@", f"u:{SECRET}?@", "ü:%C3%A4@", f"u:[{SECRET}@")
_HOST = one("127.0.0.1", "[::1]", "[::1", "[x]", "", "%2Fnowhere", "127.0.0.1:1,127.0.0.1")
_PORT = one(":1", ":1", ":0", ":65536", ":x", ":-1", ":", ":1:1", ":٣")
_PATH = one("", "/", "/d", "/d%20b", "/d b", "/%zz", "//", "/d#f", "/" + "d" * 300)
_PARAMETER = one("connect_timeout=1", "connect_timeout=x", "nope=1", "sslmode=nope", "a", "=", "")
_PARAMETER |= one(f"password={SECRET}", "options=%zz", "ssl=1", "port=x", "target_session_attrs=x")
_QUERY = st.just("") | st.lists(_PARAMETER, max_size=2).map(lambda names: f"?{'&'.join(names)}")
URLS = joined(_SCHEME, one("://", "://", "://", ":", ":/"), _USER, _HOST, _PORT, _PATH, _QUERY)

# --- configuration ------------------------------------------------------------------------------

_VALUE = one("1", "-1", "0", "true", "'x'", "''", "' '", "[]", "[1]", "['a']", "{}", "{a = 1}")
_VALUE |= one("1.5", "inf", "1979-05-27", '"\\u0000"', "9" * 30, "[[]]", "'--x'", "'..'")
_KEY = one(
    "postgres", "main_branch", "small_tables", "picture", "migrate", "sqll", "Postgres", '""'
)
_KEY |= one("deadline_s", "lock_timeout_ms", "migrate.deadline_s", "main-branch", "x.y")
_TABLE = one("[tool.pybase]", "[tool.pybase.migrate]", "[tool]", "[[tool.pybase]]", "[tool", "")
TOML = lines(_TABLE | joined(_KEY, _VALUE, between=" = ") | NOISE)

_OPTION = one("script_location", "version_locations", "path_separator", "version_path_separator")
_OPTION |= one("file_template", "timezone", "truncate_slug_length", "sourceless", "sqlalchemy.url")
_SETTING = one("%(here)s/migrations", "migrations", "nowhere", "", "%(nowhere)s", "%", "%%", "os")
_SETTING |= one("migrations:x", "x:y", "models.py", "%(here)s/100%", "true", "-1", "\\", "/")
INI = lines(
    one("[alembic]", "[alembic]", "[post_write_hooks]", "[")
    | joined(_OPTION, one(" = ", " : ", ""), _SETTING)
    | NOISE
)
INI = INI.map("[alembic]\nscript_location = migrations\n{}".format) | INI

ENCODINGS = ("utf-8", "utf-8", "utf-8", "utf-8-sig", "utf-16", "latin-1")

# --- revisions ----------------------------------------------------------------------------------

_LITERAL = one("None", "1", "''", "'x'", "'aaaaaaaaaaaa'", "('aaaaaaaaaaaa',)", "['x', 'x']", "()")
_LITERAL |= one("{'a': 'b'}", "{1: 2}", "{'a': None}", "{'a': {'b': 'c'}}", "b'x'", "1.5", "...")
_LITERAL |= one("'a b'", "'it\\'s'", "'a,b'", "'a\\nb'", "'e' * 40", "'\\ud800'", "'%s'", "'-1'")
_LITERAL |= one("(None,)", "{'bbbbbbbbbbbb'}", "object()", "lambda: 1", "'head'", "range(3)")
_NAME = one("revision", "down_revision", "depends_on", "branch_labels", "accepted_hazards")
_STATEMENT = joined(_NAME, _LITERAL, between=" = ")
_RAISE = one("ValueError('a\\nb')", "SystemExit(3)", "SystemExit", "BaseException", "GeneratorExit")
_OWN = joined(st.just("raise "), _RAISE) | one("import nowhere", "def (", "1 / 0", "print('x')")
_HEAD = "revision = 'bbbbbbbbbbbb'\ndown_revision = 'aaaaaaaaaaaa'\n{}"
REVISIONS = lines(_STATEMENT, 3).map(_HEAD.format) | lines(_STATEMENT | _OWN, 4) | NOISE

# --- what programs write ------------------------------------------------------------------------

_SCALAR = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | NOISE
JSON = st.recursive(
    _SCALAR,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NOISE, inner, max_size=3),
    max_leaves=6,
)
