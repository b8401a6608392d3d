"""Every error that Pawl raises on purpose.

PawlError                     a message that names field, value and remedy
├── InvalidSpec               what was asked cannot be done as written: change the object
│   └── InvalidArtifact       a model artifact is not what its digest or its layout says
├── Conflict                  somebody else changed or holds it: read again, then decide again
│   └── ClaimHeld             another object owns the route rule or the lease
├── NotFound                  a named object does not exist (yet)
├── PermissionDenied          the caller may not: retrying does not help, a role does
├── DependencyUnavailable     a service did not answer in time: retry with backoff, decide nothing
│   └── EvidenceUnavailable   the metrics are missing or too old to judge by
└── DeadlineExceeded          a bounded wait ended
"""


class PawlError(Exception):
    """Root of the tree; `field`, `value` and `remedy` are empty where they say nothing."""

    def __init__(self, message: str, *, field: str = "", value: object = None, remedy: str = "") -> None:
        self.message = message
        self.field = field
        self.value = value
        self.remedy = remedy
        super().__init__(message)

    def __str__(self) -> str:
        head = f"{self.field}: {self.message}" if self.field else self.message
        shown = f" (got {self.value!r})" if self.value is not None else ""
        return f"{head}{shown}; {self.remedy}" if self.remedy else f"{head}{shown}"


class InvalidSpec(PawlError):  # noqa: N818 - reads as a condition, like the reasons in status
    """What was asked cannot be done as written; only a changed object helps."""


class InvalidArtifact(InvalidSpec):
    """A model artifact is not what its digest or its layout says."""


class Conflict(PawlError):  # noqa: N818
    """Somebody else changed or holds the object; read it again and decide again."""


class ClaimHeld(Conflict):
    """Another object owns the route rule or the lease."""


class NotFound(PawlError):  # noqa: N818
    """A named object does not exist, or not yet."""


class PermissionDenied(PawlError):  # noqa: N818
    """The caller lacks a role; retrying does not help."""


class DependencyUnavailable(PawlError):  # noqa: N818
    """A service did not answer in time; retry with backoff and decide nothing meanwhile."""


class EvidenceUnavailable(DependencyUnavailable):
    """Metrics are missing or too old to judge by."""


class DeadlineExceeded(PawlError):  # noqa: N818
    """A bounded wait ended before its condition held."""
