"""Service-level objectives: which metric of the summary is bound, by what, in the metric's own unit."""

from fractions import Fraction
from typing import Annotated, Final, Self

from pydantic import (
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    ValidationInfo,
    field_serializer,
    field_validator,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import core_schema

from sim.scenario import units
from sim.scenario.distributions import Model
from sim.scenario.problems import hint
from sim.scenario.quantities import DURATION, RATE, SIZE, scalar_text
from sim.scenario.references import CHAIN, LINK, Declared, declared

_STATISTICS: Final = ("mean", "p50", "p95", "p99", "max")
_STAGES: Final = ("submit", "queue", "propose", "vote", "execute")
_COUNTS: Final = ("blocks", "transactions", "records", "offered", "rejected", "unfinished")
_RATES: Final = ("throughput_tps", "goodput_tps")
CHAIN_METRICS: Final = (
    *_COUNTS,
    *_RATES,
    "storage_bytes",
    "mempool_peak",
    "view_changes",
    *(f"commit_latency_s.{statistic}" for statistic in _STATISTICS),
    *(f"stages_s.{stage}.{statistic}" for stage in _STAGES for statistic in _STATISTICS),
)
PROOF_METRICS: Final = (
    "deposited",
    "verified_real",
    "verified_charged",
    "passed",
    "refused",
    "not_found",
    "mismatch",
)


LINK_METRICS: Final = (
    *("offered", "delivered", "acknowledged", "timed_out", "stuck", "unfinished", "accepted_forged", "executed_twice"),
    *("late_success", "torn", "repairs", "messages", "bytes", "verified_real", "verified_charged"),
    *("client_updates", "client_signatures", "locked_at_end.source", "locked_at_end.destination"),
    *(f"latency_s.{statistic}" for statistic in _STATISTICS),
    *(f"queries.{name}" for name in ("asked", "answered", "unanswered", "accepted_stale", "accepted_forged")),
    *(f"queries.{name}.{statistic}" for name in ("latency_s", "age_s") for statistic in _STATISTICS),
)
"""Those of queries where a stream asks some."""


CASE_METRICS: Final = ("started", "completed", "open", "transitions", "records")
"""Those of every workflow; besides, `deadlines.<name>.met`, `.missed` and `.open`, and `losses.<name>`."""
_PERIODS: Final = ("met", "missed", "open")
DOCKET_METRICS: Final = (
    *("cases", "open_at_start", "steps", "chain_runs", "contract_calls", "signals_lost"),
    *(f"displaced_s.{statistic}" for statistic in ("p50", "p99", "max")),
)


class _Metric:
    """Metadata of a dotted path into the summary."""

    def read(self, value: object, info: ValidationInfo) -> str:
        """Return the path.

        Raises:
            ValueError: the summary has no such metric.
        """
        text = scalar_text(value, "the path of a metric such as chains.jc.commit_latency_s.p99")
        return metric_of(text, declared(info))

    def __get_pydantic_core_schema__(self, _source: object, _handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """Tell pydantic to read with this object alone."""
        return core_schema.with_info_plain_validator_function(
            self.read, serialization=core_schema.plain_serializer_function_ser_schema(str)
        )

    def __get_pydantic_json_schema__(
        self, _schema: core_schema.CoreSchema, _handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Return the JSON Schema of the path."""
        leaves, ways, docket = (
            "|".join(leaf.replace(".", r"\.") for leaf in metrics)
            for metrics in (CHAIN_METRICS, LINK_METRICS, DOCKET_METRICS)
        )
        return {
            "x-kind": "metric",
            "type": "string",
            "pattern": rf"^(?:chains\.[a-z][a-z0-9-]*\.(?:{leaves})|crosschain\.[a-z][a-z0-9-]*\.(?:{ways})"
            rf"|casework\.[a-z][a-z0-9-]*\.(?:{'|'.join(CASE_METRICS)}|losses\.[a-z0-9.-]+"
            rf"|deadlines\.[a-z0-9.-]+\.(?:{'|'.join(_PERIODS)}))|docket\.(?:{docket})"
            rf"|proofs\.(?:{'|'.join(PROOF_METRICS)}))$",
            "examples": ["chains.jc.commit_latency_s.p99", "proofs.mismatch"],
        }


def _of_cases(text: str, rest: str, known: Declared | None) -> str:
    """Return the path of a metric of a workflow's cases.

    Raises:
        ValueError: the scenario runs no such workflow, or it counts no such thing.
    """
    workflow, _, leaf = rest.partition(".")
    if known is not None and workflow not in known.cases:
        raise ValueError(f"is '{text}': '{workflow}' does not run here{hint(workflow, known.cases, 'workflows')}")
    names = known.cases[workflow] if known is not None else {}
    section, _, name = leaf.partition(".")
    if section == "deadlines":
        name, _, end = name.rpartition(".")
        _known(text, end, _PERIODS)
    elif section != "losses":
        return _known(text, leaf, (*CASE_METRICS, "deadlines.<name>.missed", "losses.<name>"))
    if names and name not in names[section]:
        raise ValueError(f"is '{text}': {workflow} has no '{name}'{hint(name, names[section], section)}")
    return text


def _known(text: str, leaf: str, leaves: tuple[str, ...]) -> str:
    if leaf not in leaves:
        raise ValueError(f"is '{text}': no such metric '{leaf}'{hint(leaf, leaves, 'metrics')}")
    return text


def metric_of(text: str, known: Declared | None) -> str:
    """Return the path of a metric.

    Args:
        text: the path.
        known: what the scenario declares; without it only the path's shape is looked at.

    Raises:
        ValueError: the summary has no such metric; says what would be right.
    """
    section, _, rest = text.partition(".")
    if section == "proofs":
        return _known(text, rest, PROOF_METRICS)
    if section == "crosschain":
        link, _, leaf = rest.partition(".")
        if known is not None and link not in known.ids.get("links", (link,)):
            raise ValueError(f"is '{text}': {LINK.dangling(link, known)}")
        return _known(text, leaf, LINK_METRICS)
    if section == "docket":
        return _known(text, rest, DOCKET_METRICS)
    if section == "casework":
        return _of_cases(text, rest, known)
    if section != "chains":
        starts = "chains.<id>., crosschain.<link>., casework.<workflow>., docket. or proofs."
        raise ValueError(f"is '{text}': a metric starts with {starts}")
    chain, _, leaf = rest.partition(".")
    if known is not None and "chains" in known.ids and chain not in known.ids["chains"]:
        raise ValueError(f"is '{text}': {CHAIN.dangling(chain, known)}")
    return _known(text, leaf, CHAIN_METRICS)


class _Bound:
    """Metadata of a bound: a number, or text with the unit that the metric's name calls for."""

    def __get_pydantic_core_schema__(self, _source: object, _handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """Tell pydantic to take the float that `Slo` has read."""
        return core_schema.float_schema()

    def __get_pydantic_json_schema__(
        self, _schema: core_schema.CoreSchema, _handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Return the JSON Schema of any bound; which unit is due depends on the metric."""
        quantities = "|".join(str(kind.schema["pattern"]).removeprefix("^").removesuffix("$") for kind in _KINDS)
        return {
            "x-kind": "bound",
            "type": ["number", "string"],
            "pattern": f"^(?:{quantities})$",
            "examples": ["3s", 0],
        }


_KINDS: Final = (DURATION, SIZE, RATE)
Bound = Annotated[float, _Bound()]


class Slo(Model):
    """What one metric of the summary must be; exactly one of the bounds is given."""

    metric: Annotated[str, _Metric()] = Field(
        description="Path into summary.json: chains.<id>.<name>, crosschain.<link>.<name>, casework.<workflow>.<name>, "
        "docket.<name> or proofs.<name>."
    )
    at_most: Bound | None = Field(
        default=None, description="Upper bound; a duration such as 3s for *_s, a size for *_bytes, otherwise a number."
    )
    at_least: Bound | None = Field(default=None, description="Lower bound, written as at_most is.")
    equals: Bound | None = Field(default=None, description="Exact value, written as at_most is.")

    @field_validator("at_most", "at_least", "equals", mode="before")
    @classmethod
    def _in_unit_of_metric(cls, value: object, info: ValidationInfo) -> float:
        metric = info.data.get("metric")
        return 0.0 if metric is None else _read_bound(str(metric), value)

    @field_serializer("at_most", "at_least", "equals", when_used="unless-none")
    def _with_unit_of_metric(self, value: float) -> object:
        return _show_bound(self.metric, value)

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        given = [bound for bound in (self.at_most, self.at_least, self.equals) if bound is not None]
        if len(given) != 1:
            raise ValueError(f"has {len(given)} bounds; needs exactly one of at_most, at_least, equals")
        return self


def _unit(metric: str) -> str:
    """Return the unit at the end of the metric's name: ``s``, ``bytes``, ``tps`` or nothing."""
    if metric.startswith("casework."):
        return ""  # counts, days and CNY
    place = 1 if metric.startswith(("proofs.", "docket.")) else 3 if ".queries." in metric else 2
    name = metric.split(".")[place]
    return name.rpartition("_")[2] if name.endswith(("_s", "_bytes", "_tps")) else ""


def _read_bound(metric: str, value: object) -> float:
    unit = _unit(metric)
    needs = {"s": DURATION.needs, "bytes": SIZE.needs, "tps": "a rate such as 200/s"}.get(unit, "a number")
    text = scalar_text(value, needs)
    if unit == "s":
        return DURATION.read(_or_refuse_number(text, "s", needs)) / units.NANOSECONDS["s"]
    if unit == "bytes":
        return float(SIZE.read(_or_refuse_number(text, "B", needs)))
    if unit == "tps" and "/" in text:
        return RATE.read(text)
    try:
        return float(units.parse_number(text))
    except ValueError as error:
        raise ValueError(f"is '{text}': {error}; {metric} needs {needs}") from error


def _or_refuse_number(text: str, unit: str, needs: str) -> str:
    try:
        units.parse_number(text)
    except ValueError:
        return text
    raise ValueError(f"is '{text}': write {text}{unit}; needs {needs}")


def _show_bound(metric: str, value: float) -> object:
    unit = _unit(metric)
    if unit == "s":
        return units.show_duration(round(Fraction(value) * units.NANOSECONDS["s"]))
    if unit == "bytes":
        # The float nearest to the greatest size lies just above it.
        return units.show_size(min(int(value), units.MAX_INT64))
    if unit == "tps":
        return units.show_rate(value)
    return int(value) if value.is_integer() else value
