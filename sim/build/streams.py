"""What a scenario says of streams, under the names of the workload room."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.kernel.distributions import Constant
from sim.kernel.engine import SECOND
from sim.scenario.distributions import to_kernel
from sim.scenario.stream import BACKOFF_NS
from sim.workload.curve import FLAT, Curve, segments, windowed
from sim.workload.streams import Checks, ClosedLoop, Deposits

if TYPE_CHECKING:
    from sim.build.windows import Windows
    from sim.scenario import Scenario
    from sim.scenario.stream import Profile, Stream


def curve_of(scenario: Scenario, stream: Stream) -> Curve:
    """How a stream's rate moves over day and week."""
    if stream.profile is None:
        return FLAT
    return curve_of_profile(scenario.profiles[stream.profile])


def curve_of_profile(profile: Profile) -> Curve:
    """A profile as the workload room has it."""
    return Curve(
        working_days=profile.working_days_per_year,
        first_hour=profile.office_hours.start_min // 60,
        share=profile.office_share,
        weights=profile.hourly_weights,
    )


def pieces(scenario: Scenario, stream: Stream, windows: Windows | None = None) -> tuple[tuple[float, float], ...]:
    """Until when, in seconds, an open loop has which multiple of its rate; in the run's own time if it has windows."""
    curve = curve_of(scenario, stream)
    horizon_s = (scenario.horizon if windows is None else windows.horizon_ns) / SECOND
    end_s = horizon_s if stream.end is None else min(horizon_s, stream.end / SECOND)
    found = tuple(windowed(segments(curve, scenario.start, horizon_s), stream.begin / SECOND, end_s))
    return found if windows is None else windows.pieces(found)


def rate_of(stream_id: str, stream: Stream) -> float:
    """The long-run rate of an open loop, per second."""
    if stream.rate is None:
        raise ValueError(f"workload.{stream_id}: an open loop has a rate; the loader checks it")
    return stream.rate


def rate_at_start(scenario: Scenario, stream_id: str) -> tuple[float, float]:
    """An open loop's rate per second when the scenario starts, and the arrivals to expect until its horizon."""
    stream = scenario.workload[stream_id]
    parts = pieces(scenario, stream)
    begins_s = [0.0, *(end_s for end_s, _ in parts[:-1])]
    expected = sum((end_s - begin_s) * m for begin_s, (end_s, m) in zip(begins_s, parts, strict=True))
    rate = rate_of(stream_id, stream)
    return rate * parts[0][1], rate * expected


def deposits(scenario: Scenario, stream_id: str, stream: Stream, windows: Windows | None = None) -> Deposits:
    """An open loop of records, or of transfers."""
    if stream.size is None:
        raise ValueError(f"workload.{stream_id}: a deposit stream has a size; the loader checks it")
    return Deposits(
        id=stream_id,
        rate_per_s=rate_of(stream_id, stream),
        pieces=pieces(scenario, stream, windows),
        poisson=stream.arrivals != "regular",
        size=to_kernel(stream.size),
        history=stream.history,
    )


def closed_loop(scenario: Scenario, stream_id: str, stream: Stream) -> ClosedLoop:
    """Clients that wait for their records."""
    if stream.clients is None or stream.size is None:
        raise ValueError(f"workload.{stream_id}: clients send records of some size; the loader checks it")
    return ClosedLoop(
        id=stream_id,
        clients=stream.clients,
        think=Constant(0) if stream.think is None else to_kernel(stream.think),
        backoff=Constant(BACKOFF_NS) if stream.backoff is None else to_kernel(stream.backoff),
        size=to_kernel(stream.size),
        history=stream.history,
        begin_ns=stream.begin,
        end_ns=scenario.horizon if stream.end is None else stream.end,
    )


def checks(scenario: Scenario, stream_id: str, stream: Stream, windows: Windows | None = None) -> Checks:
    """Verification requests."""
    if stream.of is None:
        raise ValueError(f"workload.{stream_id}: a verify stream has an 'of'; the loader checks it")
    return Checks(
        id=stream_id,
        of=stream.of,
        rate_per_s=rate_of(stream_id, stream),
        pieces=pieces(scenario, stream, windows),
        poisson=stream.arrivals != "regular",
        absent=stream.absent,
        altered=stream.altered,
    )
