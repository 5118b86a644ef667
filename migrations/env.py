"""Join PyBase's models to the workflow that migrates them.

Alembic runs this file for every command; nothing else may join the two. How to connect, and how
to render without a database, is `pybase.migrate.environment`.
"""

from pybase.migrate import environment
from pybase.models import Model

environment.run(Model.metadata)
