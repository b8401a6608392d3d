"""Every reason that a Rollout gives, in conditions, events, causes and action results; docs/reference/reasons.md
explains each.

A reason is for machines and never changes its meaning; the sentence beside it in `message` is for people.
"""

from enum import StrEnum


class Reason(StrEnum):
    """One CamelCase word for one cause."""

    # Accepting the object
    ACCEPTED = "Accepted"
    FLAG_NOT_SUPPORTED = "FlagNotSupported"
    ROUTE_CLAIMED = "RouteClaimed"
    CLAIMING = "Claiming"
    ROUTE_NOT_FOUND = "RouteNotFound"
    STABLE_UNKNOWN = "StableUnknown"
    INVALID_SPEC = "InvalidSpec"
    # Becoming stable for the first time, or again after a lost status
    ADOPTING = "Adopting"
    ADOPTED = "Adopted"
    READOPTED = "Readopted"
    STATUS_LOST = "StatusLost"
    # No release on its way
    STABLE = "Stable"
    STABLE_NOT_READY = "StableNotReady"
    REJECTED_CANDIDATE = "RejectedCandidate"
    WAITING_FOR_BAKE = "WaitingForBake"
    # An Experiment has the traffic
    TRIAL_STARTED = "TrialStarted"
    TRIAL_RUNNING = "TrialRunning"
    TRIAL_LEAVING = "TrialLeaving"
    TRIAL_ENDED = "TrialEnded"
    HEADER_NOT_REMOVED = "HeaderNotRemoved"
    # On the way up
    RELEASE_STARTED = "ReleaseStarted"
    PREPARING = "Preparing"
    STEP_STARTED = "StepStarted"
    SHIFTING = "Shifting"
    HOLDING = "Holding"
    AWAITING_EVIDENCE = "AwaitingEvidence"
    AWAITING_WINDOW = "AwaitingWindow"
    AWAITING_APPROVAL = "AwaitingApproval"
    AWAITING_READINESS = "AwaitingReadiness"
    SUSPENDED = "Suspended"
    STALLED = "Stalled"
    PROMOTED = "Promoted"
    BAKING = "Baking"
    RELEASE_FINISHED = "ReleaseFinished"
    # On the way back
    ROLLING_BACK = "RollingBack"
    ROLLED_BACK = "RolledBack"
    SUPERSEDED = "Superseded"
    CANDIDATE_WITHDRAWN = "CandidateWithdrawn"
    ABORTED = "Aborted"
    ROLLBACK_RESUMED = "RollbackResumed"
    DELETED = "Deleted"
    DELETION_TIMED_OUT = "DeletionTimedOut"
    # The route
    VERIFIED = "Verified"
    NOT_PROGRAMMED = "NotProgrammed"
    ROUTE_RESTORED = "RouteRestored"
    ROUTE_CONFLICT = "RouteConflict"
    NO_CONFLICT = "NoConflict"
    BRAKED = "Braked"
    USERS_PINNED = "UsersPinned"
    POLICY_REFUSED = "PolicyRefused"
    # Evidence and limits (verdicts)
    HARM_PROVEN = "HarmProven"
    CRASH_LOOP = "CrashLoop"
    NOT_READY = "NotReady"
    ERROR_RATE = "ErrorRate"
    LATENCY = "Latency"
    EVIDENCE_PASSES = "EvidencePasses"
    NO_METRICS = "NoMetrics"
    NOT_APPLICABLE = "NotApplicable"
    NO_EVIDENCE = "NoEvidence"
    NO_CLOSED_BATCH = "NoClosedBatch"
    TOO_FEW_USERS = "TooFewUsers"
    NOT_YET_NON_INFERIOR = "NotYetNonInferior"
    MARGIN_UNKNOWN = "MarginUnknown"
    MARGIN_EXCEEDS_METRIC = "MarginExceedsMetric"
    SAMPLE_RATIO_MISMATCH = "SampleRatioMismatch"
    RESPONSE_BIAS = "ResponseBias"
    QUERY_FAILED = "QueryFailed"
    GATEWAY_METRICS_MISSING = "GatewayMetricsMissing"
    EVIDENCE_MISSING = "EvidenceMissing"
    EVIDENCE_STALE = "EvidenceStale"
    CLOCK_SKEW = "ClockSkew"
    CLOCKS_AGREE = "ClocksAgree"
    TWO_SOURCES = "TwoSources"
    TWO_BATCHES = "TwoBatches"
    DUPLICATE_SERIES = "DuplicateSeries"
    NON_FINITE = "NonFinite"
    INCOMPLETE = "Incomplete"
    FRESH = "Fresh"
    UNDERPOWERED = "Underpowered"
    ENOUGH_POWER = "EnoughPower"
    NO_MAX_DURATION = "NoMaxDuration"
    RATE_UNKNOWN = "RateUnknown"
    # What became of an action
    ACTION_TAKEN = "ActionTaken"
    OTHER_RELEASE = "OtherRelease"
    NOTHING_TO_DO = "NothingToDo"
    ACTION_WAITS = "ActionWaits"
    # What else may go wrong
    REPAIR_FAILED = "RepairFailed"


VERDICT_REASONS = frozenset(
    {
        Reason.HARM_PROVEN,
        Reason.CRASH_LOOP,
        Reason.NOT_READY,
        Reason.ERROR_RATE,
        Reason.LATENCY,
        Reason.EVIDENCE_PASSES,
        Reason.NO_METRICS,
        Reason.NOT_APPLICABLE,
        Reason.NO_EVIDENCE,
        Reason.NO_CLOSED_BATCH,
        Reason.TOO_FEW_USERS,
        Reason.NOT_YET_NON_INFERIOR,
        Reason.MARGIN_UNKNOWN,
        Reason.MARGIN_EXCEEDS_METRIC,
        Reason.SAMPLE_RATIO_MISMATCH,
        Reason.RESPONSE_BIAS,
        Reason.QUERY_FAILED,
        Reason.GATEWAY_METRICS_MISSING,
        Reason.EVIDENCE_MISSING,
        Reason.EVIDENCE_STALE,
        Reason.CLOCK_SKEW,
        Reason.TWO_SOURCES,
        Reason.TWO_BATCHES,
        Reason.DUPLICATE_SERIES,
        Reason.NON_FINITE,
        Reason.INCOMPLETE,
    }
)
"""The reasons that `pawl.verdicts` gives; a test holds the two lists together."""
