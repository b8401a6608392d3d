"""What was judged, as it stands in a status. Pure."""

from collections.abc import Sequence

from pawl.api.rollout_status import MAX_EVIDENCE, EvidenceStatus
from pawl.comparison import MetricJudgement


def entries_for(judged: Sequence[MetricJudgement], known: Sequence[EvidenceStatus]) -> tuple[EvidenceStatus, ...]:
    """Return one entry for each metric; `known` are those that the status has already."""
    return tuple(_entry(one, known) for one in judged)[:MAX_EVIDENCE]


def _entry(one: MetricJudgement, known: Sequence[EvidenceStatus]) -> EvidenceStatus:
    had = next((entry for entry in known if entry.metric == one.metric), None)
    if had is not None and (had.step, had.batch, had.verdict) == (one.step, one.batch, one.verdict) and one.batch > 0:
        # The same batch says the same thing; rates that drift between batches must not rewrite the status.
        return had
    interval = one.interval
    return EvidenceStatus(
        metric=one.metric,
        step=one.step,
        batch=one.batch,
        watermark=one.watermark,
        users=interval.users if interval is not None else 0,
        estimate=number(interval.estimate) if interval is not None else None,
        lower=number(interval.lower) if interval is not None else None,
        upper=number(interval.upper) if interval is not None else None,
        log_e=number(one.log_e) if one.log_e is not None else None,
        verdict=one.verdict,
        detectable=number(one.detectable) if one.detectable is not None else None,
        eta=one.eta,
    )


def number(value: float) -> str:
    """Return a number as it stands in a status: four significant digits."""
    text = f"{value:.4g}"
    return "0" if text == "-0" else text
