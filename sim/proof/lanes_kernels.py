"""The compiled loops: whole arrays of messages, trees and proofs hashed `LANES` at a time, without the GIL.

`Kernels` holds the loops of one suite, compiled by numba at their first call and then kept on disk. They work on
arrays that the caller owns and check nothing: `sim.proof.lanes` and `sim.proof.batch` give them what they ask for.

Inside a tree, digests are *sliced*: word w of all nodes of a level lies in row w of a flat array, so that the same
word of neighbours fills a vector. Leaf j of 2^k stands at the position whose k bits are those of j in reverse; then
the children of the node at position i of n are at i and i + n of the level below, on every level, and each load and
store is of neighbours.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numba
from llvmlite import ir
from numba.extending import intrinsic

from sim.proof import lanes_ir
from sim.proof.lanes_ir import BLOCK_WORDS, DIGEST_WORDS, LANES, WORD

if TYPE_CHECKING:
    from collections.abc import Sequence

LANE_BITS = LANES.bit_length() - 1
SMALLEST_HEIGHT = LANE_BITS
"""The lowest tree that `Kernels.roots` folds has one leaf per lane."""

_STACK_ALIGNMENT = 64
_WORD_SIZE = 4
_DIGEST_SIZE = DIGEST_WORDS * _WORD_SIZE

NODE_WORDS = DIGEST_WORDS + 1
"""Rows of the sliced array of a tree: a digest, and the second block of a node on its way."""

CLIMB_GROUPS = 8
CLIMB_WORDS = DIGEST_WORDS + NODE_WORDS
"""Proofs are checked ``CLIMB_GROUPS`` · `LANES` at a time; each group takes ``CLIMB_WORDS`` vectors of state."""

_I1, _I32, _I64 = (ir.IntType(bits) for bits in (1, 32, 64))

# Typed as Any on purpose: what an intrinsic receives are numba's own types and llvmlite values, neither of them typed.
_Values = Any
_Loop = Callable[..., None]

# Lane l of a group starts with the leaf whose highest bits are those of l in reverse (see the module's docstring).
_REVERSED_LANES = tuple(int(f"{lane:0{LANE_BITS}b}"[::-1], 2) for lane in range(LANES))


class _Call:
    """One call of an intrinsic while its instructions are being written.

    Attributes:
        name: the suite.
        builder: where the instructions go.
        numbers: the 64-bit numbers it was given.
    """

    def __init__(self, context: _Values, builder: _Values, signature: _Values, values: _Values) -> None:
        variant, self._kinds, numbers = signature.args
        self.name = variant.literal_value.partition(" ")[0]
        self.builder = builder
        self.numbers = [builder.extract_value(values[2], position) for position in range(len(numbers))]
        self._context, self._arrays = context, values[1]
        # Left alone, LLVM spills vectors to a stack aligned for numbers, and half of the accesses straddle two lines.
        # (llvmlite writes the alignment only where there is another attribute too; this one holds for all numba code.)
        builder.function.attributes.add("nounwind")
        builder.function.attributes.alignstack = _STACK_ALIGNMENT

    def array(self, position: int) -> _Values:
        """The address of an array's first element, as a 64-bit number."""
        array = self.builder.extract_value(self._arrays, position)
        made = self._context.make_array(self._kinds[position])(self._context, self.builder, array)
        return self.builder.ptrtoint(made.data, _I64)

    def moved(self, address: _Values, count: _Values, size: int = 1) -> _Values:
        """An address ``count`` things of ``size`` bytes further on; the count may be a Python number."""
        if isinstance(count, int):
            return self.builder.add(address, ir.Constant(_I64, count * size))
        return self.builder.add(address, self.builder.mul(count, ir.Constant(_I64, size)))

    def load(self, address: _Values, kind: _Values = WORD, align: int = _WORD_SIZE) -> _Values:
        """The value at an address that is a multiple of ``align``."""
        value = self.builder.load(self.builder.inttoptr(address, kind.as_pointer()))
        value.align = align
        return value

    def store(self, value: _Values, address: _Values, align: int = _WORD_SIZE) -> None:
        """Put a value at such an address."""
        self.builder.store(value, self.builder.inttoptr(address, value.type.as_pointer())).align = align

    def sliced(self, position: int, start: _Values, stride: _Values, words: int = DIGEST_WORDS) -> list[_Values]:
        """The addresses of words 0, 1 ... from ``start`` in a sliced array whose rows are ``stride`` words long."""
        first = self.moved(self.array(position), start, _WORD_SIZE)
        step = self.builder.mul(stride, ir.Constant(_I64, _WORD_SIZE))
        return [self.moved(first, self.builder.mul(step, ir.Constant(_I64, word))) for word in range(words)]

    def group(self, position: int, first: _Values, words: int = DIGEST_WORDS) -> list[_Values]:
        """The addresses of the next words of an array of vectors, where ``words`` of them make a group."""
        start = self.moved(self.array(position), first, words * LANES * _WORD_SIZE)
        return [self.moved(start, word, LANES * _WORD_SIZE) for word in range(words)]

    def lanes(self, first: _Values, step: _Values, order: Sequence[int] = range(LANES)) -> list[_Values]:
        """An address for each lane, ``step`` bytes apart in the given order."""
        return [self.moved(first, self.builder.mul(step, ir.Constant(_I64, lane))) for lane in order]

    def listed(self, position: int, start: _Values) -> list[_Values]:
        """The numbers of an int64 array from ``start``, one for each lane."""
        first = self.moved(self.array(position), start, 8)
        return [self.load(self.moved(first, lane, 8), _I64) for lane in range(LANES)]

    def messages(self, starts: Sequence[_Values], words: int) -> list[_Values]:
        """Big-endian words of bytes that lie together: those from the address of each lane."""
        kind = ir.VectorType(_I32, words)
        rows = [self.load(start, kind, align=1) for start in starts]
        # Vector r takes the rows r, r + words ... so that transposing its squares puts one word of all rows in each.
        vectors = [lanes_ir.joined(self.builder, rows[row::words]) for row in range(words)]
        return [lanes_ir.swapped(self.builder, word) for word in lanes_ir.transposed(self.builder, vectors)]

    def put_messages(self, starts: Sequence[_Values], words: Sequence[_Values]) -> None:
        """Store words as bytes that lie together, from the address of each lane."""
        count = len(words)
        vectors = lanes_ir.transposed(self.builder, [lanes_ir.swapped(self.builder, word) for word in words])
        for row, vector in enumerate(vectors):
            for step, start in enumerate(starts[row::count]):
                self.store(lanes_ir.part(self.builder, vector, step * count, count), start, align=1)


def _intrinsic(emit: Callable[[_Call], None]) -> _Values:
    """A function for numba code, of a variant, a tuple of arrays and one of integers, whose body ``emit`` writes."""

    def generated(context: _Values, builder: _Values, signature: _Values, values: _Values) -> _Values:
        emit(_Call(context, builder, signature, values))
        return context.get_dummy_value()

    def typed(_: _Values, variant: _Values, arrays: _Values, numbers: _Values) -> _Values:
        return numba.void(variant, arrays, numba.types.UniTuple(numba.int64, len(numbers))), generated

    return intrinsic(prefer_literal=True)(typed)


def _emit_take(call: _Call) -> None:
    """Rows of 32 bytes, each as it stands: (rows, work) (first, step, position, stride)."""
    first, step, position, stride = call.numbers
    starts = call.lanes(call.moved(call.array(0), first), step, _REVERSED_LANES)
    for word, address in zip(call.messages(starts, DIGEST_WORDS), call.sliced(1, position, stride), strict=True):
        call.store(word, address)


def _emit_leaf(call: _Call) -> None:
    """Rows of 32 bytes, hashed as leaves: (rows, work) (first, step, position, stride)."""
    first, step, position, stride = call.numbers
    starts = call.lanes(call.moved(call.array(0), first), step, _REVERSED_LANES)
    digest = lanes_ir.hash_leaf(call.builder, call.name, call.messages(starts, DIGEST_WORDS))
    for word, address in zip(digest, call.sliced(1, position, stride), strict=True):
        call.store(word, address)


def _emit_begin(call: _Call) -> None:
    """The parents of sliced digests after their first block: (work,) (left, right, parent, stride)."""
    *children, parent, stride = call.numbers
    left, right = ([call.load(address) for address in call.sliced(0, child, stride)] for child in children)
    state, last = lanes_ir.begin_node(call.builder, call.name, left, right)
    for word, address in zip((*state, last), call.sliced(0, parent, stride, NODE_WORDS), strict=True):
        call.store(word, address)


def _emit_end(call: _Call) -> None:
    """The same after their second block: (work,) (parent, stride)."""
    parent, stride = call.numbers
    addresses = call.sliced(0, parent, stride, NODE_WORDS)
    *state, last = (call.load(address) for address in addresses)
    for word, address in zip(lanes_ir.end_node(call.builder, call.name, state, last), addresses, strict=False):
        call.store(word, address)


def _emit_start(call: _Call) -> None:
    """The initial chaining value: (state,) ()."""
    for word, address in zip(lanes_ir.initial(call.name), call.group(0, ir.Constant(_I64, 0)), strict=True):
        call.store(word, address)


def _emit_block(call: _Call) -> None:
    """One block of each message, taken at its place and put right by masks: (state, rows, masks) (first, step, mask).

    Word w of the block is the one found there, under mask word w, with mask word 16 + w set in it.
    """
    first, step, mask = call.numbers
    builder = call.builder
    starts = call.lanes(call.moved(call.array(1), first), step)
    masks = call.moved(call.array(2), mask, _WORD_SIZE)
    block = []
    for number, word in enumerate(call.messages(starts, BLOCK_WORDS)):
        kept, added = (
            lanes_ir.splat(builder, call.load(call.moved(masks, entry, _WORD_SIZE), _I32))
            for entry in (number, BLOCK_WORDS + number)
        )
        block.append(builder.or_(builder.and_(word, kept), added))
    state = call.group(0, ir.Constant(_I64, 0))
    digest = lanes_ir.compress(builder, call.name, [call.load(address) for address in state], block)
    for word, address in zip(digest, state, strict=True):
        call.store(word, address)


def _emit_finish(call: _Call) -> None:
    """Chaining values as digests of 32 bytes, one after the other: (state, out) (first vector, first byte)."""
    vector, byte = call.numbers
    state = call.moved(call.array(0), vector, LANES * _WORD_SIZE)
    words = [call.load(call.moved(state, word, LANES * _WORD_SIZE)) for word in range(DIGEST_WORDS)]
    call.put_messages(call.lanes(call.moved(call.array(1), byte), ir.Constant(_I64, _DIGEST_SIZE)), words)


def _emit_pick(call: _Call) -> None:
    """Rows of 32 bytes from listed places: (state, rows, places) (group, first place)."""
    group, first = call.numbers
    base = call.array(1)
    starts = [call.moved(base, place) for place in call.listed(2, first)]
    for word, address in zip(call.messages(starts, DIGEST_WORDS), call.group(0, group, CLIMB_WORDS), strict=False):
        call.store(word, address)


def _emit_climb(call: _Call) -> None:
    """One step up of proofs, its first block: (state, proofs, places, lefts) (group, first, offset, sides, bit)."""
    group, first, offset, sides, bit = call.numbers
    builder = call.builder
    base = call.moved(call.array(1), offset)
    siblings = call.messages([call.moved(base, place) for place in call.listed(2, first)], DIGEST_WORDS)
    addresses = call.group(0, group, CLIMB_WORDS)
    digest = [call.load(address) for address in addresses[:DIGEST_WORDS]]
    lefts = call.load(call.moved(call.array(3), sides, _WORD_SIZE))
    turned = builder.lshr(lefts, lanes_ir.splat(builder, builder.trunc(bit, _I32)))
    is_left = builder.trunc(turned, ir.VectorType(_I1, LANES))
    left = [builder.select(is_left, theirs, ours) for theirs, ours in zip(siblings, digest, strict=True)]
    right = [builder.select(is_left, ours, theirs) for theirs, ours in zip(siblings, digest, strict=True)]
    state, last = lanes_ir.begin_node(builder, call.name, left, right)
    for word, address in zip((*state, last), addresses[DIGEST_WORDS:], strict=True):
        call.store(word, address)


def _emit_arrive(call: _Call) -> None:
    """The same, its second block: (state, lengths) (group, first, step).

    A lane whose proof is not longer than ``step`` keeps its digest.
    """
    group, first, step = call.numbers
    builder = call.builder
    addresses = call.group(0, group, CLIMB_WORDS)
    words = [call.load(address) for address in addresses]
    digest, state, last = words[:DIGEST_WORDS], words[DIGEST_WORDS:-1], words[-1]
    lengths = call.load(call.moved(call.array(1), first, _WORD_SIZE))
    goes_on = builder.icmp_unsigned(">", lengths, lanes_ir.splat(builder, builder.trunc(step, _I32)))
    parent = lanes_ir.end_node(builder, call.name, state, last)
    for above, below, address in zip(parent, digest, addresses, strict=False):
        call.store(builder.select(goes_on, above, below), address)


# The names by which the loops below know them; numba looks them up in this module.
_take, _leaf, _begin, _end = map(_intrinsic, (_emit_take, _emit_leaf, _emit_begin, _emit_end))
_start, _block, _finish = map(_intrinsic, (_emit_start, _emit_block, _emit_finish))
_pick, _climb, _arrive = map(_intrinsic, (_emit_pick, _emit_climb, _emit_arrive))

# Each loop below holds one compression and runs over many messages before the next loop starts. Two compressions in
# one loop crowd each other out of the processor's cache of decoded instructions and take half as long again.


def _counted_in_reverse(position: int, bit: int) -> int:
    """The number after ``position`` when bits are read in reverse: a carry that runs from ``bit`` downwards."""
    while position & bit:
        position ^= bit
        bit >>= 1
    return position | bit


_after = numba.njit(_counted_in_reverse)


def _roots_of(variant: str) -> _Loop:
    def roots(rows: _Values, height: int, leaf: bool, work: _Values, stride: int, out: _Values) -> None:
        size = 1 << height
        step = (size >> LANE_BITS) * _DIGEST_SIZE
        for tree in range(out.shape[0]):
            position = 0
            for group in range(size >> LANE_BITS):
                first = (tree * size + group) * _DIGEST_SIZE
                if leaf:
                    _leaf(variant, (rows, work), (first, step, position, stride))
                else:
                    _take(variant, (rows, work), (first, step, position, stride))
                position = _after(position, size >> 1)
            nodes = size >> 1
            while nodes:
                # A level of fewer nodes than lanes has garbage in the other lanes, which nothing reads.
                for start in range(0, nodes, LANES):
                    _begin(variant, (work,), (start, start + nodes, start, stride))
                for start in range(0, nodes, LANES):
                    _end(variant, (work,), (start, stride))
                nodes >>= 1
            for word in range(DIGEST_WORDS):
                for byte in range(_WORD_SIZE):
                    out[tree, word * _WORD_SIZE + byte] = work[word * stride] >> (24 - 8 * byte) & 0xFF

    return roots


def _messages_of(variant: str) -> _Loop:
    def messages(rows: _Values, first: int, step: int, masks: _Values, state: _Values, out: _Values) -> None:
        for group in range(out.shape[0] >> LANE_BITS):
            _start(variant, (state,), ())
            start = first + group * LANES * step
            for block in range(masks.shape[0]):
                _block(variant, (state, rows, masks), (start + 64 * block, step, 32 * block))
            _finish(variant, (state, out), (0, group * LANES * _DIGEST_SIZE))

    return messages


def _climb_of(variant: str) -> _Loop:
    def climb(leaves: _Values, proofs: _Values, ways: _Values, state: _Values, start: int, out: _Values) -> None:
        leaf_hashes, leaf_places = leaves
        siblings, sibling_places = proofs
        lefts, lengths = ways
        for tile in range(0, out.shape[0] >> LANE_BITS, CLIMB_GROUPS):
            groups = min(CLIMB_GROUPS, (out.shape[0] >> LANE_BITS) - tile)
            first = start + tile * LANES
            steps = 0
            for row in range(first, first + groups * LANES):
                steps = max(steps, lengths[row])
            for group in range(groups):
                _pick(variant, (state, leaf_hashes, leaf_places), (group, first + group * LANES))
            for step in range(steps):
                sides = (step >> 5) * lengths.shape[0]
                for group in range(groups):
                    row = first + group * LANES
                    numbers = (group, row, step * _DIGEST_SIZE, sides + row, step & 31)
                    _climb(variant, (state, siblings, sibling_places, lefts), numbers)
                for group in range(groups):
                    _arrive(variant, (state, lengths), (group, first + group * LANES, step))
            for group in range(groups):
                _finish(variant, (state, out), (group * CLIMB_WORDS, (tile + group) * LANES * _DIGEST_SIZE))

    return climb


def _fingerprint() -> str:
    """The state of the files that the compiled code comes from."""
    files = (Path(__file__), Path(lanes_ir.__file__))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def _compiled(loop: _Loop) -> _Loop:
    try:
        compiled: _Loop = numba.njit(nogil=True, cache=True)(loop)
    except RuntimeError:
        # No place on this machine takes numba's files: compile in every process.
        compiled = numba.njit(nogil=True)(loop)
    return compiled


class Kernels:
    """The loops of one suite.

    numba keeps compiled code by the file that it stands in and by what it closes over. The instructions come from
    another file too, so each loop closes over a name of the suite and of the state of both files.

    Attributes:
        roots: (rows, height, leaf, work, stride, out): the root of every 2^height ≥ `LANES` rows of 32 bytes, which
            are leaf contents if ``leaf`` and hashes if not. ``work`` has `NODE_WORDS` rows of ``stride`` uint32, at
            least 2^height + `LANES`.
        messages: (bytes, first, step, masks, state, out): the digest of each message, ``step`` bytes apart from the
            byte ``first`` on. ``masks`` has for each block 16 words to keep and 16 to set.
        climb: ((leaf hashes, their places), (proofs, their places), (lefts, lengths), state, start, out): the root
            that each proof leads to, for as many rows from ``start`` as ``out`` has. Places are byte offsets; lefts
            are two rows of uint32, one bit for each sibling that stands to the left. ``state`` has
            ``climb_state_words`` uint32.
    """

    climb_state_words = CLIMB_GROUPS * CLIMB_WORDS * LANES

    def __init__(self, name: str) -> None:
        variant = f"{name} {_fingerprint()}"
        self.roots = _compiled(_roots_of(variant))
        self.messages = _compiled(_messages_of(variant))
        self.climb = _compiled(_climb_of(variant))
