"""A Perfetto trace as a list of tracks with slices, instants, counters and flows; written as TrackEvent packets.

Format: https://perfetto.dev/docs/reference/trace-packet-proto (TrackDescriptor, TrackEvent). Packets are in the order
of time; at one time first what ends, inner slices before outer ones, then instants and counters, then what begins.
Names are interned, so that a hundred thousand messages fit into some megabytes. Times are the run's: nanoseconds since
its start.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from perfetto.protos.perfetto.trace.perfetto_trace_pb2 import TracePacket

_SEQUENCE = 1
"""All packets are of one sequence, whose names are interned together."""
_CLEARED, _NEEDED = 1, 2
"""TracePacket.SequenceFlags: interned names begin here; or are needed."""
_BEGIN, _END, _INSTANT, _COUNTER = 1, 2, 3, 4
"""TrackEvent.Type."""
_EXPLICIT = 3
"""TrackDescriptor.ChildTracksOrdering: by rank."""
_ENDS, _BETWEEN, _BEGINS = range(3)
"""What comes first of what happens at one time."""


@dataclass(slots=True)
class _Event:
    time_ns: int
    order: tuple[int, int]
    kind: int
    track: int
    name: str = ""
    arguments: Mapping[str, int | str] = field(default_factory=dict)
    starts: Sequence[int] = ()
    ends: Sequence[int] = ()
    value: float = 0.0


class Timeline:
    """A trace that grows track by track.

    Tracks are numbers that `process`, `thread`, `track` and `counter` give out. Slices of one track must lie apart or
    within each other; `lanes` sees to that for slices that do not.

    Args:
        from_ns, until_ns: the window; slices are cut off at its ends.
    """

    def __init__(self, from_ns: int, until_ns: int) -> None:
        self.from_ns, self.until_ns = from_ns, until_ns
        self._descriptors: list[dict[str, Any]] = []
        self._children: dict[int, int] = {}
        self._processes: dict[int, int] = {}
        self._events: list[_Event] = []
        self._flows = 0

    def __len__(self) -> int:
        return len(self._events)

    # Tracks.

    def process(self, name: str, *notes: str) -> int:
        """A group of tracks; ``notes`` stand beside its name."""
        pid = len(self._processes) + 1
        process = {"pid": pid, "process_name": name, "process_labels": list(notes)}
        track = self._add({"process": process, "child_ordering": _EXPLICIT})
        self._processes[track] = pid
        return track

    def thread(self, process: int, name: str) -> int:
        """A track for what is done one thing after the other."""
        # Numbers of threads are unique in the whole trace, and none is that of a process.
        thread = {"pid": self._processes[process], "tid": 100_000 + len(self._descriptors), "thread_name": name}
        return self._add({"thread": thread, **self._under(process)})

    def track(self, parent: int, name: str, about: str = "") -> int:
        """A track of slices below another one; viewers show those of one parent with equal names as one."""
        return self._add({"name": name, **({"description": about} if about else {}), **self._under(parent)})

    def counter(self, parent: int, name: str, unit: str) -> int:
        """A track of numbers."""
        return self._add({"name": name, "counter": {"unit_name": unit}, **self._under(parent)})

    def _under(self, parent: int) -> dict[str, int]:
        self._children[parent] = rank = self._children.get(parent, 0) + 1
        return {"parent_uuid": parent, "sibling_order_rank": rank}

    def _add(self, descriptor: dict[str, Any]) -> int:
        uuid = len(self._descriptors) + 1
        self._descriptors.append({"uuid": uuid, **descriptor})
        return uuid

    # Events.

    def slice(
        self,
        track: int,
        name: str,
        begin_ns: int,
        end_ns: int,
        arguments: Mapping[str, int | str] | None = None,
        depth: int = 0,
        ends: Sequence[int] = (),
    ) -> bool:
        """Something that takes time; returns whether any of it is in the window. What takes none is an instant.

        ``depth``: how many slices of its track it lies within. ``ends``: flows that end at it.
        """
        begin, end = max(begin_ns, self.from_ns), min(end_ns, self.until_ns)
        if begin_ns == end_ns:
            return self.instant(track, name, begin_ns, arguments, ends=ends)
        if begin >= end:
            return False
        self._events.append(_Event(begin, (_BEGINS, depth), _BEGIN, track, name, arguments or {}, ends=ends))
        self._events.append(_Event(end, (_ENDS, -depth), _END, track))
        return True

    def instant(
        self,
        track: int,
        name: str,
        at_ns: int,
        arguments: Mapping[str, int | str] | None = None,
        starts: Sequence[int] = (),
        ends: Sequence[int] = (),
    ) -> bool:
        """Something that takes no time; returns whether it is in the window. ``starts``, ``ends``: flows."""
        if not self.from_ns <= at_ns < self.until_ns:
            return False
        self._events.append(_Event(at_ns, (_BETWEEN, 0), _INSTANT, track, name, arguments or {}, starts, ends))
        return True

    def count(self, track: int, at_ns: int, value: float) -> None:
        """A counter has this value from now on."""
        self._events.append(_Event(at_ns, (_BETWEEN, 0), _COUNTER, track, value=value))

    def flow(self) -> int:
        """The number of a new arrow from one event to another."""
        self._flows += 1
        return self._flows

    def lanes(self, parent: int, name: str, spans: Sequence[tuple[int, int]]) -> list[int]:
        """For each span from one time to another a track, so that no two spans overlap on one; as few as it takes.

        Args:
            parent: of the tracks.
            name: of all of them.
            spans: in the order of their beginnings.
        """
        free: list[tuple[int, int]] = []
        found = []
        for begin_ns, end_ns in spans:
            place = next((k for k, (until_ns, _) in enumerate(free) if until_ns <= begin_ns), len(free))
            if place == len(free):
                free.append((end_ns, self.track(parent, name)))
            free[place] = (max(end_ns, begin_ns + 1), free[place][1])
            found.append(free[place][1])
        return found

    # Writing.

    def to_bytes(self) -> bytes:
        """The trace as a file has it."""
        from perfetto.trace_builder.proto_builder import TraceProtoBuilder

        builder = TraceProtoBuilder()
        for number, descriptor in enumerate(self._descriptors):
            packet = builder.add_packet()
            packet.trusted_packet_sequence_id = _SEQUENCE
            packet.sequence_flags = _NEEDED if number else _CLEARED
            _describe(packet, descriptor)
        names: dict[str, int] = {}
        arguments: dict[str, int] = {}
        for event in sorted(self._events, key=lambda each: (each.time_ns, each.order)):
            packet = builder.add_packet()
            packet.timestamp = event.time_ns
            packet.trusted_packet_sequence_id = _SEQUENCE
            packet.sequence_flags = _NEEDED
            shown = packet.track_event
            shown.type = event.kind
            shown.track_uuid = event.track
            if event.kind == _COUNTER:
                shown.double_counter_value = event.value
            elif event.kind != _END:
                shown.name_iid = _interned(packet.interned_data.event_names, names, event.name)
                shown.flow_ids.extend(event.starts)
                shown.terminating_flow_ids.extend(event.ends)
                for key, value in event.arguments.items():
                    note = shown.debug_annotations.add()
                    note.name_iid = _interned(packet.interned_data.debug_annotation_names, arguments, key)
                    if isinstance(value, str):
                        note.string_value = value
                    else:
                        note.int_value = value
        data: bytes = builder.serialize()
        return data


def _describe(packet: TracePacket, descriptor: dict[str, Any]) -> None:
    """Write a track's description into a packet."""
    track = packet.track_descriptor
    for key, value in descriptor.items():
        if isinstance(value, dict):
            part = getattr(track, key)
            part.SetInParent()
            for name, cell in value.items():
                if isinstance(cell, list):
                    getattr(part, name).extend(cell)
                else:
                    setattr(part, name, cell)
        else:
            setattr(track, key, value)


def _interned(table: Any, known: dict[str, int], name: str) -> int:  # noqa: ANN401 - the generated classes are untyped
    """The number of a name, which is told with the first packet that uses it."""
    number = known.get(name)
    if number is None:
        number = known[name] = len(known) + 1
        entry = table.add()
        entry.iid, entry.name = number, name
    return number
