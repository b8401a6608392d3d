"""The status of a Rollout: what is live, the release on its way, the evidence, and what was rejected."""

from typing import Annotated, Literal

from pydantic import Field

from pawl.api.analysis import Analysis
from pawl.api.meta import (
    ApiModel,
    Conditions,
    Count,
    Digest,
    Name,
    Number,
    ObjectName,
    Percentage,
    Revision,
    ShortText,
    Text,
    Timestamp,
    Verdict,
)
from pawl.api.rules import ListMap, Whole
from pawl.api.steps import Step
from pawl.assignment import FINE_BUCKETS

Phase = Literal["Pending", "Progressing", "Paused", "RollingBack", "Baking", "Healthy", "Degraded"]
ReleaseState = Literal[
    "Preparing", "Progressing", "Baking", "RollingBack", "Promoted", "RolledBack", "Superseded", "Aborted"
]
TrafficMode = Literal["RequestWeights", "HashedBucket", "HeaderRule", "Flag"]
TrialState = Literal["Preparing", "Placing", "Publishing", "Running", "Leaving"]
Outcome = Literal["Promoted", "RolledBack", "Superseded", "Aborted"]
MAX_REJECTED = 20
MAX_HISTORY = 20
MAX_EVIDENCE = 32


class BakePlan(ApiModel):
    """The bake as frozen at the release's start."""

    duration: ShortText
    """duration of the bake."""
    stable_share: Percentage = 0
    """stableShare is the percentage left on the old stable."""


class ReleasePlan(ApiModel):
    """What a release follows, frozen when it starts; later edits of the spec count for the next one."""

    steps: Annotated[tuple[Step, ...], Field(max_length=20)]
    """steps with their requirements filled in."""
    analysis: Analysis
    """analysis with what it inherits from the Component filled in."""
    bake: BakePlan
    """bake after promotion."""
    mode: TrafficMode
    """mode in which traffic is split."""

    def weight_of(self, step: int) -> int:
        """Return the candidate's share in ``step`` in percent (0 for step 0): setWeight, less bake.stableShare."""
        return min(self.steps[step - 1].set_weight, 100 - self.bake.stable_share) if step > 0 else 0


class StableStatus(ApiModel):
    """The one truth of what is live."""

    revision: Revision
    """revision that is live."""
    source: Annotated[str, Field(max_length=512)]
    """source of its artifact."""
    digest: Digest = ""
    """digest of its artifact."""
    service: Name
    """service that answers for it."""
    since: Timestamp
    """since when it is live."""
    release: Count = 0
    """release that brought it; 0 is the initial one."""


class ReleaseStatus(ApiModel):
    """One candidate's way through the Rollout."""

    number: Count
    """number of the release, counted per Rollout."""
    revision: Revision
    """revision of the candidate."""
    source: Annotated[str, Field(max_length=512)]
    """source of its artifact."""
    digest: Digest = ""
    """digest of its artifact."""
    service: Name
    """service that answers for it."""
    plan_hash: ShortText = ""
    """planHash identifies the frozen plan."""
    plan: ReleasePlan
    """plan frozen at the start."""
    state: ReleaseState
    """state of the release."""
    step: Count = 0
    """step, from 1; 0 means that the candidate has no traffic yet."""
    total_steps: Count = 0
    """totalSteps of the plan."""
    started_at: Timestamp
    """startedAt is when the release began."""
    step_started_at: Timestamp | None = None
    """stepStartedAt is when the step's weight was seen on the route."""
    hold_until: Timestamp | None = None
    """holdUntil is the end of the step's hold."""
    step_deadline: Timestamp | None = None
    """stepDeadline is the end of the step's maxDuration."""
    ready_deadline: Timestamp | None = None
    """readyDeadline is when the candidate must be ready."""
    bake_until: Timestamp | None = None
    """bakeUntil is the end of the bake."""
    clock_stopped_at: Timestamp | None = None
    """clockStoppedAt is since when the hold does not count, because metrics, route or clocks cannot be trusted."""
    paused: Literal["Gate", "Brake"] | None = None
    """paused: Gate (the step asks for approval) or Brake (somebody moved traffic towards stable by hand)."""
    sticky_header: ShortText = ""
    """stickyHeader pins users to an arm, frozen at the start: another one would move them all."""
    previous: StableStatus | None = None
    """previous is what was live when the release began: where a rollback goes."""
    cause: ShortText = ""
    """cause of a rollback or an abort."""


class Holder(ApiModel):
    """Who has the route's traffic."""

    kind: ShortText
    """kind of the holder: Rollout or Experiment."""
    name: ObjectName
    """name of the holder."""
    uid: ShortText
    """uid of the holder."""
    since: Timestamp
    """since when it holds."""


class TrialArm(ApiModel):
    """One arm of a trial."""

    variant: Name
    """variant is the arm's name in the Experiment."""
    revision: Revision
    """revision that answers."""
    source: Annotated[str, Field(max_length=512)]
    """source of its artifact."""
    digest: Digest = ""
    """digest of its artifact."""
    service: Name
    """service that answers for it."""


class AssignmentRange(ApiModel):
    """The users of one arm: those whose fine bucket lies in a half-open range."""

    variant: Name
    """variant is the arm's name in the Experiment."""
    revision: Revision
    """revision that answers."""
    header: ShortText
    """header is the value of x-pawl-variant that leads to it."""
    start: Annotated[int, Whole(0, FINE_BUCKETS)]
    """start of the range, from 0."""
    end: Annotated[int, Whole(0, FINE_BUCKETS)]
    """end of the range, not part of it."""


class Assignment(ApiModel):
    """Which users an Experiment sends where; the assigner carries it out."""

    experiment: ObjectName
    """experiment that asks."""
    uid: ShortText
    """uid of the experiment."""
    component: Name
    """component that is asked about; also the key under which applications may ask for their variant."""
    key: ShortText
    """key that a user's id is hashed with: <component>.<revision of the treatment>."""
    generation: Count
    """generation of this assignment, counted per Rollout."""
    ranges: Annotated[tuple[AssignmentRange, ...], Field(max_length=4), ListMap("variant")]
    """ranges of ten thousand fine buckets, in order and without a gap."""


class TrialStatus(ApiModel):
    """One Experiment's time on this Rollout's route."""

    experiment: ObjectName
    """experiment that has the traffic."""
    uid: ShortText
    """uid of the experiment."""
    state: TrialState
    """state: Preparing (the treatment gets ready), Placing (its rules come onto the route), Publishing (users are
    assigned), Running, Leaving (all users go back to stable)."""
    treatment: TrialArm
    """treatment as resolved with this Rollout's serve."""
    control: TrialArm
    """control is what is live."""
    weight: Percentage
    """weight is the percentage of users of the treatment."""
    mirror_percent: Percentage = 0
    """mirrorPercent of requests are copied to the other arm."""
    header: ShortText
    """header that carries the user's id, frozen at the start."""
    started_at: Timestamp
    """startedAt is when the Rollout took it on."""
    running_at: Timestamp | None = None
    """runningAt is when every assigner was seen to assign users: the experiment's clock starts."""
    ready_deadline: Timestamp
    """readyDeadline is when the treatment must be ready."""
    cause: ShortText = ""
    """cause of its leaving as a CamelCase word; empty: its Experiment no longer asks."""
    message: Text = ""
    """message is a sentence for people."""


class TrafficStatus(ApiModel):
    """What was asked of the route and what was seen on it."""

    mode: TrafficMode | None = None
    """mode in which traffic is split."""
    desired: Percentage = 0
    """desired is the candidate's share as decided."""
    verified: Percentage = 0
    """verified is the candidate's share as the gateway confirmed it."""
    op_id: ShortText = ""
    """opId names the route change on its way; empty when there is none."""
    restored: Count = 0
    """restored is how often this release's route was put back after somebody else had changed it."""
    holder: Holder | None = None
    """holder has the route's traffic; absent: nobody."""
    error_source: Literal["Gateway", "Serving"] | None = None
    """errorSource says where error rates are read."""
    assignment: Assignment | None = None
    """assignment of users while an Experiment has the traffic; absent: nobody is assigned."""
    assignment_generation: Count = 0
    """assignmentGeneration is the last one that was given out."""


class EvidenceStatus(ApiModel):
    """One metric as it was last judged; estimates are candidate minus stable, positive is better."""

    metric: Name
    """metric that was judged."""
    step: Count
    """step it was judged on."""
    batch: Count = 0
    """batch is the last closed batch that counted."""
    watermark: Timestamp | None = None
    """watermark: everything received until then is in."""
    users: Count = 0
    """users in the smaller arm, or pairs of users with pairing."""
    estimate: Number | None = None
    """estimate of the difference."""
    lower: Number | None = None
    """lower end of the confidence sequence."""
    upper: Number | None = None
    """upper end of the confidence sequence."""
    log_e: Number | None = None
    """logE is the logarithm of the e-value against no harm."""
    verdict: Verdict
    """verdict on this metric."""
    detectable: Number | None = None
    """detectable is the smallest harm that this much data could have shown."""
    eta: Timestamp | None = None
    """eta is when a decision can be expected at the present rate."""


class Rejected(ApiModel):
    """A revision that was rolled back; it is not released again unless action Retry asks for it."""

    revision: Revision
    """revision that was rejected."""
    digest: Digest = ""
    """digest of its artifact."""
    release: Count
    """release in which it was rejected."""
    reason: ShortText
    """reason as a CamelCase word."""
    time: Timestamp
    """time of the rejection."""


class HistoryEntry(ApiModel):
    """A release that has ended."""

    release: Count
    """release number."""
    revision: Revision
    """revision of the candidate."""
    digest: Digest = ""
    """digest of its artifact."""
    outcome: Outcome
    """outcome of the release."""
    started_at: Timestamp
    """startedAt is when it began."""
    finished_at: Timestamp
    """finishedAt is when it ended."""
    cause: ShortText = ""
    """cause as a CamelCase word."""
    message: Text = ""
    """message is a sentence for people."""


class LastAction(ApiModel):
    """The action that was last looked at; an Abort is latched."""

    verb: Literal["Abort", "Promote", "Retry", "Repin", "Approve"]
    """verb that was asked."""
    release: Count
    """release it was asked for."""
    generation: Count
    """generation of the object in which it was asked."""
    result: ShortText
    """result as a CamelCase word."""


class RollbackStatus(ApiModel):
    """The last rollback and how long it took."""

    release: Count
    """release that was rolled back."""
    cause: ShortText
    """cause as a CamelCase word."""
    message: Text = ""
    """message is a sentence for people."""
    t0: Timestamp | None = None
    """t0 is the candidate's first harmful response."""
    t1: Timestamp | None = None
    """t1 is the first exported evidence by which it had to be rolled back."""
    t2: Timestamp | None = None
    """t2 is when the route was seen back at stable."""


class RolloutStatus(ApiModel):
    """What is so."""

    conditions: Conditions = ()
    """conditions: Ready, Accepted, Progressing, TrafficVerified, UsersPinned, MetricsAvailable, RouteConflict,
    Underpowered, ClockSkew; Reconciled while something fails."""
    observed_generation: Count | None = None
    """observedGeneration is the generation this status speaks of."""
    phase: Phase | None = None
    """phase in one word, for people."""
    message: Text = ""
    """message is the present state in one sentence."""
    verdict: Verdict | None = None
    """verdict on the present step."""
    stable: StableStatus | None = None
    """stable is what is live: the one truth."""
    release: ReleaseStatus | None = None
    """release is the last or present way of a candidate."""
    traffic: TrafficStatus = TrafficStatus()
    """traffic as asked and as seen."""
    trial: TrialStatus | None = None
    """trial is the Experiment that has the route's traffic; absent: none."""
    evidence: Annotated[tuple[EvidenceStatus, ...], Field(max_length=MAX_EVIDENCE)] = ()
    """evidence that was judged last, per metric."""
    rejected: Annotated[tuple[Rejected, ...], Field(max_length=MAX_REJECTED)] = ()
    """rejected revisions, newest last."""
    history: Annotated[tuple[HistoryEntry, ...], Field(max_length=MAX_HISTORY)] = ()
    """history of ended releases, newest last."""
    last_action: LastAction | None = None
    """lastAction that was looked at."""
    rollback: RollbackStatus | None = None
    """rollback is the last one."""
