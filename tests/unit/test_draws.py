"""Addressed draws: known answers that keep the streams stable for ever, and independence of who asks when."""

from __future__ import annotations

import hashlib
import math
from fractions import Fraction
from statistics import NormalDist

import numpy as np
import pytest

from sim.kernel.distributions import Exponential
from sim.kernel.draws import Block, Draws
from sim.kernel.inversion import UNIFORM, Law, invert

MASK = 2**64 - 1


def philox_4x64_10(counter: list[int], key: list[int]) -> list[int]:
    """Ten rounds of Philox-4x64 as in Salmon et al., SC'11, section 3.3, in plain integers."""
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(10):
        high0, low0 = divmod(0xD2E7470EE14C6C93 * c0, 2**64)
        high1, low1 = divmod(0xCA5A826395121157 * c2, 2**64)
        c0, c1, c2, c3 = high1 ^ c1 ^ k0, low1, high0 ^ c3 ^ k1, low0
        k0, k1 = (k0 + 0x9E3779B97F4A7C15) & MASK, (k1 + 0xBB67AE8584CAA73B) & MASK
    return [c0, c1, c2, c3]


# The three vectors "philox4x64 10" of the Random123 distribution, tests/kat_vectors: zeros, ones, digits of pi.
PUBLISHED = [
    ([0] * 4, [0] * 2, [0x16554D9ECA36314C, 0xDB20FE9D672D0FDC, 0xD7E772CEE186176B, 0x7E68B68AEC7BA23B]),
    ([MASK] * 4, [MASK] * 2, [0x87B092C3013FE90B, 0x438C3C67BE8D0224, 0x9CC7D7C69CD777B6, 0xA09CAEBF594F0BA0]),
    (
        [0x243F6A8885A308D3, 0x13198A2E03707344, 0xA4093822299F31D0, 0x082EFA98EC4E6C89],
        [0x452821E638D01377, 0xBE5466CF34E90C6C],
        [0xA528F45403E61D95, 0x38C72DBD566E9788, 0xA5A1610E72FD18B5, 0x57BD43B5E52B7FE6],
    ),
]


@pytest.mark.parametrize(("counter", "key", "expected"), PUBLISHED, ids=["zeros", "ones", "pi"])
def test_numpys_philox_and_the_reference_here_give_the_published_vectors(
    counter: list[int], key: list[int], expected: list[int]
) -> None:
    assert philox_4x64_10(counter, key) == expected
    # NumPy counts up before it draws, so its counter starts one lower.
    before = (sum(word << 64 * place for place, word in enumerate(counter)) - 1) % 2**256
    philox = np.random.Philox(counter=before, key=np.array(key, dtype=np.uint64))
    assert philox.random_raw(4).tolist() == expected


# Seed, key, and the first word and uniform of that address. They change only if every published result is to change.
PINNED: list[tuple[int, tuple[int | str, ...], int, float]] = [
    (0, (), 0x26234F468FA4B37A, 0.14897628281291275),
    (7, ("jc", "prepare", 17), 0x448CA4A260BEBF6B, 0.2677710434370465),
    (7, ("jc", "prepare", "17"), 0x62DFE81A4C348845, 0.38622904436143035),
    (2**80, ("北京", -1, "it's"), 0x9F0AD9EBB5C1173F, 0.6212593269790471),
]


@pytest.mark.parametrize(("seed", "key"), [(seed, key) for seed, key, _, _ in PINNED])
def test_a_block_is_philox_from_counter_one_keyed_by_the_hash_of_its_address(
    seed: int, key: tuple[int | str, ...]
) -> None:
    address = "(" + ", ".join(repr(part) for part in (seed, *key)) + (",)" if not key else ")")
    digest = hashlib.blake2b(address.encode("utf-8"), digest_size=16).digest()
    words = [int.from_bytes(digest[:8], "little"), int.from_bytes(digest[8:], "little")]
    expected = [word for count in range(1, 6) for word in philox_4x64_10([count, 0, 0, 0], words)]
    assert Draws(seed).block(*key).words(20).tolist() == expected


@pytest.mark.parametrize(("seed", "key", "word", "uniform"), PINNED)
def test_the_streams_are_the_same_for_ever(seed: int, key: tuple[int | str, ...], word: int, uniform: float) -> None:
    assert Draws(seed).block(*key).words(1).tolist() == [word]
    assert Draws(seed).block(*key).uniforms(1).tolist() == [uniform]


def test_a_uniform_is_the_centre_of_the_cell_that_its_words_52_leading_bits_name() -> None:
    words = Draws(1).block("cells").words(1000).tolist()
    uniforms = Draws(1).block("cells").uniforms(1000).tolist()
    assert [Fraction(u) for u in uniforms] == [Fraction(2 * (word >> 12) + 1, 2**53) for word in words]


EXTREMES = np.array([0, MASK], dtype=np.uint64)


class _Extreme(Block):
    """A block whose words are the lowest and the highest in turn."""

    def __init__(self) -> None:
        super().__init__(bytes(16))

    def sample(self, law: Law, count: int) -> np.ndarray:
        return invert(law, np.resize(EXTREMES, count))


def test_even_the_extreme_words_give_uniforms_inside_the_open_unit_interval() -> None:
    assert invert(Law(UNIFORM), EXTREMES).tolist() == [2.0**-53, 1 - 2.0**-53]


@pytest.mark.parametrize("bound", [1, 2, 3, 10, 2**31 - 1, 2**31, 2**40 + 1, 2**51 + 1])
def test_integers_reach_both_ends_of_their_range_and_no_further(bound: int) -> None:
    assert _Extreme().integers(2, bound).tolist() == [0, bound - 1]


def test_integers_are_the_uniforms_cut_into_equal_parts() -> None:
    uniforms = Draws(2).block("dice").uniforms(600)
    dice = Draws(2).block("dice").integers(600, 6)
    assert dice.dtype == np.int64
    assert dice.tolist() == [math.floor(6 * Fraction(u)) for u in uniforms.tolist()]
    assert set(dice.tolist()) == set(range(6))


@pytest.mark.parametrize("sizes", [[10] * 10, [1, 2, 3, 94], [0, 50, 0, 50], [99, 1]])
def test_consecutive_calls_continue_the_stream_however_it_is_split(sizes: list[int]) -> None:
    block = Draws(3).block("split")
    pieces = np.concatenate([block.uniforms(size) for size in sizes])
    assert pieces.tolist() == Draws(3).block("split").uniforms(100).tolist()


def test_an_address_gives_the_same_stream_whoever_asked_for_what_before() -> None:
    alone = Draws(4).block("jc", "prepare", 17).uniforms(50)
    busy = Draws(4)
    other = busy.block("jc", "prepare", 16)
    other.uniforms(7)
    again = busy.block("jc", "prepare", 17)
    first = again.uniforms(20)
    other.uniforms(7)
    assert np.concatenate([first, again.uniforms(30)]).tolist() == alone.tolist()
    assert busy.block("jc", "prepare", 17).uniforms(50).tolist() == alone.tolist()


def test_addresses_that_differ_in_seed_type_position_or_grouping_give_different_streams() -> None:
    addresses: list[tuple[int, tuple[int | str, ...]]] = [
        (1, ()),
        (2, ()),
        (1, (1,)),
        (1, ("1",)),
        (1, (1, 1)),
        (11, (1,)),
        (1, (11,)),
        (1, (1, 2)),
        (1, (2, 1)),
        (2, (1, 1)),
        (1, ("1", 2)),
        (1, (1, "2")),
        (1, ("a", "b")),
        (1, ("b", "a")),
        (1, ("ab",)),
        (1, ("a, b",)),
        (1, ("a', 'b",)),
        (1, ("",)),
        (1, ("", "")),
        (1, (-1,)),
        (1, (0,)),
    ]
    firsts = {tuple(Draws(seed).block(*key).words(2).tolist()) for seed, key in addresses}
    assert len(firsts) == len(addresses)


ENDS: list[tuple[int | str, ...]] = [
    ("prepare", 0, 17),
    ("prepare", 0, 17, 2),
    ("it's", -1),
    ("核验", 2**70),
    (5,),
    ("%d", "%r"),
    ("kind", int(np.int64(3))),
]


@pytest.mark.parametrize("key", [("jc",), ("it's", 4), (7, '"'), ()])
def test_streams_side_by_side_are_those_of_their_addresses(key: tuple[int | str, ...]) -> None:
    draws = Draws(8)
    together = draws.blocks(key, ENDS).words(5 * len(ENDS)).reshape(-1, 5)
    for end, words in zip(ENDS, together.tolist(), strict=True):
        assert draws.block(*key, *end).words(5).tolist() == words


def test_numpys_integers_and_truth_values_address_as_plain_integers_do() -> None:
    draws = Draws(8)
    plain = draws.block("jc", 1, 3).words(4).tolist()
    truth = bool(plain)
    assert draws.block("jc", truth, np.int64(3)).words(4).tolist() == plain
    assert draws.blocks(("jc",), [(truth, np.int64(3))]).words(4).tolist() == plain
    assert draws.blocks(("jc", np.int32(1)), [(np.uint8(3),)]).words(4).tolist() == plain


def test_streams_side_by_side_go_on_together_and_share_alike() -> None:
    draws = Draws(8)
    block = draws.blocks(("jc",), [(1,), (2,)])
    taken = np.concatenate([block.words(2 * count).reshape(2, count) for count in (3, 0, 1, 6)], axis=1)
    assert taken.tolist() == [draws.block("jc", number).words(10).tolist() for number in (1, 2)]
    with pytest.raises(ValueError, match=r"^3 numbers can't be shared out equally among 2 streams$"):
        block.words(3)


def test_whole_parts_are_added_to_a_base_of_any_shape() -> None:
    law = Exponential(1000.0).law
    base = np.arange(6).reshape(2, 3) * 10**6
    block = Draws(8).blocks(("jc",), [(1,), (2,)])
    sums = block.add_to(base, law)
    assert sums.dtype == np.int64
    for number, summed in zip((1, 2), sums, strict=True):
        drawn = Draws(8).block("jc", number).sample(law, 6)
        assert summed.tolist() == (base + np.floor(drawn).reshape(2, 3).astype(np.int64)).tolist()
    again = Draws(8).block("jc", 1)
    again.words(6)
    assert block.add_to(base.T, law)[0].tolist() == again.add_to(base.T, law)[0].tolist()


FALSE_ALARM = 1e-9
"""Chance that one of the chi-square tests below fails although the draws are uniform; the seeds are fixed."""


def _assert_uniform(uniforms: np.ndarray, cells: int) -> None:
    """Chi-square on equal cells, from both sides, with the limits by Wilson and Hilferty's cube root."""
    counts = np.bincount((uniforms * cells).astype(np.int64), minlength=cells)
    expected = len(uniforms) / cells
    statistic = float(((counts - expected) ** 2).sum() / expected)
    freedom = cells - 1
    spread = NormalDist().inv_cdf(1 - FALSE_ALARM / 2) * math.sqrt(2 / (9 * freedom))
    low, high = (freedom * (1 - 2 / (9 * freedom) + side * spread) ** 3 for side in (-1, 1))
    assert low < statistic < high


def test_one_long_stream_is_uniform() -> None:
    _assert_uniform(Draws(5).block("long").uniforms(200_000), 256)


def test_the_low_bits_of_a_uniform_are_uniform_too() -> None:
    _assert_uniform(Draws(5).block("long").uniforms(200_000) * 2**30 % 1, 256)


def test_consecutive_pairs_are_uniform_on_the_square() -> None:
    x, y = Draws(6).block("pairs").uniforms(200_000).reshape(2, -1, order="F")
    _assert_uniform((np.floor(x * 16) + y) / 16, 256)


def test_the_first_draws_of_neighbouring_addresses_are_uniform_and_so_are_their_pairs() -> None:
    draws = Draws(7)
    firsts = np.array([draws.block("jc", "commit", sequence).uniforms(1)[0] for sequence in range(20_000)])
    _assert_uniform(firsts, 64)
    _assert_uniform((np.floor(firsts[:-1:2] * 8) + firsts[1::2]) / 8, 64)


def test_the_first_draws_of_neighbouring_seeds_are_uniform() -> None:
    firsts = np.array([Draws(seed).block("jc").uniforms(1)[0] for seed in range(20_000)])
    _assert_uniform(firsts, 64)


def test_a_stream_skips_forth_and_back() -> None:
    whole = Draws(5).block("a", "skipping").words(64)
    stream = Draws(5).block("a", "skipping")
    for begin, count in ((8, 4), (40, 24), (3, 5), (0, 1)):
        stream.skip(begin - stream._drawn)
        assert (stream.words(count) == whole[begin : begin + count]).all()
    with pytest.raises(ValueError, match=r"^a stream that has given 1 words can't go back by 2$"):
        stream.skip(-2)
