"""The hashing of a state tree, a whole level at a time: the one place where the generator meets a hash function.

    leaf = H(0x02 ‖ H(key) ‖ H(value))    inner node = H(0x03 ‖ left ‖ right)

Many messages of one length go to the lanes of `sim.proof.lanes`; few are hashed one by one, which costs less than to
begin with lanes (to load numba, for the first of all).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sim.proof import lanes
from sim.proof.suites import DIGEST_SIZE, suite_by_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from sim.proof.suites import HashSuite

    Rows = npt.NDArray[np.uint8]

LEAF_PREFIX = b"\x02"
NODE_PREFIX = b"\x03"

FEWEST_FOR_LANES = 1024
LONGEST_FOR_LANES = 1024
# In bytes: lanes want messages next to each other, and long ones are not worth the copy.


def hash_pairs(suite: HashSuite, prefix: bytes, pairs: Rows) -> Rows:
    """H(prefix ‖ left ‖ right) of each row of n × 64, as n × 32."""
    if _has_lanes(suite, len(pairs)):
        return lanes.hashes(suite, pairs, prefix)
    joined, size = pairs.tobytes(), 2 * DIGEST_SIZE
    return _one_by_one(suite, [prefix + joined[start : start + size] for start in range(0, len(joined), size)])


def digests(suite: HashSuite, messages: Sequence[bytes]) -> Rows:
    """The plain hash of each message, n × 32."""
    if not _has_lanes(suite, len(messages)):
        return _one_by_one(suite, messages)
    hashes = np.empty((len(messages), DIGEST_SIZE), np.uint8)
    sizes = np.fromiter(map(len, messages), np.int64, len(messages))
    # Keys and values of one kind have a handful of lengths between them.
    by_size = np.argsort(sizes, kind="stable")
    for equal in np.split(by_size, np.flatnonzero(np.diff(sizes[by_size])) + 1):
        some = [messages[number] for number in equal.tolist()]
        if len(some[0]) <= LONGEST_FOR_LANES and _has_lanes(suite, len(some)):
            hashes[equal] = lanes.hashes(suite, np.frombuffer(b"".join(some), np.uint8).reshape(len(some), -1))
        else:
            hashes[equal] = _one_by_one(suite, some)
    return hashes


def _has_lanes(suite: HashSuite, count: int) -> bool:
    """Whether the suite is one that the lanes know, and not another by the same name, and the messages are many."""
    return count >= FEWEST_FOR_LANES and suite is suite_by_name(suite.name)


def _one_by_one(suite: HashSuite, messages: Sequence[bytes]) -> Rows:
    return np.frombuffer(b"".join(map(suite.digest, messages)), np.uint8).reshape(-1, DIGEST_SIZE)
