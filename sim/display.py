"""How notebooks show what the package returns: a slot in rooms below, filled by a room above.

Drawing belongs to `sim.report`, which stands above the rooms whose objects are drawn, so these cannot import it. They
say that they are `Shown`; `sim/__init__.py`, which Python runs before any room, says in `DRAWN_BY` who draws them.
"""

from __future__ import annotations

import importlib

DRAWN_BY: dict[str, tuple[str, str]] = {}
"""By class name the module and the function that takes an object and returns HTML; imported at first use."""


class Shown:
    """An object that notebooks show as HTML; its ``repr`` stays one line."""

    __slots__ = ()

    def _repr_html_(self) -> str | None:
        """The object as HTML for Jupyter (IPython's display protocol); None if nobody draws it."""
        drawn_by = DRAWN_BY.get(type(self).__name__)
        if drawn_by is None:
            return None
        module, function = drawn_by
        html: str = getattr(importlib.import_module(module), function)(self)
        return html
