"""Every reason that a LearningLoop gives, in conditions, events, causes and its history; docs/reference/reasons.md
explains each.

A reason is for machines and never changes its meaning; the sentence beside it in `message` is for people.
"""

from enum import StrEnum


class Reason(StrEnum):
    """One CamelCase word for one cause."""

    # Accepting the object
    ACCEPTED = "Accepted"
    INVALID_SPEC = "InvalidSpec"
    REGISTRY_SOURCE_NOT_OFFERED = "RegistrySourceNotOffered"
    COMPONENT_CLAIMED = "ComponentClaimed"
    COMPONENT_NOT_FOUND = "ComponentNotFound"
    COMPONENT_MISMATCH = "ComponentMismatch"
    ROLLOUT_NOT_FOUND = "RolloutNotFound"
    # Counting
    COUNTED = "Counted"
    NOT_ASKED = "NotAsked"
    QUERY_FAILED = "QueryFailed"
    NOT_COUNTED = "NotCounted"
    COUNT_STALE = "CountStale"
    RECOUNTING = "Recounting"
    CLOCK_SKEW = "ClockSkew"
    TWO_SOURCES = "TwoSources"
    DUPLICATE_SERIES = "DuplicateSeries"
    NON_FINITE = "NonFinite"
    INCOMPLETE = "Incomplete"
    # No turn under way
    WAITING_FOR_EXAMPLES = "WaitingForExamples"
    WAITING_FOR_SCHEDULE = "WaitingForSchedule"
    WAITING_FOR_STABLE = "WaitingForStable"
    BACKING_OFF = "BackingOff"
    SUSPENDED = "Suspended"
    LEFTOVER = "Leftover"
    # Why a turn begins
    ENOUGH_EXAMPLES = "EnoughExamples"
    FLOOR_REACHED = "FloorReached"
    GATE_AGAIN = "GateAgain"
    RECOVERED = "Recovered"
    # A turn under way
    TURN_STARTED = "TurnStarted"
    TRAINING = "Training"
    REGISTERED = "Registered"
    QUEUED = "Queued"
    NOTHING_QUEUED = "NothingQueued"
    EXPERIMENTING = "Experimenting"
    CHILD_REFUSED = "ChildRefused"
    AWAITING_APPROVAL = "AwaitingApproval"
    RELEASING = "Releasing"
    # How a turn ends, beside what TrainingRun, Experiment and Rollout give as theirs
    TURN_ENDED = "TurnEnded"
    PROMOTED = "Promoted"
    GATE_REFUSED = "GateRefused"
    NOT_REGISTERED = "NotRegistered"
    TRAINING_FAILED = "TrainingFailed"
    NEWER_VERSION = "NewerVersion"
    NEWER_EXAMPLES = "NewerExamples"
    STABLE_MOVED = "StableMoved"
    SAME_AS_STABLE = "SameAsStable"
    REJECTED_CANDIDATE = "RejectedCandidate"
    CANDIDATE_REPLACED = "CandidateReplaced"
    CANDIDATE_NOT_SET = "CandidateNotSet"
    CHILD_DELETED = "ChildDeleted"
    NAME_TAKEN = "NameTaken"
    # What else may go wrong
    REPAIR_FAILED = "RepairFailed"


FLAWS = frozenset({Reason.TWO_SOURCES, Reason.DUPLICATE_SERIES, Reason.NON_FINITE, Reason.INCOMPLETE})
"""The reasons that come from the words of `pawl.evidence.Flaw`."""
