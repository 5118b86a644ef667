"""Settings of a project: environment variables, `.env`, and `[tool.pybase]` of pyproject.toml.

A `Settings` belongs to one alembic.ini, whose folder is the root of the project. No other module
reads a variable of PyBase's own; nothing here opens a connection or starts a server.
"""

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from msgspec import Struct
from msgspec.structs import fields, replace

from pybase.core.errors import UsageError

DATABASE_URL = "DATABASE_URL"
REHEARSAL_URL = "PYBASE_REHEARSAL_URL"

DRIVERS = ("postgresql", "postgres", "postgresql+psycopg", "postgresql+asyncpg")
"""URL schemes that mean psycopg 3 here, whatever else the application does with the same URL."""

_URL_HINT = (
    "Write it as postgresql://user:password@localhost:5432/pybase, with the characters @ / % # ? : "
    "of a password URL-encoded (@ is %40, / is %2F, % is %25, # is %23)."
)


class MigrateOptions(Struct, frozen=True):
    """The table `[tool.pybase.migrate]`: how `migrate` and `downgrade` treat a live server."""

    lock_timeout_ms: int = 50
    """Lock timeout of the first tries: sessions queued behind the lock wait as long."""
    lock_timeout_most_ms: int = 500
    """Lock timeout of the last tries."""
    deadline_s: int = 600
    """Time limit for all tries to get a lock, and for waiting for another migration."""


class Options(Struct, frozen=True):
    """The table `[tool.pybase]`, with defaults."""

    sql: str = "sql"
    """Folder of the generated SQL, relative to alembic.ini."""
    picture: str = ""
    """Markdown file of the schema diagram, relative to alembic.ini; empty for none."""
    postgres: int = 18
    """Major version of the embedded PostgreSQL: 18 or 16."""
    main_branch: str = "main"
    """The git branch whose revisions are merged, and so never edited."""
    small_tables: list[str] = []
    """Tables that stay small enough to be changed in one statement."""
    migrate: MigrateOptions = MigrateOptions()


_Table = TypeVar("_Table", Options, MigrateOptions)


class Settings(Struct, frozen=True):
    """Paths and options of a project."""

    config_path: Path
    options: Options = Options()

    @property
    def root(self) -> Path:
        """The folder that holds alembic.ini."""
        return self.config_path.parent

    @property
    def sql(self) -> Path:
        """The folder of the generated, committed SQL."""
        return self.root / self.options.sql

    @property
    def picture(self) -> Path | None:
        """The generated, committed diagram of the schema, or None."""
        return self.root / self.options.picture if self.options.picture else None

    def written_name(self, path: str) -> str:
        """Return a path below `sql/` relative to the root, as messages show it."""
        return os.path.normpath(Path(self.options.sql, path)).replace(os.sep, "/")

    @property
    def state(self) -> Path:
        """The git-ignored folder of embedded servers and caches; `prepare_state` creates it."""
        return self.root / ".pybase"

    def prepare_state(self) -> Path:
        """Create the state folder, with a .gitignore of its own."""
        ignore = self.state / ".gitignore"
        if not ignore.exists():
            self.state.mkdir(parents=True, exist_ok=True)
            ignore.write_text("*\n", encoding="utf-8")
        return self.state


def load(config_path: Path) -> Settings:
    """Read the settings of the project to which `config_path`, an alembic.ini, belongs.

    Raises UsageError for a missing file, an unknown setting, or a value of the wrong type.
    """
    path = config_path.absolute()
    if not path.is_file():
        raise UsageError(
            f"There is no Alembic configuration at {config_path}.",
            "Run this in the folder that holds alembic.ini, or name one with -c PATH.",
            code="missing-configuration",
        )
    return Settings(path, _read_options(path.parent / "pyproject.toml"))


def _read_options(pyproject: Path) -> Options:
    if not pyproject.is_file():
        return Options()
    try:
        tool = tomllib.loads(pyproject.read_text(encoding="utf-8")).get("tool", {})
    except tomllib.TOMLDecodeError as error:
        raise UsageError(
            f"{pyproject.name} is not valid TOML: {error}.", code="invalid-toml"
        ) from error
    return _override(Options(), tool.get("pybase", {}), "[tool.pybase]")


def _override(defaults: _Table, table: Mapping[str, Any], label: str) -> _Table:
    """Return `defaults` with the values of `table` in their place."""
    known = [option.name for option in fields(defaults)]
    values: dict[str, Any] = {}
    for name, value in table.items():
        if name not in known:
            raise UsageError(
                f"{label} has no setting called {name!r}.",
                f"Its settings are {', '.join(known)}.",
                code="unknown-setting",
            )
        default = getattr(defaults, name)
        if isinstance(default, MigrateOptions) and isinstance(value, dict):
            value = _override(default, value, f"{label[:-1]}.{name}]")
        if type(value) is not type(default):
            raise UsageError(
                f"{label} {name} is {value!r}.",
                f"It takes a value like {default!r}.",
                code="invalid-setting",
            )
        values[name] = value
    return replace(defaults, **values)


def database_url(settings: Settings) -> str | None:
    """Return the URL of the user's database in libpq's form, or None where none is configured.

    An unset or empty DATABASE_URL is read from `.env` in the root.
    Raises UsageError for another backend or a malformed URL; the message never holds the URL.
    """
    raw = os.environ.get(DATABASE_URL) or _read_dotenv(settings.root / ".env")
    return parse_url(raw) if raw else None


def rehearsal_url() -> str | None:
    """Return the URL of the server to rehearse on instead of the embedded one, or None."""
    raw = os.environ.get(REHEARSAL_URL)
    return parse_url(raw, REHEARSAL_URL) if raw else None


def nox_session() -> str | None:
    """Return the name of the nox session that runs this process, or None."""
    return os.environ.get("NOX_CURRENT_SESSION")


def _read_dotenv(path: Path) -> str | None:
    if not path.is_file():
        return None
    from dotenv import dotenv_values  # 40 ms, and most checkouts have no .env

    return dotenv_values(path).get(DATABASE_URL)


def parse_url(raw: str, variable: str = DATABASE_URL) -> str:
    """Return any accepted spelling of a PostgreSQL URL in libpq's form.

    A password that is not URL-encoded is refused here, because libpq would quote the part of it
    that it reads as host or port. Raises UsageError, whose text holds nothing after the scheme.
    """
    scheme, separator, rest = raw.strip().partition("://")
    if not separator or not re.fullmatch(r"[a-z0-9+]+", scheme):
        raise UsageError(f"{variable} is not a URL.", _URL_HINT, code="malformed-url")
    if scheme not in DRIVERS:
        raise UsageError(
            f"{variable} names the backend {scheme!r}; PyBase runs on PostgreSQL only.",
            f"Use one of {', '.join(f'{driver}://' for driver in DRIVERS)}.",
            code="unsupported-backend",
        )
    _require_encoded(rest, variable)
    if scheme == "postgresql+asyncpg":
        rest = re.sub(r"([?&])ssl=", r"\1sslmode=", rest)  # asyncpg's name for the same parameter
    return f"postgresql://{rest}"


def _require_encoded(rest: str, variable: str) -> None:
    before_query, _, query = rest.partition("?")
    authority = before_query.partition("/")[0]
    stray_at = rest.count("@") - query.count("@") > 1 or "@" in before_query[len(authority) :]
    hidden_at = "@" in query and "@" not in before_query
    problem = ""
    if stray_at or hidden_at or re.search(r"%(?![0-9A-Fa-f]{2})", before_query):
        problem = "a character of its user or password is not URL-encoded"
    elif not re.fullmatch(r"(\[[^\]]*\]|[^:\[\]]*)(:\d*)?(,.*)?", authority.rpartition("@")[2]):
        problem = "its port is not a number"
    if problem:
        raise UsageError(f"{variable} is malformed: {problem}.", _URL_HINT, code="malformed-url")
