"""Text that people wrote, made safe for a comment line."""


def one_line(text: str | None) -> str:
    """Return text without line ends and control characters: a message must not become SQL."""
    line = " ".join((text or "").split())
    if line.isprintable():
        return line
    return " ".join("".join(c if c.isprintable() else " " for c in line).split())
