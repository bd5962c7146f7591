"""What became of the cases of a run, as `casework` and `docket` of `summary.json`."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Protocol

from sim.casework.outcome import summarise
from sim.casework.presumption import recount
from sim.kernel.civil import DAY_NS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sim.casework.docket import Docket
    from sim.casework.program import Civil
    from sim.casework.running import Pass
    from sim.study.docket import Moved


class Stepped(Protocol):
    """Cases that were stepped through, once and again."""

    @property
    def docket(self) -> Docket:
        """Of the cases."""

    @property
    def passed(self) -> Pass:
        """The last pass."""

    @property
    def moved(self) -> Moved:
        """How far that is from the one whose requests chains saw."""

    @property
    def chain_runs(self) -> int:
        """How often chains ran for them."""

    @property
    def platform(self) -> Mapping[str, Any]:
        """What became of requests to the verification platform."""


def summarise_cases(settled: Stepped, horizon_ns: int) -> dict[str, Any]:
    """What became of each workflow's cases."""
    country = settled.docket.country
    return summarise(country.program, country.names, settled.passed, horizon_ns)


def summarise_docket(settled: Stepped) -> dict[str, Any]:
    """What holds of all cases together: how many, how often chains ran for them, contracts, desks."""
    passed, terms = settled.passed, settled.docket.country.terms
    civil = settled.docket.country.civil
    office_ns = _office_ns(civil, terms.horizon_ns) - _office_ns(civil, 0)
    return {
        "cases": passed.count,
        "open_at_start": settled.docket.past.count,
        "steps": len(passed.fired.way),
        "hash": _hash(settled),
        "bucket_s": terms.width_ns / 1e9,
        "chain_runs": settled.chain_runs,
        "displaced_s": settled.moved.summary,
        "contract_calls": passed.calls,
        "signals_lost": passed.signals_lost,
        "contracts": {name: contract.summary() for name, contract in sorted(passed.contracts.items())},
        "desks": passed.desks.summary(office_ns),
        "checks": recount(settled.docket.country.program, passed),
        "platform": settled.platform,
    }


def _office_ns(civil: Civil, time_ns: int) -> int:
    """Office time from the first day of the calendar to a time."""
    day = (time_ns - civil.midnight_ns) // DAY_NS
    since_ns = time_ns - civil.midnight_ns - day * DAY_NS - civil.open_ns
    today_ns = min(max(since_ns, 0), civil.close_ns - civil.open_ns) if civil.working[day] else 0
    return int(civil.office_before_ns[day]) + today_ns


def _hash(settled: Stepped) -> str:
    """Over every step of every case, in the order of time."""
    fired = settled.passed.fired
    digest = hashlib.sha256()
    for column in (fired.uid, fired.way, fired.time_ns):
        digest.update(column.astype("<i8" if column.dtype.kind == "i" else "<u8").tobytes())
    return digest.hexdigest()
