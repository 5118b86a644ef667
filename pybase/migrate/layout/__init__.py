"""How the tables of a schema are spread over a Citus cluster: declared, rendered, checked, planned.

The models declare it as the `info` of a table, and this package knows them only as metadata. It
writes to no database: `deploy` does. Quick to import, since `migrate` reads the layout.
"""

from typing import TYPE_CHECKING

from pybase.core.lazy import lazy

if TYPE_CHECKING:
    from pybase.migrate.layout._declared import TableLayout as TableLayout
    from pybase.migrate.layout._declared import declared as declared
    from pybase.migrate.layout._observed import ObservedSchema as ObservedSchema
    from pybase.migrate.layout._observed import has_citus as has_citus
    from pybase.migrate.layout._observed import observe as observe
    from pybase.migrate.layout._plan import Distribution as Distribution
    from pybase.migrate.layout._plan import differences as differences
    from pybase.migrate.layout._plan import plan as plan
    from pybase.migrate.layout._render import DATA as DATA
    from pybase.migrate.layout._render import HAS_CITUS as HAS_CITUS
    from pybase.migrate.layout._render import SCRIPT as SCRIPT
    from pybase.migrate.layout._render import SETTINGS as SETTINGS
    from pybase.migrate.layout._render import files as files
    from pybase.migrate.layout._render import lock_timeout_everywhere as lock_timeout_everywhere
    from pybase.migrate.layout._render import parse as parse
    from pybase.migrate.layout._render import rendered_block as rendered_block
    from pybase.migrate.layout._rules import Obstacle as Obstacle
    from pybase.migrate.layout._rules import obstacles as obstacles
else:
    __getattr__ = lazy(
        __name__,
        {
            "_declared": "TableLayout declared",
            "_observed": "ObservedSchema has_citus observe",
            "_plan": "Distribution differences plan",
            "_render": "DATA HAS_CITUS SCRIPT SETTINGS files lock_timeout_everywhere parse"
            " rendered_block",
            "_rules": "Obstacle obstacles",
        },
    )
