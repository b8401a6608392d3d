"""Tensors: every checked tensor holds what its shape and datatype say, and nothing else is taken."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pawl_services.modelserver.tensors import (
    DATATYPES,
    FLOAT_LIMITS,
    INTEGER_RANGES,
    Tensor,
    TensorError,
    TensorSpec,
    checked_tensor,
    tensor_of,
)

shapes = st.lists(st.integers(1, 4), min_size=1, max_size=4)


@st.composite
def shaped(draw):
    shape = draw(shapes)
    size = math.prod(shape)
    return shape, draw(st.lists(st.integers(-100, 100), min_size=size, max_size=size))


@given(shaped())
def test_flat_and_nested_data_are_the_same_tensor(drawn):
    shape, data = drawn
    tensor = checked_tensor("x", "x", "INT32", shape, data)

    assert tensor == Tensor("x", "INT32", tuple(shape), data)
    assert checked_tensor("x", "x", "INT32", shape, tensor.nested()) == tensor
    assert tensor_of("x", tensor.nested(), None) == Tensor("x", "INT64", tuple(shape), data)


@given(shaped())
def test_nesting_is_as_deep_as_the_shape(drawn):
    shape, data = drawn
    level = Tensor("x", "INT32", tuple(shape), data).nested()
    for length in shape:
        assert len(level) == length
        level = level[0]
    assert level == data[0]


@given(shaped(), st.integers(1, 3))
def test_another_number_of_values_is_refused(drawn, extra):
    shape, data = drawn

    with pytest.raises(TensorError, match="another number of values"):
        checked_tensor("x", "x", "INT32", shape, data + [0] * extra)


@pytest.mark.parametrize("datatype", sorted(INTEGER_RANGES))
def test_integers_reach_exactly_to_their_bounds(datatype):
    low, high = INTEGER_RANGES[datatype]

    assert checked_tensor("x", "x", datatype, [2], [low, high]).data == [low, high]
    for value in (low - 1, high + 1, 0.5, "0", True, None):
        with pytest.raises(TensorError):
            checked_tensor("x", "x", datatype, [1], [value])


@pytest.mark.parametrize("datatype", sorted(FLOAT_LIMITS))
def test_floats_are_finite_and_within_their_datatype(datatype):
    limit = FLOAT_LIMITS[datatype]

    assert checked_tensor("x", "x", datatype, [3], [0, -1.5, 3]).data == [0, -1.5, 3]
    for value in (math.inf, -math.inf, math.nan, 10**400, True, "1", None, *([limit * 2] if limit < 1e300 else [])):
        with pytest.raises(TensorError):
            checked_tensor("x", "x", datatype, [1], [value])


@given(
    st.sampled_from(DATATYPES),
    st.lists(st.one_of(st.none(), st.text(), st.dictionaries(st.text(), st.text())), min_size=1),
)
def test_no_value_is_taken_for_what_it_is_not(datatype, data):
    if datatype == "BYTES" and all(isinstance(value, str) for value in data):
        assert checked_tensor("x", "x", datatype, [len(data)], data).data == data
        return
    with pytest.raises(TensorError) as refused:
        checked_tensor("x", "x", datatype, [len(data)], data)
    assert refused.value.remedy
    assert refused.value.field.startswith("x.data[")


@pytest.mark.parametrize("shape", [None, [], "2", [1.0], [True], [-1], [0, 10**9], [1] * 17, {}])
def test_what_is_no_shape_is_refused(shape):
    with pytest.raises(TensorError) as refused:
        checked_tensor("inputs[0]", "x", "BYTES", shape, ["a"])

    assert refused.value.field == "inputs[0].shape"


@pytest.mark.parametrize("data", [[[1, 2], [3]], [[1, 2], 3], [[1, 2, 3]], [[[1, 2]], [[3, 4]]]])
def test_ragged_data_is_refused(data):
    with pytest.raises(TensorError):
        checked_tensor("x", "x", "INT8", [2, 2], data)


@pytest.mark.parametrize(
    ("values", "datatype"),
    [(["a"], "BYTES"), ([True], "BOOL"), ([1], "INT64"), ([1.5], "FP64"), ([1, 1.5], "FP64"), ([[1], [2]], "INT64")],
)
def test_a_python_answers_datatype_follows_its_values(values, datatype):
    assert tensor_of("y", values, None).datatype == datatype


@pytest.mark.parametrize("values", ["text", None, [1, "a"], [1, True], [[1], [2, 3]], [object()], [math.nan]])
def test_a_python_answer_that_is_no_tensor_is_refused(values):
    with pytest.raises(TensorError):
        tensor_of("y", values, None)


def test_a_declared_datatype_holds_for_the_answer_too():
    spec = TensorSpec("y", "INT8", (-1,))

    assert tensor_of("y", [1, 2], spec).datatype == "INT8"
    with pytest.raises(TensorError):
        tensor_of("y", [300], spec)


@pytest.mark.parametrize(
    ("shape", "fits"), [([1, 2], True), ([9, 2], True), ([1, 3], False), ([2], False), ([1, 2, 1], False)]
)
def test_minus_one_stands_for_any_length(shape, fits):
    assert TensorSpec("x", "FP32", (-1, 2)).fits(shape) is fits
