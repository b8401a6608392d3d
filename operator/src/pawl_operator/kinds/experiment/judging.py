"""Put what was measured of an Experiment before the judge, and write down what was judged. Pure."""

from datetime import datetime

from pawl.api.analysis import HardLimits
from pawl.decisions import ExperimentJudgement, decide_experiment
from pawl.evidence import CANDIDATE
from pawl.gateway import GatewayCounters
from pawl.hard_limits import WorkloadHealth, gateway_breach
from pawl.verdicts import Observations, silent, unreadable
from pawl_operator.kinds.evidence_entries import entries_for
from pawl_operator.kinds.experiment.admission import decision_plan
from pawl_operator.kinds.experiment.draft import Draft
from pawl_operator.kinds.experiment.reasons import Reason
from pawl_operator.kinds.rollout.trial_route import TRIAL_RELEASE

_LIMITS = HardLimits()


def consider(draft: Draft, started: datetime) -> ExperimentJudgement:
    """Judge a running Experiment, and put evidence and the condition MetricsAvailable into the status.

    What cannot be read or is old decides nothing. A treatment that fails requests is rejected without statistics; its
    pods are watched by the Rollout.
    """
    seen = _observations(draft, started)
    trouble = unreadable(seen, draft.now)
    if trouble is not None:
        return _unavailable(draft, trouble[1], trouble[2])
    counters = (draft.seen.gateway or {}).get(CANDIDATE, GatewayCounters())
    breach = gateway_breach(_LIMITS, counters, started, draft.now)
    if breach is not None:
        return ExperimentJudgement("Reject", breach.cause, breach.message)
    trouble = silent(seen, draft.now)
    if trouble is not None and trouble[0] == "Unavailable":
        return _unavailable(draft, trouble[1], trouble[2])
    draft.say("MetricsAvailable", "True", Reason.FRESH, "metrics answer and are fresh")
    if trouble is not None or seen.evidence is None:
        return _nothing_yet(draft, started)
    judgement = decide_experiment(decision_plan(draft), seen.evidence, started, draft.now)
    draft.set(evidence=entries_for(judgement.metrics, draft.status.evidence))
    return judgement


def _nothing_yet(draft: Draft, started: datetime) -> ExperimentJudgement:
    end = started + decision_plan(draft).max_duration
    if draft.now < end:
        message = "the monitor has not reported about this Experiment yet"
        return ExperimentJudgement(None, Reason.AWAITING_EVIDENCE, message, wake_at=end)
    message = "maxDuration is over and nobody was counted: see that answers are logged with their marks, then ask again"
    return ExperimentJudgement("Extend", Reason.UNDERPOWERED, message)


def _unavailable(draft: Draft, reason: str, message: str) -> ExperimentJudgement:
    draft.say("MetricsAvailable", "False", reason, message)
    return ExperimentJudgement(None, reason, message)


def _observations(draft: Draft, started: datetime) -> Observations:
    seen = draft.seen
    return Observations(
        evidence=seen.evidence if seen.evidence is not None and seen.evidence.release == TRIAL_RELEASE else None,
        gateway=seen.gateway,
        workload=WorkloadHealth(desired=1, ready=1),
        step_started_at=started,
        fresh_at=seen.metrics_fresh_at,
        max_age=seen.evidence_max_age,
        clock_skew=seen.clock_skew,
        seen_before=any(entry.batch > 0 for entry in draft.status.evidence),
    )
