"""The trained model as it is served: onnxruntime and tokenizers, neither torch nor transformers."""

# onnxruntime ships no types.
# mypy: disable-error-code="import-untyped"

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnxruntime import InferenceSession
from tokenizers import Tokenizer

from pawl_trainers.linear_tagger.model import Found
from pawl_trainers.token_classification.pieces import facts_in, pieces_of

IDS, MASK, PROBABILITIES = "input_ids", "attention_mask", "probabilities"


@dataclass(frozen=True)
class TokenClassifier:
    """An ONNX graph with its tokenizer.

    `classes[0]` is OUTSIDE, the rest are slots; a word belongs to a fact when its probability of being outside is at
    most 1 - `threshold`. Calls from several threads at once are safe.
    """

    tokenizer: Tokenizer
    session: InferenceSession
    classes: Sequence[str]
    threshold: float

    def find(self, text: str) -> list[Found]:
        """Return the facts of a message in the order of the text."""
        pieces = pieces_of(self.tokenizer, text)
        return facts_in(pieces, self.probabilities(pieces.ids), self.classes, self.threshold)

    def probabilities(self, ids: Sequence[int]) -> NDArray[np.float32]:
        """Return each token's probability of each class, shape (tokens, classes).

        One text at a time: in a batch the padding would let an answer depend, in its last digits, on its neighbours.
        """
        tokens = np.array([ids], dtype=np.int64)
        found: list[Any] = self.session.run([PROBABILITIES], {IDS: tokens, MASK: np.ones_like(tokens)})
        return np.asarray(found[0][0])
