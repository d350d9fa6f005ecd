"""Snappy's block format: https://github.com/google/snappy (format_description.txt)."""

from datasource.prometheus.prompb.protobuf import WireError, read_varint, varint


def pack(data: bytes) -> bytes:
    """Snappy's block format, of one literal: nothing is saved, and nothing is needed for it."""
    if not data:
        return b"\x00"
    return varint(len(data)) + b"\xfc" + (len(data) - 1).to_bytes(4, "little") + data


def unpack(packed: bytes, most: int) -> bytes:
    """What snappy's block format holds, if that is at most so many bytes. Raises WireError."""
    size, place = read_varint(packed, 0)
    if size > most:
        raise WireError(f"the request declares {size} bytes; {most} are the most")
    found = bytearray()
    while place < len(packed):
        tag = packed[place]
        place += 1
        if tag & 3 == 0:
            length = tag >> 2
            more = max(0, length - 59)
            length = (int.from_bytes(packed[place : place + more], "little") if more else length) + 1
            place += more
            found += packed[place : place + length]
            place += length
        else:
            wide = (0, 1, 2, 4)[tag & 3]
            offset = int.from_bytes(packed[place : place + wide], "little")
            place += wide
            length = (tag >> 2) + 1
            if wide == 1:
                length, offset = ((tag >> 2) & 7) + 4, offset | (tag >> 5) << 8
            if not 0 < offset <= len(found):
                raise WireError("the request is not packed by snappy: it refers to what is not there")
            begin = len(found) - offset
            again = bytes(found[begin : begin + length])
            found += (again * (length // len(again) + 1))[:length]
        if place > len(packed) or len(found) > size:
            raise WireError("the request is not packed by snappy: its parts do not fit")
    if len(found) != size:
        raise WireError("the request is not packed by snappy: it is cut off")
    return bytes(found)
