"""Registration of models: importing the package imports every file in it."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

import pybase.models
from pybase.models import Model

PACKAGE = Path(pybase.models.__file__).parent
PREFIXES = ("pk", "uq", "fk", "ck", "ix")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the models, to which a test may add a file."""
    shutil.copytree(PACKAGE, tmp_path / "pybase/models")
    (tmp_path / "pybase/__init__.py").touch()
    return tmp_path


def run(checkout: Path, code: str) -> subprocess.CompletedProcess[str]:
    """Run `code` in a fresh interpreter that sees the copy only, and takes warnings for errors."""
    setup = f"import sys; sys.path.insert(0, {str(checkout)!r})\n"
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", setup + code],
        cwd=checkout,
        capture_output=True,
        text=True,
        check=False,
    )


def test_schema_has_the_seven_tables() -> None:
    assert set(Model.metadata.tables) == {
        "users", "workspaces", "workspace_members", "bases", "tables", "fields", "records",
    }  # fmt: skip


def test_every_file_declares_a_model_and_the_package_exports_it() -> None:
    classes = [mapper.class_ for mapper in Model.registry.mappers]
    declared = {model.__module__: model.__name__ for model in classes}
    files = {path.stem for path in PACKAGE.glob("[!_]*.py")}
    assert {module.rpartition(".")[2] for module in declared} == files
    assert {*declared.values(), "Model"} == set(pybase.models.__all__)


def test_file_without_an_explicit_import_is_registered(checkout: Path) -> None:
    (checkout / "pybase/models/view.py").write_text(
        "from sqlalchemy.orm import Mapped\n"
        "from pybase.models._model import Model, UuidPk\n"
        "class View(Model):\n"
        "    __tablename__ = 'views'\n"
        "    id: Mapped[UuidPk]\n"
    )
    result = run(
        checkout, "from pybase.models import Model; assert 'views' in Model.metadata.tables"
    )
    assert result.returncode == 0, result.stderr


def test_file_that_fails_to_import_is_named(checkout: Path) -> None:
    (checkout / "pybase/models/view.py").write_text("import nowhere_to_be_found\n")
    result = run(checkout, "import pybase.models")
    assert result.returncode != 0
    assert "view.py" in result.stderr
    assert "nowhere_to_be_found" in result.stderr


def test_models_need_nothing_else_of_pybase_and_raise_no_warning(checkout: Path) -> None:
    """The copy has only the models. SQLAlchemy warns of two relationships that write one column."""
    result = run(
        checkout, "import pybase.models, sqlalchemy.orm; sqlalchemy.orm.configure_mappers()"
    )
    assert (result.returncode, result.stderr) == (0, "")


def test_names_follow_the_convention_and_fit() -> None:
    """PostgreSQL truncates a name to 63 bytes, and the next revision does not find it."""
    for table in Model.metadata.tables.values():
        named: list[sa.Constraint | sa.Index] = [*table.constraints, *table.indexes]
        for name in (item.name for item in named):
            assert isinstance(name, str)
            assert name.startswith(tuple(f"{prefix}_{table.name}" for prefix in PREFIXES))
            assert len(name.encode()) <= 63


def test_every_table_and_column_has_a_doc() -> None:
    tables = Model.metadata.tables.values()
    docs = {f"{c.table.name}.{c.name}": c.doc for table in tables for c in table.columns}
    docs |= {table.name: table.info["doc"] for table in tables}
    assert [name for name, doc in docs.items() if not (doc or "").endswith(".")] == []
