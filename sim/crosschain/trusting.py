"""What belongs together for each way of trusting: what a contract requires, what relayers bring, what liars make.

| verify | contract | prover | lie |
|---|---|---|---|
| none | `trust.Registered` | `prover.Claims` | `lies.FalseClaims` |
| spv | `spv.Synchronised` | `prover.Headers` | `lies.FalseHeaders` |
| committee | `committee.Endorsed` | `prover.Endorsements` | `lies.FalseEndorsements` |
| light_client | `light_client.Followed` | `prover.FinalBlocks` | `lies.FalseFinality` |
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from sim.crosschain.actors.lies import FalseClaims, FalseEndorsements, FalseFinality, FalseHeaders
from sim.crosschain.actors.notary import Notary
from sim.crosschain.actors.prover import Claims, Endorsements, FinalBlocks, Headers
from sim.crosschain.contracts import identity
from sim.crosschain.contracts.committee import Endorsed
from sim.crosschain.contracts.light_client import Followed
from sim.crosschain.contracts.spv import Synchronised
from sim.crosschain.contracts.trust import Registered
from sim.crosschain.identities import signer_of
from sim.crosschain.sample import Sample
from sim.crosschain.steps import RELAY, SOURCE
from sim.crosschain.ways import NOTARIES
from sim.proof.lightclient import TrustPolicy
from sim.proof.suites import suite_by_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sim.chain.chain import Chain
    from sim.chain.config import ChainConfig
    from sim.crosschain.actors.endpoint import Endpoint
    from sim.crosschain.actors.lies import Lie
    from sim.crosschain.actors.prover import Prover
    from sim.crosschain.config import LinkConfig
    from sim.crosschain.contracts.trust import Trust
    from sim.kernel.draws import Draws
    from sim.proof.signatures import Signer


@dataclass(frozen=True, slots=True)
class Loot:
    """What a liar has.

    Attributes:
        keys: how many keys.
        owner: whose, as in `sim.crosschain.ways.STOLEN_FROM`.
        ahead: how many blocks above a chain's head it puts what it makes up.
    """

    keys: int
    owner: str
    ahead: int

    def of(self, owner: str, keys: Mapping[str, Signer]) -> tuple[tuple[str, Signer], ...]:
        """Those of somebody's keys that it has: the first ones."""
        return tuple(keys.items())[: self.keys if owner == self.owner else 0]


NOTHING: Final = Loot(0, SOURCE, 1)
"""What who has nothing but its own key has."""


class Trusting:
    """The ways of trusting of one link, and what is shared between their parts.

    Args:
        config: of the link.
        chains: by id.
        draws: for the notaries' keys.

    Attributes:
        sample: which proofs are checked for real.
    """

    def __init__(self, config: LinkConfig, chains: Mapping[str, ChainConfig], draws: Draws) -> None:
        self._dids = [identity.party_did(config.id, identity.NOTARY, number) for number in range(config.notaries)]
        self._draws = draws
        self.sample = Sample(config.checked)
        self._config = config
        self._chains = chains

    def verify_of(self, shown: str) -> str:
        """What is required of what is said of the chain of a role; the chain between is always followed."""
        return "light_client" if shown == RELAY else self._config.verify

    def trust(self, at: str, shown: str) -> Trust:
        """What the contract on the chain of a role requires of what is said of the chain of another."""
        config = self._config
        chain = self._chains[config.chains[shown]]
        suite = suite_by_name(chain.hash)
        place = (config.id, shown, chain.id, suite, self.sample)
        match self.verify_of(shown):
            case "light_client":
                period_ns, drift_ns = config.trusting_period_ns, config.clock_drift_ns
                policy = TrustPolicy(chain.id, suite, chain.protocol, period_ns, drift_ns)
                return Followed(config.id, shown, policy, self.sample, config.owners[config.chains[at]])
            case "committee":
                return Endorsed(*place, config.threshold)
            case "spv":
                return Synchronised(*place)
            case _:
                return Registered(config.id)

    def prover(self, shown: str, notaries: list[Notary]) -> Prover:
        """What relayers bring of the chain of a role."""
        config = self._config
        match self.verify_of(shown):
            case "light_client":
                return FinalBlocks(config.trusting_period_ns, self.sample, every=config.every)
            case "committee":
                return Endorsements(shown, notaries, config.threshold, config.rpc_ns, self.sample, every=config.every)
            case "spv":
                return Headers(self.sample, every=True)
            case _:
                return Claims()

    def lie(self, shown: str, chain: Chain, loot: Loot) -> Lie:
        """What a liar makes of the chain of a role."""
        match self.verify_of(shown):
            case "light_client":
                signing = chain.signing
                return FalseFinality(() if signing is None else loot.of(shown, signing.keys), loot.ahead)
            case "committee":
                return FalseEndorsements(loot.of(NOTARIES, self._keys), loot.ahead)
            case "spv":
                return FalseHeaders()
            case _:
                return FalseClaims()

    def notaries(self, nodes: Mapping[int, Mapping[str, Endpoint]]) -> list[Notary]:
        """The notaries, each with its own nodes, by number and role."""
        return [
            Notary(did, partial(signer_of, self._draws, did), nodes[number]) for number, did in enumerate(self._dids)
        ]

    @property
    def _keys(self) -> dict[str, Signer]:
        """The notaries' first keys, by DID URL."""
        return {f"{did}#{identity.key_name(1)}": signer_of(self._draws, did, 1) for did in self._dids}
