"""The verification platform that a scenario has, under the names of the casework room."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.build.places import provinces
from sim.casework.isolation import Isolation
from sim.casework.platform import Flood, Limit, Platform, Settings
from sim.kernel.draws import Draws
from sim.scenario.distributions import to_kernel

if TYPE_CHECKING:
    from sim.scenario import Scenario
    from sim.scenario.platform import Limit as LimitSpec


def platform(scenario: Scenario, seed: int) -> Platform | None:
    """The platform of one replication, or None if the scenario has none."""
    spec = None if scenario.casework is None else scenario.casework.platform
    if scenario.casework is None or spec is None:
        return None
    down = tuple((outage.at, outage.at + outage.duration) for outage in spec.gateway.down)
    floods = tuple(
        Flood(
            flood.at,
            flood.duration,
            flood.rate,
            flood.clients,
            flood.honest,
            flood.chain,
            f"{flood.workflow}/{flood.of}",
            flood.checked,
        )
        for flood in spec.floods
    )
    settings = Settings(
        servers=spec.servers,
        service=to_kernel(spec.service),
        room=spec.queue,
        per_client=_limit(spec.limits.client),
        everybody=_limit(spec.limits.everybody),
        tries=spec.tries,
        backoff=to_kernel(spec.backoff),
        patience_ns=spec.patience,
        isolation=Isolation(spec.gateway.batch, to_kernel(spec.gateway.delay), down),
        copy_in_front=spec.copy_.in_front,
        lag_ns=spec.copy_.lag,
        pending=spec.copy_.pending,
        age=None if spec.age is None else to_kernel(spec.age),
        users=spec.users,
        province=0 if spec.region is None else provinces(scenario).index(spec.region),
        floods=floods,
    )
    return Platform(settings, Draws(seed))


def _limit(spec: LimitSpec | None) -> Limit:
    return Limit() if spec is None else Limit(spec.rate, spec.burst)
