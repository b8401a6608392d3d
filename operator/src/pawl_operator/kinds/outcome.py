"""What an error means for the object that was being reconciled: said once, here, for all kinds.

error                  condition on the object          next pass
InvalidSpec            Accepted=False, InvalidSpec      with back-off: what was refused may be a route going back
PermissionDenied       Reconciled=False, Forbidden      with back-off
NotFound               Reconciled=False, NotFound       with back-off; an event on the missing object is faster
Conflict               none                             at once, on a fresh copy
DependencyUnavailable  none: the API is the dependency  with back-off
anything else (a bug)  Reconciled=False, InternalError  with back-off, logged with its traceback
"""

from dataclasses import dataclass

from pawl.errors import Conflict, DependencyUnavailable, InvalidSpec, NotFound, PermissionDenied
from pawl_operator.kinds.conditions import RECONCILED


@dataclass(frozen=True, slots=True)
class Outcome:
    """How to go on after an error."""

    name: str
    """What failed, as the label of a metric."""
    condition: str = ""
    """Condition type to set False; empty: the object is not to blame and cannot be told."""
    at_once: bool = False
    """Whether to read again and decide again without back-off."""
    bug: bool = False
    """Whether the error is our own."""


def outcome_of(error: Exception) -> Outcome:
    """Return how to go on after `error`."""
    match error:
        case Conflict():
            return Outcome("Conflict", at_once=True)
        case InvalidSpec():
            return Outcome("InvalidSpec", condition="Accepted")
        case PermissionDenied():
            return Outcome("Forbidden", condition=RECONCILED)
        case NotFound():
            return Outcome("NotFound", condition=RECONCILED)
        case DependencyUnavailable() | TimeoutError():
            return Outcome("Unavailable")
        case _:
            return Outcome("InternalError", condition=RECONCILED, bug=True)
