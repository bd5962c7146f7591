"""What a verifier can hold against its input: one exception per kind of wrong, each carrying the facts.

Every class derives from `ProofError`, so a caller that only wants yes or no catches that one. The attributes are
plain values (numbers, bytes, names), so an error survives pickling between processes and can be kept as evidence.
Values come from untrusted input: a message never prints more than a short form of them.
"""

# A class here names what is wrong and reads well after `raise` and `except`; the base says that it is an error.

from __future__ import annotations

_PRINTABLE_BITS = 64


def _shown(number: int) -> str:
    """A number in a message: a hostile one may have more digits than Python agrees to print."""
    bits = number.bit_length()
    return str(number) if bits <= _PRINTABLE_BITS else f"a {bits}-bit number"


class ProofError(Exception):
    """Something offered as proof, or asked of a log, was refused; the subclass says why."""


class MalformedNumber(ProofError):
    """A size or an index is not an `int` (a `bool` is not one either).

    Attributes:
        name: the argument.
        type_name: the type that came instead.
    """

    def __init__(self, name: str, type_name: str) -> None:
        super().__init__(name, type_name)
        self.name = name
        self.type_name = type_name

    def __str__(self) -> str:
        return f"{self.name} must be an int, not {self.type_name}"


class MalformedHash(ProofError):
    """A hash is not a `bytes` object of the suite's digest size.

    Attributes:
        name: the argument, with its position where it stands in a list.
        found: its length when it is `bytes`, the name of its type otherwise.
    """

    def __init__(self, name: str, found: int | str) -> None:
        super().__init__(name, found)
        self.name = name
        self.found = found

    def __str__(self) -> str:
        found = f"{self.found} bytes long" if isinstance(self.found, int) else f"of type {self.found}"
        return f"{self.name} is not a hash: it is {found}"


class MalformedProof(ProofError):
    """A proof is not a list or tuple of hashes.

    Attributes:
        type_name: the type that came instead.
    """

    def __init__(self, type_name: str) -> None:
        super().__init__(type_name)
        self.type_name = type_name

    def __str__(self) -> str:
        return f"proof must be a list or tuple of hashes, not {self.type_name}"


class MalformedHeader(ProofError):
    """A block header has a field or a byte that its format does not allow.

    Attributes:
        reason: which one, and what would be right.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return f"malformed block header: {self.reason}"


class UnknownSuite(ProofError):
    """No hash suite has this name.

    Attributes:
        name: the name asked for.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name

    def __str__(self) -> str:
        return f"unknown hash suite {self.name!r:.64}"


class SizeOutOfRange(ProofError):
    """A tree size lies outside what is possible here.

    Attributes:
        name: the argument.
        size: its value.
        smallest: the smallest size allowed.
        largest: the largest size allowed.
    """

    def __init__(self, name: str, size: int, smallest: int, largest: int) -> None:
        super().__init__(name, size, smallest, largest)
        self.name = name
        self.size = size
        self.smallest = smallest
        self.largest = largest

    def __str__(self) -> str:
        return f"{self.name} must lie in {self.smallest}..{self.largest}, not be {_shown(self.size)}"


class IndexOutOfRange(ProofError):
    """A leaf index lies outside the tree.

    Attributes:
        index: its value.
        size: the number of leaves of the tree.
    """

    def __init__(self, index: int, size: int) -> None:
        super().__init__(index, size)
        self.index = index
        self.size = size

    def __str__(self) -> str:
        return f"no leaf {_shown(self.index)} in a tree of {self.size} leaves"


class WrongProofLength(ProofError):
    """A proof has more or fewer hashes than its sizes and index ask for.

    Attributes:
        expected: the number of hashes asked for.
        actual: the number of hashes found.
    """

    def __init__(self, expected: int, actual: int) -> None:
        super().__init__(expected, actual)
        self.expected = expected
        self.actual = actual

    def __str__(self) -> str:
        return f"a proof here has exactly {self.expected} hashes, this one has {self.actual}"


class RootMismatch(ProofError):
    """A well-formed proof leads to another root than the one it should.

    Attributes:
        name: the root: ``root``, ``old_root`` or ``new_root``.
        computed: the root that the proof leads to.
        expected: the root that the caller holds.
    """

    def __init__(self, name: str, computed: bytes, expected: bytes) -> None:
        super().__init__(name, computed, expected)
        self.name = name
        self.computed = computed
        self.expected = expected

    def __str__(self) -> str:
        return f"the proof leads to {self.name} {self.computed.hex()}, expected {self.expected.hex()}"
