"""A run's timeline: what is in it is what the run's tables say, and Perfetto's format is kept."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from perfetto.protos.perfetto.trace.perfetto_trace_pb2 import Trace
from scenario_kit import chain, crash, deposits, linked, small

from sim.chain.watched import Watch
from sim.report.perfetto import Timeline
from sim.report.perfetto_tracks import draw
from sim.scenario import load
from sim.study.retrace import AnotherTrace, CannotTrace, Retraced, retrace
from sim.study.run import run

if TYPE_CHECKING:
    from collections.abc import Mapping

BEGIN, END, INSTANT, COUNTER = 1, 2, 3, 4
SECOND = 1_000_000_000
LETTER = """
code: W1
title: A letter with an answer
zh: 来信
articles: [9]
chain: jc
starts: {rate: 0.2/s}
states:
  written:
    title: written
    zh: 已写
    then:
      - {to: sent, after: 10s, by: party, records: [{kind: letter}], waits: committed, law: CPL 126}
  sent:
    title: sent
    zh: 已寄出
    then:
      - {to: answered, after: 20s, by: court, records: [{kind: answer}], waits: committed, law: CPL 126}
  answered:
    title: answered
    zh: 已回复
"""
EVIDENCE = Path(__file__).parents[2] / "scenarios" / "casework" / "evidence.yaml"


class Parsed:
    """A trace read back: packets as they stand in the file, tracks by number, names resolved."""

    def __init__(self, data: bytes) -> None:
        trace = Trace()
        trace.ParseFromString(data)
        self.tracks: dict[int, Any] = {}
        self.events: list[tuple[int, Any, str]] = []
        names: dict[int, str] = {}
        keys: dict[int, str] = {}
        self.arguments: list[Mapping[str, int | str]] = []
        for packet in trace.packet:
            if packet.HasField("track_descriptor"):
                assert packet.track_descriptor.uuid not in self.tracks
                self.tracks[packet.track_descriptor.uuid] = packet.track_descriptor
                continue
            names |= {entry.iid: entry.name for entry in packet.interned_data.event_names}
            keys |= {entry.iid: entry.name for entry in packet.interned_data.debug_annotation_names}
            event = packet.track_event
            self.events.append((packet.timestamp, event, names[event.name_iid] if event.name_iid else ""))
            notes = event.debug_annotations
            self.arguments.append(
                {keys[n.name_iid]: n.string_value if n.HasField("string_value") else n.int_value for n in notes}
            )

    def named(self, track: int) -> str:
        found = self.tracks[track]
        return str(found.name or found.process.process_name or found.thread.thread_name)

    def on(self, name: str) -> list[str]:
        """Names of what begins or happens on tracks of a name."""
        return [text for _, event, text in self.events if text and self.named(event.track_uuid) == name]

    def check(self) -> None:
        """What holds for every trace."""
        times = [at_ns for at_ns, _, _ in self.events]
        assert times == sorted(times)
        open_slices: dict[int, int] = defaultdict(int)
        starts: Counter[int] = Counter()
        ends: Counter[int] = Counter()
        for _, event, name in self.events:
            assert event.track_uuid in self.tracks
            if event.type == BEGIN:
                open_slices[event.track_uuid] += 1
            elif event.type == END:
                open_slices[event.track_uuid] -= 1
                assert open_slices[event.track_uuid] >= 0, self.named(event.track_uuid)
            assert bool(name) == (event.type in {BEGIN, INSTANT})
            starts.update(event.flow_ids)
            for flow in event.terminating_flow_ids:
                assert flow in starts, "an arrow points back in time"
                ends[flow] += 1
        assert not any(open_slices.values())
        assert starts == ends
        assert set(starts.values()) <= {1}
        for track in self.tracks.values():
            assert not track.HasField("parent_uuid") or track.parent_uuid in self.tracks


def traced(directory: Path, *window: int | None) -> tuple[Retraced, Parsed, Any]:
    found = retrace(directory, *window)
    timeline, shown = draw(found)
    parsed = Parsed(timeline.to_bytes())
    parsed.check()
    return found, parsed, shown


@pytest.mark.parametrize(
    "protocol", [{"protocol": "pbft"}, {"protocol": "hotstuff"}, {"protocol": "raft"}, {"protocol": "tendermint"}]
)
@pytest.mark.parametrize("chain_keys", [{}, {"cores": 2}, {"observers": 3}, {"broadcast": "tree"}])
def test_every_message_of_the_run_is_in_the_window_that_is_all_of_it(
    tmp_path: Path, protocol: dict[str, str], chain_keys: dict[str, Any]
) -> None:
    if chain_keys.get("broadcast"):
        chain_keys = {"spread": "gossip", "fanout": 2}
    consensus = {**chain()["consensus"], **protocol}
    if protocol["protocol"] == "raft":
        consensus.pop("checkpoint_interval", None)
    scenario = small(tmp_path, chains={"a": chain(7, consensus=consensus, regions=["east", "west"], **chain_keys)})
    run(scenario).save(tmp_path / "run")
    found, parsed, shown = traced(tmp_path / "run", 0, 2 * SECOND)
    table = found.run.table("messages")
    post = found.watch.chains["a"].post
    by_kind = Counter(arrival.sending.address[0] for arrival in post.arrivals if arrival.taken)
    lost: Counter[str] = Counter()
    copies: Counter[str] = Counter()
    for sending in post.sendings:
        lost[sending.address[0]] += sending.lost
        copies[sending.address[0]] += sending.copies
    for arrival in post.arrivals:
        lost[arrival.sending.address[0]] += not arrival.taken
    for row in table.rows(named=True):
        kind = row["kind"]
        # A NIC or CPU that is behind at the end has taken in more than has been received by then.
        late = row["delivered"] - by_kind[kind]
        assert 0 <= late <= row["sent"] * 0.02
        # What was handed over beyond the end leaves its NIC then.
        assert 0 <= row["sent"] - copies[kind] <= row["sent"] * 0.02
        assert lost[kind] == row["lost"]
    assert shown.messages == sum(by_kind.values()) > 100
    assert len(parsed.on("blocks")) >= found.run.summary["chains"]["a"]["blocks"]


def test_messages_received_are_those_counted_to_the_last_where_nothing_is_under_way_at_the_end(tmp_path: Path) -> None:
    run(small(tmp_path, workload={"files": deposits(end="1s")})).save(tmp_path / "run")
    found, parsed, shown = traced(tmp_path / "run", 0, 2 * SECOND)
    assert shown.messages == found.run.summary["messages"] == int(found.run.table("messages")["delivered"].sum())
    sent = sum(int(said["copies"]) for said in parsed.arguments if "copies" in said)
    assert sent == int(found.run.table("messages")["sent"].sum())
    flows = sum(len(event.terminating_flow_ids) for _, event, _ in parsed.events)
    assert flows == shown.messages


def test_watching_changes_nothing(tmp_path: Path) -> None:
    scenario = small(tmp_path, chains={"a": chain(fidelity="auto")})
    watched = run(scenario, watch=Watch(0, 2 * SECOND))
    assert watched.summary == run(scenario).summary


def test_a_node_does_one_thing_at_a_time(tmp_path: Path) -> None:
    run(small(tmp_path)).save(tmp_path / "run")
    _, parsed, _ = traced(tmp_path / "run", 0, SECOND)
    depth: Counter[int] = Counter()
    busy_ns: Counter[int] = Counter()
    begun: dict[int, int] = {}
    for at_ns, event, _ in parsed.events:
        if parsed.tracks[event.track_uuid].HasField("thread") and event.type in {BEGIN, END}:
            depth[event.track_uuid] += 1 if event.type == BEGIN else -1
            assert depth[event.track_uuid] in {0, 1}
            if event.type == BEGIN:
                begun[event.track_uuid] = at_ns
            else:
                busy_ns[event.track_uuid] += at_ns - begun[event.track_uuid]
    assert len(busy_ns) == 4


def test_slices_of_a_nodes_cpu_add_up_to_its_utilisation(tmp_path: Path) -> None:
    run(small(tmp_path, workload={"files": deposits(end="1500ms")})).save(tmp_path / "run")
    found, _, _ = traced(tmp_path / "run", 0, 2 * SECOND)
    seen = found.watch.chains["a"]
    for row in found.run.table("nodes").rows(named=True):
        node = row["node"]
        taking = sum(each.done_ns - each.begun_ns for each in seen.post.arrivals if each.receiver == node)
        other = sum(each.done_ns - each.begun_ns for each in seen.work if each.node == node)
        assert (taking + other) / (2 * SECOND) == pytest.approx(row["cpu_utilisation"], rel=1e-12)


def test_views_and_faults_are_shown(tmp_path: Path) -> None:
    faults = [crash("500ms", [0], "800ms")]
    run(small(tmp_path, horizon="4s", faults=faults)).save(tmp_path / "run")
    found, parsed, shown = traced(tmp_path / "run", 0, 4 * SECOND)
    assert found.run.summary["chains"]["a"]["view_changes"] == 1
    assert parsed.on("view and leader") == ["view 0, node 0 leads", "view 1, node 1 leads"]
    assert [name for name in parsed.on("a") if name] == ["crash of node 0"]
    crashed = [at for at, event, _ in parsed.events if parsed.named(event.track_uuid) == "a"]
    assert crashed == [500_000_000, 1_300_000_000]
    assert (shown.views, shown.faults) == (2, 1)
    assert any("not taken" in name for _, _, name in parsed.events)


def test_the_window_begins_a_second_before_the_first_fault_unless_told(tmp_path: Path) -> None:
    run(small(tmp_path, horizon="12s", faults=[crash("3s", [3], "1s")])).save(tmp_path / "run")
    found = retrace(tmp_path / "run")
    assert (found.from_ns, found.until_ns) == (2 * SECOND, 7 * SECOND)
    parsed = Parsed(draw(found)[0].to_bytes())
    parsed.check()
    assert min(at for at, _, _ in parsed.events) == 2 * SECOND
    assert max(at for at, _, _ in parsed.events) <= 7 * SECOND


@pytest.mark.parametrize("protocol", ["pbft", "tendermint", "hotstuff", "raft"])
def test_messages_of_computed_heights_are_delivered_for_the_timeline(tmp_path: Path, protocol: str) -> None:
    consensus = {**chain()["consensus"], "protocol": protocol}
    scenario = small(
        tmp_path,
        horizon="6s",
        chains={"a": chain(consensus=consensus, fidelity="auto")},
        workload={"files": deposits("50/s")},
    )
    done = run(scenario)
    assert done.summary["chains"]["a"]["computed_blocks"] > 0
    done.save(tmp_path / "run")
    found, parsed, shown = traced(tmp_path / "run", 3 * SECOND, SECOND)
    assert found.run.summary == done.summary
    assert shown.messages > 50
    computed = found.computed["a"]
    assert len(parsed.on("computed heights")) >= len(computed) > 0
    assert all(each.exact for each in computed)
    assert any("lead to the same times" in note for note in shown.notes)


def test_what_crosses_a_link_is_on_its_process(tmp_path: Path) -> None:
    run(linked(tmp_path)).save(tmp_path / "run")
    found, parsed, shown = traced(tmp_path / "run", 2 * SECOND, 2 * SECOND)
    packets = found.run.table("packets")
    inside = packets.filter(
        (pl.col("intended_ns") < 4 * SECOND)
        & (pl.max_horizontal("acknowledged_ns", "received_ns", "timed_out_ns") > 2 * SECOND)
    )
    assert shown.packets == len(inside) > 10
    assert sum(name.startswith("packet ") for name in parsed.on("packets")) == len(inside)
    assert "chain a" in {parsed.named(track) for track in parsed.tracks}


def test_a_case_is_in_one_state_after_the_other_and_waits_for_its_chain_in_between(tmp_path: Path) -> None:
    (tmp_path / "workflows").mkdir()
    (tmp_path / "workflows" / "letter.yaml").write_text(LETTER, encoding="utf-8")
    chains = {"jc": chain()}
    run(small(tmp_path, horizon="3min", chains=chains, workload={}, workflows=["letter"])).save(tmp_path / "run")
    found, parsed, shown = traced(tmp_path / "run", 60 * SECOND, 60 * SECOND)
    steps = found.run.table("steps").filter(pl.col("fired_ns").is_between(61 * SECOND, 90 * SECOND))
    assert shown.cases > 1
    row = steps.filter(pl.col("source") == "letter/written").rows(named=True)[0]
    track = next(uuid for uuid in parsed.tracks if parsed.named(uuid) == f"letter {row['case']}")
    mine = [(at, event.type, name) for at, event, name in parsed.events if event.track_uuid == track]
    assert (60 * SECOND, BEGIN, "written") in mine
    assert (row["fired_ns"], BEGIN, "to sent") in mine
    assert (row["entered_ns"], BEGIN, "sent") in mine
    assert row["fired_ns"] < row["entered_ns"]


def test_months_of_cases_are_shown_where_their_chains_run(tmp_path: Path) -> None:
    scenario = load(EVIDENCE)
    done = run(scenario)
    done.save(tmp_path / "run")
    steps = done.table("steps")
    busiest = int(steps["fired_ns"][len(steps) // 2])
    with pytest.raises(CannotTrace, match=r"run in [0-9]+ windows of its horizon; needs a time in one, such as"):
        retrace(tmp_path / "run", busiest)
    found, parsed, shown = traced(tmp_path / "run")
    assert found.ahead_ns > 0
    begin, end = found.from_ns + found.ahead_ns, found.until_ns + found.ahead_ns
    inside = steps.filter((pl.col("fired_ns") < end) & (pl.col("entered_ns") >= begin))
    cases = inside.select("workflow", "case").unique()
    assert shown.cases + shown.cases_left_out == len(cases) > 0
    names = {parsed.named(track) for track in parsed.tracks}
    shown_cases = [f"{row[0]} {row[1]}" for row in cases.rows() if f"{row[0]} {row[1]}" in names]
    assert len(shown_cases) == shown.cases


def test_a_run_of_other_code_is_refused(tmp_path: Path) -> None:
    run(small(tmp_path)).save(tmp_path / "run")
    summary = tmp_path / "run" / "summary.json"
    text = summary.read_text(encoding="utf-8")
    place = text.index('"trace_hash": "') + len('"trace_hash": "')
    summary.write_text(text[:place] + "0" * 12 + text[place + 12 :], encoding="utf-8")
    with pytest.raises(AnotherTrace, match=r"trace hash is 000000000000, and this code's .*make the run anew"):
        retrace(tmp_path / "run")


@pytest.mark.parametrize(
    ("window", "told"),
    [
        ((2 * SECOND, None), "--from 2s: the run is over after 2s"),
        ((SECOND, 0), "--for 0s: needs more than 0s and at most 1s"),
        ((SECOND, SECOND + 1), "--for 1.000000001s: .* at most 1s, which is left from 1s on"),
    ],
)
def test_a_window_that_the_run_does_not_have_is_refused(
    tmp_path: Path, window: tuple[int, int | None], told: str
) -> None:
    run(small(tmp_path)).save(tmp_path / "run")
    with pytest.raises(CannotTrace, match=told):
        retrace(tmp_path / "run", *window)


def test_what_is_no_run_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CannotTrace, match="is not a run directory"):
        retrace(tmp_path)
    (tmp_path / "summary.json").write_text("{}", encoding="utf-8")
    with pytest.raises(CannotTrace, match="is not a run directory"):
        retrace(tmp_path)


def test_spans_that_overlap_get_lanes_of_their_own_and_others_share() -> None:
    timeline = Timeline(0, 100)
    spans = [(0, 10), (5, 20), (10, 15), (12, 30), (20, 25)]
    lanes = timeline.lanes(timeline.process("p"), "x", spans)
    assert len(set(lanes)) == 3
    for k, (begin, end) in enumerate(spans):
        for (other_begin, other_end), lane in zip(spans[:k], lanes, strict=False):
            assert lane != lanes[k] or other_end <= begin or end <= other_begin


def test_nested_slices_that_begin_and_end_together_stay_nested() -> None:
    timeline = Timeline(0, 100)
    track = timeline.track(timeline.process("p"), "x")
    for begin, end in ((0, 10), (10, 20)):
        timeline.slice(track, "inner", begin, end, depth=1)
        timeline.slice(track, "outer", begin, end)
    parsed = Parsed(timeline.to_bytes())
    parsed.check()
    assert [name for _, event, name in parsed.events if event.type == BEGIN] == ["outer", "inner", "outer", "inner"]
    assert [(at, event.type) for at, event, _ in parsed.events][2:6] == [(10, END), (10, END), (10, BEGIN), (10, BEGIN)]
