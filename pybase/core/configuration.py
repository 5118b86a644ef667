"""Alembic's configuration, read strictly: alembic.ini, and [tool.alembic] of pyproject.toml.

alembic.ini is UTF-8, has no key twice, and nothing that does not resolve.
"""

import tomllib
from collections.abc import Mapping
from configparser import ConfigParser, Error
from typing import Any

from pybase.core.errors import UsageError
from pybase.core.settings import SECTION, Settings


def read_ini(settings: Settings) -> ConfigParser:
    """Return alembic.ini, of which a section, or pyproject.toml, names a script_location.

    `%(here)s` is the folder of the file, whatever characters its name has. Without the file, the
    section is empty. Raises UsageError.
    """
    ini = ConfigParser({"here": settings.root.as_posix().replace("%", "%%")})
    try:
        if settings.config_path.is_file():
            text = settings.config_path.read_text(encoding="utf-8")
            ini.read_string(text, settings.config_path.name)
        elif settings.section == SECTION:
            ini.add_section(SECTION)
        location = ini[settings.section].get("script_location", "")
    except KeyError:
        raise invalid_ini(settings, f"it has no section [{settings.section}]") from None
    except (OSError, UnicodeDecodeError, Error) as error:
        raise invalid_ini(settings, str(error)) from error
    if not (location.strip() or read_toml(settings).get("script_location")):
        raise invalid_ini(settings, "it names no script_location")
    return ini


def read_options(settings: Settings) -> Mapping[str, Any]:
    """Return what configures Alembic; alembic.ini comes first. Raises as `read_ini`."""
    section = read_ini(settings)[settings.section]
    if section.get("script_location", "").strip():
        return section
    toml = read_toml(settings)
    location = str(toml["script_location"]).replace("%(here)s", settings.root.as_posix())
    return {**toml, **section, "script_location": location.replace("%%", "%")}


def read_toml(settings: Settings) -> Mapping[str, Any]:
    """Return [tool.alembic] of pyproject.toml, which `settings.load` has read before."""
    try:
        text = (settings.root / "pyproject.toml").read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    table = tomllib.loads(text).get("tool", {}).get("alembic", {})
    if not isinstance(table, dict):
        raise invalid_ini(settings, "[tool.alembic] of pyproject.toml is no table")
    return table


def invalid_ini(settings: Settings, reason: str) -> UsageError:
    """Return the error for a file that cannot be used; the reason becomes one line."""
    return UsageError(
        f"{settings.config_path.name} cannot be used: {' '.join(reason.split()).rstrip('.')}.",
        "Correct it: it is UTF-8 without a byte order mark, each key is there once, and % is "
        "written %%.",
        code="invalid-configuration",
    )
