"""As much of BSON as the double needs. A string keeps its bytes, UTF-8 or not; an object identifier of other kinds is refused."""
import struct


class Date(int):
    """Milliseconds since 1970."""


class Long(int):
    """An int64, as it came."""


def text_of(data, at):
    end = data.index(b"\0", at)
    return data[at:end].decode("utf-8", "surrogateescape"), end + 1


def decode(data, at=0, as_list=False):
    size, = struct.unpack_from("<i", data, at)
    end, at, out = at + size - 1, at + 4, {}
    while at < end:
        kind = data[at]
        name, at = text_of(data, at + 1)
        if kind in (3, 4):
            out[name] = decode(data, at, kind == 4)
            at += struct.unpack_from("<i", data, at)[0]
        elif kind == 2:
            length, = struct.unpack_from("<i", data, at)
            out[name] = data[at + 4:at + 3 + length].decode("utf-8", "surrogateescape")
            at += 4 + length
        elif kind == 5:
            length, = struct.unpack_from("<i", data, at)
            out[name] = bytes(data[at + 4:at + 5 + length])  # with its subtype in front
            at += 5 + length
        elif kind == 8:
            out[name], at = bool(data[at]), at + 1
        elif kind == 10:
            out[name] = None
        elif kind == 16:
            out[name], at = struct.unpack_from("<i", data, at)[0], at + 4
        elif kind in (9, 17, 18, 1):
            value, = struct.unpack_from("<d" if kind == 1 else "<q", data, at)
            out[name], at = {1: float, 9: Date, 17: Long, 18: Long}[kind](value), at + 8
        else:
            raise ValueError(f"kind {kind} of BSON")
    return list(out.values()) if as_list else out


def element(name, value):
    name = name.encode("utf-8", "surrogateescape") + b"\0"
    if isinstance(value, bool):
        return b"\x08" + name + bytes([value])
    if value is None:
        return b"\x0a" + name
    if isinstance(value, float):
        return b"\x01" + name + struct.pack("<d", value)
    if isinstance(value, (Date, Long)):
        return (b"\x09" if isinstance(value, Date) else b"\x12") + name + struct.pack("<q", value)
    if isinstance(value, int):
        return b"\x10" + name + struct.pack("<i", value)
    if isinstance(value, str):
        data = value.encode("utf-8", "surrogateescape") + b"\0"
        return b"\x02" + name + struct.pack("<i", len(data)) + data
    if isinstance(value, bytes):
        return b"\x05" + name + struct.pack("<i", len(value) - 1) + value
    if isinstance(value, list):
        return b"\x04" + name + encode({str(i): one for i, one in enumerate(value)})
    return b"\x03" + name + encode(value)


def encode(document):
    data = b"".join(element(name, value) for name, value in document.items())
    return struct.pack("<i", len(data) + 5) + data + b"\0"
