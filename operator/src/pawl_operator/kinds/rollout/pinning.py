"""Whether a user stays in an arm: the policy that hashes the user's header, frozen with the release, and what the
gateway says about it.
"""

from pawl.api.rollout import Rollout
from pawl_operator.kinds.rollout.actions import EnsureStickyPolicy, RemoveStickyPolicy
from pawl_operator.kinds.rollout.conditions import condition, set_condition
from pawl_operator.kinds.rollout.draft import LIVE, Draft
from pawl_operator.kinds.rollout.reasons import Reason
from pawl_operator.kinds.rollout.snapshot import HASHED_BUCKET


def header_of(rollout: Rollout) -> str:
    """Return the header that pins users: that of the release on its way, else the spec's.

    Another header hashes every user anew; in the middle of a step half of them would change arms.
    """
    release = rollout.status.release
    frozen = release.sticky_header if release is not None and release.state in LIVE else ""
    return frozen or rollout.spec.stickiness.header


def keep_policy(draft: Draft) -> None:
    """Write or remove the policy that pins users, and say where a gateway refuses it; during a release its frozen mode
    counts, not the spec.
    """
    release = draft.live
    pinned = release.plan.mode == HASHED_BUCKET if release is not None else _wanted(draft)
    if pinned and not draft.seen.sticky_policy:
        draft.act(EnsureStickyPolicy(header_of(draft.seen.rollout)))
    elif not pinned and draft.seen.sticky_policy:
        draft.act(RemoveStickyPolicy())
    _report(draft)


def can_pin(draft: Draft) -> bool:
    """Return whether users shall stay in an arm and no gateway is known to refuse that."""
    return _wanted(draft) and not draft.seen.sticky_refusal


def policy_settled(draft: Draft) -> bool:
    """Return whether the policy is as the release's mode needs it, so that nobody is split by chance first."""
    return draft.seen.sticky_policy or draft.release.plan.mode != HASHED_BUCKET


def _wanted(draft: Draft) -> bool:
    return draft.spec.stickiness.unit == "User" and HASHED_BUCKET in draft.seen.capabilities


def _report(draft: Draft) -> None:
    refusal = draft.seen.sticky_refusal
    if refusal:
        message = f"a gateway refuses the policy that pins users, so a user meets both arms: {refusal}"
        set_condition(draft, "UsersPinned", "False", Reason.POLICY_REFUSED, message)
    elif draft.live is None and not _wanted(draft):
        draft.set(conditions=tuple(entry for entry in draft.status.conditions if entry.type != "UsersPinned"))
    elif refusal is not None and condition(draft.status, "UsersPinned") is not None:
        set_condition(draft, "UsersPinned", "True", Reason.USERS_PINNED, "the gateway accepts the policy")
