"""A row of the validation: what was published, what the simulation says, and what a model without any detail says."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

SCENARIOS = Path(__file__).parents[2] / "scenarios" / "validation"


@dataclass(frozen=True, slots=True)
class Row:
    """One published figure beside its simulation.

    Attributes:
        study: which publication, as in V1 to V6.
        setting: the row of the publication, in a few words.
        metric: what is compared, with its unit.
        published: the figure; a law has its exact value here.
        simulated: what the scenario gave.
        null_model: what a fluid queue or Little's law gives with the same constants; None where it has nothing to say.
        fitted: whether a constant was fitted to this very row: it predicts nothing then.
        gate: whether the tests fail if it is off by more than `tolerance`.
        tolerance: relative, stated beforehand.
        note: why it is off, if it is.
    """

    study: str
    setting: str
    metric: str
    published: float
    simulated: float
    null_model: float | None = None
    fitted: bool = False
    gate: bool = False
    tolerance: float = 0.2
    note: str = ""

    @property
    def error(self) -> float:
        """Signed, relative to the published figure."""
        return self.simulated / self.published - 1


@dataclass(frozen=True, slots=True)
class Study:
    """The rows of one publication.

    Attributes:
        name: V1 to V6.
        title: what was measured.
        source: where it was published.
        constants: every constant that the model was given for these rows, each with where it comes from: published with
            the figures, ``[guess]``, or ``fitted``.
        rows: what they predict.
    """

    name: str
    title: str
    source: str
    constants: dict[str, str] = field(default_factory=dict)
    rows: tuple[Row, ...] = ()

    @property
    def fitted(self) -> int:
        """How many rows a constant was fitted to."""
        return sum(row.fitted for row in self.rows)

    @property
    def free(self) -> int:
        """How many constants were not published with the figures: guessed, or fitted."""
        return sum(origin.startswith(("[guess]", "fitted")) for origin in self.constants.values())

    @property
    def predicts(self) -> bool:
        """Whether it predicts more rows than it has free constants; else it describes what it was given."""
        return len(self.rows) - self.fitted > self.free
