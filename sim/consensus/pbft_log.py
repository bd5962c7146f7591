"""The message log of one replica: a slot per sequence number between the water marks, for one view at a time.

What survives from view to view is only what a view change must prove, the latest prepared certificate of each sequence
number above the stable checkpoint (sections 4.3 and 4.4), and the values that were proposed there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sim.consensus.pbft_messages import GENESIS, NULL, CheckpointCertificate, PreparedCertificate
from sim.consensus.quorum import Tally, members

if TYPE_CHECKING:
    from sim.consensus.interface import Resumed, Value


NEVER_STABLE: Final = 1 << 62
"""Where the null value stands: above all checkpoints."""


class Slot:
    """What one view knows about one sequence number: the leader's value, if it came, and the votes, early ones too.

    A digest without a value is what a NEW-VIEW assigned and this replica does not hold.
    """

    __slots__ = ("commits", "committed", "digest", "prepared", "prepares", "value")

    def __init__(self) -> None:
        self.value: Value | None = None
        self.digest: bytes | None = None
        self.prepares = Tally()
        self.commits = Tally()
        self.prepared = False
        self.committed = False


class Log:
    """Slots of ``view`` in (h, h + ``size``] where h is the stable checkpoint.

    A checkpoint can become stable by the word of others before this replica has decided everything below it. The
    slots it still needs stay open until then: throwing them away would force a state transfer at every checkpoint.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.view = 0
        self.slots: dict[int, Slot] = {}
        self.stable: CheckpointCertificate = GENESIS
        self.decided = 0
        self.accepted = 0
        self._prepared: dict[int, tuple[int, bytes, int]] = {}
        self._values: dict[bytes, tuple[int, Value]] = {NULL.digest: (NEVER_STABLE, NULL)}

    @property
    def high(self) -> int:
        """H, the high water mark."""
        return self.stable.sequence + self.size

    @property
    def floor(self) -> int:
        """Nothing at or below this sequence number is of use any more."""
        return min(self.stable.sequence, self.decided)

    def open(self, sequence: int) -> Slot | None:
        """The slot of ``sequence``, made if need be; None outside the water marks."""
        slot = self.slots.get(sequence)
        if slot is None and self.floor < sequence <= self.high:
            slot = self.slots[sequence] = Slot()
        return slot

    def record_prepared(self, sequence: int, digest: bytes, signers: int) -> None:
        """Keep proof (``signers`` as bits) that ``digest`` prepared in this view, in place of any earlier view's."""
        if sequence > self.stable.sequence:
            self._prepared[sequence] = (self.view, digest, signers)

    def prepared_certificates(self) -> tuple[PreparedCertificate, ...]:
        """P of section 4.4: the latest prepared certificate of each sequence number above h, ascending."""
        return tuple(
            PreparedCertificate(view, sequence, digest, members(signers))
            for sequence, (view, digest, signers) in sorted(self._prepared.items())
        )

    def keep_value(self, sequence: int, value: Value) -> None:
        """Hold a value until a checkpoint covers ``sequence``: a later view may propose it again by its digest.

        A value that was proposed in two places is held for the later one; the null value always.
        """
        held = self._values.get(value.digest)
        self._values[value.digest] = (sequence if held is None else max(sequence, held[0]), value)

    def value(self, digest: bytes) -> Value | None:
        """The value under this digest, if it is held."""
        held = self._values.get(digest)
        return None if held is None else held[1]

    def stabilise(self, certificate: CheckpointCertificate) -> None:
        """Advance the water marks to ``certificate`` and collect what they leave behind (section 4.3)."""
        self.stable = certificate
        for sequence in [s for s in self._prepared if s <= certificate.sequence]:
            del self._prepared[sequence]
        for digest in [d for d, (sequence, _) in self._values.items() if sequence <= certificate.sequence]:
            del self._values[digest]
        floor = self.floor
        for sequence in [s for s in self.slots if s <= floor]:
            del self.slots[sequence]

    def restart(self, view: int) -> None:
        """Begin ``view`` with an empty log; prepared certificates stay."""
        self.view = view
        self.slots.clear()
        self.accepted = 0

    def resume(self, event: Resumed, quorum: int) -> bool:
        """Begin a view with the proofs that heights without messages would have left; says whether h moved.

        Signers are the first replicas, whoever they would have been.
        """
        self.restart(event.view)
        moved = event.checkpoint > self.stable.sequence
        if moved:
            signers = tuple(range(quorum))
            self.stabilise(CheckpointCertificate(event.checkpoint, event.checkpoint_digest, signers))
        for sequence, value in enumerate(event.values, start=event.checkpoint + 1):
            self.keep_value(sequence, value)
            self.record_prepared(sequence, value.digest, (1 << quorum) - 1)
        return moved

    def values_above(self, sequence: int) -> tuple[Value, ...]:
        """The values, null ones apart, that hold slots above ``sequence``, ascending."""
        held = sorted((s, slot.value) for s, slot in self.slots.items() if s > sequence and slot.value is not None)
        return tuple(value for _, value in held if value.digest != NULL.digest)

    def committers_above(self, sequence: int) -> int:
        """The replicas, as bits, that sent a commit for a sequence number above ``sequence``."""
        voters = 0
        for s, slot in self.slots.items():
            if s > sequence:
                voters |= slot.commits.voted
        return voters
