"""What a downgrade does not restore."""

from pybase.migrate import catalog


def describe_leftovers(before: catalog.Snapshot, after: catalog.Snapshot) -> str:
    """Describe in one sentence how a downgrade's result differs from the schema before the upgrade.

    That a constraint is not validated is no difference.
    """
    changes = [
        change
        for change in catalog.difference(before, after)
        if (change.before or "").replace(" NOT VALID", "")
        != (change.after or "").replace(" NOT VALID", "")
    ]
    described = [
        f"{change.identity} "
        + ("is left" if change.before is None else "is gone" if change.after is None else "differs")
        for change in changes
        if not any(_holds(other.identity, change.identity) for other in changes)
    ]
    more = f" and {len(described) - 3} more" if len(described) > 3 else ""
    return ", ".join(described[:3]) + more


def _holds(outer: str, inner: str) -> bool:
    """Whether the second object goes with the first, as a column does with its table."""
    kind, _, name = outer.partition(" ")
    return kind in ("table", "schema", "type") and inner.partition(" ")[2].startswith(f"{name}.")
