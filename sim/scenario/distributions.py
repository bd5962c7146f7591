"""How a file describes a random duration or size: a bare quantity, or exactly one named form with its parameters.

These are descriptions only; the kernel draws from them. A form has the mean or the quantiles that people measure as its
parameters, never those of a formula (a lognormal has a median and a 99th percentile, not mu and sigma).
"""

from typing import TYPE_CHECKING, Any, Generic, Self, TypeAlias, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import core_schema

from sim.scenario.problems import EntryError
from sim.scenario.quantities import Duration, PositiveNumber, Size

if TYPE_CHECKING:
    from sim.kernel import distributions as kernel

Q = TypeVar("Q", bound=int)


class Model(BaseModel):
    """What every part of a scenario is: frozen, and closed to keys that it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class _Shape(Model, Generic[Q]):
    """Something with parameters of one kind of quantity, after which its schema is named (``DurationPareto``)."""

    @classmethod
    def model_parametrized_name(cls, params: tuple[Any, ...]) -> str:
        """Return the class name behind the kind of quantity."""
        kind = getattr(params[0], "__metadata__", ())
        return f"{kind[0].name.title()}{cls.__name__}" if kind else cls.__name__

    @field_validator("mean", "median", mode="after", check_fields=False)
    @classmethod
    def _above_zero(cls, value: int) -> int:
        if not value:
            raise ValueError("must be more than 0; write the bare quantity for a constant 0")
        return value


class Exponential(_Shape[Q], Generic[Q]):
    """Exponential: memoryless."""

    mean: Q = Field(description="Mean.")


class Uniform(_Shape[Q], Generic[Q]):
    """Equally likely everywhere between two values."""

    low: Q = Field(description="Least value.")
    high: Q = Field(description="Greatest value; more than the least.")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.low >= self.high:
            raise EntryError([(("high",), "must be more than low")])
        return self


class Lognormal(_Shape[Q], Generic[Q]):
    """Lognormal, by two quantiles."""

    median: Q = Field(description="50th percentile.")
    p99: Q = Field(description="99th percentile; more than the median.")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.p99 <= self.median:
            raise EntryError([(("p99",), "must be more than the median")])
        return self


class Normal(_Shape[Q], Generic[Q]):
    """Normal."""

    mean: Q = Field(description="Mean; at least five standard deviations, so that nothing lies below 0.")
    sd: Q = Field(description="Standard deviation.")

    @model_validator(mode="after")
    def _positive(self) -> Self:
        if not 0 < 5 * self.sd <= self.mean:
            raise EntryError([(("sd",), "must be more than 0 and at most a fifth of the mean")])
        return self


class Gamma(_Shape[Q], Generic[Q]):
    """Gamma."""

    mean: Q = Field(description="Mean.")
    shape: PositiveNumber = Field(description="Shape; 1 is exponential, more is narrower.")


class Pareto(_Shape[Q], Generic[Q]):
    """Pareto (type I), by its mean."""

    mean: Q = Field(description="Mean.")
    alpha: PositiveNumber = Field(description="Tail exponent; more than 1, so that the mean exists.")

    @model_validator(mode="after")
    def _has_mean(self) -> Self:
        if self.alpha <= 1:
            raise EntryError([(("alpha",), "must be more than 1, or the mean is infinite")])
        return self


class Empirical(_Shape[Q], Generic[Q]):
    """One of the given values."""

    values: tuple[Q, ...] = Field(min_length=1, description="The values.")
    weights: tuple[PositiveNumber, ...] | None = Field(
        default=None, description="How often each value comes, relative to the others; equally often if left out."
    )

    @model_validator(mode="after")
    def _paired(self) -> Self:
        if self.weights is not None and len(self.weights) != len(self.values):
            count = f"{len(self.weights)} weights for {len(self.values)} values"
            raise EntryError([(("weights",), f"has {count}; needs one weight per value")])
        return self


class Plain(_Shape[Q], Generic[Q]):
    """A distribution that is not truncated; exactly one key is given, a bare quantity means ``constant``."""

    constant: Q | None = Field(default=None, description="Always this value; a bare quantity says the same.")
    exponential: Exponential[Q] | None = Field(default=None, description="Exponential, by its mean.")
    uniform: Uniform[Q] | None = Field(default=None, description="Uniform, between two values.")
    lognormal: Lognormal[Q] | None = Field(default=None, description="Lognormal, by its median and 99th percentile.")
    normal: Normal[Q] | None = Field(default=None, description="Normal, by its mean and standard deviation.")
    gamma: Gamma[Q] | None = Field(default=None, description="Gamma, by its mean and shape.")
    pareto: Pareto[Q] | None = Field(default=None, description="Pareto (type I), by its mean and tail exponent.")
    empirical: Empirical[Q] | None = Field(default=None, description="One of the given values.")

    @model_validator(mode="before")
    @classmethod
    def _bare_is_constant(cls, value: object) -> object:
        return {"constant": value} if isinstance(value, str) else value

    @model_serializer(mode="wrap")
    def _constant_is_bare(self, handler: SerializerFunctionWrapHandler) -> object:
        given = {key: value for key, value in handler(self).items() if value is not None}
        return given.get("constant", given)

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if len(self.model_fields_set) != 1:
            given = f"has the keys {', '.join(sorted(self.model_fields_set))}" if self.model_fields_set else "is empty"
            raise ValueError(f"{given}; needs a bare quantity or exactly one of {', '.join(type(self).model_fields)}")
        return self

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Return the JSON Schema: the bare quantity, or an object of exactly one key."""
        reference = handler(schema)
        one = handler.resolve_ref_schema(reference)
        if "properties" not in one:
            return reference
        bare = next(choice for choice in one["properties"]["constant"]["anyOf"] if choice.get("type") != "null")
        one.update({"minProperties": 1, "maxProperties": 1})
        return {"title": cls.__name__, "anyOf": [bare, reference]}


class Truncated(_Shape[Q], Generic[Q]):
    """A distribution of which only the part within an interval is drawn."""

    of: Plain[Q] = Field(description="What is truncated.")
    low: Q = Field(description="Every draw is more than this.")
    high: Q = Field(description="No draw is more than this; more than low.")

    @model_validator(mode="after")
    def _can_be_drawn(self) -> Self:
        if self.high <= self.low:
            raise EntryError([(("high",), "must be more than low")])
        try:
            to_kernel(self)
        except ValueError as error:
            raise EntryError([(("of",), "less than 1 % of it lies between low and high; needs more")]) from error
        return self


class Distribution(Plain[Q], Generic[Q]):
    """A distribution; exactly one key is given, and a bare quantity means ``constant``."""

    truncated: Truncated[Q] | None = Field(default=None, description="Another form, kept within an interval.")


Form: TypeAlias = (
    int
    | Exponential[int]
    | Uniform[int]
    | Lognormal[int]
    | Normal[int]
    | Gamma[int]
    | Pareto[int]
    | Empirical[int]
    | Truncated[int]
)


def form_of(spec: Plain[Any]) -> Form:
    """Return the one form that a distribution gives, truncated or not; the int itself for a constant."""
    (name,) = spec.model_fields_set
    given: Form = getattr(spec, name)
    return given


def to_kernel(spec: Plain[Any] | Truncated[Any]) -> "kernel.Distribution":
    """Return what draws from this description, in nanoseconds or bytes. The kernel is imported here, with its NumPy.

    Raises:
        ValueError: too little of a truncated distribution lies within its interval.
    """
    from sim.kernel import distributions as kernel

    drawn: kernel.Distribution
    match spec if isinstance(spec, Truncated) else form_of(spec):
        case Exponential(mean=mean):
            drawn = kernel.Exponential(mean)
        case Uniform(low=low, high=high):
            drawn = kernel.Uniform(low, high)
        case Lognormal(median=median, p99=p99):
            drawn = kernel.Lognormal(median, p99)
        case Normal(mean=mean, sd=sd):
            drawn = kernel.Normal(mean, sd)
        case Gamma(mean=mean, shape=shape):
            drawn = kernel.Gamma(mean, shape)
        case Pareto(mean=mean, alpha=alpha):
            drawn = kernel.Pareto(mean, alpha)
        case Empirical(values=values, weights=weights):
            drawn = kernel.Empirical(values, weights or ())
        case Truncated(of=of, low=low, high=high):
            drawn = kernel.Truncated(to_kernel(of), low, high)
        case int(value):
            drawn = kernel.Constant(value)
    return drawn


# pydantic puts a parametrised model where pickle finds it only if it is made at module level, parts before wholes.
for _model in (Exponential, Uniform, Lognormal, Normal, Gamma, Pareto, Empirical, Plain, Truncated):
    for _quantity in (Duration, Size):
        _model.__class_getitem__(_quantity)

DurationDistribution: TypeAlias = Distribution[Duration]
SizeDistribution: TypeAlias = Distribution[Size]
