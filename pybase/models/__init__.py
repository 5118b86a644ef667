"""Schema of PyBase: one file per model, on the declarative class `Model`.

It imports no other package of PyBase. Importing it imports every file in it, so `Model.metadata` is
complete, and autogenerate cannot miss a model. A file that cannot be imported fails the package.
"""

from importlib import import_module
from pkgutil import walk_packages

from pybase.models._model import Model
from pybase.models.base import Base
from pybase.models.field import Field
from pybase.models.record import Record
from pybase.models.table import Table
from pybase.models.user import User
from pybase.models.workspace import Workspace
from pybase.models.workspace_member import WorkspaceMember

__all__ = ["Base", "Field", "Model", "Record", "Table", "User", "Workspace", "WorkspaceMember"]

for _module in walk_packages(__path__, prefix=f"{__name__}."):
    import_module(_module.name)
