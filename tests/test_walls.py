"""Import contracts of pyproject.toml, checked by import-linter; limits of modules and imports."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from graphlib import TopologicalSorter
from importlib import import_module
from pathlib import Path

import grimp
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


# --- limits -------------------------------------------------------------------------------------

MODULES_IN_A_FOLDER = 15
IMPORTS_IN_FUNCTIONS = 20
LEVELS = 12

FOLDERS = sorted({path.parent.relative_to(ROOT) for path in (ROOT / "pybase").rglob("*.py")})


@pytest.mark.parametrize("folder", FOLDERS, ids=str)
def test_folder_has_few_modules(folder: Path) -> None:
    modules = [path.name for path in (ROOT / folder).glob("*.py") if path.name != "__init__.py"]
    assert len(modules) <= MODULES_IN_A_FOLDER, sorted(modules)


def imports_in_functions() -> Iterator[tuple[str, str]]:
    """Yield the place of each import in a function, and the comment on its line or above it."""
    for path in sorted((ROOT / "pybase").rglob("*.py")):
        text = path.read_text("utf-8")
        lines = text.split("\n")
        functions = [n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.FunctionDef)]
        numbers = {
            node.lineno
            for function in functions
            for node in ast.walk(function)
            if isinstance(node, ast.Import | ast.ImportFrom)
        }
        for number in sorted(numbers):
            above = lines[number - 2].strip()
            comment = lines[number - 1].partition("#")[2] or (above.startswith("#") and above[1:])
            yield f"{path.relative_to(ROOT)}:{number}", (comment or "").strip()


IMPORTS = dict(imports_in_functions())


def test_few_imports_are_in_functions() -> None:
    assert len(IMPORTS) <= IMPORTS_IN_FUNCTIONS, "\n".join(IMPORTS)


@pytest.mark.parametrize("place", IMPORTS)
def test_import_in_a_function_has_its_reason(place: str) -> None:
    assert len(IMPORTS[place].split()) > 1, f"{place}: a comment must give the reason"


def lazy_names() -> Iterator[tuple[str, str, str]]:
    """Yield package, module and name of what a package with a lazy interface declares."""
    for path in sorted((ROOT / "pybase").rglob("__init__.py")):
        text = path.read_text("utf-8")
        package = ".".join(path.parent.relative_to(ROOT).parts)
        for node in ast.walk(ast.parse(text)) if "__getattr__ = lazy(" in text else ():
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(f"{package}."):
                yield from ((package, node.module or "", name.name) for name in node.names)


@pytest.mark.parametrize(("package", "module", "name"), list(lazy_names()))
def test_lazy_interface_gives_what_it_declares(package: str, module: str, name: str) -> None:
    assert getattr(import_module(package), name) is getattr(import_module(module), name)


def test_makemigration_imports_no_lint_program() -> None:
    code = "import sys, pybase.migrate.autogenerate; sys.exit('sqlfluff' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


@pytest.fixture(scope="module")
def modules() -> Mapping[str, frozenset[str]]:
    """Every module with those that it imports, also in functions and lazily."""
    graph = grimp.build_graph("pybase", exclude_type_checking_imports=True, cache_dir=None)
    for package, module, _ in lazy_names():
        graph.add_import(importer=package, imported=module)
    return {
        name: frozenset(graph.find_modules_directly_imported_by(name)) for name in graph.modules
    }


def test_modules_import_in_no_cycle(modules: Mapping[str, frozenset[str]]) -> None:
    TopologicalSorter(modules).prepare()  # raises CycleError, which names the cycle


def package_of(module: str) -> str:
    """The package whose `__init__` is the interface of a module: `pybase.migrate.sql`."""
    parts = module.split(".")
    return ".".join(parts[: 3 if parts[1:2] == ["migrate"] else 2])


def test_packages_have_few_levels(modules: Mapping[str, frozenset[str]]) -> None:
    packages: dict[str, set[str]] = {}
    for name, imported in modules.items():
        below = packages.setdefault(package_of(name), set())
        below |= {package_of(other) for other in imported} - {package_of(name)}
    levels: dict[str, int] = {}
    for package in TopologicalSorter(packages).static_order():
        below = packages.get(package, set())
        levels[package] = 1 + max((levels[other] for other in below), default=0)
    assert max(levels.values()) <= LEVELS, sorted(levels.items(), key=lambda item: item[1])


@pytest.mark.parametrize("package", sorted({str(f) for f in FOLDERS}))
def test_private_modules_stay_in_their_package(package: str) -> None:
    """A module whose name begins with `_` is imported only from below its own package."""
    private = re.compile(rf"\b(?:from|import) {package.replace('/', '.')}(?:\.| import )_(?!_)\w+")
    for path in sorted((ROOT / "pybase").rglob("*.py")):
        if not path.is_relative_to(ROOT / package):
            found = private.search(path.read_text("utf-8"))
            assert found is None, f"{path.relative_to(ROOT)}: {found[0] if found else ''}"
