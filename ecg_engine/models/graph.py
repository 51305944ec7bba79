"""What an ONNX file says of itself, before any runtime loads it: operator sets, operators, data kept elsewhere.

A reader of the few fields that matter (onnx.proto, field numbers of ONNX 1.x) in the protocol buffers' wire format.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from ecg_engine.errors import ModelError

__all__ = ["Graph", "read_graph"]

#: Fields of ModelProto, OperatorSetIdProto, GraphProto, NodeProto, AttributeProto and TensorProto.
_MODEL_GRAPH, _MODEL_OPSET, _MODEL_FUNCTIONS = 7, 8, 25
_OPSET_DOMAIN, _OPSET_VERSION = 1, 2
_GRAPH_NODE, _GRAPH_INITIALIZER = 1, 5
_NODE_OP, _NODE_ATTRIBUTE, _NODE_DOMAIN = 4, 5, 7
_ATTRIBUTE_TENSOR, _ATTRIBUTE_GRAPH = 5, 6
_TENSOR_EXTERNAL, _TENSOR_LOCATION = 13, 14
_STANDARD: Final = ("", "ai.onnx")
_MAX_DEPTH: Final = 8


@dataclass(slots=True)
class Graph:
    """What was found."""

    opset: int = 0
    domains: set[str] = field(default_factory=set)
    operators: set[str] = field(default_factory=set)
    has_external_data: bool = False
    has_functions: bool = False


def read_graph(raw: bytes) -> Graph:
    """Read an ONNX file.

    Raises
    ------
    ModelError
        No ONNX file, or cut off.
    """
    found = Graph()
    try:
        for number, value in _fields(raw):
            if number == _MODEL_OPSET and isinstance(value, bytes):
                parts = dict(_fields(value))
                domain = _text(parts.get(_OPSET_DOMAIN, b""))
                found.domains.add(domain)
                if domain in _STANDARD:
                    found.opset = int(parts.get(_OPSET_VERSION, 0))
            elif number == _MODEL_GRAPH and isinstance(value, bytes):
                _graph(value, found, 0)
            elif number == _MODEL_FUNCTIONS:
                found.has_functions = True
    except (IndexError, ValueError, UnicodeDecodeError, TypeError) as exc:
        raise ModelError("the weights are no ONNX file, or cut off; copy the file again") from exc
    if not found.operators:
        raise ModelError("the weights hold no graph; copy the file again")
    return found


def _graph(raw: bytes, found: Graph, depth: int) -> None:
    if depth > _MAX_DEPTH:
        raise ValueError("graphs in graphs")
    for number, value in _fields(raw):
        if number == _GRAPH_NODE and isinstance(value, bytes):
            _node(value, found, depth)
        elif number == _GRAPH_INITIALIZER and isinstance(value, bytes):
            _tensor(value, found)


def _node(raw: bytes, found: Graph, depth: int) -> None:
    for number, value in _fields(raw):
        if not isinstance(value, bytes):
            continue
        if number == _NODE_OP:
            found.operators.add(_text(value))
        elif number == _NODE_DOMAIN:
            found.domains.add(_text(value))
        elif number == _NODE_ATTRIBUTE:
            for kind, inner in _fields(value):
                if kind == _ATTRIBUTE_TENSOR and isinstance(inner, bytes):
                    _tensor(inner, found)
                elif kind == _ATTRIBUTE_GRAPH and isinstance(inner, bytes):
                    _graph(inner, found, depth + 1)


def _tensor(raw: bytes, found: Graph) -> None:
    for number, value in _fields(raw):
        if number == _TENSOR_EXTERNAL or (number == _TENSOR_LOCATION and value == 1):
            found.has_external_data = True


def _text(value: int | bytes) -> str:
    if isinstance(value, int):
        raise ValueError("a number where a text belongs")
    return value.decode("utf-8")


def _fields(raw: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield field numbers and values of one message."""
    at, end = 0, len(raw)
    while at < end:
        key, at = _varint(raw, at)
        number, kind = key >> 3, key & 7
        value: int | bytes
        if kind == 0:
            value, at = _varint(raw, at)
        else:
            if kind == 2:
                size, at = _varint(raw, at)
            elif kind in (1, 5):
                size = 8 if kind == 1 else 4
            else:
                raise ValueError(f"wire type {kind}")
            if at + size > end:
                raise ValueError("cut off")
            value, at = raw[at : at + size], at + size
        yield number, value


def _varint(raw: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = raw[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
        if shift > 63:
            raise ValueError("a number of more than 64 bits")
