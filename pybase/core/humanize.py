"""Wording of counts, sizes and times."""


def counted(number: int, noun: str) -> str:
    """Word a count: `1 revision`, `1,234 rows`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def rows(number: int, *, is_exact: bool = True) -> str:
    """Word a number of rows, with `about` for an estimate."""
    return f"{'' if is_exact else 'about '}{counted(number, 'row')}"


def size(count: int) -> str:
    """Word a number of bytes: `12 MB`, in powers of 1000."""
    if count < 1000:
        return counted(count, "byte")
    for unit, factor in (("GB", 1_000_000_000), ("MB", 1_000_000)):
        if count >= factor * 0.9995:  # below it, rounding gives at most 999 of the smaller unit
            return f"{count / factor:,.1f} {unit}".replace(".0 ", " ")
    return f"{count / 1000:.0f} kB"


def duration(seconds: float) -> str:
    """Word an estimated time, in at most two units: `5 s`, `2 min 3 s`, `1 h 2 min`."""
    if seconds < 59.5:  # above it, rounding would give 60 s
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def took(seconds: float) -> str:
    """Word a measured time: `0.12 s`, from a minute on as `duration` does."""
    return f"{seconds:.2f} s" if seconds < 59.5 else duration(seconds)
