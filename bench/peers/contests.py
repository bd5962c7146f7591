"""The contests: who takes part, what a round is, and what shows that everybody did the same.

A contestant's round returns its rate. Rounds of all contestants take turns, so that a noisy moment of the machine meets
all of them, and the best round of each counts.
"""

from __future__ import annotations

import gc
import hashlib
import re
import shutil
import subprocess
import time
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.peers import trees
from bench.peers.workloads import Flood, Queue
from sim.proof import lanes, suite_by_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bench.peers.trees import Log

OURS = "this project"
LOGS = {
    "ours": (OURS, None),
    "ours_in_lanes": (f"{OURS}, in lanes", None),
    "plain_hashlib": ("hashlib, plain loops", None),
    "pymerkle_memory": ("pymerkle", "pymerkle"),
    "tamperlog_memory": ("tamperlog", "tamperlog"),
    "tlog_scales_tiles": ("tlog-scales, files", "tlog-scales"),
    "proofbundle_lists": ("proofbundle", "proofbundle"),
    "merkly_tree": ("merkly", "merkly"),
    "mrkle_rust": ("mrkle (Rust)", "mrkle"),
}
"""By module: how the contestant is called, and its package."""
ENGINES = {
    "ours": (OURS, None),
    "simpy_callbacks": ("SimPy, callbacks", "simpy"),
    "simpy_processes": ("SimPy, processes", "simpy"),
    "desimpy_events": ("DESimpy", "desimpy"),
    "dssim_callbacks": ("DSSim", "dssim"),
    "event_graph": ("event-graph-sim", "event-graph-sim"),
    "simulus_events": ("simulus", "simulus"),
    "asimpy_processes": ("asimpy", "asimpy"),
    "usim_activities": ("μSim", "usim"),
    "ciw_network": ("Ciw", "ciw"),
    "salabim_components": ("salabim", "salabim"),
    "cimba_compiled": ("Cimba (C)", "cimba"),
}
LEFT_OUT = {
    "greensim 2.3.1": "does not install on Python 3.11: it pins a greenlet that does not build",
    "happysim": "needs Python 3.13",
    "desmod 0.6.1, ns.py 0.4.3": "run on SimPy's own loop",
    "de-sim 1.0.5": "unmaintained since 2020; objects exchange messages through a framework with logs and checkpoints",
    "aics-tlog 0.2.1, ads-foundation 0.1.0": "need Python 3.12",
    "merkletools 1.0.3": "does not install on Python 3.11: pysha3 does not build",
    "blockcerts-merkletools 1.0.5": "is merkletools under web3, with forty packages for a tree without prefixes",
    "merklelib 1.0": "installs, but its verifier uses `collections.Iterable`, which Python 3.10 removed",
    "merkle-py 1.2.11": "makes every proof whenever a leaf is added, in quadratic time",
}
"""Packages that pip knows and that take no part."""

MESSAGES = 1 << 14
MESSAGE_BYTES = 64
CUSTOMERS, NODES, ROUNDS = 20_000, 40, 20
BUDGET_S = 0.3
"""What a log may spend on proving, and on verifying, in a round."""


@dataclass(frozen=True)
class Contestant:
    """Who takes part.

    Attributes:
        name: as table and figure say it.
        package: what pip calls it, if it is one.
        play: one round; the rate, in the contest's unit per second.
    """

    name: str
    package: str | None
    play: Callable[[], float]


@dataclass
class Contest:
    """One workload and all who can do it.

    Attributes:
        key: its name in files.
        title: what is done.
        unit: what is counted.
        checked: what must come out alike.
        contestants: who takes part.
        best: the highest rate of each so far, by name.
    """

    key: str
    title: str
    unit: str
    checked: str
    contestants: list[Contestant]
    best: dict[str, float] = field(default_factory=dict)

    def warm_up(self) -> Iterator[str]:
        """Let everybody play once without counting: what is compiled or cached is so afterwards."""
        for contestant in self.contestants:
            contestant.play()
            yield contestant.name

    def round(self) -> Iterator[str]:
        """Let everybody play once, in turn; says who has."""
        for contestant in self.contestants:
            gc.collect()
            self.best[contestant.name] = max(self.best.get(contestant.name, 0.0), contestant.play())
            yield contestant.name


def contests() -> list[Contest]:
    """All of them, with everybody who is installed."""
    logs = {
        name: (label, package, import_module(f"bench.peers.logs.{name}")) for name, (label, package) in LOGS.items()
    }
    makers = {label: (package, module.Log) for label, package, module in logs.values()}
    kept: dict[str, Log] = {}
    provers = {label: made for label, made in makers.items() if label not in (f"{OURS}, in lanes", "mrkle (Rust)")}
    verifiers = {label: made for label, made in makers.items() if label != "mrkle (Rust)"}
    size = f"{trees.SIZE:,} records of 32 bytes"
    return [
        _log_contest("build", f"Build a log of {size}", "records", makers, lambda n: _build(makers[n][1], n, kept)),
        _log_contest("prove", f"Prove inclusion among {size}", "proofs", provers, lambda n: _prove(kept[n])),
        _log_contest("verify", f"Verify inclusion among {size}", "proofs", verifiers, lambda n: _verify(kept[n])),
        _engine_contest("queue", f"M/M/1 at load 0.8, {CUSTOMERS:,} customers", Queue(CUSTOMERS)),
        _engine_contest("flood", f"Messages among {NODES} nodes in {ROUNDS} quorum rounds", Flood(NODES, ROUNDS)),
        Contest(
            "hash",
            f"Hash messages of {MESSAGE_BYTES} bytes, one thread",
            "messages",
            "the digest of a message",
            [*_hashers("sha256", "SHA-256"), *_hashers("sm3", "SM3")],
        ),
    ]


def _log_contest(
    key: str,
    title: str,
    unit: str,
    makers: dict[str, tuple[str | None, type[Log]]],
    play: Callable[[str], float],
) -> Contest:
    checked = {
        "build": "the root, by hashlib and RFC 9162 (mrkle: without its prefixes)",
        "prove": "each proof passes its own log's verifier",
        "verify": "all proofs pass, and one with another record is refused",
    }[key]
    players = [Contestant(name, package, lambda n=name: play(n)) for name, (package, _) in makers.items()]
    return Contest(key, title, unit, checked, players)


def _engine_contest(key: str, title: str, workload: Queue | Flood) -> Contest:
    checked = {
        "queue": "the sum of all waiting times, to the nanosecond, by Lindley's recursion",
        "flood": "number of messages, and the time of the last quorum to the nanosecond, by order statistics",
    }[key]
    engines = {name: import_module(f"bench.peers.engines.{name}") for name in ENGINES}

    def play(simulate: Callable[[Any], int]) -> float:
        start_s = time.perf_counter()
        result = simulate(workload)
        elapsed_s = time.perf_counter() - start_s
        assert result == workload.expected, f"{simulate.__module__} came to {result}, not {workload.expected}"
        return workload.count / elapsed_s

    able = {name: getattr(module, key) for name, module in engines.items() if hasattr(module, key)}
    players = [Contestant(*ENGINES[name], lambda simulate=simulate: play(simulate)) for name, simulate in able.items()]
    return Contest(key, title, workload.items, checked, players)


def _build(maker: type[Log], name: str, kept: dict[str, Log]) -> float:
    start_s = time.perf_counter()
    log = maker(trees.RECORDS)
    elapsed_s = time.perf_counter() - start_s
    assert log.root == trees.expected_root(prefixed=log.prefixed), f"{name} came to another root"
    kept[name] = log
    return trees.SIZE / elapsed_s


def _prove(log: Log) -> float:
    made, start_s = 0, time.perf_counter()
    while (elapsed_s := time.perf_counter() - start_s) < BUDGET_S and made < trees.ASKED:
        log.prove(trees.INDICES[made])
        made += 1
    return made / elapsed_s


@cache
def _proofs(log: Log) -> list[Any]:
    """As many proofs of the log's own as there is time for."""
    proofs, start_s = [], time.perf_counter()
    while time.perf_counter() - start_s < BUDGET_S and len(proofs) < trees.ASKED:
        proofs.append(log.prove(trees.INDICES[len(proofs)]))
    return proofs


def _verify(log: Log) -> float:
    proofs = _proofs(log)
    indices = trees.INDICES[: len(proofs)]
    records = [trees.RECORDS[index] for index in indices]
    assert not passes(log, ["f" * 32, *records[1:]], indices, proofs), f"{log} takes an altered record"
    done, start_s = 0, time.perf_counter()
    while (elapsed_s := time.perf_counter() - start_s) < BUDGET_S:
        assert log.verify_all(records, indices, proofs)
        done += len(proofs)
    return done / elapsed_s


def passes(log: Log, records: list[str], indices: list[int], proofs: list[Any]) -> bool:
    """Whether all proofs hold; a peer may refuse by an error of its own."""
    try:
        return log.verify_all(records, indices, proofs)
    except Exception:  # noqa: BLE001 - each peer has errors of its own for a refused proof
        return False


def _hashers(algorithm: str, label: str) -> list[Contestant]:
    """OpenSSL's own measurement, hashlib in a loop, and lanes."""
    messages = np.random.default_rng(4).integers(0, 256, (MESSAGES, MESSAGE_BYTES), dtype=np.uint8)
    separate = [message.tobytes() for message in messages]
    suite, empty = suite_by_name(algorithm), hashlib.new(algorithm)

    def in_lanes() -> float:
        start_s = time.perf_counter()
        digests = lanes.hashes(suite, messages)
        elapsed_s = time.perf_counter() - start_s
        assert digests[1].tobytes() == hashlib.new(algorithm, separate[1]).digest()
        return MESSAGES / elapsed_s

    def in_a_loop() -> float:
        start_s = time.perf_counter()
        for message in separate:
            state = empty.copy()  # faster than looking the algorithm up each time
            state.update(message)
            state.digest()
        return MESSAGES / (time.perf_counter() - start_s)

    players = [Contestant(f"{label}: {OURS}", None, in_lanes), Contestant(f"{label}: hashlib", None, in_a_loop)]
    if openssl := shutil.which("openssl"):
        players.append(Contestant(f"{label}: openssl speed", None, lambda: _openssl(openssl, algorithm)))
    return players


def _openssl(command: str, algorithm: str) -> float:
    """What ``openssl speed`` says, which counts bytes in thousands."""
    arguments = [command, "speed", "-evp", algorithm, "-bytes", str(MESSAGE_BYTES), "-seconds", "1"]
    answer = subprocess.run(arguments, capture_output=True, text=True, check=True).stdout  # noqa: S603 - as found above
    found = re.search(rf"^{algorithm}\s+([\d.]+)k$", answer, re.MULTILINE | re.IGNORECASE)
    assert found is not None, f"openssl speed said: {answer}"
    return float(found.group(1)) * 1000 / MESSAGE_BYTES
