"""Block headers: what a block commits to, and the one byte string that stands for it.

The bytes of version 2, integers big endian and unsigned:

| offset | bytes | field |
|---|---|---|
| 0 | 4 | the magic ``JABH`` (judicial alliance block header) |
| 4 | 1 | the version, 2 |
| 5 | 1 | c, the length of the chain id in bytes, 1..255 |
| 6 | c | `chain`, UTF-8 |
| 6 + c | 8 | `height`, below 2^63 |
| 14 + c | 32 | `parent` |
| 46 + c | 32 | `payload_root` |
| 78 + c | 8 | `log_size`, below 2^63 |
| 86 + c | 32 | `log_root` |
| 118 + c | 32 | `state_root` |
| 150 + c | 32 | `validators_hash` |
| 182 + c | 8 | `time_ns`, below 2^63 |

Every field has one encoding and every length is known before its field, so two headers have the same bytes only
if they are equal. The first byte is neither 0x00 nor 0x01: a header's digest is never that of a leaf or a node.

Log and state belong to different heights. The log root covers the block's own records, because hashing them needs no
execution. The state root is that of the state at the end of the *parent* block, so that validators can vote on a header
before they have executed its block; what a block changes is proved by the header after it. The height is therefore a
rule (`BlockHeader.state_height`) and not a field, which could contradict it.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sim.proof.errors import MalformedHeader
from sim.proof.suites import DIGEST_SIZE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sim.proof.suites import HashSuite

_MAGIC = b"JABH"
_VERSION = 2
_PREFIX = struct.Struct(">4sBB")
_FIELDS = struct.Struct(">Q32s32sQ32s32s32sQ")
_LARGEST_NUMBER = 2**63 - 1
_LONGEST_CHAIN_ID = 255


@dataclass(frozen=True, slots=True)
class BlockHeader:
    """The header of one block; its digest names the block.

    A header that exists is well-formed: the fields are checked on construction.

    Attributes:
        chain: the id of the chain, 1..255 bytes of UTF-8.
        height: the block's position on its chain, below 2^63.
        parent: the digest of the header before it, 32 bytes.
        payload_root: the Merkle root of the block's own records, 32 bytes.
        log_size: the number of records on the chain up to and with this block, below 2^63.
        log_root: the Merkle root of all of them, 32 bytes.
        state_root: the root of the keyed state at the end of block `state_height`, 32 bytes.
        validators_hash: the hash of the set of validators whose votes make this block final, 32 bytes.
        time_ns: when the block was proposed, in nanoseconds from the chain's epoch, below 2^63.

    Raises:
        MalformedHeader: a field has the wrong type, length or range.
    """

    chain: str
    height: int
    parent: bytes
    payload_root: bytes
    log_size: int
    log_root: bytes
    state_root: bytes
    validators_hash: bytes
    time_ns: int

    def __post_init__(self) -> None:
        if not 1 <= len(_encoded_chain(self.chain)) <= _LONGEST_CHAIN_ID:
            raise MalformedHeader(f"chain must have 1..{_LONGEST_CHAIN_ID} bytes of UTF-8")
        for name in ("height", "log_size", "time_ns"):
            _check_number(name, getattr(self, name))
        for name in ("parent", "payload_root", "log_root", "state_root", "validators_hash"):
            _check_hash(name, getattr(self, name))

    @property
    def state_height(self) -> int:
        """The block at whose end `state_root` holds: the parent; for block 0, which has none, itself."""
        return max(self.height - 1, 0)

    def to_bytes(self) -> bytes:
        """The header's only encoding, laid out at the top of this module: 190 bytes and the chain id."""
        chain = _encoded_chain(self.chain)
        fields = _FIELDS.pack(
            self.height,
            self.parent,
            self.payload_root,
            self.log_size,
            self.log_root,
            self.state_root,
            self.validators_hash,
            self.time_ns,
        )
        return _PREFIX.pack(_MAGIC, _VERSION, len(chain)) + chain + fields

    @classmethod
    def from_bytes(cls, data: bytes) -> BlockHeader:
        """The header that these bytes, and no others, encode.

        Raises:
            MalformedHeader: they are not what `to_bytes` of any header gives.
        """
        chain_size = _checked_prefix(data)
        expected = _PREFIX.size + chain_size + _FIELDS.size
        if len(data) != expected:
            raise MalformedHeader(f"{expected} bytes announced, {len(data)} found")
        chain_end = _PREFIX.size + chain_size
        try:
            chain = data[_PREFIX.size : chain_end].decode("utf-8")
        except UnicodeDecodeError:
            raise MalformedHeader("chain is not UTF-8") from None
        return cls(chain, *_FIELDS.unpack_from(data, chain_end))

    def digest(self, suite: HashSuite) -> bytes:
        """The 32-byte hash of the header's bytes: what the next block's `parent` holds and validators vote on."""
        return suite.digest(self.to_bytes())


def digests_of_run(
    suite: HashSuite,
    last: BlockHeader,
    payload_roots: Sequence[bytes],
    log_sizes: Sequence[int],
    log_roots: Sequence[bytes],
    times_ns: Sequence[int],
) -> list[bytes]:
    """The digests of headers that follow one another after ``last``, without making a header of each.

    Validators and state stay those of ``last``; everything else differs from header to header and has as many entries
    as there are headers.

    Raises:
        MalformedHeader: a field of one of them would be malformed.
        ValueError: the sequences have different lengths.
    """
    head = last.to_bytes()[: -_FIELDS.size]
    parent, digests = last.digest(suite), []
    columns = zip(payload_roots, log_sizes, log_roots, times_ns, strict=True)
    for height, (payload_root, log_size, log_root, time_ns) in enumerate(columns, start=last.height + 1):
        fits = len(payload_root) == len(log_root) == DIGEST_SIZE and height <= _LARGEST_NUMBER
        if not (fits and 0 <= log_size <= _LARGEST_NUMBER and 0 <= time_ns <= _LARGEST_NUMBER):
            # Says what is wrong.
            replace(
                last,
                height=height,
                payload_root=payload_root,
                log_size=log_size,
                log_root=log_root,
                time_ns=time_ns,
            )
        fields = (height, parent, payload_root, log_size, log_root, last.state_root, last.validators_hash, time_ns)
        parent = suite.digest(head + _FIELDS.pack(*fields))
        digests.append(parent)
    return digests


def _checked_prefix(data: object) -> int:
    """The length of the chain id that follows the prefix."""
    if type(data) is not bytes:
        raise MalformedHeader(f"bytes expected, not {type(data).__name__}")
    if len(data) < _PREFIX.size:
        raise MalformedHeader(f"{len(data)} bytes are too few")
    magic, version, chain_size = _PREFIX.unpack_from(data)
    if magic != _MAGIC:
        raise MalformedHeader(f"it starts with {magic!r}, not {_MAGIC!r}")
    if version != _VERSION:
        raise MalformedHeader(f"version {version} is unknown, only {_VERSION} is")
    return int(chain_size)


def _encoded_chain(chain: object) -> bytes:
    if type(chain) is not str:
        raise MalformedHeader(f"chain must be a str, not {type(chain).__name__}")
    try:
        return chain.encode("utf-8")
    except UnicodeEncodeError:
        raise MalformedHeader("chain holds a lone surrogate, which UTF-8 cannot say") from None


def _check_number(name: str, value: object) -> None:
    if type(value) is not int:
        raise MalformedHeader(f"{name} must be an int, not {type(value).__name__}")
    if not 0 <= value <= _LARGEST_NUMBER:
        raise MalformedHeader(f"{name} must lie in 0..2^63-1")


def _check_hash(name: str, value: object) -> None:
    if type(value) is not bytes:
        raise MalformedHeader(f"{name} must be bytes, not {type(value).__name__}")
    if len(value) != DIGEST_SIZE:
        raise MalformedHeader(f"{name} must have {DIGEST_SIZE} bytes, not {len(value)}")
