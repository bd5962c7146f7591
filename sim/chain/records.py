"""The records themselves: canonical bytes for every record of a chain, made when they are needed.

A deposit puts on the chain who deposited what, when, and the digest of a file that stays off it. Here the file's
digest is drawn; the rest is what the simulation knows. The bytes are JSON with sorted keys and no spaces, so that one
record has exactly one encoding.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from sim.chain.config import Offered
    from sim.kernel.draws import Draws

_DIGEST_WORDS = 4
_DIGEST_BYTES = 32
_HISTORY_SPACING_NS = 1_000_000_000


class Records:
    """Every record of one chain by row: the history of each stream first, then what is offered in time order."""

    def __init__(self, draws: Draws, chain: str, hash_name: str, offered: Offered) -> None:
        past = np.array(offered.history, dtype=np.int64)
        streams = len(offered.streams)
        self.history = int(past.sum())
        self._stream = np.concatenate([np.repeat(np.arange(streams), past), offered.stream]).astype(np.int16)
        past_numbers = [np.arange(count) for count in offered.history]
        self._number = np.concatenate([*past_numbers, offered.number]).astype(np.int64)
        past_ns = [(np.arange(count) - count) * _HISTORY_SPACING_NS for count in offered.history]
        self._generated_ns = np.concatenate([*past_ns, offered.intended_ns]).astype(np.int64)
        self._prefix = [f'{{"chain":"{chain}","file":{{"alg":"{hash_name}","digest":"' for _ in offered.streams]
        self._suffix = [f',"stream":"{stream}"}}' for stream in offered.streams]
        self._digests = [
            _file_digests(draws, chain, stream, int((self._stream == code).sum()))
            for code, stream in enumerate(offered.streams)
        ]
        self._sent_ns = [self._generated_ns[self._stream == code] for code in range(streams)]
        self._rows = [np.flatnonzero(self._stream == code) for code in range(streams)]

    def __len__(self) -> int:
        return len(self._stream)

    def content(self, row: int) -> bytes:
        """The canonical bytes of the record in this row."""
        return next(self.contents(np.array([row])))

    def contents(self, rows: NDArray[np.int64]) -> Iterator[bytes]:
        """`content` of each of these rows, in order."""
        columns = (self._stream[rows], self._number[rows], self._generated_ns[rows])
        for code, number, generated_ns in zip(*(column.tolist() for column in columns), strict=True):
            digest = self._digests[code][number * _DIGEST_BYTES : (number + 1) * _DIGEST_BYTES].hex()
            yield (
                f'{self._prefix[code]}{digest}"}},"generated_ns":{generated_ns},"number":{number}{self._suffix[code]}'
            ).encode()

    def forget(self) -> None:
        """Let go of the files' digests; no content can be made any more."""
        self._digests = []

    def rows_of(self, code: int) -> NDArray[np.int64]:
        """The rows of a stream, oldest first; a record's number is its position here."""
        return self._rows[code]

    def deposited_by(self, code: int, time_ns: int) -> int:
        """How many records of a stream were sent by this time, history included."""
        return int(np.searchsorted(self._sent_ns[code], time_ns, side="right"))


def _file_digests(draws: Draws, chain: str, stream: str, count: int) -> bytes:
    words = draws.block(chain, stream, "file digests").words(count * _DIGEST_WORDS)
    return words.astype("<u8", copy=False).tobytes()
