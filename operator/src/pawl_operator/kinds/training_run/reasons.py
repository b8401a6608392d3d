"""Every reason that a TrainingRun gives, in conditions, events and attempts; docs/reference/reasons.md explains each.

A reason is for machines and never changes its meaning; the sentence beside it in `message` is for people.
"""

from enum import StrEnum


class Reason(StrEnum):
    """One CamelCase word for one cause."""

    # Accepting the object
    ACCEPTED = "Accepted"
    TRAINER_NOT_OFFERED = "TrainerNotOffered"
    NOT_OFFERED = "NotOffered"
    TRAINER_IMAGE_MISSING = "TrainerImageMissing"
    COLLECTOR_MISSING = "CollectorMissing"
    REGISTRY_MISSING = "RegistryMissing"
    COMPONENT_NOT_FOUND = "ComponentNotFound"
    CHAMPION_NOT_SERVED = "ChampionNotServed"
    ENGINE_MISSING = "EngineMissing"
    # On the way
    WAITING = "Waiting"
    STARTING = "Starting"
    RUNNING = "Running"
    READING_REPORT = "ReadingReport"
    WAITING_TO_REPEAT = "WaitingToRepeat"
    ENGINE_UNREACHABLE = "EngineUnreachable"
    NAME_TAKEN = "NameTaken"
    SUSPENDED = "Suspended"
    NOT_SUSPENDED = "NotSuspended"
    UNFINISHED = "Unfinished"
    ATTEMPT_STARTED = "AttemptStarted"
    # Why an attempt does not start
    NO_GPU_NODE = "NoGpuNode"
    IMAGE_PULL_FAILED = "ImagePullFailed"
    UNSCHEDULABLE = "Unschedulable"
    CONTAINER_NOT_MADE = "ContainerNotMade"
    START_DEADLINE_EXCEEDED = "StartDeadlineExceeded"
    START_REFUSED = "StartRefused"
    # How an attempt ends
    REGISTERED = "Registered"
    GATE_REFUSED = "GateRefused"
    NOT_REGISTERED = "NotRegistered"
    TOO_FEW_EXAMPLES = "TooFewExamples"
    TRAINING_FAILED = "TrainingFailed"
    TRAINER_CRASHED = "TrainerCrashed"
    OUT_OF_MEMORY = "OutOfMemory"
    REPORT_MISSING = "ReportMissing"
    PODS_LOST = "PodsLost"
    VANISHED = "Vanished"
    DEADLINE_EXCEEDED = "DeadlineExceeded"


SUCCESSES = frozenset({Reason.REGISTERED, Reason.GATE_REFUSED, Reason.NOT_REGISTERED})
"""How an attempt ends when the question was answered; that the gate refuses is an answer."""

REPORTED = SUCCESSES | {Reason.TOO_FEW_EXAMPLES, Reason.TRAINING_FAILED, Reason.REPORT_MISSING}
"""How an attempt ends that has said so itself, so that it may be left to leave by itself."""

FINAL = SUCCESSES | {
    Reason.TOO_FEW_EXAMPLES,
    Reason.OUT_OF_MEMORY,
    Reason.DEADLINE_EXCEEDED,
    Reason.CHAMPION_NOT_SERVED,
    Reason.NO_GPU_NODE,
    Reason.IMAGE_PULL_FAILED,
    Reason.UNSCHEDULABLE,
    Reason.CONTAINER_NOT_MADE,
    Reason.START_DEADLINE_EXCEEDED,
    Reason.START_REFUSED,
}
"""What a repetition of the same attempt would not change: the run ends with it, whatever backoffLimit says. An attempt
that did not start was waited for all the time that the start deadline gives.
"""
