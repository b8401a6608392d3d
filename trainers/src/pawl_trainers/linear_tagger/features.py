"""Words of a message and the features of each; training and serving share this file, so they cannot drift apart."""

import re
from dataclasses import dataclass

# A contraction's tail is a word of its own ("I'm" is "I" + "'m"), so that a span can end before it.
_WORD = re.compile(r"[^\W_]+|(?<=\w)['\u2019][a-zA-Z]+|[^\w\s]|_+")
_SELF = frozenset({"i", "im", "me", "mine", "my", "myself", "our", "us", "we"})
_PAD = ["<s>"] * 3
_END = ["</s>"] * 3
_LEFT_REACH, _RIGHT_REACH = 6, 4


@dataclass(frozen=True, slots=True)
class Word:
    """A word or sign of a message; `end` is exclusive, both count characters."""

    text: str
    start: int
    end: int


def words_of(text: str) -> list[Word]:
    """Split a text into words and signs, without the white space."""
    return [Word(match.group(), match.start(), match.end()) for match in _WORD.finditer(text)]


def features_of(words: list[Word]) -> list[list[str]]:
    """Return, for each word, the names of the features that hold for it (repeats possible)."""
    lowered = [word.text.lower().replace("\u2019", "'") for word in words]
    padded = [*_PAD, *lowered, *_END]
    asked = ["question"] if "?" in lowered else []
    selves = [index for index, word in enumerate(lowered) if word in _SELF]
    return [
        [
            *_own(words[index].text, lowered[index]),
            *_near(padded, index + len(_PAD)),
            *_around(lowered, index),
            *_author(padded, selves, index),
            *asked,
        ]
        for index in range(len(words))
    ]


def _own(text: str, word: str) -> list[str]:
    return ["bias", f"w={word}", f"s3={word[-3:]}", f"s2={word[-2:]}", f"p3={word[:3]}", f"shape={_shape(text)}"]


def _near(padded: list[str], at: int) -> list[str]:
    third, second, before = padded[at - 3 : at]
    word, after, later = padded[at : at + 3]
    return [
        f"-1={before}",
        f"-2={second}",
        f"-3={third}",
        f"+1={after}",
        f"+2={later}",
        f"-21={second}_{before}",
        f"-321={third}_{second}_{before}",
        f"-10={before}_{word}",
        f"01={word}_{after}",
    ]


def _around(lowered: list[str], index: int) -> list[str]:
    left = lowered[max(0, index - _LEFT_REACH) : index]
    right = lowered[index + 1 : index + 1 + _RIGHT_REACH]
    place = "first" if index == 0 else "early" if index < len(_PAD) else "later"
    return [*(f"left={word}" for word in left), *(f"right={word}" for word in right), f"place={place}"]


def _author(padded: list[str], selves: list[int], index: int) -> list[str]:
    """Describe the nearest mention of the author before the word: how far, and what the author is said to do."""
    before = [mention for mention in selves if mention < index]
    if not before:
        return ["self=none"]
    mention = before[-1]
    who, does, what = padded[mention + 3 : mention + 6]
    named = [f"self={_distance(index - mention)}", f"does={who}_{does}"]
    return [*named, f"does2={who}_{does}_{what}"] if mention + 2 < index else named


def _distance(words: int) -> str:
    return "near" if words <= 2 else "close" if words <= 4 else "far" if words <= 8 else "away"


def _shape(text: str) -> str:
    first = "X" if text[0].isupper() else "x" if text[0].islower() else "d" if text[0].isdigit() else "."
    rest = "" if len(text) == 1 else "X" if text[1:].isupper() else "x"
    return first + rest
