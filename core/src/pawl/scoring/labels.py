"""From what people said of an interaction to its truth and its thumb; the last word counts, whatever came in first."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeVar

GIVEN, SHOWN = "Given", "Shown"
DEFAULT_RULES: Mapping[str, str] = {"correction": GIVEN, "confirmation": SHOWN}


class Said(Protocol):
    """One piece of feedback: its id, its kind, when it was said (any unit, the same for all), and its JSON value."""

    @property
    def id(self) -> str:
        """Its id, which orders what was said at the same time."""

    @property
    def kind(self) -> str:
        """The kind of feedback: correction, confirmation or thumbs."""

    @property
    def time(self) -> int:
        """When it was said."""

    @property
    def value(self) -> object:
        """What was said."""


Item = TypeVar("Item", bound=Said)


@dataclass(frozen=True, slots=True)
class Truth:
    """What would have been right; wrapped, because null is a value too."""

    value: object


def label_of(
    feedback: Iterable[Item], shown: object, rules: Mapping[str, str] = DEFAULT_RULES
) -> tuple[Item, Truth] | None:
    """The latest feedback that gives a truth, with that truth; None without. `shown` is the answer that was shown.

    `rules` map a kind of feedback to Given (its value holds `truth`) or Shown (what was shown was right; a thumb
    only if it points up). Other kinds give no truth. Which feedback it is does not depend on `shown`, and no more
    than two pieces are held at a time.
    """
    said = ((item, _truth(item, shown, rules.get(item.kind))) for item in feedback)
    known = ((item, truth) for item, truth in said if truth is not None)
    return max(known, key=lambda pair: _order(pair[0]), default=None)


def truth_of(feedback: Iterable[Said], shown: object, rules: Mapping[str, str] = DEFAULT_RULES) -> Truth | None:
    """The truth by which evidence is scored: that of `label_of`, by the feedback that counts as evidence."""
    label = label_of((item for item in feedback if counts(item)), shown, rules)
    return label[1] if label is not None else None


def thumb_of(feedback: Iterable[Said]) -> bool | None:
    """Whether the latest thumb points up; None where nobody answered."""
    said = [item for item in feedback if item.kind == "thumbs" and counts(item)]
    return _up(max(said, key=_order)) if said else None


def counts(item: Said) -> bool:
    """Whether the feedback is evidence: its sender may mark it `"release_evidence": false`."""
    return not (isinstance(item.value, dict) and item.value.get("release_evidence") is False)


def _truth(item: Said, shown: object, rule: str | None) -> Truth | None:
    if rule == SHOWN:
        return Truth(shown) if item.kind != "thumbs" or _up(item) else None
    if rule == GIVEN and isinstance(item.value, dict) and "truth" in item.value:
        return Truth(item.value["truth"])
    return None


def _up(item: Said) -> bool | None:
    value = item.value.get("up") if isinstance(item.value, dict) else None
    return value if isinstance(value, bool) else None


def _order(item: Said) -> tuple[int, str]:
    return item.time, item.id
