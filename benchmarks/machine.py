"""The newcomer's first minute, measured: a fresh copy, a fresh Python, nothing cached."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

_COMMANDS = (
    ("{python}", "-m", "pip", "install", "nox[uv]"),
    ("{python}", "-m", "nox", "-s", "migrate"),
)
"""The README's first command, word for word but for the name of Python, as two."""


def first_migration_s(checkout: Path) -> float:
    """Seconds from `pip install` to a migrated database, in a copy of `checkout`, with no cache."""
    with tempfile.TemporaryDirectory(prefix="pybase-first-") as name:
        machine = Path(name)
        machine.chmod(0o755)  # root's server runs as another user
        copy = machine / "checkout"
        _copy_tracked(checkout, copy)
        subprocess.run([sys.executable, "-m", "venv", str(machine / "venv")], check=True)
        python = machine / "venv" / "bin" / "python"
        environment = _empty_environment(machine)
        began = time.perf_counter()
        try:
            for command in _COMMANDS:
                words = [word.format(python=python) for word in command]
                subprocess.run(words, cwd=copy, env=environment, check=True)
            return time.perf_counter() - began
        finally:
            reset = [str(python), "-m", "nox", "-s", "db", "--", "reset", "--yes"]
            subprocess.run(reset, cwd=copy, env=environment, check=False)


def _copy_tracked(checkout: Path, copy: Path) -> None:
    """Copy what git would: files that are tracked, or new and not ignored."""
    listing = ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    names = subprocess.check_output(listing, cwd=checkout, text=True)
    for file in filter(None, names.split("\0")):
        if (checkout / file).is_file():
            (copy / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(checkout / file, copy / file)


def _empty_environment(machine: Path) -> dict[str, str]:
    """Return the caller's environment without what would make the machine less empty."""
    dropped = ("DATABASE_URL", "VIRTUAL_ENV", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE")
    kept = {name: value for name, value in os.environ.items() if name not in dropped}
    return kept | {
        "HOME": str(machine),
        "PIP_CACHE_DIR": str(machine / "pip-cache"),
        "UV_CACHE_DIR": str(machine / "uv-cache"),
        "XDG_CACHE_HOME": str(machine / "cache"),
    }
