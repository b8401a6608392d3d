"""Writes tiny ONNX models by hand (protobuf wire format), so that tests need no package that makes them."""

FLOAT, STRING = 1, 8
_IR_VERSION, _OPSET = 8, 13


def model(operator: str, inputs: list[str], datatype: int = FLOAT, columns: int = 2) -> bytes:
    """A graph of one operator from `inputs` (repeats allowed) to `y`; every tensor has shape [batch, columns]."""
    tensors = dict.fromkeys(inputs)
    node = b"".join(_text(1, name) for name in inputs) + _text(2, "y") + _text(3, "only") + _text(4, operator)
    graph = _part(1, node) + _text(2, "tiny")
    graph += b"".join(_part(11, _tensor(name, datatype, columns)) for name in tensors)
    graph += _part(12, _tensor("y", datatype, columns))
    return _number(1, _IR_VERSION) + _part(7, graph) + _part(8, _text(1, "") + _number(2, _OPSET))


def _tensor(name: str, datatype: int, columns: int) -> bytes:
    shape = _part(1, _text(2, "batch")) + _part(1, _number(1, columns))
    return _text(1, name) + _part(2, _part(1, _number(1, datatype) + _part(2, shape)))


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _text(field: int, value: str) -> bytes:
    return _part(field, value.encode())


def _part(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
