"""Protobuf's wire format: fields of a message, numbers, nothing of a schema."""

from collections.abc import Iterator


class WireError(ValueError):
    """Bytes that are no request to read."""


def fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Number and value of every field of a protobuf message. Raises WireError."""
    place = 0
    while place < len(data):
        key, place = read_varint(data, place)
        number, kind = key >> 3, key & 7
        value: int | bytes
        if kind == 0:
            value, place = read_varint(data, place)
        elif kind in (1, 2, 5):
            length = {1: 8, 5: 4}.get(kind)
            if length is None:
                length, place = read_varint(data, place)
            value = data[place : place + length]
            place += length
            if place > len(data):
                raise WireError("the request is no protobuf: it is cut off")
        else:
            raise WireError(f"the request is no protobuf: there is no wire type {kind}")
        yield number, value


def message(value: int | bytes) -> bytes:
    """A field's value that has to be a message, a text or bytes. Raises WireError."""
    if isinstance(value, int):
        raise WireError("the request is no ReadRequest: a number stands where a message belongs")
    return value


def signed(value: int) -> int:
    """The int64 that a varint stands for."""
    return value - 2**64 if value >= 2**63 else value


def field(number: int, data: bytes) -> bytes:
    """A field that is a message, a text or bytes."""
    return varint(number << 3 | 2) + varint(len(data)) + data


def number_field(number: int, value: int) -> bytes:
    """A field that is a number, an int64 or an enum."""
    return varint(number << 3) + varint(value & (2**64 - 1))


def varint(value: int) -> bytes:
    """A number of at least 0, seven bits to a byte, the lowest first."""
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)


def read_varint(data: bytes, place: int) -> tuple[int, int]:
    """The number that begins at a place, and the place after it. Raises WireError."""
    value = shift = 0
    while place < len(data) and shift < 70:
        byte = data[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & (2**64 - 1), place
        shift += 7
    raise WireError("the request is cut off, or a number in it is too long")
