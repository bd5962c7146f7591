"""SHA-256 and SM3 as LLVM instructions over vectors: one 32-bit lane per message.

Nothing here runs a hash. Each function appends instructions to the function that numba is compiling, for `LANES`
messages at once; LLVM turns them into whatever the machine has (AVX-512, AVX2, NEON), splitting vectors that are too
wide for it. Rotations are written as shift-or, which LLVM folds into one instruction where there is one.

A word is a vector of `LANES` unsigned 32-bit integers: the same word of `LANES` messages. A digest or a chaining
value is eight of them, a block sixteen.
"""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, Any

from llvmlite import ir

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

LANES = 32
"""Messages per vector. Two AVX-512 registers for each word: with one, every round waits for the round before."""

Word = Any  # an ir.Value of type WORD; llvmlite is not typed
Builder = Any  # an ir.IRBuilder

_I32 = ir.IntType(32)
_I64 = ir.IntType(64)
WORD = ir.VectorType(_I32, LANES)
BLOCK_WORDS = 16
DIGEST_WORDS = 8

# FIPS 180-4, sections 4.2.2 and 5.3.3: fractional parts of roots of the first primes.
_SHA256_INITIAL = (0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19)
_SHA256_CONSTANTS = (
    *(0x428A2F98, 0x71374491, 0xB5C0FBCF, 0xE9B5DBA5, 0x3956C25B, 0x59F111F1, 0x923F82A4, 0xAB1C5ED5),
    *(0xD807AA98, 0x12835B01, 0x243185BE, 0x550C7DC3, 0x72BE5D74, 0x80DEB1FE, 0x9BDC06A7, 0xC19BF174),
    *(0xE49B69C1, 0xEFBE4786, 0x0FC19DC6, 0x240CA1CC, 0x2DE92C6F, 0x4A7484AA, 0x5CB0A9DC, 0x76F988DA),
    *(0x983E5152, 0xA831C66D, 0xB00327C8, 0xBF597FC7, 0xC6E00BF3, 0xD5A79147, 0x06CA6351, 0x14292967),
    *(0x27B70A85, 0x2E1B2138, 0x4D2C6DFC, 0x53380D13, 0x650A7354, 0x766A0ABB, 0x81C2C92E, 0x92722C85),
    *(0xA2BFE8A1, 0xA81A664B, 0xC24B8B70, 0xC76C51A3, 0xD192E819, 0xD6990624, 0xF40E3585, 0x106AA070),
    *(0x19A4C116, 0x1E376C08, 0x2748774C, 0x34B0BCB5, 0x391C0CB3, 0x4ED8AA4A, 0x5B9CCA4F, 0x682E6FF3),
    *(0x748F82EE, 0x78A5636F, 0x84C87814, 0x8CC70208, 0x90BEFFFA, 0xA4506CEB, 0xBEF9A3F7, 0xC67178F2),
)

# GB/T 32905-2016, sections 4.1 and 4.2.
_SM3_INITIAL = (0x7380166F, 0x4914B2B9, 0x172442D7, 0xDA8A0600, 0xA96F30BC, 0x163138AA, 0xE38DEE4D, 0xB0FB0E4E)
_SM3_EARLY_ROUNDS = 16


def _sm3_constant(j: int) -> int:
    value = 0x79CC4519 if j < _SM3_EARLY_ROUNDS else 0x7A879D8A
    return (value << j % 32 | value >> (32 - j % 32)) & 0xFFFFFFFF


_ROUNDS = 64
_SM3_CONSTANTS = tuple(map(_sm3_constant, range(_ROUNDS)))

INITIAL = {"sha256": _SHA256_INITIAL, "sm3": _SM3_INITIAL}
"""By suite name, the chaining value before the first block."""


def constant(value: int) -> Word:
    """The same 32-bit number in every lane."""
    return ir.Constant(WORD, [value & 0xFFFFFFFF] * LANES)


def splat(builder: Builder, scalar: Any) -> Word:  # noqa: ANN401 - an ir.Value, untyped
    """A 32-bit number known at run time only, in every lane."""
    undefined = ir.Constant(WORD, ir.Undefined)
    first = builder.insert_element(undefined, scalar, ir.Constant(_I32, 0))
    return builder.shuffle_vector(first, undefined, ir.Constant(WORD, [0] * LANES))


def shifted(builder: Builder, high: Word, low: Word, bits: int) -> Word:
    """The word that begins ``bits`` before the end of ``high`` and goes on into ``low``, 0 < bits < 32."""
    return builder.or_(builder.shl(high, constant(32 - bits)), builder.lshr(low, constant(bits)))


def _table(builder: Builder, values: Sequence[int]) -> Any:  # noqa: ANN401 - an ir.GlobalVariable, untyped
    """A constant array of 32-bit numbers in the module being compiled."""
    kind = ir.ArrayType(_I32, len(values))
    module = builder.module
    table = ir.GlobalVariable(module, kind, module.get_unique_name("round_constants"))
    table.linkage, table.global_constant = "internal", True
    table.initializer = ir.Constant(kind, list(values))
    return table


class _Rounds:
    """The rounds of one block: the chaining value at work and the last sixteen words of the message schedule.

    Sixteen rounds are written out, then a loop around the next sixteen runs to the end: all 64 written out do not
    fit the instruction caches and are slower.
    """

    def __init__(self, builder: Builder, state: Sequence[Word], block: Sequence[Word]) -> None:
        self.builder = builder
        self.state = list(state)
        self.words = list(block)

    def run(self, one_round: Callable[[_Rounds, int, Word], None], constants: Sequence[int]) -> list[Word]:
        """The working variables after all rounds; ``one_round`` takes the round's number and constant."""
        builder = self.builder
        for number in range(BLOCK_WORDS):
            one_round(self, number, constant(constants[number]))
        table = _table(builder, constants)
        before, body = builder.block, builder.append_basic_block("rounds")
        builder.branch(body)
        builder.position_at_end(body)
        first = builder.phi(_I64)
        first.add_incoming(ir.Constant(_I64, BLOCK_WORDS), before)
        carried = [builder.phi(WORD) for _ in (*self.words, *self.state)]
        for phi, word in zip(carried, (*self.words, *self.state), strict=True):
            phi.add_incoming(word, before)
        self.words, self.state = carried[:BLOCK_WORDS], carried[BLOCK_WORDS:]
        for step in range(BLOCK_WORDS):
            entry = builder.gep(table, [ir.Constant(_I64, 0), builder.add(first, ir.Constant(_I64, step))])
            one_round(self, BLOCK_WORDS + step, splat(builder, builder.load(entry)))
        following = builder.add(first, ir.Constant(_I64, BLOCK_WORDS))
        first.add_incoming(following, body)
        for phi, word in zip(carried, (*self.words, *self.state), strict=True):
            phi.add_incoming(word, body)
        after = builder.append_basic_block("rounds_done")
        builder.cbranch(builder.icmp_unsigned("<", following, ir.Constant(_I64, _ROUNDS)), body, after)
        builder.position_at_end(after)
        return self.state

    def word(self, number: int) -> Word:
        """Word W of the schedule, one of the last sixteen made."""
        return self.words[number % BLOCK_WORDS]

    def turned(self, word: Word, count: int) -> Word:
        """The word rotated left."""
        return shifted(self.builder, word, word, 32 - count)


def _sha256_round(rounds: _Rounds, t: int, k: Word) -> None:
    """FIPS 180-4 section 6.2.2, steps 1 and 3, with its letters."""
    builder, word = rounds.builder, rounds.word
    add, xor, and_ = builder.add, builder.xor, builder.and_

    def mixed(x: Word, *right: int) -> Word:
        return reduce(xor, (rounds.turned(x, 32 - count) for count in right))

    if t >= BLOCK_WORDS:
        sigma0 = xor(mixed(word(t - 15), 7, 18), builder.lshr(word(t - 15), constant(3)))
        sigma1 = xor(mixed(word(t - 2), 17, 19), builder.lshr(word(t - 2), constant(10)))
        rounds.words[t % BLOCK_WORDS] = add(add(word(t - 16), word(t - 7)), add(sigma0, sigma1))
    a, b, c, d, e, f, g, h = rounds.state
    choice = xor(g, and_(e, xor(f, g)))
    majority = xor(and_(a, b), and_(c, xor(a, b)))
    first = add(add(add(h, add(word(t), k)), choice), mixed(e, 6, 11, 25))
    second = add(mixed(a, 2, 13, 22), majority)
    rounds.state = [add(first, second), a, b, c, add(d, first), e, f, g]


def _sm3_round(rounds: _Rounds, j: int, k: Word) -> None:
    """GB/T 32905-2016 sections 5.3.2 and 5.3.3, with their letters; ``k`` is the constant already rotated."""
    builder, word, turned = rounds.builder, rounds.word, rounds.turned
    add, xor, and_, or_ = builder.add, builder.xor, builder.and_, builder.or_

    def spread(x: Word, *left: int) -> Word:
        return reduce(xor, (turned(x, count) for count in left), x)

    ahead = j + 4  # the words of a round are W[j] and W[j + 4], so the schedule runs four rounds before its use
    if ahead >= BLOCK_WORDS:
        mixed = spread(xor(xor(word(ahead - 16), word(ahead - 9)), turned(word(ahead - 3), 15)), 15, 23)
        rounds.words[ahead % BLOCK_WORDS] = xor(xor(mixed, turned(word(ahead - 13), 7)), word(ahead - 6))
    a, b, c, d, e, f, g, h = rounds.state
    a12 = turned(a, 12)
    ss1 = turned(add(add(a12, e), k), 7)
    ss2 = xor(ss1, a12)
    if j < _SM3_EARLY_ROUNDS:
        ff, gg = xor(xor(a, b), c), xor(xor(e, f), g)
    else:
        ff, gg = or_(and_(a, b), and_(c, or_(a, b))), xor(g, and_(e, xor(f, g)))
    tt1 = add(add(ff, d), add(ss2, xor(word(j), word(ahead))))
    tt2 = add(add(gg, h), add(ss1, word(j)))
    rounds.state = [tt1, a, turned(b, 9), c, spread(tt2, 9, 17), e, turned(f, 19), g]


def compress(builder: Builder, name: str, state: Sequence[Word], block: Sequence[Word]) -> list[Word]:
    """The chaining value after one block.

    Args:
        builder: where the instructions go.
        name: ``sha256`` or ``sm3``.
        state: the chaining value before, eight words.
        block: sixteen words, each read big endian.
    """
    rounds = _Rounds(builder, state, block)
    if name == "sha256":
        after, combine = rounds.run(_sha256_round, _SHA256_CONSTANTS), builder.add
    else:
        after, combine = rounds.run(_sm3_round, _SM3_CONSTANTS), builder.xor
    return [combine(old, new) for old, new in zip(state, after, strict=True)]


def initial(name: str) -> list[Word]:
    """The chaining value before the first block."""
    return [constant(value) for value in INITIAL[name]]


def hash_leaf(builder: Builder, name: str, content: Sequence[Word]) -> list[Word]:
    """H(0x00 ‖ content) of RFC 9162 section 2.1.1 for contents of eight words: 33 bytes, one block."""
    words = [constant(0), *content]
    block = [shifted(builder, words[i], words[i + 1], 8) for i in range(DIGEST_WORDS)]
    # The last byte, the bit that ends the message, zeros, and the length of 33 bytes in bits.
    block.append(builder.or_(builder.shl(words[-1], constant(24)), constant(0x800000)))
    block += [constant(0)] * 6 + [constant(33 * 8)]
    return compress(builder, name, initial(name), block)


def begin_node(builder: Builder, name: str, left: Sequence[Word], right: Sequence[Word]) -> tuple[list[Word], Word]:
    """H(0x01 ‖ left ‖ right) of RFC 9162 section 2.1.1, 65 bytes, after its first block.

    Returns:
        The chaining value, and the first word of the second block.
    """
    words = [constant(1), *left, *right]
    block = [shifted(builder, words[i], words[i + 1], 8) for i in range(BLOCK_WORDS)]
    last = builder.or_(builder.shl(words[-1], constant(24)), constant(0x800000))
    return compress(builder, name, initial(name), block), last


def end_node(builder: Builder, name: str, state: Sequence[Word], last: Word) -> list[Word]:
    """The hash of a node from what `begin_node` returned.

    Second blocks differ in one byte only. Their 256 schedules could be looked up, but gathering a word for each lane
    takes longer than computing it.
    """
    return compress(builder, name, state, [last] + [constant(0)] * 14 + [constant(65 * 8)])


def transposed(builder: Builder, vectors: Sequence[Word]) -> list[Word]:
    """Every square of a power of two n words, across n vectors and n neighbouring lanes, turned about its diagonal.

    Applied twice it changes nothing.
    """
    vectors = list(vectors)
    span = 1
    while span < len(vectors):
        low = [lane if lane & span == 0 else LANES + lane - span for lane in range(LANES)]
        high = [lane + span if lane & span == 0 else LANES + lane for lane in range(LANES)]
        for one in range(len(vectors)):
            other = one | span
            if other != one:
                pair = vectors[one], vectors[other]
                vectors[one], vectors[other] = (
                    builder.shuffle_vector(*pair, ir.Constant(WORD, mask)) for mask in (low, high)
                )
        span *= 2
    return vectors


def joined(builder: Builder, parts: Sequence[Any]) -> Word:
    """Short vectors end to end, as one of `LANES` lanes; as many as that takes."""
    parts = list(parts)
    while len(parts) > 1:
        size = parts[0].type.count
        whole = ir.Constant(ir.VectorType(_I32, 2 * size), list(range(2 * size)))
        parts = [builder.shuffle_vector(*parts[i : i + 2], whole) for i in range(0, len(parts), 2)]
    return parts[0]


def part(builder: Builder, word: Word, start: int, size: int) -> Any:  # noqa: ANN401 - a shorter ir vector, untyped
    """The vector of ``size`` neighbouring lanes."""
    mask = ir.Constant(ir.VectorType(_I32, size), list(range(start, start + size)))
    return builder.shuffle_vector(word, word, mask)


def swapped(builder: Builder, word: Word) -> Word:
    """The bytes of each lane in the other order."""
    # llvmlite's own bswap knows scalars only.
    bswap = builder.module.declare_intrinsic(f"llvm.bswap.v{LANES}i32", fnty=ir.FunctionType(WORD, [WORD]))
    return builder.call(bswap, [word])
