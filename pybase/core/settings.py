"""What the user configured: the only reader of environment variables and of `[tool.pybase]`.

What every program at a terminal obeys, such as NO_COLOR, is the business of `present`.
A `Settings` belongs to one alembic.ini: the folder of that file is the root of the project, its
`pyproject.toml` may hold a `[tool.pybase]` table, and `sql/` and `.pybase/` lie beside it.
Nothing here opens a connection or starts a server.
"""

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, TypeVar

from pybase.core.errors import UsageError

DATABASE_URL = "DATABASE_URL"
REHEARSAL_URL = "PYBASE_REHEARSAL_URL"

DRIVERS = ("postgresql", "postgres", "postgresql+psycopg", "postgresql+asyncpg")
"""URL schemes that mean psycopg 3 here, whatever else the application does with the same URL."""

_EXAMPLE = "postgresql://user:password@localhost:5432/pybase"
_ENCODE = (
    "Write it as " + _EXAMPLE + ", with the characters @ / % # ? : of a password URL-encoded "
    "(@ is %40, / is %2F, % is %25, # is %23)."
)


@dataclass(frozen=True)
class MigrateOptions:
    """The table `[tool.pybase.migrate]`: how `migrate` and `downgrade` treat a live server."""

    lock_timeout_ms: int = 50
    """Longest wait for a lock in the first tries: those behind it wait as long."""
    lock_timeout_most_ms: int = 500
    """What the wait grows to, try by try, when nothing else helps."""
    deadline_s: int = 600
    """Longest time to go on trying for a lock, and to wait for another migration."""


@dataclass(frozen=True)
class Options:
    """The table `[tool.pybase]`. Every name may be left out."""

    sql: str = "sql"
    """Folder of the generated SQL, relative to alembic.ini."""
    picture: str = ""
    """File for the schema as a picture, in Markdown, relative to alembic.ini; empty for none."""
    postgres: int = 18
    """Major version of the embedded PostgreSQL: 18 or 16."""
    main_branch: str = "main"
    """The git branch whose revisions are merged, so never edited again."""
    small_tables: list[str] = field(default_factory=list)
    """Tables that stay small enough to be changed whole, in one statement."""
    migrate: MigrateOptions = field(default_factory=MigrateOptions)
    """How a live server is treated."""


_Table = TypeVar("_Table", Options, MigrateOptions)


@dataclass(frozen=True)
class Settings:
    """Where a project's files are, and its options."""

    config_path: Path
    options: Options = field(default_factory=Options)

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
        """The generated, committed picture of the schema, or None."""
        return self.root / self.options.picture if self.options.picture else None

    def written_name(self, path: str) -> str:
        """Return a path below `sql/` as people are told it: from the root, without detours."""
        return os.path.normpath(Path(self.options.sql, path)).replace(os.sep, "/")

    @property
    def state(self) -> Path:
        """The git-ignored folder of embedded servers and caches; `prepare_state` makes it."""
        return self.root / ".pybase"

    def prepare_state(self) -> Path:
        """Make the state folder, which tells git by itself that it is nobody's business."""
        ignore = self.state / ".gitignore"
        if not ignore.exists():
            self.state.mkdir(parents=True, exist_ok=True)
            ignore.write_text("*\n", encoding="utf-8")
        return self.state


def load(config_path: Path) -> Settings:
    """Read the settings of the project to which `config_path`, an alembic.ini, belongs.

    Raises UsageError when the file is missing or `[tool.pybase]` holds a name or a type that
    does not exist.
    """
    path = config_path.absolute()
    if not path.is_file():
        raise UsageError(
            f"There is no Alembic configuration at {config_path}.",
            "Run this in the folder that holds alembic.ini, or name one with -c PATH.",
        )
    return Settings(path, _options(path.parent / "pyproject.toml"))


def _options(pyproject: Path) -> Options:
    if not pyproject.is_file():
        return Options()
    try:
        tool = tomllib.loads(pyproject.read_text(encoding="utf-8")).get("tool", {})
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{pyproject.name} is not valid TOML: {error}.") from error
    return _checked(Options(), tool.get("pybase", {}), "[tool.pybase]")


def _checked(defaults: _Table, table: Mapping[str, Any], place: str) -> _Table:
    """Return `defaults` with what `table` says instead. Raises UsageError for what is unknown."""
    known = [each.name for each in fields(defaults)]
    found: dict[str, Any] = {}
    for name, value in table.items():
        if name not in known:
            raise UsageError(
                f"{place} has no setting called {name!r}.", f"Its settings are {', '.join(known)}."
            )
        default = getattr(defaults, name)
        if isinstance(default, MigrateOptions) and isinstance(value, dict):
            found[name] = _checked(default, value, f"{place[:-1]}.{name}]")
            continue
        if type(value) is not type(default):
            raise UsageError(f"{place} {name} is {value!r}.", f"It takes a value like {default!r}.")
        found[name] = value
    return replace(defaults, **found)


def database_url(settings: Settings) -> str | None:
    """Return the URL of the user's database in libpq's form, or None where none is configured.

    `DATABASE_URL` wins; unset or empty, the file `.env` in the project's root is read.
    Raises UsageError for another backend or a malformed URL. The message never holds the URL.
    """
    raw = os.environ.get(DATABASE_URL) or _from_dotenv(settings.root / ".env")
    return parse_url(raw) if raw else None


def rehearsal_url() -> str | None:
    """Return the server to rehearse on instead of the embedded one, or None."""
    raw = os.environ.get(REHEARSAL_URL)
    return parse_url(raw, REHEARSAL_URL) if raw else None


def nox_session() -> str | None:
    """Return the name of the nox session that runs us, or None."""
    return os.environ.get("NOX_CURRENT_SESSION")


def _from_dotenv(path: Path) -> str | None:
    if not path.is_file():
        return None
    from dotenv import dotenv_values  # costs 40 ms, and most checkouts have no .env

    return dotenv_values(path).get(DATABASE_URL)


def parse_url(raw: str, variable: str = DATABASE_URL) -> str:
    """Turn any accepted spelling of a PostgreSQL URL into the one that libpq reads.

    A wrongly encoded password is found here, because libpq and resolvers would quote the part
    of it that they took for a host or a port in their error messages.
    Raises UsageError, whose text never contains any part of the URL behind the scheme.
    """
    scheme, separator, rest = raw.strip().partition("://")
    if not separator or not re.fullmatch(r"[a-z0-9+]+", scheme):
        raise UsageError(f"{variable} is not a URL.", _ENCODE)
    if scheme not in DRIVERS:
        raise UsageError(
            f"{variable} names the backend {scheme!r}; PyBase runs on PostgreSQL only.",
            f"Use one of {', '.join(f'{driver}://' for driver in DRIVERS)}.",
        )
    _require_encoded(rest, variable)
    if scheme == "postgresql+asyncpg":
        rest = re.sub(r"([?&])ssl=", r"\1sslmode=", rest)  # asyncpg's name for the same thing
    return f"postgresql://{rest}"


def _require_encoded(rest: str, variable: str) -> None:
    before_query, _, query = rest.partition("?")
    authority = before_query.partition("/")[0]
    stray_at = rest.count("@") - query.count("@") > 1 or "@" in before_query[len(authority) :]
    hidden_at = "@" in query and "@" not in before_query
    if stray_at or hidden_at or re.search(r"%(?![0-9A-Fa-f]{2})", before_query):
        raise UsageError(
            f"{variable} is malformed: a character of its user or password is not URL-encoded.",
            _ENCODE,
        )
    if not re.fullmatch(r"(\[[^\]]*\]|[^:\[\]]*)(:\d*)?(,.*)?", authority.rpartition("@")[2]):
        raise UsageError(f"{variable} is malformed: its port is not a number.", _ENCODE)
