"""From what people said of an interaction to its truth and its thumb; the last word counts, whatever came in first."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pawl_services.db.reader import Feedback

GIVEN, SHOWN = "Given", "Shown"
DEFAULT_RULES: Mapping[str, str] = {"correction": GIVEN, "confirmation": SHOWN}


@dataclass(frozen=True, slots=True)
class Truth:
    """What would have been right; wrapped, because null is a value too."""

    value: object


def truth_of(feedback: Iterable[Feedback], shown: object, rules: Mapping[str, str] = DEFAULT_RULES) -> Truth | None:
    """The truth by the latest feedback that gives one, None without; `shown` is the answer that the person saw.

    `rules` map a kind of feedback to Given (its value holds `truth`) or Shown (what was shown was right; a thumb
    only if it points up). Other kinds give no truth.
    """
    said = [item for item in feedback if rules.get(item.kind) in {GIVEN, SHOWN} and counts(item)]
    truths = ((_order(item), _truth(item, shown, rules[item.kind])) for item in said)
    known = [(order, truth) for order, truth in truths if truth is not None]
    return max(known, key=lambda pair: pair[0])[1] if known else None


def thumb_of(feedback: Iterable[Feedback]) -> bool | None:
    """Whether the latest thumb points up; None where nobody answered."""
    said = [item for item in feedback if item.kind == "thumbs" and counts(item)]
    return _up(max(said, key=_order)) if said else None


def counts(item: Feedback) -> bool:
    """Whether the feedback is evidence: its sender may mark it `"release_evidence": false`."""
    return not (isinstance(item.value, dict) and item.value.get("release_evidence") is False)


def _truth(item: Feedback, shown: object, rule: str) -> Truth | None:
    if rule == SHOWN:
        return Truth(shown) if item.kind != "thumbs" or _up(item) else None
    return Truth(item.value["truth"]) if isinstance(item.value, dict) and "truth" in item.value else None


def _up(item: Feedback) -> bool | None:
    value = item.value.get("up") if isinstance(item.value, dict) else None
    return value if isinstance(value, bool) else None


def _order(item: Feedback) -> tuple[int, str]:
    return item.time, item.id
