"""Quoted identifiers."""

import pytest
from pglast import keywords, parse_sql

from pybase.migrate.sql import quote
from pybase.migrate.sql.names import _KEYWORDS


def test_keywords_are_those_of_the_grammar() -> None:
    """quote_ident() quotes every keyword that is reserved in some place."""
    assert _KEYWORDS == (
        keywords.RESERVED_KEYWORDS | keywords.COL_NAME_KEYWORDS | keywords.TYPE_FUNC_NAME_KEYWORDS
    )


@pytest.mark.parametrize(
    ("name", "quoted"),
    [
        ("name", "name"),
        ("name_2", "name_2"),
        ("user", '"user"'),
        ("abort", "abort"),  # a keyword, but not reserved
        ("Name", '"Name"'),
        ("2nd", '"2nd"'),
        ("a b", '"a b"'),
        ("", '""'),
        ('a"b', '"a""b"'),
        ("größe", '"größe"'),
        ("50%", '"50%"'),
    ],
)
def test_name_is_quoted_where_postgresql_quotes_it(name: str, quoted: str) -> None:
    assert quote(name) == quoted


@pytest.mark.parametrize("name", sorted(keywords.UNRESERVED_KEYWORDS - _KEYWORDS))
def test_name_that_is_not_quoted_is_read_as_a_name(name: str) -> None:
    parse_sql(f"SELECT {quote(name)}.{quote(name)} FROM {quote(name)}")
