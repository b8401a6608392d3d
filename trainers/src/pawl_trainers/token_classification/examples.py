"""Messages as a network learns them: token ids and the class of each token."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from tokenizers import Tokenizer

from pawl_trainers.facts.examples import LabelledText
from pawl_trainers.facts.spans import OUTSIDE, Fact
from pawl_trainers.token_classification.pieces import Pieces, pieces_of

IGNORED = -100
"""torch's own sign for a token that the loss leaves out: special tokens and padding."""
_BUCKET = 8


@dataclass(frozen=True, slots=True)
class Prepared:
    """A message's pieces, the class of each token, and its true facts."""

    pieces: Pieces
    labels: Sequence[int]
    truth: frozenset[Fact]


@dataclass(frozen=True, slots=True)
class Batch:
    """Tensors of shape (messages, longest message in tokens)."""

    ids: torch.Tensor
    mask: torch.Tensor
    labels: torch.Tensor


def classes_of(messages: Sequence[LabelledText]) -> tuple[str, ...]:
    """Return OUTSIDE and then, sorted, the slots that the messages' facts have."""
    return (OUTSIDE, *sorted({fact.slot for message in messages for fact in message.facts}))


def prepared(message: LabelledText, tokenizer: Tokenizer, classes: Sequence[str]) -> Prepared:
    """Cut a message into tokens; a token of a word that overlaps a fact has its slot as its class.

    A slot that is not among the classes, because no message that is learned from has it, teaches nothing.
    """
    known = {slot: index for index, slot in enumerate(classes)}
    pieces = pieces_of(tokenizer, message.text)
    labels = [IGNORED] * len(pieces.ids)
    for word, positions in zip(pieces.words, pieces.members, strict=True):
        slots = [fact.slot for fact in sorted(message.facts) if word.start < fact.end and word.end > fact.start]
        for position in positions:
            labels[position] = known.get(slots[-1], IGNORED) if slots else known[OUTSIDE]
    return Prepared(pieces, labels, message.facts)


def chosen(messages: Sequence[LabelledText], empty_share: float, seed: int) -> list[LabelledText]:
    """Return, in order, all messages with a fact and the given share, drawn by `seed`, of those without."""
    empty = [index for index, message in enumerate(messages) if not message.facts]
    kept = set(random.Random(seed).sample(empty, round(empty_share * len(empty))))  # noqa: S311  no secret
    return [message for index, message in enumerate(messages) if message.facts or index in kept]


def batches(examples: Sequence[Prepared], size: int, seed: int) -> list[Batch]:
    """Return the examples in an order drawn by `seed`, those of like length together: padding is work for nothing."""
    draw = random.Random(seed)  # noqa: S311  no secret
    order = draw.sample(range(len(examples)), len(examples))
    groups = [
        sorted(order[start : start + size * _BUCKET], key=lambda index: len(examples[index].pieces.ids))
        for start in range(0, len(order), size * _BUCKET)
    ]
    cut = [group[start : start + size] for group in groups for start in range(0, len(group), size)]
    draw.shuffle(cut)
    return [batch_of([examples[index] for index in indices]) for indices in cut]


def in_order(examples: Sequence[Prepared], size: int) -> Iterator[Batch]:
    """Yield the examples in their own order, `size` at a time."""
    for start in range(0, len(examples), size):
        yield batch_of(examples[start : start + size])


def batch_of(examples: Sequence[Prepared]) -> Batch:
    """Return the examples side by side, shorter ones padded at the end."""
    longest = max(len(example.pieces.ids) for example in examples)
    ids = torch.zeros((len(examples), longest), dtype=torch.int64)
    mask, labels = torch.zeros_like(ids), torch.full_like(ids, IGNORED)
    for row, example in enumerate(examples):
        length = len(example.pieces.ids)
        ids[row, :length] = torch.tensor(example.pieces.ids)
        mask[row, :length] = 1
        labels[row, :length] = torch.tensor(example.labels)
    return Batch(ids, mask, labels)
