"""Compiled draws against NumPy's Philox and the array passes: every word, every bit of every number, every delay.

Words and numbers on which both must agree: the extreme words, those about every place where a formula changes, and two
million random ones for each law. Had a formula's result differed for a share s of all words, two million would miss it
with probability e^(-2e6 s): below 5 % from s = 1.5e-6 on.
"""

from __future__ import annotations

import hashlib
import math
import os
import platform
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.kernel import compiled, elementary
from sim.kernel.compiled import loops
from sim.kernel.distributions import Constant, Empirical, Exponential, Gamma, Lognormal, Normal, Pareto, Truncated
from sim.kernel.draws import Block, Draws
from sim.kernel.inversion import LOG, LOGNORMAL, NORMAL, POWER, RANGE, UNIFORM, Law, invert
from sim.network.delays import Delays
from sim.network.topology import Link, Topology

if TYPE_CHECKING:
    from collections.abc import Callable

    from sim.kernel.distributions import Distribution

MANY = 2_000_000
unhurried = settings(deadline=None)


@pytest.fixture
def by_passes(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Call it, and from then on nothing goes through compiled loops."""
    assert compiled.available() is loops
    return lambda: monkeypatch.setattr(compiled, "available", lambda: None)


def same_bits(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two arrays of numbers are the same, signs of zeros included."""
    return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()


keys = st.lists(st.binary(min_size=16, max_size=16), min_size=1, max_size=5)
shares = st.lists(st.integers(0, 40) | st.sampled_from([1, 3, 4, 5, 1023, 1024, 1025, 2049]), min_size=1, max_size=8)


@unhurried
@given(keys, shares)
def test_the_words_of_streams_are_those_of_numpys_philox_however_they_are_asked_for(
    keys: list[bytes], shares: list[int]
) -> None:
    philox = [np.random.Philox(key=np.frombuffer(key, dtype="<u8").astype(np.uint64)) for key in keys]
    together, alone = Block(b"".join(keys)), [Block(key) for key in keys]
    for share in shares:
        expected = np.array([stream.random_raw(share) for stream in philox], dtype=np.uint64).reshape(len(keys), share)
        assert together.words(share * len(keys)).tolist() == expected.ravel().tolist()
        assert [block.words(share).tolist() for block in alone] == expected.tolist()


def test_a_stream_goes_on_far_beyond_its_first_words() -> None:
    """Whose counter fits into 32 bits; a stream's counter is a plain integer in both."""
    far = 2**40 + 3
    block = Block(bytes(range(16)))
    block._drawn = far
    key = np.frombuffer(bytes(range(16)), dtype="<u8").astype(np.uint64)
    expected = np.random.Philox(key=key, counter=far // 4).random_raw(103)[3:]
    assert block.words(100).tolist() == expected.tolist()


def word_of(u: float) -> int:
    """The word that stands for the number next to ``u``."""
    return min(int(u * 2**52), 2**52 - 1) << 12


def words_to_try() -> np.ndarray:
    """The extremes, those about every change of formula, and small and large ones."""
    places = [math.sqrt(0.5) / 2**k for k in range(53)] + [2.0**-k for k in range(53)]
    places += [0.075, 0.5, 0.925, math.exp(-25), 1 - math.exp(-25), 1 - 2.0**-53]
    cells = [word_of(u) >> 12 for u in places]
    near = {cell + step for cell in cells for step in range(-50, 51)} | set(range(2000))
    edges = np.array(sorted(cell for cell in near if 0 <= cell < 2**52), dtype=np.uint64) << np.uint64(12)
    # Uniforms that are evenly spread in their logarithm too, for tails of one in 10^15.
    small = np.exp2(-52 * np.random.default_rng(3).random(MANY // 4))
    tails = (small * 2**52).astype(np.uint64) << np.uint64(12)
    extremes = np.array([0, 2**12 - 1, 2**64 - 1, 2**63], dtype=np.uint64)
    return np.concatenate([extremes, edges, edges + np.uint64(4095), tails, ~tails])


LAWS = [
    Law(UNIFORM),
    Law(RANGE, 2.0, 3.5),
    Law(LOG, 1.0),
    Exponential(5e5).law,
    Pareto(2e7, 5.0).law,
    Pareto(3.0, 1.01).law,
    Normal(2.5e8, 5e7).law,
    Normal(1.0, 0.2).law,
    Lognormal(3e6, 3e7).law,
    Lognormal(1e-3, 1e9).law,
    Law(POWER, 7.0, 1e-3),
    Law(NORMAL, 1.0, 5.0),
    Law(LOGNORMAL, 1.0, 200.0),
]
"""Of links and sizes, and some beyond: whose values reach infinity and 0, or are cut off at 0."""


@pytest.mark.parametrize("law", LAWS, ids=str)
def test_a_laws_numbers_have_the_bits_of_the_array_passes(law: Law, by_passes: Callable[[], None]) -> None:
    chosen, drawn = words_to_try(), Block(bytes(16)).words(MANY)
    cells = chosen.astype(np.int64)
    loops._invert(*law, cells)
    sampled = Block(bytes(16)).sample(law, MANY)
    by_passes()
    with np.errstate(over="ignore"):
        assert same_bits(cells.view(np.float64), invert(law, chosen))
        assert same_bits(sampled, invert(law, drawn))


def hard_numbers() -> np.ndarray:
    """Positive numbers of every magnitude: round ones and their neighbours, subnormal ones, and random ones."""
    chance = np.random.default_rng(4)
    round_ones = np.ldexp(np.array([[1.0], [math.sqrt(0.5)], [math.sqrt(2)], [1.5]]), np.arange(-1074, 1023)).ravel()
    positive = round_ones[round_ones > 0]
    near = [np.nextafter(positive, toward) for toward in (0.0, math.inf)]
    anything = chance.integers(1, 0x7FE << 52, MANY).view(np.float64)
    subnormal = chance.integers(1, 1 << 52, MANY // 10).view(np.float64)
    near_one = 1 + np.linspace(-1e-3, 1e-3, MANY // 10)
    numbers = np.concatenate([positive, *near, anything, subnormal, near_one])
    return numbers[numbers > 0]


def hard_exponents() -> np.ndarray:
    """Numbers in [-800, 800]: evenly spread, about every change of the power of two, and where results vanish."""
    changes = (np.arange(-1100, 1100) + 0.5) * math.log(2)
    near = [changes * (1 + step * 2.0**-52) for step in range(-20, 21)]
    spread = np.random.default_rng(5).uniform(-800, 800, MANY)
    tiny = np.ldexp(np.random.default_rng(6).uniform(-1, 1, 10_000), -(np.arange(10_000) % 1074))
    beyond = np.array([-0.0, 0.0, -1e4, 1e4, -2044.0, 2044.0, -745.2, 709.8, -1e6, 1e6])
    return np.concatenate([*near, spread, tiny, beyond])


def hard_probabilities() -> np.ndarray:
    """Numbers in (0, 1), down to subnormal ones."""
    numbers = hard_numbers()
    below = numbers[numbers < 1]
    around = [np.nextafter(p, toward) for p in (0.075, 0.925, 0.5, math.exp(-25)) for toward in (0.0, p, 1.0)]
    return np.concatenate([below, 1 - below[below > 2.0**-53], around, np.random.default_rng(7).uniform(0, 1, MANY)])


@pytest.mark.parametrize(
    ("name", "arguments"), [("log", hard_numbers), ("exp", hard_exponents), ("normal_quantile", hard_probabilities)]
)
def test_elementary_functions_have_the_bits_of_the_array_passes(name: str, arguments: Callable[[], np.ndarray]) -> None:
    x = arguments()
    x = x[(x > 0) & (x < 1)] if name == "normal_quantile" else x
    assert len(x) > MANY
    with np.errstate(over="ignore"):
        expected = getattr(elementary, f"{name}_by_passes")(x)
    assert same_bits(getattr(elementary, name)(x), expected)


def test_elementary_functions_take_any_shape_and_leave_their_argument_alone() -> None:
    x = np.linspace(0.1, 0.9, 60).reshape(3, 4, 5)
    before = x.copy()
    for argument in (x, x[::2, :, ::-1], x.T, x[:0], np.array(0.25)):
        assert same_bits(elementary.log(argument), np.asarray(elementary.log_by_passes(argument)))
    assert same_bits(x, before)


SAMPLED: list[Distribution] = [
    Exponential(2.0),
    Lognormal(1.0, 9.0),
    Normal(5.0, 1.0),
    Gamma(3.0, 0.01),
    Gamma(3.0, 4.5),
    Pareto(2.0, 1.5),
    Empirical((1.0, 2.0, 5.0), (0.1, 0.2, 0.7)),
    Truncated(Lognormal(1.0, 9.0), 0.5, 4.0),
]


def samples() -> list[np.ndarray]:
    """Of every distribution, a stream continued after an odd number of words."""
    taken = []
    for distribution in SAMPLED:
        block = Draws(2).block(str(distribution))
        taken += [block.uniforms(7), distribution.sample(block, 5001), block.integers(6, 1000)]
    return taken


def test_whole_parameters_are_no_reason_to_compile_again() -> None:
    Draws(1).block("whole").sample(Exponential(2).law, 3)
    Draws(1).blocks(("whole",), [(1,), (2,)]).add_to(np.ones((2, 2), dtype=np.int64), Law(NORMAL, 5, 1))
    assert len(loops.draw.signatures) == 1


def test_every_distribution_gives_the_samples_of_the_array_passes(by_passes: Callable[[], None]) -> None:
    ours = samples()
    by_passes()
    assert all(map(same_bits, ours, samples()))


LINK = Link(delay_ns=1000, jitter=Constant(0), loss=0.0, reliable=True, retransmit_ns=7000)
JITTERY = replace(LINK, jitter=Exponential(50_000.0))
TOPOLOGIES: dict[str, dict[tuple[str, str], Link]] = {
    "one law": {},
    "one law, and links without": {("a", "b"): LINK, ("b", "b"): replace(LINK, jitter=Constant(25))},
    "two laws": {("a", "b"): replace(JITTERY, jitter=Pareto(2e7, 5.0)), ("c", "c"): LINK},
    "three laws and a constant": {
        ("a", "a"): replace(JITTERY, jitter=Lognormal(3e6, 3e7)),
        ("b", "a"): replace(JITTERY, jitter=Normal(2.5e8, 5e7)),
        ("b", "c"): LINK,
    },
    "by rejection": {("a", "c"): replace(JITTERY, jitter=Gamma(5000.0, 2.0))},
    "losses": {("a", "b"): replace(JITTERY, loss=0.3), ("b", "a"): replace(JITTERY, loss=0.4, reliable=False)},
    "losses only": {
        (a, b): replace(LINK, loss=0.2, reliable=a < b, delay_ns=10 * ord(a) + ord(b)) for a in "abc" for b in "abc"
    },
}


def delays(links: dict[tuple[str, str], Link], inner: int | None) -> Delays:
    """Between seven nodes in three regions."""
    return Delays(Draws(3), "jc", Topology("abcabca", lambda a, b: links.get((a, b), JITTERY)), inner)


@pytest.mark.parametrize("links", TOPOLOGIES.values(), ids=TOPOLOGIES)
@pytest.mark.parametrize("inner", [None, 1, 5])
def test_delays_are_those_of_the_array_passes_alone_or_many_at_once(
    links: dict[tuple[str, str], Link], inner: int | None, by_passes: Callable[[], None]
) -> None:
    addresses = [("prepare", 0, 1), ("prepare", 0, 2), ("提案", 7, 1), ("commit", 10**12, 1, 3)]
    sizes = (7, delays(links, inner).inner)
    ours = [delays(links, inner).matrices(addresses, size) for size in sizes]
    by_passes()
    for size, mine in zip(sizes, ours, strict=True):
        assert same_bits(mine, delays(links, inner).matrices(addresses, size))
        for address, matrix in zip(addresses, mine, strict=True):
            alone = delays(links, inner).rows(address, size)
            assert [alone[sender] for sender in range(size)] == matrix.tolist()


SUM_AND_DIFFERENCE = re.compile(r"\b(?:v?fn?m(?:add|sub)\w*|fml[as])\b")
"""Instructions that round a product and a sum once: x86's and Arm's."""


def assembly(function: Callable[..., None], *arguments: object, fast: bool = False) -> str:
    """What a loop is compiled to here."""
    fresh = numba.njit(_nrt=False, error_model="numpy", fastmath=fast)(function)
    fresh(*arguments)
    (code,) = fresh.inspect_asm().values()
    return str(code)


def test_no_compiled_loop_contracts_a_product_and_a_sum() -> None:
    def control(cells: np.ndarray, by: float) -> None:
        for i in range(len(cells)):
            cells[i] = cells[i] * by + 1.0

    if not SUM_AND_DIFFERENCE.search(assembly(control, np.ones(100), 3.0, fast=True)):
        pytest.skip("this CPU has no such instruction")
    nothing, cells = np.empty(0, dtype=np.int64), np.empty((1, 9), dtype=np.int64)
    drawing = assembly(loops.draw.py_func, np.ones((1, 2), dtype=np.uint64), 0, *Law(LOG, 1.0), nothing, cells)
    transforming = assembly(loops._transform.py_func, 0, np.ones(9).view(np.int64))
    assert "sqrt" in drawing
    assert "sqrt" in transforming
    assert not SUM_AND_DIFFERENCE.search(drawing)
    assert not SUM_AND_DIFFERENCE.search(transforming)


def digest() -> str:
    """SHA-256 of samples and delays."""
    found = hashlib.sha256(b"".join(values.tobytes() for values in samples()))
    for links in TOPOLOGIES.values():
        found.update(delays(links, None).matrices([("prepare", 0, 1), ("prepare", 0, 2)], 7).tobytes())
    return found.hexdigest()


PROGRAM = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
{{before}}
import sim.kernel.draws, sim.kernel.distributions
assert "numba" not in sys.modules or sys.modules["numba"] is None, "numba is loaded before anything is drawn"
from sim.kernel import compiled
assert (compiled.available() is not None) == {{compiled}}
{{given}}
import {Path(__file__).stem} as here
print(here.digest())
"""


def shown(before: str = "", given: str = "", *, available: bool, **environment: str) -> str:
    program = PROGRAM.format(before=before, given=given, compiled=available)
    done = subprocess.run(
        [sys.executable, "-c", program], env={**os.environ, **environment}, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_switched_off_or_without_numba_everything_is_the_same() -> None:
    assert shown(available=False, ALLIANCE_DRAWS="off") == digest()
    # This file itself imports numba, so it has to come back for it.
    missing, back = "sys.modules['numba'] = None", "del sys.modules['numba']"
    assert shown(missing, back, available=False) == digest()


@pytest.mark.skipif(platform.machine() != "x86_64", reason="names processors of that family")
@pytest.mark.parametrize("features", ["", "+avx,+avx2,+fma"])
def test_on_another_processor_everything_is_the_same(features: str, tmp_path: Path) -> None:
    assert (
        shown(available=True, NUMBA_CPU_NAME="x86-64", NUMBA_CPU_FEATURES=features, NUMBA_CACHE_DIR=str(tmp_path))
        == digest()
    )
