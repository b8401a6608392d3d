"""What may be asked of `GET /v1/examples`: bounded, typed, closed against unknown parameters."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from pawl.scoring.labels import DEFAULT_RULES
from pawl_services.collector.models import ComponentName
from pawl_services.collector.records import micros
from pawl_services.web.problem import ProblemError, validation_problem

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LABEL = r"(correction|confirmation|thumbs):(Given|Shown|None)"


def _rfc3339(value: object) -> object:
    """Read it here: pydantic takes seconds and milliseconds since 1970 as well, and one for the other."""
    if not isinstance(value, str):
        return value
    found = datetime.fromisoformat(value) if value[4:5] == "-" else None
    if found is None or found.tzinfo is None:
        raise ValueError("write a time with its zone as in RFC 3339, such as 2026-11-23T10:00:00Z")
    return found


Moment = Annotated[AwareDatetime, Field(ge=_EPOCH), BeforeValidator(_rfc3339)]


class ExamplesQuery(BaseModel):
    """Examples of `component` whose label was received after `after` (not at it) until `until` (also at it).

    Times are RFC 3339; a `+` in one is written %2B, or the time with Z. `labels` are the rules by which feedback
    becomes truth, those of the Component.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    component: ComponentName
    after: Moment | None = None
    until: Moment | None = None
    labels: Annotated[str, Field(max_length=256, pattern=rf"^{_LABEL}(,{_LABEL})*$")] = ",".join(
        f"{kind}:{rule}" for kind, rule in DEFAULT_RULES.items()
    )

    @property
    def rules(self) -> dict[str, str]:
        """The label rules by kind of feedback; of a kind that is named twice the last counts."""
        return {kind: rule for kind, _, rule in (label.partition(":") for label in self.labels.split(","))}

    def span(self, watermark: int) -> tuple[int, int]:
        """`after` and `until` in microseconds, never later than the watermark: what comes later is not all there."""
        until = watermark if self.until is None else min(micros(self.until), watermark)
        return (0 if self.after is None else micros(self.after)), until


def read_query(parameters: Mapping[str, str]) -> ExamplesQuery:
    """The query. Raises ProblemError: 422 naming the first parameter that is wrong."""
    try:
        return ExamplesQuery.model_validate_strings(dict(parameters))
    except ValidationError as error:
        errors = [dict(entry) for entry in error.errors(include_url=False, include_context=False)]
        raise ProblemError(validation_problem(errors)) from None


def moment(at: int) -> str:
    """Microseconds since 1970 as RFC 3339 in UTC, every digit kept."""
    return (_EPOCH + timedelta(microseconds=at)).isoformat(timespec="microseconds").replace("+00:00", "Z")
