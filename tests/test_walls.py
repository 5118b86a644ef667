"""Import contracts of pyproject.toml, checked by import-linter."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def lint_imports(*arguments: str, folder: Path = ROOT) -> "subprocess.CompletedProcess[str]":
    code = "import sys; from importlinter.cli import lint_imports_command as c; sys.exit(c())"
    return subprocess.run(
        [sys.executable, "-c", code, "--no-cache", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_imports_keep_the_contracts() -> None:
    done = lint_imports()
    assert done.returncode == 0, done.stdout
    assert "0 broken" in done.stdout


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("pybase/migrate/revisions/_history.py", "import pybase.models"),
        ("pybase/models/base.py", "import pybase.core.errors"),
        ("pybase/postgres/_paths.py", "import pybase.migrate.database"),
        ("pybase/postgres/_paths.py", "import pybase.migrate.revisions"),
        ("pybase/migrate/revisions/_history.py", "import pybase.cli"),
        ("pybase/core/settings.py", "import pybase.postgres"),
    ],
)
def test_import_against_a_contract_is_reported(module: str, line: str, tmp_path: Path) -> None:
    """Without this, the contracts could hold for any import."""
    for path in (ROOT / "pybase").rglob("*.py"):
        copy = tmp_path / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    (tmp_path / "pyproject.toml").write_bytes((ROOT / "pyproject.toml").read_bytes())
    with (tmp_path / module).open("a") as file:
        file.write(f"\n{line}\n")
    done = lint_imports(folder=tmp_path)
    assert done.returncode == 1, done.stdout
    assert "BROKEN" in done.stdout
