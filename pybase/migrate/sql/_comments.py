"""Text that people wrote, made safe for a comment line."""


def one_line(text: str | None) -> str:
    """Return text without line ends and control characters: a message must not become SQL."""
    text = text or ""
    if not text.isprintable():
        text = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(text.split())
