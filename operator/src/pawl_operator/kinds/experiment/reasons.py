"""Every reason that an Experiment gives, in conditions, events and decisions; docs/reference/reasons.md explains each.

A reason is for machines and never changes its meaning; the sentence beside it in `message` is for people.
"""

from enum import StrEnum


class Reason(StrEnum):
    """One CamelCase word for one cause."""

    # Accepting the object
    ACCEPTED = "Accepted"
    NOT_OFFERED = "NotOffered"
    ASSIGNER_NOT_OFFERED = "AssignerNotOffered"
    ROLLOUT_NOT_FOUND = "RolloutNotFound"
    ROLLOUT_NOT_READY = "RolloutNotReady"
    COMPONENT_NOT_FOUND = "ComponentNotFound"
    UNIT_NOT_PINNED = "UnitNotPinned"
    INVALID_SPEC = "InvalidSpec"
    # The traffic
    ROUTE_HELD = "RouteHeld"
    GETTING_READY = "GettingReady"
    GRANTED = "Granted"
    RETURNED = "Returned"
    SUSPENDED = "Suspended"
    # The evidence
    STARTED = "Started"
    AWAITING_EVIDENCE = "AwaitingEvidence"
    FRESH = "Fresh"
    UNDECIDED = "Undecided"
    # The decision
    PROVEN_BETTER = "ProvenBetter"
    HARM_PROVEN = "HarmProven"
    PROVEN_NOT_BETTER = "ProvenNotBetter"
    NOT_BETTER_IN_TIME = "NotBetterInTime"
    UNDERPOWERED = "Underpowered"
    SAMPLE_RATIO_MISMATCH = "SampleRatioMismatch"
    TREATMENT_IS_STABLE = "TreatmentIsStable"
    STABLE_CHANGED = "StableChanged"
    CANDIDATE_SET = "CandidateSet"
