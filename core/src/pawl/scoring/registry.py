"""The scores that a Component may name, by the name it uses."""

from collections.abc import Mapping

from pawl.scoring.spans import perfect, span_f1
from pawl.scoring.types import Scorer
from pawl.scoring.values import exact, no_error, right, squared_error

SCORERS: Mapping[str, Scorer] = {
    scorer.name: scorer
    for scorer in (
        Scorer("span-f1", span_f1, perfect),
        Scorer("exact", exact, right, binary=True),
        Scorer("squared-error", squared_error, no_error),
    )
}
