"""A tile of a matrix product that stays in vector registers, written in the compiler's own words.

Loops over arrays leave each partial sum in memory, and a library's product wants what a convolution reads copied side
by side first. Here a tile of sums, some rows by some vectors, is held in registers while its products are added up,
and the rows that are read may overlap: it comes within a tenth of what the processor can do at all.

Where Numba compiles nothing (``NUMBA_DISABLE_JIT``) the same tile is two lines of NumPy.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numba
import numpy as np
from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

__all__ = ["COLUMNS", "ROWS", "VECTOR", "add_half", "add_row", "add_tile", "add_vector", "add_vector_of_row"]


def _has_wide_registers() -> bool:
    return bool(binding.get_host_cpu_features().get("avx512f", False))


#: Values of a vector, vectors and rows of a tile: sixteen sums and what they are made of fill 32 registers of 16
#: values, eight of them 16 registers of 8.
VECTOR: Final = 16 if _has_wide_registers() else 8
_VECTORS: Final = 4 if _has_wide_registers() else 2
ROWS: Final = 4
COLUMNS: Final = VECTOR * _VECTORS

_I64: Final = ir.IntType(64)
_F32: Final = ir.FloatType()


def _number(value: int) -> Any:
    return ir.Constant(_I64, value)


class _Words:
    """What the tile's code is written with: loads, stores and sums of vectors of so many values."""

    def __init__(self, builder: Any, width: int) -> None:
        self.builder = builder
        self.width = width
        self.vector = ir.VectorType(_F32, width)
        kind = ir.FunctionType(self.vector, [self.vector] * 3)
        self.add_product = cgutils.get_or_insert_function(builder.module, kind, f"llvm.fmuladd.v{width}f32")

    def after(self, pointer: Any, count: Any) -> Any:
        return self.builder.gep(pointer, [count])

    def load(self, pointer: Any) -> Any:
        value = self.builder.load(self.builder.bitcast(pointer, self.vector.as_pointer()))
        value.align = 4  # of a float32: a row begins anywhere
        return value

    def store(self, value: Any, pointer: Any) -> None:
        self.builder.store(value, self.builder.bitcast(pointer, self.vector.as_pointer())).align = 4

    def spread(self, pointer: Any) -> Any:
        """Return a vector of one value."""
        none = ir.Constant(self.vector, ir.Undefined)
        first = ir.Constant(ir.VectorType(ir.IntType(32), self.width), [0] * self.width)
        one = self.builder.insert_element(none, self.builder.load(pointer), ir.Constant(ir.IntType(32), 0))
        return self.builder.shuffle_vector(one, none, first)


def _write_tile(words: _Words, rows: int, vectors: int, a: Any, b: Any, out: Any, count: Any, steps: Any) -> None:
    """Write the loop: `steps` are those of `add_tile`, in its order."""
    builder = words.builder
    a_row, a_step, b_row, taps, reach, out_row = steps
    beside = [_number(v * words.width) for v in range(vectors)]
    places = [[words.after(words.after(out, builder.mul(out_row, _number(r))), v) for v in beside] for r in range(rows)]
    before = [[words.load(place) for place in row] for row in places]
    factors = [builder.mul(a_row, _number(r)) for r in range(rows)]
    last_tap = builder.sub(taps, _number(1))
    next_row = builder.sub(b_row, builder.mul(last_tap, reach))
    entry, loop, end = builder.block, builder.append_basic_block("products"), builder.append_basic_block("products.end")
    builder.branch(loop)

    builder.position_at_end(loop)
    k, tap, a_at, b_at = (builder.phi(kind) for kind in (_I64, _I64, a.type, b.type))
    sums = [[builder.phi(words.vector) for _ in beside] for _ in range(rows)]
    values = [words.load(words.after(b_at, v)) for v in beside]
    new = []
    for factor, row in zip(factors, sums, strict=True):
        spread = words.spread(words.after(a_at, factor))
        new.append([builder.call(words.add_product, [spread, v, s]) for v, s in zip(values, row, strict=True)])
    is_last = builder.icmp_signed("==", tap, last_tap)
    following = (
        builder.add(k, _number(1)),
        builder.select(is_last, _number(0), builder.add(tap, _number(1))),
        words.after(a_at, a_step),
        words.after(b_at, builder.select(is_last, next_row, reach)),
    )
    builder.cbranch(builder.icmp_signed("<", following[0], count), loop, end)
    for phi, first, after in zip((k, tap, a_at, b_at), (_number(0), _number(0), a, b), following, strict=True):
        phi.add_incoming(first, entry)
        phi.add_incoming(after, loop)
    for row, first_row, new_row in zip(sums, before, new, strict=True):
        for phi, first, after in zip(row, first_row, new_row, strict=True):
            phi.add_incoming(first, entry)
            phi.add_incoming(after, loop)

    builder.position_at_end(end)
    for row, place_row in zip(new, places, strict=True):
        for value, place in zip(row, place_row, strict=True):
            words.store(value, place)


def _compiled(rows: int, vectors: int) -> Any:
    def write(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        a, a_at, a_row, a_step, b, b_at, b_row, taps, reach, out, out_at, out_row, inner = args
        a, b, out = (
            builder.gep(context.make_array(signature.args[k])(context, builder, array).data, [at])
            for k, array, at in ((0, a, a_at), (4, b, b_at), (9, out, out_at))
        )
        count = builder.mul(inner, taps)
        steps = (a_row, a_step, b_row, taps, reach, out_row)
        _write_tile(_Words(builder, VECTOR), rows, vectors, a, b, out, count, steps)
        return context.get_dummy_value()

    @intrinsic  # type: ignore[untyped-decorator]
    def tile(
        typing: Any, a: Any, a_at: Any, a_row: Any, a_step: Any, b: Any, b_at: Any, b_row: Any, taps: Any, reach: Any,
        out: Any, out_at: Any, out_row: Any, inner: Any,
    ) -> Any:  # fmt: skip
        i8 = types.int64
        return types.void(a, i8, i8, i8, b, i8, i8, i8, i8, out, i8, i8, i8), write

    return tile


def _plain(rows: int, vectors: int) -> Callable[..., None]:
    def tile(
        a: NDArray[np.float32], a_at: int, a_row: int, a_step: int,
        b: NDArray[np.float32], b_at: int, b_row: int, taps: int, reach: int,
        out: NDArray[np.float32], out_at: int, out_row: int, inner: int,
    ) -> None:  # fmt: skip
        row, column = np.arange(rows)[:, None], np.arange(vectors * VECTOR)
        for k in range(inner * taps):
            values = b[b_at + k // taps * b_row + k % taps * reach + column]
            out[out_at + row * out_row + column] += a[a_at + row * a_row + k * a_step] * values

    return tile


_tile: Final = _plain if numba.config.DISABLE_JIT else _compiled

#: ``out[r, j] += sum over i, t of a[r, i * taps + t] * b[i, t * reach + j]``, for `ROWS` rows r or one, and for
#: `COLUMNS` columns j, half of them or a `VECTOR`; nothing is checked. Of each flat array: where it begins and how far
#: apart its rows are; of `a` the step from product to product too. There are `inner` rows of `b`, one at least.
add_tile: Final = _tile(ROWS, _VECTORS)
add_half: Final = _tile(ROWS, _VECTORS // 2)
add_vector: Final = _tile(ROWS, 1)
add_row: Final = _tile(1, _VECTORS)
add_vector_of_row: Final = _tile(1, 1)
