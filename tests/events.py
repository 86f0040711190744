"""Reads what TensorBoard reads: records of events, each with its length before it and checksums around it."""

import struct

from tensorboardX.proto.event_pb2 import Event


def values_in(folder):
    """(step, value) of all files in the folder, in the order of writing; the value is a protocol buffer with a tag."""
    found = []
    for path in sorted(folder.glob("events.out.tfevents.*")):
        data, at = path.read_bytes(), 0
        while at < len(data):
            (length,) = struct.unpack_from("<Q", data, at)
            event = Event.FromString(data[at + 12 : at + 12 + length])
            found += [(event.step, value) for value in event.summary.value]
            at += 12 + length + 4
    return found


def scalars_in(folder):
    """(tag, step, value) of the scalars."""
    return [
        (value.tag, step, value.simple_value) for step, value in values_in(folder) if value.HasField("simple_value")
    ]
