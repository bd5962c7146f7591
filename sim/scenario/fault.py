"""What goes wrong in a scenario, and when."""

from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from sim.scenario.distributions import Model
from sim.scenario.problems import EntryError
from sim.scenario.quantities import Duration, PositiveDuration, one_of, whole
from sim.scenario.references import ChainId, declared
from sim.scenario.units import show_duration

MAX_NODE_NUMBER = 20_000


class Fault(Model):
    """Something that goes wrong at a given time."""

    at: Duration = Field(description="When it starts, counted from the start of the simulation.")
    duration: PositiveDuration | None = Field(
        default=None, alias="for", description="How long it lasts; to the end if left out."
    )
    action: Annotated[Literal["crash"], one_of("crash", later="the only fault in this version")] = Field(
        description="crash: the nodes stop; afterwards they restart and catch up."
    )
    chain: ChainId = Field(description="The chain that it happens to.")
    nodes: tuple[Annotated[int, whole(0, MAX_NODE_NUMBER)], ...] = Field(
        min_length=1, description="Numbers of the nodes that it happens to; validators come first, from 0."
    )

    @field_validator("at", mode="after")
    @classmethod
    def _before_the_end(cls, value: int, info: ValidationInfo) -> int:
        known = declared(info)
        if known is not None and known.horizon_ns is not None and value >= known.horizon_ns:
            raise ValueError(f"must be before the horizon, which is {show_duration(known.horizon_ns)}")
        return value

    @field_validator("nodes", mode="after")
    @classmethod
    def _nodes_of_the_chain(cls, value: tuple[int, ...], info: ValidationInfo) -> tuple[int, ...]:
        chain = info.data.get("chain")
        known = declared(info)
        count = None if known is None else known.nodes.get(str(chain))
        problems: list[tuple[tuple[str | int, ...], str]] = []
        for index, node in enumerate(value):
            if node in value[:index]:
                problems.append(((index,), f"node {node} is repeated; needs each node once"))
            elif count is not None and node >= count:
                problems.append(((index,), f"{chain} has no node {node}; its nodes are 0 to {count - 1}"))
        if problems:
            raise EntryError(problems)
        return value
