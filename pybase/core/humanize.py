"""How counts, times and sizes are said: in one way, whoever says them."""


def counted(number: int, noun: str) -> str:
    """Say how many: `1 revision`, `1,234 rows`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def rows(number: int, *, is_exact: bool = True) -> str:
    """Say how many rows, and whether somebody has counted them."""
    return f"{'' if is_exact else 'about '}{counted(number, 'row')}"


def size(count: int) -> str:
    """Say a number of bytes: `12 MB`. A thousand is 1000, as where disks are sold."""
    if count < 1000:
        return counted(count, "byte")
    for unit, factor in (("GB", 1_000_000_000), ("MB", 1_000_000)):
        if count >= factor * 0.9995:  # or rounding would make 1000 of the lesser unit
            return f"{count / factor:,.1f} {unit}".replace(".0 ", " ")
    return f"{count / 1000:.0f} kB"


def duration(seconds: float) -> str:
    """Say a time that nobody measured exactly, to two units: `5 s`, `2 min 3 s`, `1 h 2 min`."""
    if seconds < 59.5:  # or rounding would make 60 s of it
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def took(seconds: float) -> str:
    """Say a time that was measured: `0.12 s`, and from a minute on as `duration`."""
    return f"{seconds:.2f} s" if seconds < 59.5 else duration(seconds)
