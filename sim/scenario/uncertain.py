"""Inputs that nobody knows well: between what bounds they lie, and who says so."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from sim.scenario.distributions import Model
from sim.scenario.problems import EntryError
from sim.scenario.quantities import Text, one_of

_NUMBER: Final = re.compile(r"([+-]?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?) ?(.*)")

_WHOLE: Final = ("", "ns", "B")


class Uncertain(Model):
    """An input that is a guess or an estimate, and the range in which it may lie."""

    key: Text = Field(description="Dotted path of the input, as for --set, such as workload.e-service.rate.")
    low: Text = Field(alias="from", description="The lowest value that it may have, with its unit.")
    high: Text = Field(alias="to", description="The highest, in the same unit.")
    scale: Annotated[Literal["linear", "log"], one_of("linear", "log")] = Field(
        default="linear", description="log: as likely between 1 and 10 as between 10 and 100."
    )
    source: Text = Field(description="Who gives the range; `guess:` where nobody does.")

    @model_validator(mode="after")
    def _is_a_range(self) -> Self:
        for key, text in (("from", self.low), ("to", self.high)):
            if _NUMBER.fullmatch(text) is None:
                raise EntryError([((key,), f"is '{text}': needs a number with its unit, such as 20ms or 12/s")])
        (low, unit), (high, other) = _parts(self.low), _parts(self.high)
        if unit != other:
            raise EntryError([(("to",), f"is in '{other}' and `from` in '{unit}'; needs one unit")])
        if not low < high:
            raise EntryError([(("to",), f"is not above `from` ({self.low}); needs a range")])
        if self.scale == "log" and low <= 0:
            raise EntryError([(("from",), "is not above 0; a log scale needs that")])
        return self

    def at(self, share: float) -> str:
        """The value at a share of the range in [0, 1] to four digits, with its unit.

        Whole where both bounds are whole numbers of something that has no parts: things, nanoseconds, bytes.
        """
        (low, unit), (high, _) = _parts(self.low), _parts(self.high)
        if self.scale == "log":
            value = float(low) * (float(high) / float(low)) ** share
        else:
            value = float(low) + (float(high) - float(low)) * share
        whole = unit in _WHOLE and low == low.to_integral_value() and high == high.to_integral_value()
        return f"{round(value)}{unit}" if whole else f"{Decimal(f'{value:.4g}'):f}{unit}"


def _parts(text: str) -> tuple[Decimal, str]:
    found = _NUMBER.fullmatch(text)
    if found is None:
        raise ValueError(f"'{text}' is no number with a unit")
    return Decimal(found[1]), found[2]
