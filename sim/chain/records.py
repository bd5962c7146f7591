"""The records themselves: canonical bytes for every record of a chain, made when they are needed.

A deposit puts on the chain who deposited what, when, and the digest of a file that stays off it. Here the file's
digest is drawn; the rest is what the simulation knows. The bytes are JSON with sorted keys and no spaces, so that one
record has exactly one encoding.

Nothing of it is kept, for a chain has millions of records: a file's digest has an address among the draws, and is drawn
again where it is looked at again. A call of a contract is a record too, whose bytes are those of the call; these are
kept, for they come from outside.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from sim.chain.config import Offered
    from sim.kernel.draws import Draws

    Cells = NDArray[np.int64]
    Text = NDArray[np.uint8]

_DIGEST_WORDS = 4
_DIGEST_BYTES = 32
_HISTORY_SPACING_NS = 1_000_000_000
_FAR_APART = 1024
"""Digests that may be drawn in vain between two that are asked for."""
_POWERS = 10 ** np.arange(1, 19)
_MOST_DIGITS = 20


class Records:
    """Every record of one chain by row: the history of each stream first, then what is offered, in its order."""

    def __init__(self, draws: Draws, chain: str, hash_name: str, offered: Offered) -> None:
        self._ends = list(accumulate(offered.history))
        self.history = sum(offered.history)
        self._offered = offered
        self._prefix = f'{{"chain":"{chain}","file":{{"alg":"{hash_name}","digest":"'
        self._suffixes = [f',"stream":"{stream}"}}' for stream in offered.streams]
        self._lengths = np.array([len(suffix.encode()) for suffix in self._suffixes], dtype=np.int64)
        self._endings = np.zeros((len(self._suffixes), int(self._lengths.max(initial=0))), np.uint8)
        for ending, suffix in zip(self._endings, self._suffixes, strict=True):
            ending[: len(suffix.encode())] = np.frombuffer(suffix.encode(), np.uint8)
        self._files = [_Files(draws, chain, stream) for stream in offered.streams]
        self._rows: dict[int, Cells] = {}
        self.calls: dict[int, bytes] = {}

    def __len__(self) -> int:
        return self.history + len(self._offered)

    def append(self, code: int) -> None:
        """Clients of a closed loop have decided to send more records of this stream."""
        self._rows.pop(code, None)

    def content(self, row: int) -> bytes:
        """The canonical bytes of the record in this row."""
        offered, place = self._offered, row - self.history
        if place in self.calls:
            return self.calls[place]
        if place >= 0:
            code, number = int(offered.stream[place]), int(offered.number[place])
            generated_ns = int(offered.intended_ns[place])
        else:
            code = bisect_right(self._ends, row)
            number = row - self._ends[code] + offered.history[code]
            generated_ns = (row - self._ends[code]) * _HISTORY_SPACING_NS
        return self._written(code, number, generated_ns, self._files[code].digest(number))

    def contents(self, rows: Cells) -> Iterator[bytes]:
        """`content` of each of these rows, in order."""
        if self.calls:
            yield from map(self.content, rows.tolist())
            return
        columns = self._said(rows)
        digests = self._digests(*columns[:2])
        cells = (column.tolist() for column in columns)
        for digest, code, number, generated_ns in zip(digests, *cells, strict=True):
            yield self._written(code, number, generated_ns, digest.tobytes())

    def _written(self, code: int, number: int, generated_ns: int, digest: bytes) -> bytes:
        said = f'{digest.hex()}"}},"generated_ns":{generated_ns},"number":{number}'
        return f"{self._prefix}{said}{self._suffixes[code]}".encode()

    def alike(self, rows: Cells) -> Iterator[tuple[Cells, Text]]:
        """`content` of each of these rows, those together that have the same letters in the same places.

        Yields:
            Places in ``rows``, and the bytes of the records there, one in each row of an array.
        """
        codes, numbers, generated_ns = self._said(rows)
        digests = self._digests(codes, numbers)
        # Not by streams, of which a chain may have a hundred: their names are of few lengths.
        lengths = self._lengths[codes]
        shapes = (lengths * 2 * _MOST_DIGITS + _shape(numbers)) * 2 * _MOST_DIGITS + _shape(generated_ns)
        if not len(rows):
            return
        letters = _decimal(numbers), _decimal(generated_ns)
        for shape in np.flatnonzero(np.bincount(shapes)):
            here = np.flatnonzero(shapes == shape)
            files = digests[here].tobytes().hex().encode()
            yield (
                here,
                _side_by_side(
                    len(here),
                    self._prefix,
                    np.frombuffer(files, np.uint8).reshape(len(here), -1),
                    '"},"generated_ns":',
                    *_of_shape(letters[1][here], generated_ns[here]),
                    ',"number":',
                    *_of_shape(letters[0][here], numbers[here]),
                    self._endings[codes[here], : int(lengths[here[0]])],
                ),
            )

    def _said(self, rows: Cells) -> tuple[Cells, Cells, Cells]:
        """The stream's code, the number within it, and the time of each of these rows."""
        codes, numbers, generated_ns = np.empty((3, len(rows)), dtype=np.int64)
        offered, is_new = self._offered, rows >= self.history
        new = rows[is_new] - self.history
        codes[is_new], numbers[is_new], generated_ns[is_new] = (
            column[new] for column in (offered.stream, offered.number, offered.intended_ns)
        )
        old, past, ends = rows[~is_new], np.array(offered.history), np.array(self._ends)
        code = np.searchsorted(ends, old, side="right")
        codes[~is_new] = code
        numbers[~is_new] = old - (ends - past)[code]
        generated_ns[~is_new] = (old - ends[code]) * _HISTORY_SPACING_NS
        return codes, numbers, generated_ns

    def _digests(self, codes: Cells, numbers: Cells) -> Text:
        """The digest of each record's file, shape (records, 32)."""
        digests = np.empty((len(codes), _DIGEST_BYTES), np.uint8)
        for code in np.flatnonzero(np.bincount(codes)):
            mine = codes == code
            digests[mine] = self._files[code].digests(numbers[mine])
        return digests

    def forget(self) -> None:
        """Let go of what was worked out to find records by their numbers."""
        self._rows.clear()

    def rows_of(self, code: int) -> Cells:
        """The rows of a stream, oldest first; a record's number is its position here."""
        if code not in self._rows:
            end = self._ends[code]
            new = self.history + np.flatnonzero(self._offered.stream == code)
            self._rows[code] = np.concatenate([np.arange(end - self._offered.history[code], end), new])
        return self._rows[code]

    def deposited_by(self, code: int, time_ns: int) -> Sequence[int] | NDArray[np.integer[Any]]:
        """The numbers of a stream's records that were sent by this time, history included, ascending."""
        offered, past = self._offered, self._offered.history[code]
        if time_ns < 0:
            return range(max(0, past + 1 + time_ns // _HISTORY_SPACING_NS))
        rows = self.rows_of(code)
        if code in offered.closed:
            new = rows[past:] - self.history
            return np.concatenate([np.arange(past), offered.number[new[offered.submitted_ns[new] <= time_ns]]])
        sent = int(np.searchsorted(offered.intended_ns[: offered.known], time_ns, side="right"))
        return range(int(np.searchsorted(rows, self.history + sent, side="left")))


class _Files:
    """The digests of the files of a stream's records: four words of the stream's draws each, by number."""

    def __init__(self, draws: Draws, chain: str, stream: str) -> None:
        self._block = draws.block(chain, stream, "file digests")
        self._next = 0

    def digest(self, number: int) -> bytes:
        """That of the record with this number."""
        return self._drawn(number, 1).tobytes()

    def digests(self, numbers: Cells) -> Text:
        """Those of the records with these numbers, at least one, shape (records, 32)."""
        first, last = int(numbers.min()), int(numbers.max())
        if last - first > 2 * len(numbers) + _FAR_APART:
            digests = np.empty((len(numbers), _DIGEST_BYTES), np.uint8)
            low = numbers <= (first + last) // 2
            digests[low], digests[~low] = self.digests(numbers[low]), self.digests(numbers[~low])
            return digests
        return self._drawn(first, last + 1 - first).view(np.uint8).reshape(-1, _DIGEST_BYTES)[numbers - first]

    def _drawn(self, first: int, count: int) -> NDArray[np.uint64]:
        """The words of so many digests from a number on."""
        self._block.skip((first - self._next) * _DIGEST_WORDS)
        self._next = first + count
        return self._block.words(count * _DIGEST_WORDS).astype("<u8", copy=False)


def _digits(values: Cells) -> Cells:
    digits: Cells = 1 + np.searchsorted(_POWERS, np.abs(values), side="right")
    return digits


def _shape(values: Cells) -> Cells:
    """Equal for numbers that are written with digits in the same places."""
    return _digits(values) + _MOST_DIGITS * (values < 0)


def _decimal(values: Cells) -> Text:
    """The digits of numbers, one in each row, without their signs and with zeros in front of shorter ones."""
    width = int(_digits(values).max())
    letters = np.empty((width, len(values)), np.uint8)
    left = np.abs(values)
    for place in reversed(range(width)):
        rest = left // 10
        letters[place] = left - 10 * rest
        left = rest
    letters += ord("0")
    return letters.T


def _of_shape(digits: Text, values: Cells) -> tuple[str, Text]:
    """Numbers of one shape in decimal: their sign, and as many of their last digits as they have."""
    return "-" if values[0] < 0 else "", digits[:, digits.shape[1] - int(_digits(values[:1])[0]) :]


def _side_by_side(count: int, *parts: str | Text) -> Text:
    """Texts that are the same in all of so many rows, and others, one after the other."""
    columns = [np.frombuffer(part.encode(), np.uint8)[None] if isinstance(part, str) else part for part in parts]
    ends = np.cumsum([column.shape[1] for column in columns])
    joined = np.empty((count, int(ends[-1])), np.uint8)
    for column, end in zip(columns, ends, strict=True):
        joined[:, end - column.shape[1] : end] = column
    return joined
