"""What the monitor should have counted, computed the slow way from all rows at once, sharing none of its code."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from evidence_world import CANDIDATE_REVISION, REVISIONS, World

Row = Mapping[str, Any]
OTHER = {"stable": "candidate", "candidate": "stable"}


@dataclass
class Expected:
    """Per user: (S, N) by arm, and (Sc, Nc, Ss, Ns) of pairs; how many users closed by arm of their first answer;
    how many answers told something.
    """

    arms: dict[str, list[tuple[float, float]]] = field(default_factory=lambda: {"stable": [], "candidate": []})
    pairs: list[tuple[float, float, float, float]] = field(default_factory=list)
    assigned: Counter[str] = field(default_factory=Counter)
    samples: Counter[str] = field(default_factory=Counter)


def expected(world: World, watermark: int, score: Any) -> dict[int, Expected]:
    """The closed totals of metric accuracy by step at a watermark; `score(output, truth)` gives (s, n)."""
    release = world.release
    found: dict[int, Expected] = defaultdict(Expected)
    users: dict[tuple[int, str], list[Row]] = defaultdict(list)
    for row in world.interactions:
        users[row["step"], row["user"]].append(row)
    for (step, _), rows in users.items():
        rows.sort(key=lambda row: (row["received_at"], row["id"]))
        opened = rows[0]["received_at"]
        closes = opened + release.window + release.delay
        if closes > watermark:
            continue
        found[step].assigned[rows[0]["arm"]] += 1
        inside = [row for row in rows if row["received_at"] < opened + release.window]
        _add_user(found[step], world, inside, closes, score)
    return found


def _add_user(into: Expected, world: World, rows: Iterable[Row], closes: int, score: Any) -> None:
    arms: dict[str, list[tuple[float, float]]] = defaultdict(list)
    pairs: list[tuple[float, float, float, float]] = []
    for row in rows:
        truth = _truth(world, row, closes)
        if truth is None:
            continue
        live = score(row["output"], truth)
        arms[row["arm"]].append(live)
        into.samples[row["arm"]] += live[1] > 0
        mirrored = [
            prediction["output"]
            for prediction in world.predictions
            if prediction["interaction"] == row["id"]
            and prediction["revision"] == REVISIONS[OTHER[row["arm"]]]
            and prediction["received_at"] <= closes
        ]
        if mirrored and world.release.pairing == "Mirror":
            twin = score(mirrored[0], truth)
            into.samples["paired"] += live[1] > 0 or twin[1] > 0
            pairs.append((*live, *twin) if row["revision"] == CANDIDATE_REVISION else (*twin, *live))
    sums = {arm: (sum(s for s, _ in scores), sum(n for _, n in scores)) for arm, scores in arms.items()}
    for arm, (s, n) in sums.items():
        if n > 0:
            into.arms[arm].append((s, n))
    pair = None
    if pairs:
        sc, nc, ss, ns = (sum(column) for column in zip(*pairs, strict=True))
        pair = (sc, nc, ss, ns)
    elif world.release.pairing == "None" and world.release.mode == "RequestWeights" and len(arms) == 2:
        pair = (*sums["candidate"], *sums["stable"])
    if pair is not None and (pair[1] > 0 or pair[3] > 0):
        into.pairs.append(pair)


def _truth(world: World, row: Row, closes: int) -> Any:
    said = [
        item
        for item in world.feedback
        if item["interaction"] == row["id"]
        and item["received_at"] <= closes
        and item["value"].get("release_evidence") is not False
        and item["kind"] != "thumbs"
    ]
    if not said:
        return None
    last = max(said, key=lambda item: (item["time"], item["id"]))
    return row["output"] if last["kind"] == "confirmation" else last["value"]["truth"]


def plain_span_f1(output: list[Row], truth: list[Row]) -> tuple[float, float]:
    """2TP and 2TP + FP + FN by counting."""
    said = {(span["slot"], span["start"], span["end"]) for span in output}
    true = {(span["slot"], span["start"], span["end"]) for span in truth}
    right = sum(1 for span in said if span in true)
    return 2 * right, 2 * right + (len(said) - right) + sum(1 for span in true if span not in said)


def mean(values: list[float]) -> float:
    """The plain mean."""
    return sum(values) / len(values)


def brute_pair(pairs: list[tuple[float, float, float, float]]) -> tuple[float, float]:
    """R candidate - R stable and the sum of squared linearised terms, user by user."""
    mc, ms = mean([p[1] for p in pairs]), mean([p[3] for p in pairs])
    rc, rs = mean([p[0] for p in pairs]) / mc, mean([p[2] for p in pairs]) / ms
    terms = [(sc - rc * nc) / mc - (ss - rs * ns) / ms for sc, nc, ss, ns in pairs]
    return rc - rs, sum(term * term for term in terms)
