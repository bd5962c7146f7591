"""mrkle: a tree in Rust, without prefixes. Its proofs can't be used: version 0.0.1rc0 panics when it verifies them."""

from __future__ import annotations

from mrkle.tree import MrkleTree

from bench.peers import trees


class Log(trees.Log):
    """`mrkle.tree.MrkleTree`."""

    prefixed = False

    def __init__(self, records: list[str]) -> None:
        self._tree = MrkleTree.from_leaves(records, name="sha256")
        self.root = self._tree.try_root()
