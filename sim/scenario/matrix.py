"""The regions of a network and the one-way delay between any two of them: the model of a delay-matrix file."""

from collections.abc import Mapping
from itertools import product
from typing import Annotated, Self

from pydantic import Field, model_validator

from sim.scenario.distributions import Model
from sim.scenario.problems import EntryError
from sim.scenario.quantities import Duration, Id, Text, latitude_or_longitude
from sim.scenario.references import RegionId

_MAX_MISSING = 10


class Region(Model):
    """A place where nodes stand."""

    name: Text = Field(description="Name in English.")
    zh: Text = Field(description="Name in Chinese.")
    latitude: Annotated[float, latitude_or_longitude(90)] = Field(description="Degrees north.")
    longitude: Annotated[float, latitude_or_longitude(180)] = Field(description="Degrees east.")


class DelayMatrix(Model):
    """One-way delays between regions.

    A pair that is given in one direction counts for both; a pair given in both directions may be asymmetric.
    """

    name: Text = Field(description="What the matrix is.")
    source: Text = Field(description="Where the numbers come from.")
    regions: Mapping[Id, Region] = Field(min_length=1, description="The regions, by id.")
    within: Duration = Field(description="One-way delay between two nodes of the same region.")
    one_way: Mapping[RegionId, Mapping[RegionId, Duration]] = Field(
        default_factory=dict,
        description="One-way delay from a region to another; one direction counts for both unless both are given.",
    )

    def delay_ns(self, a: str, b: str) -> int:
        """Return the one-way delay from a node in region ``a`` to another node in region ``b``, in nanoseconds.

        Raises:
            KeyError: a region is not in the matrix.
        """
        for region in (a, b):
            if region not in self.regions:
                raise KeyError(region)
        if a == b:
            return self.within
        row = self.one_way.get(a, {})
        return row[b] if b in row else self.one_way[b][a]

    @model_validator(mode="after")
    def _complete(self) -> Self:
        items = [*self._to_itself(), *self._missing()]
        if items:
            raise EntryError(items)
        return self

    def _to_itself(self) -> list[tuple[tuple[str | int, ...], str]]:
        message = "is the delay of a region to itself; write it as 'within'"
        return [(("one_way", a, a), message) for a, row in self.one_way.items() if a in row]

    def _missing(self) -> list[tuple[tuple[str | int, ...], str]]:
        """Name the pairs without a delay, the first few one by one."""
        pairs = [
            (a, b)
            for a, b in product(self.regions, repeat=2)
            if a < b and b not in self.one_way.get(a, {}) and a not in self.one_way.get(b, {})
        ]
        items: list[tuple[tuple[str | int, ...], str]] = [
            (("one_way",), f"no delay between {a} and {b}; needs one in at least one direction")
            for a, b in pairs[:_MAX_MISSING]
        ]
        if len(pairs) > _MAX_MISSING:
            items.append((("one_way",), f"no delay between {len(pairs) - _MAX_MISSING} more pairs of regions"))
        return items
