"""What a scenario says of chains and links, under the names of the rooms that run them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.chain.config import ChainConfig, Costs, FabricConfig
from sim.consensus.registry import family
from sim.crosschain.config import LinkConfig, SwapConfig
from sim.crosschain.contracts.identity import member_did
from sim.scenario.atomicity import MARGIN_NS
from sim.scenario.crosslink import BY_TIME, TIMED_BLOCKS_NS

if TYPE_CHECKING:
    from sim.scenario import Scenario
    from sim.scenario.crosslink import CrossLink
    from sim.scenario.model import Chain as ChainSpec
    from sim.scenario.model import Fabric as FabricSpec


def link_config(scenario: Scenario, link_id: str, spec: CrossLink) -> LinkConfig:
    """A link between chains."""
    by_time = spec.timeout is not None and spec.timeout.measure == BY_TIME
    limit = 0 if spec.timeout is None else spec.timeout.value
    chains = [chain for chain in (spec.source, spec.via, spec.destination) if chain is not None]
    return LinkConfig(
        id=link_id,
        source=spec.source,
        destination=spec.destination,
        via=spec.via,
        owners={chain: member_did(scenario.chains[chain].member) for chain in chains},
        protocol=spec.protocol,
        verify=spec.verify,
        atomicity=spec.atomicity,
        ordered=spec.order == "ordered",
        relayers=spec.relayers,
        poll_ns=spec.poll,
        batch=spec.batch,
        rpc_ns=spec.rpc,
        rpc_item_ns=spec.rpc_item,
        timeout_blocks=0 if by_time else limit,
        timeout_ns=limit if by_time else 0,
        timed_blocks_ns=TIMED_BLOCKS_NS if spec.timed_blocks is None else spec.timed_blocks,
        trusting_period_ns=spec.trusting_period,
        clock_drift_ns=spec.clock_drift,
        every=spec.brings_every_header,
        checked=1.0 if spec.checked is None else spec.checked,
        notaries=0 if spec.notaries is None else spec.notaries.count,
        threshold=0 if spec.notaries is None else spec.notaries.threshold,
        recovery=(spec.recovery or "none") if spec.atomicity == "2pc" else "log",
        swap=_swap_config(spec),
    )


def _swap_config(spec: CrossLink) -> SwapConfig | None:
    if spec.timelocks is None:
        return None
    margin_ns = MARGIN_NS if spec.margin is None else spec.margin
    late = spec.claims == "last-moment"
    return SwapConfig(spec.timelocks.source, spec.timelocks.destination, margin_ns if late else None)


def chain_config(scenario: Scenario, chain_id: str, spec: ChainSpec) -> ChainConfig:
    """A chain."""
    costs = scenario.costs
    return ChainConfig(
        id=chain_id,
        protocol=spec.consensus.protocol,
        validators=spec.validators,
        observers=spec.observers,
        hash=spec.hash,
        timeout_ns=spec.consensus.timeout,
        window=spec.consensus.window,
        checkpoint_interval=spec.consensus.checkpoint_interval,
        commit_wait_ns=spec.consensus.commit_wait,
        heartbeat_ns=spec.consensus.heartbeat,
        committee=(spec.consensus.committee or 0) if family(spec.consensus.protocol).committee is not None else 0,
        epoch=spec.consensus.epoch,
        cores=spec.cores,
        fabric=None if spec.fabric is None else _fabric_config(spec.fabric),
        max_transactions=spec.block.max_transactions,
        max_bytes=spec.block.max_bytes,
        interval_ns=spec.block.interval,
        pool_capacity=spec.mempool.capacity,
        costs=Costs(
            hash_ns=costs.hash,
            hash_per_kilobyte_ns=costs.hash_per_kilobyte,
            sign_ns=costs.sign,
            verify_ns=costs.verify,
            execute_ns=costs.execute,
            proof_ns=costs.proof,
        ),
    )


def _fabric_config(spec: FabricSpec) -> FabricConfig:
    return FabricConfig(
        organisations=spec.organisations,
        endorsements=spec.endorsements,
        simulate_ns=spec.simulate,
        endorsing_cores=spec.endorsing_cores,
        commit_block_ns=spec.commit_block,
        keys=spec.keys,
        skew=spec.skew or 0.0,
        reads=spec.access == "read-write",
    )
