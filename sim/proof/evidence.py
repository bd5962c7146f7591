"""What travels to a light client: a final block with its validators, and the evidence of a fork, two of them.

An update's bytes: the validator set after its length (4 bytes, at most 512 KiB), then the final block
(`sim.proof.finality`). Evidence is the magic ``JAFE`` (judicial alliance fork evidence), the version 1 (1 byte), and
two updates.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sim.proof import wire
from sim.proof.chain_errors import MalformedBundle, NoFork
from sim.proof.finality import FinalBlock, read_final_block, read_header
from sim.proof.validators import ValidatorSet

if TYPE_CHECKING:
    from sim.proof.header import BlockHeader

LONGEST_VALIDATORS_BYTES = 512 * 1024
_MAGIC = b"JAFE"
_VERSION = 1

_check = wire.Checks(MalformedBundle)


@dataclass(frozen=True, slots=True)
class Update:
    """A block said to be final, and the validators that its header names."""

    block: FinalBlock
    validators: ValidatorSet

    def __post_init__(self) -> None:
        _check.kind("block", self.block, FinalBlock)
        _check.kind("validators", self.validators, ValidatorSet)

    @property
    def header(self) -> BlockHeader:
        """The header of the block."""
        return self.block.header

    def to_bytes(self) -> bytes:
        """The update's only encoding, laid out at the top of this module."""
        return wire.sized(self.validators.to_bytes(), 4) + self.block.to_bytes()

    @classmethod
    def from_bytes(cls, data: bytes) -> Update:
        """The update that these bytes, and no others, encode.

        Raises:
            ProofError: they are not what `to_bytes` of any update gives.
        """
        reader = wire.Reader(data, MalformedBundle)
        update = read_update(reader)
        reader.end()
        return update


def read_update(reader: wire.Reader) -> Update:
    """The update at the front of what is left to read.

    Raises:
        ProofError: there is none.
    """
    validators = ValidatorSet.from_bytes(reader.sized("validator set", 4, LONGEST_VALIDATORS_BYTES))
    return Update(read_final_block(reader), validators)


def header_in(data: bytes) -> BlockHeader:
    """The header in an update's bytes; nothing else of them is read.

    Raises:
        ProofError: there is none where it should be.
    """
    reader = wire.Reader(data, MalformedBundle)
    reader.sized("validator set", 4, LONGEST_VALIDATORS_BYTES)
    return read_header(reader)


@dataclass(frozen=True, slots=True)
class ForkEvidence:
    """Two different blocks of one chain at one height, each said to be final.

    Whether they are is checked by `sim.proof.lightclient.LightClient.report`, by whoever receives the evidence.

    Raises:
        NoFork: they are of two chains or heights, or the same block.
    """

    first: Update
    second: Update

    def __post_init__(self) -> None:
        _check.kind("first", self.first, Update)
        _check.kind("second", self.second, Update)
        one, other = self.first.header, self.second.header
        if one.chain != other.chain:
            raise NoFork("the blocks are of two chains")
        if one.height != other.height:
            raise NoFork(f"the blocks stand at heights {one.height} and {other.height}")
        if one == other:
            raise NoFork("both blocks are the same")

    @property
    def height(self) -> int:
        """Where the chain forks."""
        return self.first.header.height

    def to_bytes(self) -> bytes:
        """The evidence's only encoding, laid out at the top of this module."""
        return b"".join((_MAGIC, wire.number(_VERSION, 1), self.first.to_bytes(), self.second.to_bytes()))

    @classmethod
    def from_bytes(cls, data: bytes) -> ForkEvidence:
        """The evidence that these bytes, and no others, encode.

        Raises:
            ProofError: they are not what `to_bytes` of any evidence gives.
        """
        reader = wire.Reader(data, MalformedBundle)
        reader.start(_MAGIC, _VERSION)
        first, second = read_update(reader), read_update(reader)
        reader.end()
        return cls(first, second)
