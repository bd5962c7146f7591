"""The cases of refusals_lightclient.json: what a light client and a bundle's reader must refuse, and why.

Everything is signed for real, with keys from names, so the file comes out the same every time. To write it anew:
``PYTHONPATH=tests .venv/bin/python tests/conformance/lightclient_cases.py``
"""

from __future__ import annotations

import json
import pathlib
from typing import TYPE_CHECKING, Any

from foreign_chain import DRIFT, PERIOD
from lightclient_blocks import finality, forks, heights_and_times
from lightclient_bundles import bundles
from lightclient_kit import CHAINS
from lightclient_votes import chains_and_votes, validators

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lightclient_kit import Case

FILE = pathlib.Path(__file__).with_name("refusals_lightclient.json")
FORMAT = [
    "What a light client that follows a chain must refuse, with the honest steps that each case starts from.",
    "All byte strings are hexadecimal; numbers are integers, times in nanoseconds from the chain's epoch.",
    "trusts: by name, what is trusted at the start: the chain's id, its hash (sha256 or sm3), its protocol, two",
    "periods, the trusted header and the validator set that it names. A trust with an error must be refused itself.",
    "cases: by name, the trust and the steps that one client takes in order. A step's kind says what its bytes are:",
    "an update (a validator set and a final block), the evidence of a fork, or a whole bundle, whose updates come",
    "first and whose fact is checked last. A step with error null must be accepted, any other must be refused. A",
    "refused update or evidence leaves the client as it was, but a fork freezes it.",
    "error is the kind of refusal here; that it is refused is what another implementation must share.",
    "All layouts stand at the top of the modules of sim/proof: header, validators, certificate, finality, evidence,",
    "bundle and state_proof. The votes are Ed25519 signatures.",
]


def cases() -> Iterator[Case]:
    """Name, trust and steps of each case."""
    yield from chains_and_votes()
    yield from validators()
    yield from heights_and_times()
    yield from finality()
    yield from forks()
    yield from bundles()


def document() -> dict[str, Any]:
    """The whole file as data."""
    return {
        "format": FORMAT,
        "trusts": {
            name: {
                "chain": chain.chain,
                "hash": chain.suite.name,
                "protocol": chain.protocol,
                "trusting_period_ns": PERIOD,
                "clock_drift_ns": DRIFT,
                "header": chain.headers[0].to_bytes().hex(),
                "validators": chain.sets[0].to_bytes().hex(),
                "error": "NoFinality" if name == "raft" else None,
            }
            for name, chain in CHAINS.items()
        },
        "cases": {
            name: {
                "trust": trust,
                "steps": [
                    {"kind": kind, "bytes": data.hex(), "now_ns": now_ns, "error": error}
                    for kind, data, now_ns, error in steps
                ],
            }
            for name, trust, steps in cases()
        },
    }


if __name__ == "__main__":
    FILE.write_text(json.dumps(document(), indent=1) + "\n", encoding="utf-8")
