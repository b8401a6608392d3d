"""A registered version as the Rollout sees it: whether it is live, on its way, refused, or what became of it."""

from pawl.api.learning_loop import Champion, Turn
from pawl.api.rollout import Rollout
from pawl.api.rollout_status import HistoryEntry, ReleaseStatus
from pawl.api.serving import ModelVersion
from pawl.api.training_run import Registered
from pawl_operator.kinds.rollout.draft import LIVE
from pawl_operator.kinds.rollout.versions import resolve


def revision_under(rollout: Rollout, version: Registered) -> str:
    """Return the revision that a version would have in a Rollout."""
    # What a registry calls its versions is checked by the API server when one is handed on.
    plain = ModelVersion.model_construct(source=version.source, digest=version.digest, serve=None)
    return resolve(rollout.spec, plain).revision


def is_candidate(rollout: Rollout, version: Registered) -> bool:
    """Return whether the Rollout's spec names the version as its candidate."""
    named = rollout.spec.candidate
    return named is not None and (named.source, named.digest) == (version.source, version.digest)


def live_release(rollout: Rollout) -> ReleaseStatus | None:
    """Return the release on its way, whoever's it is."""
    release = rollout.status.release
    return release if release is not None and release.state in LIVE else None


def release_of(rollout: Rollout, turn: Turn, version: Registered) -> ReleaseStatus | None:
    """Return the release of the version, on its way or ended just now, if the Rollout still has it."""
    release = rollout.status.release
    if release is None or (release.source, release.digest) != (version.source, version.digest):
        return None
    return release if release.state in LIVE or release.number > turn.release_before else None


def ended_release(rollout: Rollout, turn: Turn, version: Registered) -> HistoryEntry | None:
    """Return what the Rollout's history says about the version's release."""
    if turn.release:
        return next((entry for entry in rollout.status.history if entry.release == turn.release), None)
    revision = revision_under(rollout, version)
    found = (entry for entry in reversed(rollout.status.history) if entry.release > turn.release_before)
    return next((entry for entry in found if entry.revision == revision), None)


def is_stable(rollout: Rollout, version: Registered) -> bool:
    """Return whether the version is what is live: the same revision, or the same artifact under other settings."""
    stable = rollout.status.stable
    if stable is None:
        return False
    same = (stable.source, stable.digest) == (version.source, version.digest)
    return same or stable.revision == revision_under(rollout, version)


def rejection(rollout: Rollout, version: Registered) -> str:
    """Return why the Rollout refuses the version's revision, empty if it does not."""
    revision = revision_under(rollout, version)
    found = [entry for entry in rollout.status.rejected if entry.revision == revision]
    return f"release {found[-1].release} was rolled back ({found[-1].reason})" if found else ""


def champion_of(rollout: Rollout) -> Champion | None:
    """Return what is live, as the opponent of a gate; None: nothing is live yet."""
    stable = rollout.status.stable
    if stable is None:
        return None
    return Champion(revision=stable.revision, source=stable.source, digest=stable.digest)


def has_moved(rollout: Rollout, champion: Champion | None) -> bool:
    """Return whether something else is live than what a turn was measured against."""
    live = champion_of(rollout)
    if live is None or champion is None or (live.source, live.digest) != (champion.source, champion.digest):
        return True
    return champion.revision not in ("", live.revision)


def last_release(rollout: Rollout) -> int:
    """Return the number of the Rollout's last release, 0 without one."""
    return rollout.status.release.number if rollout.status.release is not None else 0
