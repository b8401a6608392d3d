"""What the weights of a rule mean: an arm that is only kept warm has no traffic, and stable counts once."""

from collections.abc import Iterable

WARM = 10_000
WHOLE = 1_000_000


def as_meant(weights: Iterable[tuple[str, int]]) -> list[tuple[str, int]]:
    """(service, weight) as they stand on the route -> as people mean them: whole percents, neighbours merged."""
    entries = list(weights)
    total = sum(weight for _, weight in entries)
    meant: list[tuple[str, int]] = []
    for name, weight in entries:
        share = 0 if weight * WARM <= total else weight
        share = round(100 * share / total) if total == WHOLE else share
        if meant and meant[-1][0] == name:
            meant[-1] = (name, meant[-1][1] + share)
        else:
            meant.append((name, share))
    return meant
