"""Compiled loops over cells of 64 bits, which hold a word first and then, in the same place, what becomes of it.

A chunk of a stream is drawn, inverted and added up before the next one is begun, so that it stays in the cache. Each
step is a short loop of its own, which LLVM turns into vector code; all in one loop would need more registers than
there are. Only words are drawn one by one, for no vector unit multiplies 64 by 64 bits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sim.kernel.compiled.instructions import bits, high, jit, number, opaque, part
from sim.kernel.compiled.scalars import exp, log, log_of_uniform, normal_quantile, uniform
from sim.kernel.inversion import LOG, LOGNORMAL, NORMAL, POWER, RANGE, UNIFORM, WORD

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Cells = NDArray[np.int64]
    Word = np.uint64

_LOG, _EXP, _NORMAL_QUANTILE = range(3)
_CHUNK = 1024
"""Cells of a chunk: with as many numbers to add, a third of a first-level cache of 48 KiB."""

# Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC'11, section 3.3: multipliers and Weyl constants of
# Philox-4x64, and its ten rounds.
_M0, _M1 = np.uint64(0xD2E7470EE14C6C93), np.uint64(0xCA5A826395121157)
_W0, _W1 = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBB67AE8584CAA73B)
_ROUNDS = 10
_ZERO = np.uint64(0)


@part
def _philox(counter: Word, key0: Word, key1: Word) -> tuple[Word, Word, Word, Word]:
    """The four words at a counter below 2^64."""
    c0, c1, c2, c3 = opaque(counter), _ZERO, _ZERO, _ZERO
    for _ in range(_ROUNDS):
        high0, high1 = high(_M0, c0), high(_M1, c2)
        c0, c1, c2, c3 = high1 ^ c1 ^ key0, _M1 * c2, high0 ^ c3 ^ key1, _M0 * c0
        key0, key1 = key0 + _W0, key1 + _W1
    return c0, c1, c2, c3


@part
def _fill(key0: Word, key1: Word, first: int, cells: Cells) -> None:
    """Write a stream's words from the ``first`` on; as in NumPy, its counter begins at 1."""
    place = 0
    while place < len(cells):
        word0, word1, word2, word3 = _philox(np.uint64((first >> 2) + 1), key0, key1)
        inside = first & 3
        if inside == 0 and place + 4 <= len(cells):
            cells[place], cells[place + 1], cells[place + 2], cells[place + 3] = word0, word1, word2, word3
            place, first = place + 4, first + 4
        else:
            cells[place] = word0 if inside == 0 else word1 if inside == 1 else word2 if inside == 2 else word3  # noqa: PLR2004
            place, first = place + 1, first + 1


@part
def _uniforms(cells: Cells) -> None:
    for i in range(len(cells)):
        cells[i] = bits(uniform(cells[i]))


@part
def _ranges(scale: float, shape: float, cells: Cells) -> None:
    for i in range(len(cells)):
        cells[i] = bits(scale + shape * uniform(cells[i]))


@part
def _logs(scale: float, cells: Cells) -> None:
    for i in range(len(cells)):
        cells[i] = bits(scale * log_of_uniform(uniform(cells[i])))


@part
def _powers(scale: float, shape: float, cells: Cells) -> None:
    for i in range(len(cells)):
        cells[i] = bits(log_of_uniform(uniform(cells[i])) / shape)
    for i in range(len(cells)):
        cells[i] = bits(scale * exp(number(cells[i])))


@part
def _normals(scale: float, shape: float, cells: Cells) -> None:
    for i in range(len(cells)):
        cells[i] = bits(max(scale + shape * number(cells[i]), 0.0))


@part
def _lognormals(scale: float, shape: float, cells: Cells) -> None:
    for i in range(len(cells)):
        cells[i] = bits(scale * exp(shape * number(cells[i])))


@part
def _quantiles(cells: Cells) -> None:
    for i in range(len(cells)):
        cells[i] = bits(normal_quantile(uniform(cells[i])))


@part
def _invert(form: int, scale: float, shape: float, cells: Cells) -> None:
    """Make numbers of words, as `sim.kernel.inversion.invert` does; a raw word stays one."""
    if form == UNIFORM:
        _uniforms(cells)
    elif form == RANGE:
        _ranges(scale, shape, cells)
    elif form == LOG:
        _logs(scale, cells)
    elif form == POWER:
        _powers(scale, shape, cells)
    elif form != WORD:
        _quantiles(cells)
        if form == NORMAL:
            _normals(scale, shape, cells)
        elif form == LOGNORMAL:
            _lognormals(scale, shape, cells)


@part
def _add(base: Cells, cells: Cells) -> None:
    """Make whole numbers of the numbers, and add to each its own."""
    for i in range(len(cells)):
        cells[i] = base[i] + np.int64(number(cells[i]))


@jit
def draw(
    keys: NDArray[np.uint64], first: int, form: int, scale: float, shape: float, base: Cells, cells: Cells
) -> None:
    """Draw from streams side by side.

    Args:
        keys: (streams, 2).
        first: which word of each stream is its first here.
        form: of a `sim.kernel.inversion.Law`.
        scale: the law's.
        shape: the law's.
        base: (count,), to be added to the whole parts of what is drawn, whose bits are left otherwise; or empty.
        cells: (streams, count), to be written.
    """
    count = cells.shape[1]
    for stream in range(len(keys)):
        for start in range(0, count, _CHUNK):
            stop = min(count, start + _CHUNK)
            chunk = cells[stream, start:stop]
            _fill(keys[stream, 0], keys[stream, 1], first + start, chunk)
            _invert(form, scale, shape, chunk)
            if len(base):
                _add(base[start:stop], chunk)


@jit
def _transform(function: int, cells: Cells) -> None:
    if function == _LOG:
        for i in range(len(cells)):
            cells[i] = bits(log(number(cells[i])))
    elif function == _EXP:
        for i in range(len(cells)):
            cells[i] = bits(exp(number(cells[i])))
    elif function == _NORMAL_QUANTILE:
        for i in range(len(cells)):
            cells[i] = bits(normal_quantile(number(cells[i])))


def _transformed(function: int, x: NDArray[np.float64]) -> NDArray[np.float64]:
    values = np.array(x, dtype=np.float64, order="C")
    _transform(function, values.reshape(-1).view(np.int64))
    return values


def log_of(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """As `sim.kernel.elementary.log`."""
    return _transformed(_LOG, x)


def exp_of(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """As `sim.kernel.elementary.exp`."""
    return _transformed(_EXP, x)


def normal_quantile_of(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """As `sim.kernel.elementary.normal_quantile`."""
    return _transformed(_NORMAL_QUANTILE, p)
