"""Review of a history: one page, or one comment of a pull request.

It shows records, the committed SQL and the state of a database, and analyses no revision itself.
It writes no file, and changes no database.
"""

from pybase.migrate.review._markdown import as_markdown
from pybase.migrate.review._page import as_html
from pybase.migrate.review._review import Review, gather

__all__ = ["Review", "as_html", "as_markdown", "gather"]
