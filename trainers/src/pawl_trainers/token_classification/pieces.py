"""Where a tokenizer's tokens lie in a text, and which of them make one word; training and serving share this file."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

from pawl_trainers.linear_tagger.features import Word
from pawl_trainers.linear_tagger.model import Found, decode

_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Pieces:
    """A text as an encoder reads it.

    `ids` has one entry per token, special tokens included. `words` are the text's words in order, as far as the
    tokenizer's limit reaches; `members[i]` are the positions of the tokens of `words[i]`, at least one.
    """

    ids: Sequence[int]
    words: Sequence[Word]
    members: Sequence[Sequence[int]]


def pieces_of(tokenizer: Tokenizer, text: str) -> Pieces:
    """Cut a text into tokens and join those of one word; words are never blank and never begin or end with a blank."""
    # Half a surrogate pair is no text to the tokenizer; a stand-in of the same length keeps all offsets.
    encoding = tokenizer.encode(_SURROGATE.sub("\ufffd", text))
    spans: list[tuple[int, int]] = []
    members: list[list[int]] = []
    last: int | None = None
    for position, number, (start, end) in _placed(encoding, text):
        if spans and number == last and _continues(text, spans[-1][1], start):
            spans[-1] = (spans[-1][0], max(spans[-1][1], end))
            members[-1].append(position)
        else:
            spans.append((start, end))
            members.append([position])
        last = number
    return Pieces(encoding.ids, [Word(text[start:end], start, end) for start, end in spans], members)


def facts_in(pieces: Pieces, probabilities: NDArray[Any], classes: Sequence[str], threshold: float) -> list[Found]:
    """Return the facts that each token's probabilities, shape (tokens, classes), tell of; a word's are their mean."""
    if not pieces.words:
        return []
    by_word = np.stack([probabilities[list(positions)].mean(axis=0) for positions in pieces.members])
    return decode(pieces.words, by_word, classes, threshold)


def _placed(encoding: Encoding, text: str) -> list[tuple[int, int | None, tuple[int, int]]]:
    """Return position, word number and span without blanks of each token that stands for some of the text."""
    found = []
    for position, (start, end) in enumerate(encoding.offsets):
        piece = text[start:end]
        span = (start + len(piece) - len(piece.lstrip()), start + len(piece.rstrip()))
        if not encoding.special_tokens_mask[position] and span[0] < span[1]:
            found.append((position, encoding.word_ids[position], span))
    return found


def _continues(text: str, end: int, start: int) -> bool:
    """Tell whether a token that begins at `start` belongs to the word that ended at `end`: "pro" + "vo", not "vo" + "."

    Some tokenizers cut a character into several tokens with one span: these always belong together.
    """
    return start < end or (start == end and _binds(text[end - 1]) and _binds(text[start]))


def _binds(character: str) -> bool:
    # Scripts without case ("Lo") may not put blanks between words: there each token stands for itself.
    return character.isalnum() and unicodedata.category(character) != "Lo"
