"""Durations and rates: what is read, what is refused, and that writing is the inverse of reading."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from pawl.api.meta import Difference, Duration, LongDuration, Percent, Rate
from pawl.durations import format_duration, parse_duration
from pawl.rates import parse_difference, parse_percent, parse_rate

READ = {
    "24h": timedelta(hours=24),
    "1m30s": timedelta(seconds=90),
    "500ms": timedelta(milliseconds=500),
    "0s": timedelta(),
    "28d": timedelta(days=28),
    "1d2h3m4s5ms": timedelta(days=1, hours=2, minutes=3, seconds=4, milliseconds=5),
    "1m5ms": timedelta(minutes=1, milliseconds=5),
}


@pytest.mark.parametrize(("text", "value"), READ.items())
def test_read(text: str, value: timedelta) -> None:
    assert parse_duration(text) == value


@pytest.mark.parametrize("text", ["", "24", "h", "1.5h", "-1s", "1s1h", "1h ", "1 day", "1h\n", "\u0661h", "1ms1s"])
def test_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not of the form"):
        parse_duration(text)


@given(st.integers(0, 10**12))
def test_writing_is_the_inverse_of_reading(millis: int) -> None:
    value = timedelta(milliseconds=millis)
    assert parse_duration(format_duration(value)) == value


@given(st.timedeltas(timedelta(), timedelta(days=900)))
def test_what_is_written_is_a_duration_of_the_api(value: timedelta) -> None:
    TypeAdapter(Duration).validate_python(format_duration(value))


def test_zero_is_written_with_its_unit() -> None:
    assert format_duration(timedelta()) == "0s"


def test_negative_is_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        format_duration(timedelta(seconds=-1))


@pytest.mark.parametrize("kind", [Duration, LongDuration])
@given(data=st.data())
def test_every_duration_of_the_api_can_be_read(kind: object, data: st.DataObject) -> None:
    text = data.draw(st.from_regex(r"([0-9]{1,3}[dhms]|[0-9]{1,3}ms){1,3}", fullmatch=True))
    try:
        TypeAdapter(kind).validate_python(text)
    except ValidationError:
        return
    assert parse_duration(text) >= timedelta()


@pytest.mark.parametrize(("text", "value"), [("5%", 0.05), ("2.5%", 0.025), ("100%", 1.0), ("0%", 0.0)])
def test_percentages(text: str, value: float) -> None:
    assert parse_percent(text) == pytest.approx(value)


@pytest.mark.parametrize("text", ["5", "%", "-5%", "5 %", "1e2%", "5%\n"])
def test_wrong_percentages(text: str) -> None:
    with pytest.raises(ValueError, match="is not of the form"):
        parse_percent(text)
    with pytest.raises(ValidationError):
        TypeAdapter(Percent).validate_python(text)


@pytest.mark.parametrize(("text", "value"), [("0.05", 0.05), ("1", 1.0), ("12.5", 12.5)])
def test_rates(text: str, value: float) -> None:
    assert parse_rate(text) == value


@pytest.mark.parametrize("text", ["", "-1", "1e3", ".5", "nan", "inf", "0,5"])
def test_wrong_rates(text: str) -> None:
    with pytest.raises(ValueError, match="is not a number"):
        parse_rate(text)
    with pytest.raises(ValidationError):
        TypeAdapter(Rate).validate_python(text)


@pytest.mark.parametrize(("text", "value"), [("-0.05", -0.05), ("0", 0.0), ("12.5", 12.5)])
def test_differences(text: str, value: float) -> None:
    assert parse_difference(text) == value
    assert TypeAdapter(Difference).validate_python(text) == text


@pytest.mark.parametrize("text", ["", "-", "--1", "+1", "-1e9", "-.5", "-inf", "0,5"])
def test_wrong_differences(text: str) -> None:
    with pytest.raises(ValueError, match="is not a number"):
        parse_difference(text)
    with pytest.raises(ValidationError):
        TypeAdapter(Difference).validate_python(text)
