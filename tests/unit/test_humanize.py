"""Wording of counts, times and sizes."""

import pytest

from pybase.core import humanize


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0 revisions"), (1, "1 revision"), (2, "2 revisions"), (1234, "1,234 revisions")],
)
def test_one_has_no_plural(number: int, text: str) -> None:
    assert humanize.counted(number, "revision") == text


def test_estimate_of_rows_is_marked() -> None:
    assert humanize.rows(1) == "1 row"
    assert humanize.rows(1_200_000, is_exact=False) == "about 1,200,000 rows"


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (8192, "8 kB"),
        (999_499, "999 kB"),
        (999_999, "1 MB"),
        (999_960_000, "1 GB"),
        (12_000_000, "12 MB"),
        (12_340_000, "12.3 MB"),
        (2_500_000_000_000, "2,500 GB"),
    ],
)
def test_size_has_a_unit_that_fits(count: int, text: str) -> None:
    assert humanize.size(count) == text


@pytest.mark.parametrize(
    ("seconds", "measured", "estimated"),
    [
        (0, "0.00 s", "0 s"),
        (0.123, "0.12 s", "0 s"),
        (59.4, "59.40 s", "59 s"),
        (59.9, "1 min 0 s", "1 min 0 s"),
        (125, "2 min 5 s", "2 min 5 s"),
        (3599.6, "1 h 0 min", "1 h 0 min"),
        (7384, "2 h 3 min", "2 h 3 min"),
    ],
)
def test_time_has_two_units_from_a_minute_on(seconds: float, measured: str, estimated: str) -> None:
    assert humanize.took(seconds) == measured
    assert humanize.duration(seconds) == estimated
