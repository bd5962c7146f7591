"""Made-up histories of benchmarks: entries whose rates a test states."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sim.study.history import Code, Entry, Machine, Rate

if TYPE_CHECKING:
    from collections.abc import Mapping

EPYC = Machine(processor="AMD EPYC", target="znver5", architecture="x86_64", cpus=2, system="Linux")
XEON = Machine(processor="Intel Xeon", target="emeraldrapids", architecture="x86_64", cpus=8, system="Linux")
FIRST = datetime(2026, 11, 1, 12, tzinfo=UTC)


def commit(number: int) -> str:
    """The name of a commit that there is only here."""
    return hashlib.sha1(str(number).encode(), usedforsecurity=False).hexdigest()


def rate(name: str, per_s: float, **keys: object) -> Rate:
    """A benchmark of five rounds, whose median was 5 % slower than the best; ``keys`` replace."""
    return Rate.model_validate(
        {
            "name": name,
            "group": "targeted",
            "unit": "leaves",
            "count": 1000,
            "rate_per_s": per_s,
            "median_per_s": per_s * 0.95,
            "rounds": 5,
            "share": None,
            "limit": None,
            **keys,
        }
    )


def entry(
    number: int,
    rates: Mapping[str, float] | list[Rate],
    machine: Machine = EPYC,
    *,
    dirty: bool = False,
    **keys: object,
) -> Entry:
    """That commit, measured an hour after it was made; one is made every day. ``keys`` replace."""
    committed = FIRST + timedelta(days=number)
    return Entry.model_validate(
        {
            "measured": committed + timedelta(hours=1),
            "selection": "quick",
            "code": Code(commit=commit(number), committed=committed, dirty=dirty),
            "machine": machine,
            "load_before": (0.25, 0.2, 0.1),
            "load_after": (1.5, 1.0, 0.5),
            "python": "3.11.7",
            "packages": {"numpy": "2.4.6"},
            "rates": tuple(rates) if isinstance(rates, list) else tuple(rate(*pair) for pair in rates.items()),
            **keys,
        }
    )
