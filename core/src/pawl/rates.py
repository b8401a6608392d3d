"""Rates and percentages: strings in a manifest, because Kubernetes APIs carry no floats."""

import re

_RATE = re.compile(r"\d{1,9}(\.\d{1,6})?", re.ASCII)
_DIFFERENCE = re.compile(r"-?\d{1,9}(\.\d{1,6})?", re.ASCII)
_PERCENT = re.compile(r"\d{1,4}(\.\d{1,4})?%", re.ASCII)


def parse_rate(text: str) -> float:
    """Read a plain number such as `0.05`; never negative.

    Raises:
        ValueError: the text is not a decimal number.
    """
    return _read("rate", text, _RATE, "0.05")


def parse_difference(text: str) -> float:
    """Read a plain number such as `-0.05` or `0.05`.

    Raises:
        ValueError: the text is not a decimal number.
    """
    return _read("difference", text, _DIFFERENCE, "-0.05")


def parse_percent(text: str) -> float:
    """Read a percentage as a share: `5%` is 0.05.

    Raises:
        ValueError: the text is not a number followed by a percent sign.
    """
    if _PERCENT.fullmatch(text) is None:
        raise ValueError(f"percentage {text!r} is not of the form 5% or 2.5%")
    return float(text[:-1]) / 100


def _read(kind: str, text: str, shape: re.Pattern[str], example: str) -> float:
    if shape.fullmatch(text) is None:
        raise ValueError(f"{kind} {text!r} is not a number such as {example}")
    return float(text)
