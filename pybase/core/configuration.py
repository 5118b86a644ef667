"""The file alembic.ini, read strictly: UTF-8, no key twice, and nothing that does not resolve."""

from configparser import ConfigParser, Error

from pybase.core.errors import UsageError
from pybase.core.settings import Settings


def read_ini(settings: Settings) -> ConfigParser:
    """Return the file, whose section `[alembic]` names a script_location.

    `%(here)s` is the folder of the file, whatever characters its name has. Raises UsageError.
    """
    ini = ConfigParser({"here": settings.root.as_posix().replace("%", "%%")})
    try:
        ini.read_string(settings.config_path.read_text(encoding="utf-8"), settings.config_path.name)
        is_located = bool(ini["alembic"].get("script_location", "").strip())
    except KeyError:
        raise invalid_ini(settings, "it has no section [alembic]") from None
    except (OSError, UnicodeDecodeError, Error) as error:
        raise invalid_ini(settings, str(error)) from error
    if not is_located:
        raise invalid_ini(settings, "it names no script_location")
    return ini


def invalid_ini(settings: Settings, reason: str) -> UsageError:
    """Return the error for a file that cannot be used; the reason becomes one line."""
    return UsageError(
        f"{settings.config_path.name} cannot be used: {' '.join(reason.split()).rstrip('.')}.",
        "Correct it: it is UTF-8 without a byte order mark, each key is there once, and % is "
        "written %%.",
        code="invalid-configuration",
    )
