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


class MalformedEntry(ProofError):
    """A key or a value of a state is not `bytes`.

    Attributes:
        name: the argument.
        type_name: the type that came instead.
    """

    def __init__(self, name: str, type_name: str) -> None:
        super().__init__(name, type_name)
        self.name = name
        self.type_name = type_name

    def __str__(self) -> str:
        return f"{self.name} must be bytes, not {self.type_name}"


class MalformedStateProof(ProofError):
    """A state proof has a field or a byte that its format does not allow.

    Attributes:
        reason: which one, and what would be right.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return f"malformed state proof: {self.reason}"


class VersionOutOfRange(ProofError):
    """A state has no such version, or no longer.

    Attributes:
        version: the one asked for.
        oldest: the oldest that can be read.
        newest: the newest.
    """

    def __init__(self, version: int, oldest: int, newest: int) -> None:
        super().__init__(version, oldest, newest)
        self.version = version
        self.oldest = oldest
        self.newest = newest

    def __str__(self) -> str:
        return f"versions {self.oldest}..{self.newest} can be read, not {_shown(self.version)}"


class ProofOfAnotherSuite(ProofError):
    """A proof is for a tree under another hash.

    Attributes:
        actual: the suite that the proof names.
        expected: the suite of the caller's tree.
    """

    def __init__(self, actual: str, expected: str) -> None:
        super().__init__(actual, expected)
        self.actual = actual
        self.expected = expected

    def __str__(self) -> str:
        return f"the proof is for a tree under {self.actual}, not {self.expected}"


class ProofOfAnotherKey(ProofError):
    """A state proof ends at a leaf that says nothing of the key asked for.

    Attributes:
        actual: the hash of that leaf's key.
        expected: the hash of the key asked for.
    """

    def __init__(self, actual: bytes, expected: bytes) -> None:
        super().__init__(actual, expected)
        self.actual = actual
        self.expected = expected

    def __str__(self) -> str:
        return f"the proof ends at key hash {self.actual.hex()}, which says nothing of {self.expected.hex()}"


class ProofOfAnotherValue(ProofError):
    """A state proof shows the key with another value than the one claimed.

    Attributes:
        actual: the hash of the value in the proof.
        expected: the hash of the value claimed.
    """

    def __init__(self, actual: bytes, expected: bytes) -> None:
        super().__init__(actual, expected)
        self.actual = actual
        self.expected = expected

    def __str__(self) -> str:
        return f"the proof shows value hash {self.actual.hex()}, claimed is {self.expected.hex()}"


class ProofOfAbsence(ProofError):
    """A value is claimed, and the state proof is one of absence.

    Attributes:
        key_hash: the hash of the key.
    """

    def __init__(self, key_hash: bytes) -> None:
        super().__init__(key_hash)
        self.key_hash = key_hash

    def __str__(self) -> str:
        return f"a value is claimed for key hash {self.key_hash.hex()}, and the proof ends where no key is"


class ProofOfPresence(ProofError):
    """Absence is claimed, and the state proof ends at the key's own leaf.

    Attributes:
        key_hash: the hash of the key.
    """

    def __init__(self, key_hash: bytes) -> None:
        super().__init__(key_hash)
        self.key_hash = key_hash

    def __str__(self) -> str:
        return f"key hash {self.key_hash.hex()} is claimed to be absent, and the proof ends at its leaf"


class StoreError(ProofError):
    """A store of tiles on disk can't be read, written or trusted.

    Attributes:
        path: the file or directory.
        reason: what is wrong with it.
    """

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


class BelowMinimumIndex(ProofError):
    """A pruned store is asked for what its removed tiles held.

    Attributes:
        name: the argument.
        value: its value.
        minimum_index: the smallest index or size that the store still answers for.
    """

    def __init__(self, name: str, value: int, minimum_index: int) -> None:
        super().__init__(name, value, minimum_index)
        self.name = name
        self.value = value
        self.minimum_index = minimum_index

    def __str__(self) -> str:
        return f"{self.name} {self.value} lies below {self.minimum_index}, up to where the store was pruned"


class MalformedArray(ProofError):
    """An array has not the shape or the type of elements that it should.

    Attributes:
        name: the argument.
        wanted: the shape and type that it should have.
        found: the ones it has, or the name of another type of object.
    """

    def __init__(self, name: str, wanted: str, found: str) -> None:
        super().__init__(name, wanted, found)
        self.name = name
        self.wanted = wanted
        self.found = found

    def __str__(self) -> str:
        return f"{self.name} must be an array {self.wanted}, not {self.found}"


class MalformedRange(ProofError):
    """A compact range cannot be read, or what should follow it does not.

    Attributes:
        reason: what is wrong, and what would be right.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return f"malformed compact range: {self.reason}"


class MalformedIndices(ProofError):
    """The leaves of a multi-proof are not a strictly rising list of indices with one hash each.

    Attributes:
        reason: what is wrong, and what would be right.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return f"malformed indices: {self.reason}"
