"""What a set of closed users adds up to, for one metric in one step; a batch and a running state are the same thing.

arms     by arm, over users: moments of (S, N), the user's sums of numerators and denominators on live answers
pairs    over users with both: moments of (S candidate, N candidate, S stable, N stable)
worse,   users whose paired answers of the candidate were right less often than stable's, and more often;
better   a user counts once however many answers differ, because one person's answers go together
assigned by arm: users whose window closed, labelled or not, by their first answer
samples  by arm: scored interactions with a denominator above 0, whatever their user's sums; of pairs those that were
         scored for both revisions
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from pawl.evidence import CANDIDATE, PAIRED, STABLE
from pawl.stats.ratio import PairedDifference, RatioSums
from pawl_services.monitor.moments import Moments

ARMS = (STABLE, CANDIDATE)
SAMPLED = (*ARMS, PAIRED)
Sums = tuple[float, float]
Pair = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class UserScore:
    """One user whose window has closed; `opened` and `closed` in microseconds, `assigned` the arm of the first answer.

    `arms`, `pair` and `samples` are empty where nothing of the user says anything about a model; such users are
    counted among `assigned` all the same.
    """

    user: str
    opened: int
    closed: int
    assigned: str
    arms: Mapping[str, Sums] = field(default_factory=dict)
    pair: Pair | None = None
    samples: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over closed users; `merge` is associative and commutative up to rounding."""

    arms: Mapping[str, Moments]
    pairs: Moments
    worse: int
    better: int
    assigned: Mapping[str, int]
    labelled: int
    first_opened: int | None
    last_closed: int | None
    samples: Mapping[str, int]

    @classmethod
    def none(cls) -> Self:
        """Nobody yet."""
        return cls.of(())

    @classmethod
    def of(cls, users: Iterable[UserScore], *, signs: bool = False) -> Self:
        """Add up users; `signs` counts who is better on pairs, for scores that are right or wrong."""
        those = list(users)
        pairs = [user.pair for user in those if user.pair is not None]
        return cls(
            arms={arm: Moments.of([user.arms[arm] for user in those if arm in user.arms], 2) for arm in ARMS},
            pairs=Moments.of(pairs, 4),
            worse=sum(pair[0] < pair[2] for pair in pairs) if signs else 0,
            better=sum(pair[0] > pair[2] for pair in pairs) if signs else 0,
            assigned={arm: sum(user.assigned == arm for user in those) for arm in ARMS},
            labelled=sum(bool(user.arms) or user.pair is not None for user in those),
            first_opened=min((user.opened for user in those), default=None),
            last_closed=max((user.closed for user in those), default=None),
            samples={arm: sum(user.samples.get(arm, 0) for user in those) for arm in SAMPLED},
        )

    def merge(self, other: Self) -> Self:
        """The totals of two sets of users that have nobody in common."""
        return type(self)(
            arms={arm: self.arms[arm].merge(other.arms[arm]) for arm in ARMS},
            pairs=self.pairs.merge(other.pairs),
            worse=self.worse + other.worse,
            better=self.better + other.better,
            assigned={arm: self.assigned[arm] + other.assigned[arm] for arm in ARMS},
            labelled=self.labelled + other.labelled,
            first_opened=min((t for t in (self.first_opened, other.first_opened) if t is not None), default=None),
            last_closed=max((t for t in (self.last_closed, other.last_closed) if t is not None), default=None),
            samples={arm: self.samples[arm] + other.samples[arm] for arm in SAMPLED},
        )

    def arm(self, name: str) -> RatioSums:
        """One arm's sums as the ratio's formulas take them."""
        moments = self.arms[name]
        mean, denominator_mean = moments.means
        m2, comoment, denominator_m2 = moments.products
        return RatioSums(moments.count, mean, m2, denominator_mean, denominator_m2, comoment)

    def paired(self) -> PairedDifference | None:
        """R candidate - R stable over the pairs with the sum of squares of its linearised terms (R2 F12).

        A user's term is (Sc - Rc Nc) / mean(Nc) - (Ss - Rs Ns) / mean(Ns): linear in the user's four sums, so its sum
        of squares follows from their moments. None where nobody has both or a denominator is 0 throughout.
        """
        sc, nc, ss, ns = self.pairs.means
        if self.pairs.count == 0 or nc <= 0 or ns <= 0:
            return None
        weights = (1 / nc, -sc / nc**2, -1 / ns, ss / ns**2)
        return PairedDifference(self.pairs.count, sc / nc - ss / ns, self.pairs.quadratic(weights))

    def to_json(self) -> dict[str, Any]:
        """As JSON, every digit kept."""
        return {
            "arms": {arm: moments.to_json() for arm, moments in self.arms.items()},
            "pairs": self.pairs.to_json(),
            "worse": self.worse,
            "better": self.better,
            "assigned": dict(self.assigned),
            "labelled": self.labelled,
            "firstOpened": self.first_opened,
            "lastClosed": self.last_closed,
            "samples": dict(self.samples),
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """What `to_json` wrote."""
        return cls(
            arms={arm: Moments.from_json(value["arms"][arm]) for arm in ARMS},
            pairs=Moments.from_json(value["pairs"]),
            worse=int(value["worse"]),
            better=int(value["better"]),
            assigned={arm: int(value["assigned"][arm]) for arm in ARMS},
            labelled=int(value["labelled"]),
            first_opened=value["firstOpened"],
            last_closed=value["lastClosed"],
            samples=samples_in(value),
        )


def samples_in(value: Mapping[str, Any]) -> dict[str, int]:
    """The samples by arm of a stored object; 0 in one that was stored before they were counted."""
    stored = value.get("samples", {})
    return {arm: int(stored.get(arm, 0)) for arm in SAMPLED}
