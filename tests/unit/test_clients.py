"""Clients of closed loops one by one, what a scenario may say of them, and what is told of them afterwards."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import yaml
from rich.console import Console
from scenario_kit import FREE, chain, crash, deposits, played, small, table

from sim.build import build
from sim.kernel.distributions import Constant, Exponential
from sim.kernel.draws import Draws
from sim.report import console, page, wording
from sim.scenario import ScenarioError, load
from sim.scenario.stream import BACKOFF_NS
from sim.study.run import run
from sim.study.summary import summarise
from sim.workload.clients import Sequences

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

MS = 1_000_000


def loop(clients: int, **keys: object) -> dict[str, Any]:
    return {"chain": "a", "clients": clients, "size": "500B", **keys}


def calm(folder: Path, stream: dict[str, Any], **keys: object) -> dict[str, NDArray[Any]]:
    """A run of two seconds on one region: 5 ms to the node and between nodes, blocks cut after 50 ms, free CPUs."""
    mempool, block = keys.pop("mempool", {"capacity": 1000}), keys.pop("block", chain()["block"])
    scenario = small(
        folder,
        network={**small_network(), "bandwidth": "100000Gbit/s"},
        chains={"a": chain(mempool=mempool, block=block, fidelity="auto")},
        workload={"load": stream},
        costs=FREE,
        **keys,
    )
    alliance, summary = played(scenario)
    assert summary["verdict"] == "pass"
    return table(alliance, "transactions")


def small_network() -> dict[str, Any]:
    place = {"name": "East", "zh": "东", "latitude": 30, "longitude": 120}
    return {"delays": {"name": "test", "source": "made up", "within": "5ms", "regions": {"east": place}}}


def test_a_single_client_sends_again_when_its_answer_has_come_back(tmp_path: Path) -> None:
    rows = calm(tmp_path, loop(1, think="7ms"))
    # To its node 5 ms, to the leader 5 ms unless that is its node, 50 ms until the block is cut, 15 ms to the decision.
    way_ms = 5 if rows["node"][0] == 0 else 10
    # The leader itself decides after 10 ms: everybody's votes but its own are one delay old.
    cycle_ms = way_ms + 50 + 15 + 5 + 7
    assert rows["intended_ns"].tolist() == [(7 + k * cycle_ms) * MS for k in range(len(rows["node"]))]
    assert (rows["client"] == 0).all()


def test_clients_that_do_not_think_are_limited_by_the_chain_alone(tmp_path: Path) -> None:
    rows = calm(tmp_path, loop(20))
    done = rows["executed_ns"] >= 0
    for client in range(20):
        mine = rows["client"] == client
        answered = rows["executed_ns"][mine & done] + 5 * MS
        assert rows["intended_ns"][mine].tolist() == [0, *answered.tolist()][: int(mine.sum())]


def test_a_rejected_record_is_tried_again_after_the_back_off_and_its_latency_counts_from_the_first_try(
    tmp_path: Path,
) -> None:
    scenario = small(
        tmp_path,
        chains={"a": chain(mempool={"capacity": 2})},
        workload={"load": loop(6, think="40ms", backoff="30ms")},
        costs=FREE,
    )
    alliance, summary = played(scenario)
    rows, offered = table(alliance, "transactions"), alliance.chains["a"].offered
    rejected = np.flatnonzero(rows["outcome"] == "rejected")
    assert len(rejected) > 10
    retries = 0
    for row in rejected.tolist():
        same = (rows["client"] == rows["client"][row]) & (rows["intended_ns"] == rows["intended_ns"][row])
        later = np.flatnonzero(same)[np.flatnonzero(same) > row]
        if len(later):
            node = int(rows["node"][row])
            # To the leader, node 0, and back: 5 ms each, and as much again from any other node; then the back-off.
            way_ns = 10 * MS if node == 0 else 20 * MS
            gap_ns = int(offered.submitted_ns[later[0]] - offered.submitted_ns[row])
            assert gap_ns == way_ns + 30 * MS
            retries += 1
    assert summary["chains"]["a"]["closed_loops"]["load"]["retries"] == retries
    counts = summary["chains"]["a"]
    assert counts["offered"] == counts["records"] + counts["rejected"] + counts["unfinished"]
    assert counts["rejected"] == len(rejected)


def test_a_record_larger_than_a_block_is_refused_by_the_client_s_own_node_again_and_again(tmp_path: Path) -> None:
    block = {"max_transactions": 20, "max_bytes": "400B", "interval": "50ms"}
    rows = calm(tmp_path, loop(3, backoff="90ms"), block=block)
    assert set(rows["outcome"]) == {"rejected"}
    # 5 ms there, 5 ms back and the back-off: 20 tries in two seconds.
    assert [int((rows["client"] == client).sum()) for client in range(3)] == [20] * 3
    assert (rows["intended_ns"] == 0).all()


def test_a_loop_begins_and_ends_when_its_stream_does(tmp_path: Path) -> None:
    rows = calm(tmp_path, loop(5, think="10ms", begin="300ms", end="900ms"))
    assert rows["intended_ns"].min() == 310 * MS
    assert rows["intended_ns"].max() < 900 * MS
    assert set(rows["outcome"]) == {"committed"}


def test_clients_of_a_node_that_is_down_are_told_by_the_next_one(tmp_path: Path) -> None:
    scenario = small(
        tmp_path,
        workload={"load": loop(40, think="10ms")},
        costs=FREE,
        faults=[crash("500ms", [2], "800ms")],
    )
    alliance, _ = played(scenario)
    rows = table(alliance, "transactions")
    theirs = (rows["node"] == 2) & (rows["intended_ns"] > 500 * MS) & (rows["intended_ns"] < 1200 * MS)
    assert theirs.sum() > 5
    blocks = alliance.chains["a"].ledger.blocks
    for row in np.flatnonzero(theirs & (rows["executed_ns"] >= 0)):
        executed_ns = blocks[int(rows["height"][row])].executed_ns
        if rows["executed_ns"][row] < 1300 * MS:
            assert rows["executed_ns"][row] == executed_ns[3]


def test_the_default_back_off_is_that_of_grpc(tmp_path: Path) -> None:
    block = {"max_transactions": 20, "max_bytes": "400B", "interval": "50ms"}
    rows = calm(tmp_path, loop(1), block=block)
    assert BACKOFF_NS == 1_000_000_000
    assert len(rows["client"]) == 2  # at 0 and at 1.01 s


def test_a_chain_without_any_delay_lets_time_pass_all_the_same(tmp_path: Path) -> None:
    place = {"name": "East", "zh": "东", "latitude": 30, "longitude": 120}
    delays = {"name": "none", "source": "made up", "within": "0ms", "regions": {"east": place}}
    scenario = small(
        tmp_path,
        horizon="1us",
        network={"delays": delays, "bandwidth": "100000Gbit/s"},
        chains={"a": chain(1, block={"max_transactions": 1, "max_bytes": "1kB", "interval": "400ms"})},
        workload={"load": loop(1)},
        costs=FREE,
    )
    alliance, summary = played(scenario)
    sent_ns = table(alliance, "transactions")["intended_ns"]
    assert sent_ns.tolist() == list(range(1000))
    assert summary["chains"]["a"]["closed_loops"]["load"]["waiting"] == 0.0


def test_what_one_client_draws_does_not_depend_on_the_others() -> None:
    alone = Sequences(Draws(3), ("a", "load", "think"), Exponential(1e6), 5)
    together = Sequences(Draws(3), ("a", "load", "think"), Exponential(1e6), 5)
    one = [int(alone.take(np.array([4]))[0]) for _ in range(150)]
    among = [together.take(np.array([4, 0, 2])) for _ in range(150)]
    assert one == [int(values[0]) for values in among]
    assert len(set(one)) > 140
    assert Sequences(Draws(3), ("b",), Constant(0), 5, least=1).take(np.array([1, 2])).tolist() == [1, 1]


def test_think_times_have_the_mean_that_was_asked_for(tmp_path: Path) -> None:
    """False-alarm rate below 1e-6: five standard errors of the mean of a thousand exponential times."""
    scenario = small(tmp_path, horizon="20s", workload={"load": loop(20, think={"exponential": {"mean": "200ms"}})})
    alliance, summary = played(scenario)
    count = len(alliance.clients["load"].thought_by(20_000 * MS))
    assert count > 1000
    assert summary["chains"]["a"]["closed_loops"]["load"]["think_s"] == pytest.approx(0.2, abs=5 * 0.2 / count**0.5)


@pytest.mark.parametrize(
    ("stream", "said"),
    [
        ({"rate": None}, "workload.load.rate: is missing; an open loop needs a rate"),
        ({"rate": "5/s", "clients": 3}, "workload.load.clients: stands beside rate; needs either"),
        ({"clients": 3, "arrivals": "regular"}, "workload.load.arrivals: belongs to an open loop"),
        ({"clients": 3, "year": 2022}, "workload.load.year: belongs to an open loop"),
        ({"rate": "5/s", "think": "1s"}, "workload.load.think: belongs to a closed loop"),
        ({"rate": "5/s", "backoff": "1s"}, "workload.load.backoff: belongs to a closed loop"),
        ({"clients": 3, "backoff": "0s"}, "workload.load.backoff: must be more than 0"),
        ({"clients": 0}, "workload.load.clients: is '0': must be ≥ 1"),
    ],
)
def test_a_stream_that_is_no_loop_of_either_kind_is_refused_in_one_line(
    tmp_path: Path, stream: dict[str, Any], said: str
) -> None:
    written = {key: value for key, value in {"chain": "a", "size": "1kB", **stream}.items() if value is not None}
    with pytest.raises(ScenarioError) as caught:
        small(tmp_path, workload={"load": written})
    (line,) = str(caught.value).splitlines()
    assert said in line


def test_a_verification_and_a_chain_that_executes_first_have_no_clients(tmp_path: Path) -> None:
    look = {"action": "verify", "chain": "a", "of": "files", "clients": 3}
    with pytest.raises(ScenarioError, match=r"workload\.look\.clients: belongs to action: deposit; needs a rate"):
        small(tmp_path, workload={"files": deposits(), "look": look})
    fabric = chain(observers=2, fabric={"organisations": 2, "simulate": "1ms"})
    with pytest.raises(ScenarioError, match=r"workload\.load\.clients: a chain that executes before it orders"):
        small(tmp_path, chains={"a": fabric}, workload={"load": loop(3)})


def test_clients_take_the_place_of_a_rate_where_a_file_overlays_another(tmp_path: Path) -> None:
    small(tmp_path, workload={"load": {**deposits(), "arrivals": "regular"}})
    overlay = {"extends": "scenario.yaml", "name": "over", "workload": {"load": {"clients": 4, "think": "1s"}}}
    (tmp_path / "over.yaml").write_text(yaml.safe_dump(overlay), encoding="utf-8")
    closed = load(tmp_path / "over.yaml")
    assert (closed.workload["load"].rate, closed.workload["load"].clients) == (None, 4)
    opened = load(tmp_path / "over.yaml", set={"workload.load.rate": "3/s"})
    stream = opened.workload["load"]
    assert (stream.rate, stream.clients, stream.think) == (3, None, None)
    again = tmp_path / "again.yaml"
    again.write_text(closed.to_yaml(), encoding="utf-8")
    assert load(again) == closed


def test_console_and_page_tell_of_closed_loops_and_why_nothing_was_computed(tmp_path: Path) -> None:
    scenario = small(tmp_path, chains={"a": chain(fidelity="auto")}, workload={"load": loop(7, think="30ms")})
    told = run(scenario)
    assert told.summary["chains"]["a"]["computed_blocks"] == 0
    assert "closed_loops" in told.summary["chains"]["a"]
    printed = io.StringIO()
    console.show(told.summary, told.manifest, scenario, Console(width=120, file=printed))
    text = " ".join(printed.getvalue().split())
    (why,) = wording.by_messages(scenario)
    assert "Closed loops (Little's law" in text
    assert why in text
    html = page.render(told, [])
    assert "<h3>Closed loops</h3>" in html
    assert why in html
    opened = small(tmp_path, chains={"a": chain(fidelity="auto")})
    assert wording.by_messages(opened) == []
    assert wording.closed_loops(run(opened).summary) == []


def test_a_run_whose_clients_do_not_add_up_is_called_violated(tmp_path: Path) -> None:
    scenario = small(tmp_path, workload={"load": loop(7, think="30ms")})
    alliance = build(scenario, 1)
    alliance.engine.run(alliance.horizon_ns)
    alliance.finish()
    assert summarise(scenario, 1, alliance, None)["verdict"] == "pass"
    begin_ns, end_ns = alliance.clients["load"].thought[3]
    alliance.clients["load"].thought[3] = (begin_ns, end_ns - 1)
    summary = summarise(scenario, 1, alliance, None)
    assert summary["verdict"] == "violated"
    assert "Clients are unaccounted for" in wording.finding(summary, scenario)
