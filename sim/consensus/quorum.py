"""How many replicas are enough: quorum sizes for any n, and the tally that counts votes towards them.

Of n replicas at most f = ⌊(n−1)/3⌋ may be Byzantine. A quorum has q = ⌊(n+f)/2⌋ + 1 members, which is the least
size such that any two quorums share f+1 replicas, one of them correct; and q ≤ n−f, so the correct replicas alone
form one. For n = 3f+1 this is the 2f+1 of Castro & Liskov (OSDI 1999, section 4.2). A weak certificate of f+1 holds
the word of at least one correct replica.
"""

from __future__ import annotations

from dataclasses import dataclass

REPEATED = 0
CONFLICTING = -1


@dataclass(frozen=True, slots=True)
class Quorums:
    """The sizes that matter among ``n`` replicas: tolerated ``faults``, a ``quorum``, a ``weak`` certificate."""

    n: int
    faults: int
    quorum: int
    weak: int

    @classmethod
    def of(cls, n: int) -> Quorums:
        """The sizes for ``n`` replicas; raises `ValueError` unless ``n`` ≥ 1."""
        if n < 1:
            raise ValueError(f"a chain needs at least one replica, got n={n}")
        faults = (n - 1) // 3
        return cls(n=n, faults=faults, quorum=(n + faults) // 2 + 1, weak=faults + 1)


class Tally:
    """Votes on digests, one per replica; replicas are bits of an integer.

    A vote costs the same for 4 replicas and for 400, because nothing is copied and nothing is scanned.
    """

    __slots__ = ("_masks", "_voted")

    def __init__(self) -> None:
        self._masks: dict[bytes, int] = {}
        self._voted = 0

    def add(self, bit: int, digest: bytes) -> int:
        """Count the vote of the replica ``bit`` = 1 << id.

        Returns:
            How many voted for ``digest`` now, or `REPEATED` if this replica said the same before, or `CONFLICTING`
            if it said something else before (the first vote stands).
        """
        masks = self._masks
        if self._voted & bit:
            return REPEATED if masks.get(digest, 0) & bit else CONFLICTING
        self._voted |= bit
        mask = masks[digest] = masks.get(digest, 0) | bit
        return mask.bit_count()

    def add_all(self, bits: int, digest: bytes) -> None:
        """Count the votes of many replicas, none of which said anything else."""
        self._voted |= bits
        self._masks[digest] = self._masks.get(digest, 0) | bits

    def only(self, digest: bytes) -> bool:
        """Whether nobody voted for anything else."""
        return self._voted == self._masks.get(digest, 0)

    def mask(self, digest: bytes) -> int:
        """Who voted for ``digest``, as bits."""
        return self._masks.get(digest, 0)

    def count(self, digest: bytes) -> int:
        """How many voted for ``digest``."""
        return self._masks.get(digest, 0).bit_count()

    def largest(self) -> int:
        """The bits of the largest group of replicas that agree; 0 without votes."""
        return max(self._masks.values(), key=int.bit_count, default=0)

    @property
    def voted(self) -> int:
        """Who voted at all, as bits."""
        return self._voted


def members(mask: int) -> tuple[int, ...]:
    """The replica ids whose bits are set in ``mask``, ascending."""
    return tuple(i for i in range(mask.bit_length()) if mask >> i & 1)


def message_law(n: int) -> dict[str, int]:
    """Messages that cross the network for one fault-free PBFT block among ``n`` replicas, by kind.

    The leader's pre-prepare stands for its prepare, so prepares come from the n−1 backups only; 2n(n−1) in total
    (Castro & Liskov, OSDI 1999, section 4.2). Client and checkpoint messages are apart.
    """
    return {"pre-prepare": n - 1, "prepare": (n - 1) ** 2, "commit": n * (n - 1)}
