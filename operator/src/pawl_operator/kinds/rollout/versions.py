"""Which revision a version is, which Service answers for it, and how to find a revision's version again."""

from dataclasses import dataclass

from pawl.api.rollout import RolloutSpec
from pawl.api.rollout_status import StableStatus
from pawl.api.serving import ModelVersion, ServeSpec
from pawl.revision import merge_serve, revision_of
from pawl_operator.kinds.rollout.actions import Backend, EnsureWorkload
from pawl_operator.kinds.rollout.snapshot import WorkloadState

_BY_OTHERS = ServeSpec(image="services")
"""Stands for pods that somebody else runs: their revision follows from the artifact alone."""


@dataclass(frozen=True, slots=True)
class Version:
    """A version with everything that identifies and serves it."""

    revision: str
    source: str
    digest: str
    serve: ServeSpec | None
    """Merged template; None: somebody else runs the pods."""


def resolve(spec: RolloutSpec, version: ModelVersion) -> Version:
    """Return the version with its revision under this spec."""
    if spec.serve is None:
        # Without a template the source tells versions apart that have no artifact.
        return Version(revision_of(version.digest or version.source, _BY_OTHERS), version.source, version.digest, None)
    serve = merge_serve(spec.serve, version.serve)
    return Version(revision_of(version.digest, serve), version.source, version.digest, serve)


def candidate_of(spec: RolloutSpec) -> Version | None:
    """Return the candidate that the spec names, if it names one."""
    return resolve(spec, spec.candidate) if spec.candidate is not None else None


def find(spec: RolloutSpec, revision: str) -> Version | None:
    """Return the version of a revision, if the spec still describes it."""
    named = [version for version in (spec.candidate, spec.initial_stable) if version is not None]
    return next((v for v in (resolve(spec, version) for version in named) if v.revision == revision), None)


def find_live(spec: RolloutSpec, stable: StableStatus) -> Version | None:
    """Return the version of what is live, if the spec still describes it: by name, or by its template alone.

    From the third version on nobody names the stable one any more, but as long as the template is the same its
    artifact still gives its revision.
    """
    named = find(spec, stable.revision)
    if named is not None:
        return named
    overrides = [None, *(version.serve for version in (spec.candidate, spec.initial_stable) if version is not None)]
    # Both were valid when they became stable; what a later version of Pawl thinks of them is of no interest here.
    known = [ModelVersion.model_construct(source=stable.source, digest=stable.digest, serve=one) for one in overrides]
    return next((v for v in (resolve(spec, version) for version in known) if v.revision == stable.revision), None)


def service_of(name: str, spec: RolloutSpec, revision: str, taken: str | None = None) -> str:
    """Return the Service of a revision; with `spec.services` the one of the pair that is not ``taken``."""
    if spec.services is None:
        return f"{name}-{revision}"
    return spec.services.candidate if taken == spec.services.stable else spec.services.stable


def backend(revision: str, service: str) -> Backend:
    """Return an arm as the route shall know it."""
    return Backend(revision=revision, service=service)


def ensure(
    version: Version, have: WorkloadState | None, *, release: int, owned: bool, size: int | None = None, again: bool
) -> EnsureWorkload | None:
    """Return the action that brings a workload to its size and ownership; None if it is as wanted, or not ours to
    run.

    ``size`` None means its full one. ``again`` asks for it even if it looks as wanted: of its Service, which is not
    watched, only the gateway's complaint tells.
    """
    if version.serve is None:
        return None
    fixed = version.serve.autoscaling is None
    wanted = size if size is not None else version.serve.wanted_replicas
    if not again and have is not None and have.exists and have.owned == owned and (not fixed or have.desired == wanted):
        return None
    return EnsureWorkload(
        revision=version.revision,
        source=version.source,
        digest=version.digest,
        serve=version.serve,
        replicas=wanted if fixed else None,
        release=release,
        owned=owned,
    )
