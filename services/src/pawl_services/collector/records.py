"""Turns validated requests into rows: pseudonyms for people, microseconds for times, checked JSON texts for values."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from pydantic_core import PydanticSerializationError, to_json

from pawl_services.collector.models import SentAnswer, SentFeedback, SentInteraction, SentPrediction
from pawl_services.collector.pseudonym import Pseudonyms
from pawl_services.db.rows import FeedbackRow, InteractionRow, PredictionRow
from pawl_services.web.auth import Caller
from pawl_services.web.problem import Problem, ProblemError

Item = TypeVar("Item", SentInteraction, SentFeedback, SentPrediction)
MAX_JSON_BYTES = 2**20
# The component logs inside an interaction come from the application, as do the answers it asked for on the side.
EMBEDDED_SOURCE = "Client"
_FIRST_YEAR, _LAST_YEAR = 2000, 2099
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Recorder:
    """Makes rows for one caller. `alone`: the body is one record, so its fields are named without a place in a list."""

    caller: Caller
    pseudonyms: Pseudonyms
    alone: bool = False

    def interactions(self, sent: Sequence[SentInteraction]) -> tuple[list[InteractionRow], list[PredictionRow]]:
        """Rows of the interactions and of the predictions inside them."""
        rows, attached = [], []
        for path, item in self._numbered("interactions", sent):
            rows.append(self._interaction(item, path))
            for place, answer in enumerate(item.predictions):
                where = f"{path}predictions[{place}]."
                moment = rows[-1].time
                attached.append(self._prediction(answer, str(item.id), EMBEDDED_SOURCE, moment, where))
        return rows, attached

    def predictions(self, sent: Sequence[SentPrediction]) -> list[PredictionRow]:
        """Rows of paired answers."""
        return [
            self._prediction(item, str(item.interaction), item.source, moment_of(item.time, path), path)
            for path, item in self._numbered("predictions", sent)
        ]

    def feedback(self, sent: Sequence[SentFeedback]) -> list[FeedbackRow]:
        """Rows of feedback. It names an interaction and no component, so a key for some components may not send it."""
        self.caller.require_all("feedback")
        return [
            FeedbackRow(
                namespace=self.caller.namespace,
                id=str(item.id),
                interaction=str(item.interaction),
                kind=item.kind,
                time=moment_of(item.time, path),
                value=json_text(saying_something(item, path), f"{path}value"),
            )
            for path, item in self._numbered("feedback", sent)
        ]

    def _numbered(self, name: str, sent: Sequence[Item]) -> Iterator[tuple[str, Item]]:
        return (("" if self.alone else f"{name}[{number}].", item) for number, item in enumerate(sent))

    def _interaction(self, item: SentInteraction, path: str) -> InteractionRow:
        self.caller.require(item.component, f"{path}component")
        return InteractionRow(
            namespace=self.caller.namespace,
            id=str(item.id),
            component=item.component,
            user=self.pseudonyms.of(self.caller.namespace, storable(item.user, f"{path}user")),
            key_id=self.pseudonyms.key_id,
            time=moment_of(item.time, path),
            input=json_text(item.input, f"{path}input"),
            output=json_text(item.output, f"{path}output"),
            latency_ms=item.latency_ms,
            revision=item.revision,
            arm=item.arm,
            rollout=item.rollout,
            release=item.release,
            step=item.step,
            confidence=item.confidence,
            session=storable(item.session, f"{path}session") if item.session is not None else None,
            raw=_raw(item, path),
        )

    def _prediction(self, item: SentAnswer, interaction: str, source: str, moment: int, path: str) -> PredictionRow:
        self.caller.require(item.component, f"{path}component")
        return PredictionRow(
            namespace=self.caller.namespace,
            interaction=interaction,
            component=item.component,
            revision=item.revision,
            source=source,
            arm=item.arm,
            output=json_text(item.output, f"{path}output"),
            confidence=item.confidence,
            latency_ms=item.latency_ms,
            time=moment,
        )


def _raw(item: SentInteraction, path: str) -> str | None:
    """What no column holds; `training` stands there only where it is refused, which is what readers look for."""
    said: dict[str, object] = {"metadata": item.metadata} if item.metadata is not None else {}
    if not item.training:
        said["training"] = False
    return json_text(said, f"{path}metadata") if said else None


def saying_something(item: SentFeedback, path: str) -> dict[str, object]:
    """Its value. Raises ProblemError (422) naming the member that this kind of feedback lacks."""
    if item.kind == "correction" and "truth" not in item.value:
        raise ProblemError(_refused(f"{path}value.truth", "is missing: a correction needs it", None))
    if item.kind == "thumbs" and not isinstance(up := item.value.get("up"), bool):
        raise ProblemError(_refused(f"{path}value.up", "must be true or false for thumbs", up))
    return item.value


def storable(text: str, path: str) -> str:
    """The text itself. Raises ProblemError (422) if a Postgres text could not hold it."""
    if "\x00" in text:
        raise ProblemError(_refused(path, "contains the character U+0000, which a Postgres text cannot hold", text))
    return text


def moment_of(moment: datetime, path: str) -> int:
    """Its microseconds. Raises ProblemError (422) for a year outside 2000 to 2099, which is some other unit misread."""
    if not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        why = f"must lie in the years {_FIRST_YEAR} to {_LAST_YEAR}"
        raise ProblemError(_refused(f"{path}time", why, moment.isoformat()))
    return micros(moment)


def micros(moment: datetime) -> int:
    """Microseconds since 1970 UTC; exact, unlike the float of `timestamp()`."""
    since = moment - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def json_text(value: object, path: str) -> str:
    """The JSON text of a value. Raises ProblemError (422) for what the databases or readers could not take back."""
    try:
        encoded = to_json(value)
    except (PydanticSerializationError, ValueError):
        raise ProblemError(_refused(path, "holds a value that JSON cannot carry", value)) from None
    if len(encoded) > MAX_JSON_BYTES:
        why = f"is {len(encoded)} bytes of JSON; the most is {MAX_JSON_BYTES}"
        raise ProblemError(_refused(path, why, value))
    text = encoded.decode()
    # The words may stand inside an ordinary text, so they only start the search that decides.
    if "\\u0000" in text or "NaN" in text or "Infinity" in text:
        _refuse_unstorable(value, path)
    return text


def _refuse_unstorable(value: object, path: str) -> None:
    """Look into every part, without recursion: the parser bounds the depth, but not tightly."""
    rest = [value]
    while rest:
        part = rest.pop()
        if isinstance(part, dict):
            rest.extend(part.keys())
            rest.extend(part.values())
        elif isinstance(part, list):
            rest.extend(part)
        elif isinstance(part, str) and "\x00" in part:
            raise ProblemError(_refused(path, "contains the character U+0000, which Postgres cannot search", part))
        elif isinstance(part, float) and not math.isfinite(part):
            raise ProblemError(_refused(path, "contains a number that is not finite, which JSON does not have", part))


def _refused(path: str, why: str, value: object) -> Problem:
    return Problem(
        status=422,
        title="The request is not valid",
        detail=f"{path}: {why}",
        field=path,
        value=value,
        remedy="correct the named field and send the request again",
        errors=[{"field": path, "message": why}],
    )
