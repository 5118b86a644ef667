"""What a reviewer is shown of a history: one page, or one comment of a pull request.

It shows what the rehearsal, the committed SQL and the catalog already tell, and computes nothing
about a revision. It writes no file but the page, and changes no database.
"""
