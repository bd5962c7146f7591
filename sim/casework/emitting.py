"""What a pass deposits, sends and asks for: from the ways out that fired to columns of records, packets and checks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from sim.casework.definition import Wait
from sim.casework.emissions import Asked, Deposited, Emissions, Sent
from sim.casework.keys import ACKNOWLEDGED, CHECK, MESSAGE, RECORD, key_of
from sim.casework.presumption import presented
from sim.casework.program import CALLS, CHECKS, RECORDS, SENDS
from sim.kernel.inversion import Law, invert

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from sim.casework.definition import Records
    from sim.casework.log import Fired
    from sim.casework.program import Names, Program
    from sim.casework.running import Pass
    from sim.kernel.counters import Counters

    Cells = NDArray[np.int64]

_COUNTS, _SIZES = 4, 5
"""Purposes of words: whether a fractional count of records is rounded up; a record's size."""
RECORDS_OF_A_KIND = 1 << 10
"""Kinds of records of one step, times records of one kind."""


def emitted(program: Program, names: Names, counters: Counters, passed: Pass) -> Emissions:
    """Everything that a pass asks of the chains."""
    return asked_by(program, names, counters, passed.fired, passed.cases.province)


def asked_by(
    program: Program, names: Names, counters: Counters, fired: Fired, province: NDArray[np.int16]
) -> Emissions:
    """Everything that these ways out, in the order of time, ask of the chains.

    Args:
        program: the workflows.
        names: of what it numbers.
        counters: draws of the cases.
        fired: some of what cases did.
        province: of every case, by its row.
    """
    return Emissions(
        deposits=_deposits(program, names, counters, fired, province),
        packets=_packets(program, names, fired, province),
        checks=_checks(program, names, fired, province),
    )


def waited_for(program: Program, fired: Fired) -> NDArray[np.uint64]:
    """Keys of everything about which a case, or a contract that it called, wants to know what the chains did.

    Args:
        program: the workflows.
        fired: what cases did.
    """
    uid, step, way = fired.uid, fired.step.astype(np.int64), fired.way
    waits = program.waits[way]
    own = key_of(uid, step, program.part[way].astype(np.int64))
    own ^= np.where(waits == Wait.ACKNOWLEDGED, np.uint64(ACKNOWLEDGED), np.uint64(0))
    calling, checking = (np.flatnonzero((program.does[way] & bit) != 0) for bit in (CALLS, CHECKS))
    return np.concatenate(
        [
            own[waits != Wait.NOTHING],
            key_of(uid[calling], step[calling], RECORD),
            key_of(uid[checking], step[checking], CHECK),
        ]
    )


def _deposits(
    program: Program, names: Names, counters: Counters, fired: Fired, province: NDArray[np.int16]
) -> dict[str, Deposited]:
    found: dict[str, list[tuple[str, Mapping[str, NDArray[Any]]]]] = {}
    for way, mine in _by_way(fired, program, RECORDS):
        state, transition = names.transitions[way]
        workflow = names.states[state][0]
        for number, records in enumerate(transition.records):
            at = _repeated(counters, fired, mine, number, records)
            parts = np.arange(len(at)) - np.searchsorted(at, at, side="left") + number * RECORDS_OF_A_KIND
            rows = mine[at]
            uid, step = fired.uid[rows], fired.step[rows].astype(np.int64)
            column = {
                "key": key_of(uid, step, parts + RECORD),
                "time_ns": fired.time_ns[rows],
                "province": province[fired.case[rows]].astype(np.int64),
                "size_bytes": _sizes(counters, uid, step, parts, records),
            }
            found.setdefault(records.chain, []).append((f"{workflow}/{records.kind}", column))
    return {chain: Deposited(**_merged(found[chain])) for chain in sorted(found)}


def _repeated(counters: Counters, fired: Fired, mine: Cells, number: int, records: Records) -> Cells:
    """Places in ``mine``, ascending, each as often as it deposits a record of this kind."""
    whole = int(records.count)
    counts = np.full(len(mine), whole, dtype=np.int64)
    if records.count > whole:
        steps, uid = fired.step[mine].astype(np.int64), fired.uid[mine]
        counts += counters.uniforms(steps, uid, _COUNTS + 16 * (number + 1))[:, 0] < records.count - whole
    return np.repeat(np.arange(len(mine)), counts)


def _sizes(counters: Counters, uid: NDArray[np.uint64], step: Cells, part: Cells, records: Records) -> Cells:
    if records.size is None:
        return np.zeros(len(uid), dtype=np.int64)
    law = getattr(records.size, "law", None)
    if law is None:
        return np.full(len(uid), max(1, round(records.size.mean)), dtype=np.int64)
    words = counters.words(step * RECORDS_OF_A_KIND * 16 + part, uid, _SIZES)[:, 0]
    return np.maximum(np.rint(invert(Law(*law), words)), 1).astype(np.int64)


def _packets(program: Program, names: Names, fired: Fired, province: NDArray[np.int16]) -> dict[tuple[str, str], Sent]:
    found: dict[tuple[str, str], list[tuple[str, Mapping[str, NDArray[Any]]]]] = {}
    for way, mine in _by_way(fired, program, SENDS):
        state, message = names.transitions[way][0], names.transitions[way][1].message
        if message is None:
            continue
        at = np.repeat(np.arange(len(mine)), message.count)
        rows = mine[at]
        column = {
            "key": key_of(fired.uid[rows], fired.step[rows].astype(np.int64), MESSAGE),
            "part": np.tile(np.arange(message.count), len(mine)),
            "time_ns": fired.time_ns[rows],
            "province": province[fired.case[rows]].astype(np.int64),
        }
        pair = (message.source, message.destination)
        found.setdefault(pair, []).append((f"{names.states[state][0]}/{message.name}", column))
    return {pair: Sent(**_merged(found[pair])) for pair in sorted(found)}


def _checks(program: Program, names: Names, fired: Fired, province: NDArray[np.int16]) -> dict[str, Asked]:
    found: dict[str, list[tuple[str, Mapping[str, NDArray[Any]]]]] = {}
    for way, mine in _by_way(fired, program, CHECKS):
        state, check = names.transitions[way][0], names.transitions[way][1].check
        if check is None:
            continue
        column = {
            "key": key_of(fired.uid[mine], fired.step[mine].astype(np.int64), CHECK),
            "time_ns": fired.time_ns[mine],
            "province": province[fired.case[mine]].astype(np.int64),
            "presented": presented(program, fired.way[mine], fired.facts[mine]),
            "public": np.full(len(mine), check.public, dtype=np.bool_),
        }
        of = check.of if "/" in check.of else f"{names.states[state][0]}/{check.of}"
        found.setdefault(check.chain, []).append((of, column))
    asked = {}
    for chain in sorted(found):
        columns = _merged(found[chain])
        columns["of"] = columns.pop("kind")
        asked[chain] = Asked(**columns)
    return asked


def _by_way(fired: Fired, program: Program, bit: int) -> list[tuple[int, Cells]]:
    """Each way out that does such a thing, and where it fired, in the order of time."""
    wanted = np.flatnonzero((program.does[fired.way] & bit) != 0)
    order = wanted[np.argsort(fired.way[wanted], kind="stable")]
    ways, begins = np.unique(fired.way[order], return_index=True)
    return list(zip(ways.tolist(), np.split(order, begins[1:]), strict=True)) if len(ways) else []


def _merged(parts: Sequence[tuple[str, Mapping[str, NDArray[Any]]]]) -> dict[str, Any]:
    """One column of each name in the order of time, ties by key, and which kind each row is."""
    kinds = tuple(sorted({kind for kind, _ in parts}))
    columns = {name: np.concatenate([part[name] for _, part in parts]) for name in parts[0][1]}
    kind = np.concatenate([np.full(len(part["key"]), kinds.index(name), dtype=np.int64) for name, part in parts])
    order = np.lexsort((columns["key"], columns["time_ns"]))
    return {**{name: cells[order] for name, cells in columns.items()}, "kind": kind[order], "kinds": kinds}
