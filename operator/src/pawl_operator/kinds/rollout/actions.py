"""What `decide` may ask for, as data. Every action is idempotent: doing it twice, or after it was done, changes
nothing.

A Plan is carried out in this order (`carry`): what decides where traffic goes, the status with its events, the
repairs, and last what lets the Rollout go. If one of the first fails, the rest is dropped, nothing is written to
status, and the next pass decides again; a repair that fails is told and holds up nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pawl.api.rollout_status import RolloutStatus
from pawl.api.serving import ServeSpec
from pawl_operator.kinds.notes import EventNote


@dataclass(frozen=True, slots=True)
class EnsureWorkload:
    """Create or repair Deployment and Service `<rollout>-<revision>` (server-side apply)."""

    revision: str
    source: str
    digest: str
    serve: ServeSpec
    """Merged: `spec.serve` with the arm's partial override over it."""
    replicas: int | None
    """None: as `serve` says (replicas or autoscaling)."""
    release: int
    """For the annotation `pawl.dev/release`; `pawl.dev/source` and `pawl.dev/digest` are annotations too."""
    owned: bool = True
    """Whether the Rollout is its owner (an owner reference); a stable workload that shall outlive the Rollout has
    none.
    """


@dataclass(frozen=True, slots=True)
class ScaleWorkload:
    """Set the replicas of an existing workload."""

    revision: str
    replicas: int
    full: int
    """Its full size, for the annotation `pawl.dev/replicas`: what to come back to when nothing else tells any more."""


@dataclass(frozen=True, slots=True)
class DeleteWorkload:
    """Delete Deployment, Service and autoscaler of a revision; absent is fine."""

    revision: str


@dataclass(frozen=True, slots=True)
class Backend:
    """One arm as the route shall know it."""

    revision: str
    service: str


@dataclass(frozen=True, slots=True)
class PatchRoute:
    """Make our rule carry exactly [candidate, stable] with weights (weight, 100 - weight), or stable in both places if
    candidate is None.

    ``weight`` is the share of the first place, with or without a candidate. 0 and 100 leave one part in a million on
    the other place, which keeps it warm; ``plain``: 100 is written as 100 and 0.
    Each backendRef gets header filters x-pawl-rollout, -arm, -revision, -release, -step. ``step`` 0 marks a route that
    is out of every step: a rollback, or no release. ``mirror_percent`` 0 removes our mirrors; otherwise one mirror to
    each arm's Service.
    """

    candidate: Backend | None
    stable: Backend
    weight: int
    release: int
    step: int
    mirror_percent: int = 0
    plain: bool = False


@dataclass(frozen=True, slots=True)
class Variant:
    """One arm of a trial as its rule on the route shall be: who meets it, who answers, and how the answer is marked.

    ``owner`` is the uid that is stamped as x-pawl-rollout: the Experiment's, or this Rollout's where the answers are
    no longer the Experiment's. ``mirror_percent`` of its requests are copied to ``mirror_service``; 0: none.
    """

    name: str
    header: str
    service: str
    revision: str
    arm: str
    owner: str
    release: int
    step: int
    mirror_service: str = ""
    mirror_percent: int = 0


@dataclass(frozen=True, slots=True)
class PatchVariants:
    """Make the route carry exactly these variants' rules beside ours; none: take them off. ``urgent``: users leave a
    treatment by it.
    """

    variants: tuple[Variant, ...] = ()
    urgent: bool = False


@dataclass(frozen=True, slots=True)
class EnsureAssignerPolicy:
    """Let the rule ask the assigner for each user's arm, by that header."""

    header: str


@dataclass(frozen=True, slots=True)
class RemoveAssignerPolicy:
    """Ask the assigner no more; absent is fine."""


@dataclass(frozen=True, slots=True)
class EnsureStickyPolicy:
    """Write the policy that hashes the user's header over the arms, so that a user stays in an arm."""

    header: str


@dataclass(frozen=True, slots=True)
class RemoveStickyPolicy:
    """Delete that policy; absent is fine."""


@dataclass(frozen=True, slots=True)
class TakeClaim:
    """Try to take the rule's Lease. Losing the race is no failure; the next snapshot tells."""


@dataclass(frozen=True, slots=True)
class ReleaseClaim:
    """Give the rule's Lease up if we hold it."""


@dataclass(frozen=True, slots=True)
class AddFinalizer:
    """Keep the Rollout from vanishing while a release is on its way."""


@dataclass(frozen=True, slots=True)
class RemoveFinalizer:
    """Let the Rollout go."""


Action = (
    EnsureWorkload
    | ScaleWorkload
    | DeleteWorkload
    | PatchRoute
    | PatchVariants
    | EnsureAssignerPolicy
    | RemoveAssignerPolicy
    | EnsureStickyPolicy
    | RemoveStickyPolicy
    | TakeClaim
    | ReleaseClaim
    | AddFinalizer
    | RemoveFinalizer
)
REPAIRS = (
    EnsureWorkload,
    ScaleWorkload,
    DeleteWorkload,
    EnsureStickyPolicy,
    RemoveStickyPolicy,
    EnsureAssignerPolicy,
    RemoveAssignerPolicy,
    ReleaseClaim,
)
"""What the next pass asks for again by itself until it is so: neither route nor status may wait for it."""

FINALIZER = "pawl.dev/route"


@dataclass(frozen=True, slots=True)
class Plan:
    """The outcome of one pass. ``wake_at`` is the latest time of the next pass even if nothing changes; None: only on
    a change.
    """

    status: RolloutStatus
    actions: tuple[Action, ...] = ()
    events: tuple[EventNote, ...] = ()
    wake_at: datetime | None = None


def stages(actions: Sequence[Action]) -> tuple[list[Action], list[Action], list[Action]]:
    """Return what comes before the status is written, the repairs that come after it, and what lets the Rollout go."""
    repairs: list[Action] = [action for action in actions if _is_repair(action)]
    leaving: list[Action] = [action for action in actions if isinstance(action, RemoveFinalizer)]
    first: list[Action] = [action for action in actions if action not in repairs and action not in leaving]
    return first, repairs, leaving


def _is_repair(action: Action) -> bool:
    # Where it is plain, all traffic is there already, and only the way of writing it changes.
    return isinstance(action, REPAIRS) or (isinstance(action, PatchRoute) and action.plain)
