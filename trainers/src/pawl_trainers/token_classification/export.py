"""From a fitted network to files that are served without torch, checked to answer as the network does."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer

from pawl_trainers.token_classification import artifact
from pawl_trainers.token_classification.examples import Prepared, batch_of
from pawl_trainers.token_classification.fitting import probabilities_of
from pawl_trainers.token_classification.model import IDS, MASK, PROBABILITIES, TokenClassifier
from pawl_trainers.trainer import TrainingError

OPSET = 17
LARGEST_DIFFERENCE = 1e-3
_AXES = {0: "messages", 1: "tokens"}


class _Served(torch.nn.Module):
    """The network with the last step of serving, so that the graph gives probabilities."""

    def __init__(self, network: Any) -> None:  # noqa: ANN401
        super().__init__()
        self._network = network

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Return the probability of each class for each token, shape (messages, tokens, classes)."""
        logits: torch.Tensor = self._network(input_ids=input_ids, attention_mask=attention_mask).logits
        return logits.softmax(dim=-1)


def export(
    network: Any,  # noqa: ANN401
    tokenizer: Tokenizer,
    classes: Sequence[str],
    threshold: float,
    checked: Sequence[Prepared],
    directory: Path,
) -> float:
    """Write the model into `directory`, made where absent; return the largest difference of a probability.

    Raises:
        TrainingError: on one of the `checked` messages, at least one, graph and network differ too much.
    """
    directory.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(directory / artifact.TOKENIZER))
    _write_graph(network, checked, directory / artifact.GRAPH)
    served = TokenClassifier(tokenizer, artifact.session(directory / artifact.GRAPH), classes, threshold)
    parity = largest_difference(served, network, checked)
    if parity >= LARGEST_DIFFERENCE:
        raise TrainingError(
            f"export: probabilities of the ONNX graph differ by {parity:.2g} from the network's, {LARGEST_DIFFERENCE} "
            "is allowed; use another baseModel"
        )
    artifact.describe(directory, classes, threshold, parity)
    return parity


def largest_difference(served: TokenClassifier, network: Any, checked: Sequence[Prepared]) -> float:  # noqa: ANN401
    """Return the largest difference of a token's probability of a class between what is served and the network."""
    expected = probabilities_of(network, checked)
    found = [served.probabilities(example.pieces.ids) for example in checked]
    return max(float(np.abs(one - other).max()) for one, other in zip(found, expected, strict=True))


def _write_graph(network: Any, checked: Sequence[Prepared], path: Path) -> None:  # noqa: ANN401
    sample = batch_of(checked[:2])
    network.eval()
    with warnings.catch_warnings():
        # The exporter by tracing, as Hugging Face's Optimum uses it: torch's newer one is ten times slower and needs
        # three more packages. It warns that it will go one day, and of branches; the comparison covers these.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            _Served(network),
            (sample.ids, sample.mask),
            str(path),
            input_names=[IDS, MASK],
            output_names=[PROBABILITIES],
            dynamic_axes=dict.fromkeys((IDS, MASK, PROBABILITIES), _AXES),
            opset_version=OPSET,
            dynamo=False,
        )
