"""From a closed window and what the database holds of it to the user's score, one metric at a time; pure."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from pawl.evidence import CANDIDATE, PAIRED, STABLE
from pawl.margins import ACCURACY, LATENCY, SATISFACTION
from pawl.scoring.labels import thumb_of, truth_of
from pawl.scoring.registry import SCORERS
from pawl.scoring.types import AnswerError, Score, TruthError
from pawl_services.db.reader import Feedback, Interaction, Prediction
from pawl_services.monitor.release import Release
from pawl_services.monitor.totals import Pair, Sums, UserScore
from pawl_services.monitor.windows import Window

OTHER_ARM = {STABLE: CANDIDATE, CANDIDATE: STABLE}


@dataclass(frozen=True, slots=True)
class Records:
    """What was said of some interactions, and the texts of those of which something was said."""

    feedback: Mapping[str, Sequence[Feedback]] = field(default_factory=dict)
    interactions: Mapping[str, Interaction] = field(default_factory=dict)
    predictions: Mapping[str, Sequence[Prediction]] = field(default_factory=dict)


class _Tally:
    """Sums of one user: by arm on live answers, and of both arms on the same requests."""

    def __init__(self) -> None:
        self._arms: dict[str, Sums] = {}
        self._pair: Pair | None = None
        self._samples: Counter[str] = Counter()

    def live(self, arm: str, score: Score, samples: int = 1) -> None:
        s, n = self._arms.get(arm, (0.0, 0.0))
        self._arms[arm] = (s + score.numerator, n + score.denominator)
        self._samples[arm] += samples if score.denominator else 0

    def both(self, candidate: Score, stable: Score) -> None:
        sc, nc, ss, ns = self._pair or (0.0, 0.0, 0.0, 0.0)
        self._pair = (
            sc + candidate.numerator,
            nc + candidate.denominator,
            ss + stable.numerator,
            ns + stable.denominator,
        )
        self._samples[PAIRED] += bool(candidate.denominator or stable.denominator)

    def of(self, window: Window, *, pairs_arms: bool) -> UserScore:
        """The user's score; with `pairs_arms` somebody who was in both arms is a pair of live sums.

        Sums whose denominator is 0 (nothing to find, and nothing found) say nothing about a model: they would make
        the number of users larger than the number that was learned from. So it is with single answers and `samples`.
        """
        pair = self._pair
        if pairs_arms and len(self._arms) == 2:
            pair = (*self._arms[CANDIDATE], *self._arms[STABLE])
        if pair is not None and pair[1] == pair[3] == 0:
            pair = None
        arms = {arm: sums for arm, sums in self._arms.items() if sums[1] != 0}
        return UserScore(window.user, window.opened, window.closes, window.assigned, arms, pair, self._samples)


def score_window(
    release: Release, window: Window, metric: str, records: Records, threshold: float | None, skipped: Counter[str]
) -> UserScore:
    """One user's score; `threshold` in milliseconds, `skipped` counts labels and answers that cannot be scored."""
    tally = _Tally()
    if metric == LATENCY and threshold is not None:
        _tally_latency(tally, window, threshold)
    elif metric == SATISFACTION:
        _tally_thumbs(tally, window, records)
    elif metric == ACCURACY:
        _tally_answers(tally, release, window, records, skipped)
    return tally.of(window, pairs_arms=release.pairs_arms(metric))


def _tally_latency(tally: _Tally, window: Window, threshold: float) -> None:
    for arm, latencies in window.latencies.items():
        if latencies:
            slow = sum(latency > threshold for latency in latencies)
            tally.live(arm, Score(slow, len(latencies)), samples=len(latencies))


def _tally_thumbs(tally: _Tally, window: Window, records: Records) -> None:
    for interaction, feedback in _said_in_time(window, records):
        thumb = thumb_of(feedback)
        if thumb is not None and interaction.arm is not None:
            tally.live(interaction.arm, Score(int(thumb), 1))


def _tally_answers(tally: _Tally, release: Release, window: Window, records: Records, skipped: Counter[str]) -> None:
    for interaction, feedback in _said_in_time(window, records):
        truth = truth_of(feedback, interaction.output, release.labels)
        if truth is None or interaction.arm is None:
            continue
        live = score_answer(release, interaction.output, truth.value, skipped)
        if live is None:
            continue
        tally.live(interaction.arm, live)
        other = _other_answer(release, interaction, window, records)
        twin = score_answer(release, other.output, truth.value, skipped) if other is not None else None
        if twin is not None:
            tally.both(*((live, twin) if interaction.arm == CANDIDATE else (twin, live)))


def score_answer(release: Release, output: object, truth: object, skipped: Counter[str]) -> Score | None:
    """The score of one answer, None (and counted) where it cannot be scored."""
    try:
        return SCORERS[release.score].score(output, truth)
    except TruthError:
        skipped["truth"] += 1
    except AnswerError:
        skipped["answer"] += 1
    return None


def _said_in_time(window: Window, records: Records) -> Iterable[tuple[Interaction, list[Feedback]]]:
    for identifier in window.ids():
        said = [item for item in records.feedback.get(identifier, ()) if item.received_at <= window.closes]
        interaction = records.interactions.get(identifier)
        if said and interaction is not None:
            yield interaction, said


def _other_answer(release: Release, interaction: Interaction, window: Window, records: Records) -> Prediction | None:
    """What the other arm's revision answered to the same request; the live arm's own copy is never a pair."""
    if release.pairing == "None" or interaction.arm is None:
        return None
    wanted = OTHER_ARM[interaction.arm]
    for prediction in records.predictions.get(interaction.id, ()):
        in_time = prediction.received_at <= window.closes and prediction.source == release.pairing
        if in_time and prediction.revision == release.revision_of(wanted):
            return prediction
    return None


def by_interaction(items: Iterable[Feedback]) -> dict[str, list[Feedback]]:
    """Feedback by the interaction it is about."""
    found: dict[str, list[Feedback]] = defaultdict(list)
    for item in items:
        found[item.interaction].append(item)
    return found
