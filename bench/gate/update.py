"""Writing down what is true now, with old and new side by side: for a change that is meant to make a difference."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.gate import check, machine, worker
from bench.gate.bands import MEASUREMENTS, SLOWDOWN, Band, alarms, flat, surely_caught, usually_caught
from bench.gate.counts import PATH, Counts, libraries
from bench.gate.findings import Verdict
from bench.gate.probes import probes
from bench.gate.record import record
from bench.gate.recordings import every

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from bench.gate.bands import Ratios
    from bench.gate.recordings import Recordings


def opcodes(names: Sequence[str], path: Path = PATH) -> None:
    """Count these courses anew and write their counts, and no others."""
    old = Counts.committed(path)
    new = Counts(machine.python(), libraries(), {})
    print(f"{'course':14} {'unit':12} {'old':>12} {'new':>12} {'change':>9}   (opcodes of this package per unit)")
    for result in worker.opcodes(names):
        name = result.pop("course")
        new.courses[name] = result
        before = old.courses.get(name) if old else None
        for unit, number in result["units"].items():
            now = result["own"] / number
            if before and before["units"].get(unit):
                then = before["own"] / before["units"][unit]
                print(f"{name:14} {unit:12} {then:12,.1f} {now:12,.1f} {now / then - 1:+9.2%}")
            else:
                print(f"{name:14} {unit:12} {'-':>12} {now:12,.1f} {'new':>9}")
    new.write(path)


def ratios(recordings: Recordings, names: Sequence[str]) -> None:
    """Record anew whatever has left its band or was never recorded, if this kind of machine has recordings at all."""
    if not recordings.entries:
        print(check.unrecorded(recordings))
        return
    stale = [found.name for found in check.ratios(names, recordings) if found.verdict is not Verdict.FINE]
    if stale:
        again(recordings, stale)
    else:
        print("all ratios lie in their bands: nothing to record")


def again(recordings: Recordings, names: Sequence[str], measurements: int = MEASUREMENTS) -> None:
    """Record these probes, show old and new bands; forget them for other kinds of machine, and probes that are gone."""
    old = {name: recordings.ratios(name) for name in names}
    for name in recordings.entries.keys() - probes().keys():
        del recordings.entries[name]
    record(recordings, names, measurements)
    print(f"{'probe':18} {'old band':>21} {'new band':>21} {_CAUGHT}")
    for name in names:
        ratios, before = recordings.ratios(name), old[name]
        if ratios is None:
            raise KeyError(name)
        print(f"{name:18} {_band(flat(before or {})):>21} {_band(flat(ratios)):>21} {_caught(ratios)}")
        if surely_caught(ratios) >= SLOWDOWN:
            print(f"{name}: a slowdown of {SLOWDOWN - 1:.0%} may hide in this band; shorten its turns")
        if before is not None:
            _forget(recordings, name)


_CAUGHT = f"{'caught':>7} {'surely':>7}   (slowdowns that leave the band)"


def _caught(ratios: Mapping[str, Ratios]) -> str:
    return f"{usually_caught(ratios) - 1:7.0%} {surely_caught(ratios) - 1:7.0%}"


def _band(ratios: Sequence[float]) -> str:
    if not ratios:
        return "-"
    band = Band.around(ratios)
    return f"{band.low:.4g} to {band.high:.4g}"


def _forget(recordings: Recordings, name: str) -> None:
    """What other kinds of machine recorded is of code that is gone."""
    for other in every(recordings.path.parent):
        if other.kind != recordings.kind and name in other.entries:
            del other.entries[name]
            other.write()
            print(f"{name}: what was recorded on {machine.told(other.kind)} is out of date and was removed")


def show(recordings: Recordings) -> None:
    """Bands, and how often they are left without cause."""
    recorded = {name: ratios for name in recordings.entries if (ratios := recordings.ratios(name)) is not None}
    if not recorded:
        return
    print(f"{'probe':18} {'band':>21} {'recorded':>8} {_CAUGHT}")
    for name, ratios in recorded.items():
        print(f"{name:18} {_band(flat(ratios)):>21} {len(flat(ratios)):8} {_caught(ratios)}")
    judged = alarms(recorded)
    print(
        f"{judged.runs} recorded runs, each judged by bands made without it: {judged.first} left a band at first,"
        f" {judged.failed} every time; false alarms below {judged.bound:.2%} of runs (95 %)"
    )
