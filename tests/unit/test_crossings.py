"""Packets of record links: the records that they leave on real chains, and what their senders are told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from scenario_kit import chain, link, network, small
from test_emissions import columns, finished, told

from sim.build import build, measure
from sim.build.estimates import crossing_ns
from sim.build.measured import acknowledged
from sim.casework.definition import Answer
from sim.casework.emissions import Deposited, Emissions, Sent
from sim.crosschain.recorded import NEVER
from sim.kernel.engine import MILLISECOND, SECOND

if TYPE_CHECKING:
    from pathlib import Path

    from sim.scenario import Scenario

COUNT, PARTS = 40, 2
CHAINS = {"a": chain(fidelity="auto"), "b": chain(fidelity="auto")}


def sent(seed: int = 3) -> Sent:
    """Forty messages of two packets each, in three seconds."""
    rows = {name: np.repeat(cells, PARTS) for name, cells in columns(COUNT, 3 * SECOND, seed).items()}
    same = np.zeros(COUNT * PARTS, dtype=np.int64)
    return Sent(**rows, part=np.tile(np.arange(PARTS), COUNT), kind=same, kinds=("w/query",))


def crossed(folder: Path, **of_link: object) -> Scenario:
    """Two chains that can be computed, and a record link between them."""
    links = {"a-b": link(fidelity="record", **of_link)}
    return small(folder, horizon="12s", chains=CHAINS, links=links, workload={})


def test_a_message_is_delivered_with_its_last_packet_and_both_chains_are_computed(tmp_path: Path) -> None:
    messages = sent()
    alliance = finished(crossed(tmp_path), Emissions(packets={("a", "b"): messages}))
    measured, keys = measure(alliance), messages.key[::PARTS]
    there_ns, answer = told(measured, keys)
    known_ns, known = told(measured, acknowledged(keys))
    assert (answer == Answer.DONE).all()
    assert (known == Answer.DONE).all()
    assert (known_ns > there_ns).all()
    assert not alliance.links
    assert all(alliance.chains[name].pilot is not None for name in "ab")
    went = alliance.emitted.crossings["a-b"].follow(measured)
    assert int((messages.time_ns[::PARTS] + there_ns).max()) == int(went.done_ns[1].max())


def test_every_record_that_a_packet_leaves_is_hashed_on_its_chain(tmp_path: Path) -> None:
    alliance = finished(crossed(tmp_path), Emissions(packets={("a", "b"): sent()}))
    a, b = (alliance.chains[name] for name in "ab")
    count = COUNT * PARTS
    assert a.offered.streams == ("a-b/sent", "a-b/acknowledged", "a-b/refunded")
    assert np.bincount(a.offered.stream, minlength=3).tolist() == [count, count, 0]
    assert len(b.offered) == count
    assert a.ledger.blocks[-1].header.log_size == 2 * count
    assert b.ledger.blocks[-1].header.log_size == count


def test_the_next_run_places_records_where_this_one_found_them_due(tmp_path: Path) -> None:
    # Blocks that are half full when a record comes are what an estimate for idle chains can't know.
    busy = columns(4000, 6 * SECOND, 8)
    same = np.zeros(4000, dtype=np.int64)
    deposits = {"a": Deposited(**busy, size_bytes=same, kind=same, kinds=("w/other",))}
    emissions, scenario = Emissions(deposits=deposits, packets={("a", "b"): sent()}), crossed(tmp_path)
    alliance, off_ns = finished(scenario, emissions), []
    for _ in range(2):
        measured = measure(alliance)
        crossing = alliance.emitted.crossings["a-b"]
        off_ns.append(float(np.abs(crossing.placed.sent_ns - crossing.follow(measured).sent_ns)[1:3].mean()))
        alliance = build(scenario, 7, emissions=emissions, known=measured)
        alliance.engine.run(until=alliance.horizon_ns)
        alliance.finish()
    assert off_ns[0] > 5 * MILLISECOND
    assert off_ns[1] < off_ns[0] / 2


def test_a_gateway_between_zones_is_crossed_by_every_record_and_drawn_by_key(tmp_path: Path) -> None:
    chains = {"a": chain(), "b": chain(zone="far")}
    zones = {"net": {"name": "N", "zh": "网"}, "far": {"name": "F", "zh": "远"}}
    slow = link(fidelity="record", gateway={"uniform": {"low": "1s", "high": "2s"}})
    links = {"a-b": slow}
    scenario = small(tmp_path, horizon="12s", chains=chains, links=links, zones=zones, workload={})
    messages = sent()
    alliance = build(scenario, 7, emissions=Emissions(packets={("a", "b"): messages}))
    gateway_ns = alliance.emitted.crossings["a-b"].gateway_ns
    assert (gateway_ns[0] == 0).all()
    assert ((gateway_ns[1:] >= SECOND) & (gateway_ns[1:] <= 2 * SECOND)).all()
    assert len(np.unique(gateway_ns[1])) > COUNT
    half = Sent(
        *(getattr(messages, name)[:COUNT] for name in ("key", "part", "time_ns", "province", "kind")), ("w/query",)
    )
    fewer = build(scenario, 7, emissions=Emissions(packets={("a", "b"): half}))
    assert (fewer.emitted.crossings["a-b"].gateway_ns == gateway_ns[:, :COUNT]).all()


def test_the_networks_gateway_stands_between_zones_where_the_link_names_none(tmp_path: Path) -> None:
    chains = {"a": chain(), "b": chain(zone="far")}
    zones = {"net": {"name": "N", "zh": "网"}, "far": {"name": "F", "zh": "远"}}
    guarded = network(gateways=[{"between": ["net", "far"], "delay": "3s"}])
    links = {"a-b": link(fidelity="record")}
    scenario = small(tmp_path, horizon="12s", chains=chains, links=links, zones=zones, network=guarded, workload={})
    alliance = build(scenario, 7, emissions=Emissions(packets={("a", "b"): sent()}))
    assert (alliance.emitted.crossings["a-b"].gateway_ns[1:] == 3 * SECOND).all()


def test_what_the_source_has_no_room_for_never_sets_out(tmp_path: Path) -> None:
    full = chain(mempool={"capacity": 2}, block={"max_transactions": 2, "max_bytes": "100kB", "interval": "400ms"})
    links = {"a-b": link(fidelity="record")}
    scenario = small(tmp_path, horizon="12s", chains={"a": full, "b": chain()}, links=links, workload={})
    messages = sent()
    alliance = finished(scenario, Emissions(packets={("a", "b"): messages}))
    measured = measure(alliance)
    delay_ns, answer = told(measured, messages.key[::PARTS])
    refused = answer == Answer.REFUSED
    assert refused.any()
    assert (delay_ns[refused] < 8 * SECOND).all()
    went = alliance.emitted.crossings["a-b"].follow(measured)
    unsent = went.done_ns[0] == NEVER
    assert unsent.any()
    assert (went.sent_ns[1][unsent] == NEVER).all()


def test_a_message_times_out_while_no_relayer_is_up(tmp_path: Path) -> None:
    late = link(fidelity="record", timeout={"measure": "destination_time", "value": "1s"})
    fault = {"at": "0s", "for": "6s", "action": "relayer-crash", "link": "a-b"}
    scenario = small(tmp_path, horizon="12s", chains=CHAINS, links={"a-b": late}, workload={}, faults=[fault])
    messages = sent()
    alliance = finished(scenario, Emissions(packets={("a", "b"): messages}))
    delay_ns, answer = told(measure(alliance), messages.key)
    assert (answer == Answer.TIMED_OUT).all()
    assert (messages.time_ns + delay_ns > 6 * SECOND).all()
    assert not len(alliance.chains["b"].offered)


def test_what_an_idle_link_is_estimated_to_take_is_what_it_takes(tmp_path: Path) -> None:
    scenario = crossed(tmp_path, poll="1s").model_copy(update={"horizon": 400 * SECOND})
    count = 60
    same, times_ns = np.zeros(count, dtype=np.int64), np.arange(count) * 6_113_000_000
    messages = Sent(np.arange(count, dtype=np.uint64), same, times_ns, same, same, ("w/query",))
    measured = measure(finished(scenario, Emissions(packets={("a", "b"): messages})))
    there_ns, known_ns = crossing_ns(scenario, "a-b")
    assert told(measured, messages.key)[0].mean() == pytest.approx(there_ns, rel=0.05)
    assert told(measured, acknowledged(messages.key))[0].mean() == pytest.approx(known_ns, rel=0.05)
