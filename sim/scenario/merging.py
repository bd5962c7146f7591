"""One map of keys over another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.scenario.yamltree import Map

if TYPE_CHECKING:
    from sim.scenario.schema import Node


def merged(base: Map, over: Map, node: Node | None) -> Map:
    """Return ``base`` overlaid by ``over``: maps merge by key, all else is replaced, and so is another distribution."""
    both = base.copy()
    both.position = over.position
    for rival in (name for key in over if node is not None for name in node.rivals(key)):
        both.pop(rival, None)
    for key, value in over.items():
        below = node.below(key) if node is not None else None
        old = base.get(key)
        if isinstance(old, Map) and isinstance(value, Map) and not _other_form(old, value, below):
            both.put(key, merged(old, value, below), over.keys_at[key])
        else:
            both.put(key, value, over.keys_at[key])
    return both


def _other_form(old: Map, new: Map, node: Node | None) -> bool:
    return node is not None and node.is_choice and set(old) != set(new)
