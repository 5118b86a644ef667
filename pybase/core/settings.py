"""Settings of a project: environment variables, `.env`, and `[tool.pybase]` of pyproject.toml.

A `Settings` belongs to one alembic.ini, whose folder is the root of the project. No other module
reads a variable of PyBase's own; nothing here opens a connection or starts a server.
"""

import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args, get_type_hints

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import replace

from pybase.core.errors import UsageError
from pybase.core.files import digest, is_private, make_folder, user_folder, write_file
from pybase.core.urls import DATABASE_URL, REHEARSAL_URL, conceal, parse_url

_Folder = Annotated[str, Meta(pattern=r"^\S[^\x00-\x1f\x7f]*$", description="a folder, as 'sql'")]
_Picture = Annotated[
    str,
    Meta(
        pattern=r"^(\S[^\x00-\x1f\x7f]*\.md)?$",
        description="a Markdown file, as 'docs/schema.md', or ''",
    ),
]
_Branch = Annotated[str, Meta(pattern=r"^[^\s-]\S*$", description="a branch, as 'main'")]
_Major = Literal[16, 18]
EMBEDDED: tuple[_Major, ...] = get_args(_Major)
"""The major versions of PostgreSQL that the wheel has."""
_Versions = Annotated[
    _Major | Annotated[tuple[_Major, ...], Meta(min_length=1)],
    Meta(description="16, 18, or [16, 18]"),
]
_IdleSeconds = Annotated[int, Meta(ge=1, le=604_800, description="seconds, from 1 to 604,800")]
_Names = Annotated[list[str], Meta(description="a list of names, as ['plans']")]
_Role = Annotated[str, Meta(pattern=r"^(?!pg_|public$|none$|\d+$)\S[^\x00-\x1f\x7f]{0,62}$")]
_Roles = Annotated[
    list[_Role], Meta(description="a list of roles, as ['app'], none of which begins with pg_")
]


_SHARED = "/var/tmp"  # noqa: S108  of its folders, only our own is used


class MigrateOptions(Struct, frozen=True):
    """The table `[tool.pybase.migrate]`: how `migrate` and `downgrade` treat a live server."""

    lock_timeout_ms: int = 50
    """Lock timeout of the first tries: sessions queued behind the lock wait as long."""
    lock_timeout_most_ms: int = 500
    """Lock timeout of the last tries."""
    deadline_s: int = 600
    """Time limit for all tries to get a lock, and for waiting for another migration."""

    def __post_init__(self) -> None:
        """Refuse a limit out of range, from the command line and from a file alike."""
        for name, (least, most) in RANGES.items():
            if not least <= getattr(self, name) <= most:
                raise UsageError(
                    f"{name} is {getattr(self, name)}, and has to be from {least} to {most:,}.",
                    f"The default is {getattr(MigrateOptions(), name)}; PostgreSQL takes a lock "
                    "timeout of 0 as none at all.",
                    code="limit-out-of-range",
                )
        if self.lock_timeout_ms > self.lock_timeout_most_ms:
            raise UsageError(
                f"lock_timeout_ms is {self.lock_timeout_ms}, above lock_timeout_most_ms, which is "
                f"{self.lock_timeout_most_ms}.",
                "Raise lock_timeout_most_ms too, to the timeout of the last tries.",
                code="limits-reversed",
            )


RANGES = {
    "lock_timeout_ms": (1, 60_000),
    "lock_timeout_most_ms": (1, 600_000),
    "deadline_s": (1, 604_800),
}
"""The least and the most of each number of MigrateOptions."""


class Options(Struct, frozen=True):
    """The table `[tool.pybase]`, with defaults."""

    sql: _Folder = "sql"
    """Folder of the generated SQL, relative to alembic.ini."""
    picture: _Picture = ""
    """Markdown file of the schema diagram, relative to alembic.ini; empty for none."""
    postgres: _Versions = EMBEDDED
    """Major versions of PostgreSQL that production may have: each revision is rehearsed on all."""
    main_branch: _Branch = "main"
    """The git branch whose revisions are merged, and so never edited."""
    scratch_idle_s: _IdleSeconds = 900
    """Seconds without use after which the scratch server ends."""
    small_tables: _Names = []
    """Tables that stay small enough to be changed in one statement."""
    roles: _Roles = []
    """Roles that production has: they are created where revisions are rehearsed."""
    migrate: MigrateOptions = MigrateOptions()


_Table = TypeVar("_Table", Options, MigrateOptions)


SECTION = "alembic"


class Settings(Struct, frozen=True):
    """Paths and options of a project."""

    config_path: Path
    options: Options = Options()
    x: tuple[str, ...] = ()
    """What `-x` gives to env.py, for `context.get_x_argument()`."""
    section: str = SECTION
    """The section of alembic.ini, which `--name` names as that of `alembic` does."""

    @property
    def identity(self) -> str:
        """What distinguishes the project from others on this machine."""
        own = "" if self.section == SECTION else f":{self.section}"
        return f"{self.config_path}{own}"

    @property
    def versions(self) -> tuple[int, ...]:
        """The versions to rehearse on, the oldest first: all SQL is rendered for that one."""
        given = self.options.postgres
        return tuple(sorted({given} if isinstance(given, int) else set(given)))

    def on(self, version: int) -> "Settings":
        """Return the settings for work on one of `versions`; as they are for another version."""
        if version not in self.versions:
            return self
        return replace(self, options=replace(self.options, postgres=version))

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
        """The git-ignored folder of embedded servers and caches; `prepare_state` creates it.

        Of a checkout that cannot be written to, it is in the user's cache folder.
        """
        inside = self.root / ".pybase"
        if os.access(inside if inside.exists() else self.root, os.W_OK):
            return inside
        place = digest(os.fsencode(self.root.resolve()))
        user = user_folder("XDG_CACHE_HOME", ".cache") or Path(_SHARED, f"pybase-{os.geteuid()}")
        return user / "checkouts" / place if is_private(user) else inside

    def prepare_state(self) -> Path:
        """Create the state folder, with a .gitignore of its own."""
        state = self.state
        ignore = state / ".gitignore"
        if not ignore.exists():
            if not state.is_relative_to(self.root):
                make_folder(state, 0o755 if os.geteuid() == 0 else 0o700)
            write_file(ignore, "*\n")
        return state


def load(config_path: Path, x: Sequence[str] = (), section: str = SECTION) -> Settings:
    """Read the settings of the project to which `config_path`, an alembic.ini, belongs.

    The file may be missing where pyproject.toml has [tool.alembic]. Another section than the first
    is another history, whose SQL has a folder of its own.
    Raises UsageError for a missing file, an unknown setting, or a value of the wrong type.
    """
    for variable in (DATABASE_URL, REHEARSAL_URL):
        conceal(os.environ.get(variable, ""))
    path = config_path.absolute()
    try:
        is_file = path.is_file()
    except OSError:  # such as a name that is too long
        is_file = False
    tools = _table(_read_toml(path.parent / "pyproject.toml"), "tool")
    if not is_file and "alembic" not in tools:
        raise UsageError(
            f"There is no Alembic configuration at {config_path}.",
            "Run this in the folder that holds alembic.ini, or name one with -c PATH.",
            code="missing-configuration",
        )
    if not str(path).isprintable():
        raise UsageError(
            f"The folder {path.parent} has a name that is not printable text.",
            "Rename it: its name is in paths that are written in UTF-8, a line each.",
            code="unprintable-folder",
        )
    options = _override(Options(), _table(tools, "pybase"), "[tool.pybase]")
    if section != SECTION:
        _require_plain(section)
        options = replace(options, sql=f"{options.sql}-{section}", picture="")
    return Settings(path, options, tuple(x), section)


def _require_plain(section: str) -> None:
    if not re.fullmatch(r"\w[\w.-]*", section):
        raise UsageError(
            f"The name {section!r} of a section cannot be that of a folder too.",
            "Use letters, digits, dots, - and _.",
            code="invalid-section",
        )


def _read_toml(pyproject: Path) -> Mapping[str, Any]:
    try:
        return tomllib.loads(pyproject.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(
            f"{pyproject.name} cannot be read as TOML: {' '.join(str(error).split())}.",
            "Correct it: TOML is UTF-8 without a byte order mark.",
            code="invalid-toml",
        ) from error


def _table(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    table = document.get(name, {})
    if not isinstance(table, dict):
        raise UsageError(
            f"{name} is {_shown(table)} in pyproject.toml.",
            "Write a table: [tool.pybase]",
            code="no-table",
        )
    return table


def _override(defaults: _Table, table: Mapping[str, Any], label: str) -> _Table:
    """Return `defaults` with the values of `table` in their place."""
    types = get_type_hints(type(defaults), include_extras=True)
    values: dict[str, Any] = {}
    for name, value in table.items():
        if name not in types:
            similar = get_close_matches(name.lower(), types, 1)
            raise UsageError(
                f"{label} has no setting called {_shown(name)}.",
                f"Did you mean {similar[0]}?" if similar else f"They are {', '.join(types)}.",
                code="unknown-setting",
            )
        default = getattr(defaults, name)
        if isinstance(default, MigrateOptions) and isinstance(value, dict):
            value = _override(default, value, f"{label[:-1]}.{name}]")
        try:
            values[name] = msgspec.convert(value, types[name])
        except msgspec.ValidationError as error:
            raise UsageError(
                f"{label} {name} is {_shown(value)}.",
                f"It takes {_form(types[name], default)}.",
                code="invalid-setting",
            ) from error
    return replace(defaults, **values)


def _form(type_: Any, default: object) -> str:
    """Return what a setting takes, in words."""
    descriptions = [meta.description for meta in getattr(type_, "__metadata__", ())]
    return next(filter(None, descriptions), f"a value like {default!r}")


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _WIDEST else f"{text[:_WIDEST]}..."


_WIDEST = 60


def database_url(settings: Settings) -> str | None:
    """Return the URL of the user's database in libpq's form, or None where none is configured.

    An unset DATABASE_URL is read from `.env` in the root.
    Raises UsageError for an empty value, which may be a secret that is missing, another backend or
    a malformed URL; the message never holds the URL.
    """
    raw = os.environ.get(DATABASE_URL)
    if raw is None:
        raw = _read_dotenv(settings.root / ".env")
    return None if raw is None else parse_url(raw)


def rehearsal_url() -> str | None:
    """Return the URL of the server to rehearse on instead of the embedded one, or None."""
    raw = os.environ.get(REHEARSAL_URL)
    return None if raw is None else parse_url(raw, REHEARSAL_URL)


def is_ci() -> bool:
    """Whether this process runs in continuous integration, where no one reads a warning."""
    return os.environ.get("CI", "").lower() not in ("", "0", "false")


def nox_session() -> str | None:
    """Return the name of the nox session that runs this process, or None."""
    return os.environ.get("NOX_CURRENT_SESSION")


def _read_dotenv(path: Path) -> str | None:
    if not path.is_file():
        return None
    from dotenv import dotenv_values  # 40 ms, and most checkouts have no .env

    try:
        values = dotenv_values(path)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise UsageError(
            f"{path.name} cannot be read: {reason}.", "Correct it.", code="unreadable-dotenv"
        ) from None  # the chain would show a line of it
    if DATABASE_URL not in values:
        return None
    url = values[DATABASE_URL] or ""
    conceal(url)
    return url
