"""Which ways of crossing exist: every protocol with what it can verify and how atomic it is, or the reason why not.

The loader refuses what this table refuses, and the key reference shows it.

`trusted_gateway` is a WeCross router (WeCross documentation, "transaction mechanism"), without proofs or with headers
that it synchronises itself; `notary` is AntChain Bridge with a committee as its PTC (IEEE 3205); `light_client` is a
relay of IBC (cosmos/ibc, ICS-02, ICS-04, ICS-07); `relay_chain` is a chain between, as in BitXHub (packet;
meshplus/bitxhub) and ChainMaker's TCIP (tcc; chainmaker.org, tcip-relayer), which both ends follow by light clients,
and which checks what `verify` says of them.
"""

from __future__ import annotations

from typing import Final

from sim.crosschain.steps import RELAY, SOURCE
from sim.proof.finality import FINALITY

PROTOCOLS: Final = ("trusted_gateway", "light_client", "notary", "relay_chain")
VERIFICATIONS: Final = ("none", "spv", "committee", "light_client")
ATOMICITIES: Final = ("none", "packet", "2pc", "tcc", "htlc")

EXISTING: Final = frozenset(
    {
        ("trusted_gateway", "none", "none"),
        ("trusted_gateway", "none", "packet"),
        ("trusted_gateway", "none", "2pc"),
        ("trusted_gateway", "none", "htlc"),
        ("trusted_gateway", "spv", "none"),
        ("trusted_gateway", "spv", "packet"),
        ("trusted_gateway", "spv", "2pc"),
        ("notary", "committee", "none"),
        ("notary", "committee", "packet"),
        ("light_client", "light_client", "packet"),
        ("relay_chain", "light_client", "packet"),
        ("relay_chain", "spv", "packet"),
        ("relay_chain", "light_client", "tcc"),
        ("relay_chain", "spv", "tcc"),
    }
)
"""The ways that exist, as (protocol, verify, atomicity)."""

CARRYING: Final = ("none", "packet", "tcc")
"""Atomicities in which identity documents cross as packets do; where accounts or swaps are locked they do not."""

NOTARIES: Final = "notaries"
STOLEN_FROM: Final = (SOURCE, RELAY, NOTARIES)
"""Whose keys a liar may have."""

SHOWABLE: Final = tuple(sorted(name for name, rule in FINALITY.items() if rule is not None and rule.links == 1))
"""Consensus protocols whose blocks light clients are shown: those where one certificate makes a block final."""

_WRONG: Final = {
    ("light_client", "none"): "a light-client relay stands or falls with its proofs; needs light_client",
    ("light_client", "spv"): "a light client checks votes too; needs light_client",
    ("light_client", "committee"): "a light client follows the chain itself, no committee; needs light_client",
    ("trusted_gateway", "light_client"): "a gateway that proves what it says is not trusted; needs none or spv, or "
    "protocol: light_client",
    ("trusted_gateway", "committee"): "notaries who sign are a protocol of their own; needs none or spv, or protocol: "
    "notary",
    ("notary", "none"): "a message without the committee's signatures is not believed; needs committee",
    ("notary", "spv"): "the committee has checked headers; needs committee",
    ("notary", "light_client"): "the committee stands for the chain's validators; needs committee",
    ("relay_chain", "none"): "a relay chain checks what it takes; needs light_client or spv",
    ("relay_chain", "committee"): "a relay chain checks the chains themselves; needs light_client or spv",
}
"""What no version will have, and why."""


_ATOMICITY: Final = {
    "none": "packets are acknowledged or time out in this protocol",
    "2pc": "two-phase commit has a coordinator whom both chains obey, which is a gateway",
    "tcc": "what was tried is confirmed or cancelled by a chain between, whose word both ends check",
    "htlc": "either party of a swap watches both chains itself, so no proof crosses",
}
"""Why a kind of atomicity goes with few protocols."""


def why_not(protocol: str, verify: str, atomicity: str) -> tuple[str, str] | None:
    """Why a way does not exist, as (key, reason); None if it does."""
    if (protocol, verify, atomicity) in EXISTING:
        return None
    if (protocol, verify) in _WRONG:
        return "verify", _WRONG[protocol, verify]
    able = sorted({way[2] for way in EXISTING if way[:2] == (protocol, verify)})
    return "atomicity", f"{_ATOMICITY[atomicity]}; needs {' or '.join(able)}"


def why_not_from(protocol: str, verify: str, consensus: str) -> str | None:
    """Why a chain of this consensus protocol cannot be at an end of such a link; None if it can."""
    if verify != "light_client" or consensus in SHOWABLE:
        return None
    able = f"needs {', '.join(SHOWABLE)}"
    if consensus in FINALITY and FINALITY[consensus] is None:
        return f"{consensus} stands crashes only and has no certificate that another chain could check; {able}"
    return f"{protocol} over blocks of {consensus} is not in this version; {able}"


def table() -> str:
    """The ways as a Markdown table."""
    lines = ["| protocol | verify | atomicity | exists |", "|---|---|---|---|"]
    for protocol in PROTOCOLS:
        for verify in VERIFICATIONS:
            for atomicity in ATOMICITIES:
                reason = why_not(protocol, verify, atomicity)
                said = "yes" if reason is None else f"no: {reason[1].partition(';')[0]}"
                lines.append(f"| {protocol} | {verify} | {atomicity} | {said} |")
    return "\n".join(lines)
