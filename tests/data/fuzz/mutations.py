"""What may befall a file on its way: bytes flipped, cut off, put in, doubled, exchanged; numbers that lie."""

import struct

from hypothesis import strategies as st

BOUNDARIES = (0, 1, -1, 2**7, 2**15, 2**31 - 1, 2**31, 2**32 - 1, 2**40, 2**63 - 1, -(2**63))
_FORMATS = ("b", "<h", ">h", "<i", ">i", "<q", ">q")
_EDGE = 96  # bytes at either end of a file, where formats keep what they say of themselves


def _places(size):
    """Return places in a file of ``size`` bytes, the ends of it more often than its middle."""
    last = max(0, size - 1)
    return st.one_of(
        st.integers(0, min(_EDGE, last)), st.integers(max(0, last - 3 * _EDGE), last), st.integers(0, last)
    )


@st.composite
def _ranges(draw, size):
    start = draw(_places(size))
    return start, min(size, start + draw(st.integers(1, 64)))


def _flip(draw, data):
    at = draw(_places(len(data)))
    return data[:at] + bytes([draw(st.integers(0, 255))]) + data[at + 1 :]


def _cut(draw, data):
    return data[: draw(_places(len(data)))]


def _insert(draw, data):
    at = draw(_places(len(data)))
    return data[:at] + draw(st.binary(min_size=1, max_size=40)) + data[at:]


def _remove(draw, data):
    start, end = draw(_ranges(len(data)))
    return data[:start] + data[end:]


def _double(draw, data):
    start, end = draw(_ranges(len(data)))
    at = draw(_places(len(data)))
    return data[:at] + data[start:end] * draw(st.integers(1, 40)) + data[at:]


def _exchange(draw, data):
    (a, b), (c, d) = sorted((draw(_ranges(len(data))), draw(_ranges(len(data)))))
    return data if b > c else data[:a] + data[c:d] + data[b:c] + data[a:b] + data[d:]


def _lie(draw, data):
    form = draw(st.sampled_from(_FORMATS))
    width = struct.calcsize(form)
    value = draw(st.sampled_from(BOUNDARIES)) % 2 ** (8 * width)
    at = draw(_places(len(data)))
    return (
        data[:at]
        + struct.pack(form.lower().replace("b", "B").translate(_UNSIGNED), value)
        + data[at + width :]
    )


_UNSIGNED = str.maketrans("hiq", "HIQ")


def _lie_in_words(draw, data):
    """Replace a number that is written in digits."""
    places = [i for i, byte in enumerate(data) if 48 <= byte <= 57]
    if not places:
        return _lie(draw, data)
    start = end = draw(st.sampled_from(places))
    while end < len(data) and 48 <= data[end] <= 57:
        end += 1
    return data[:start] + str(draw(st.sampled_from(BOUNDARIES))).encode() + data[end:]


CHANGES = (_flip, _cut, _insert, _remove, _double, _exchange, _lie, _lie_in_words)


@st.composite
def mutated(draw, data):
    """Return ``data`` after one to three mishaps."""
    for change in draw(st.lists(st.sampled_from(CHANGES), min_size=1, max_size=3)):
        data = change(draw, data)
    return data
