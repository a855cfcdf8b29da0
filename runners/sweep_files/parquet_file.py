"""Parquet files that can be replaced while readers use them.

duckdb and polars open a file twice, once for its footer and once for its rows. They fail if a file of another layout
replaces it in between. So a new version leaves the rows and the footer of the previous version in place: its own
rows go into a gap, and its footer to the end. A reader that is one version behind finds everything in place. Gaps
are reused, so that a file stays a small multiple of its rows.

The format allows gaps, because the footer stores all positions (Apache Parquet, parquet.thrift). pyarrow only writes
from position 0, hence `_shifted`, which moves the positions in a footer.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

_MAGIC = b"PAR1"
_TAIL = 8
"""Bytes after the footer: its length and the magic."""

_Positions = dict[int, "_Positions | None"]
"""Field number -> None for a position in the file, or the positions of a nested structure or list of structures."""

_COLUMN_METADATA: _Positions = {9: None, 10: None, 11: None, 14: None}
_COLUMN_CHUNK: _Positions = {2: None, 3: _COLUMN_METADATA, 4: None, 6: None}
_ROW_GROUP: _Positions = {1: _COLUMN_CHUNK, 5: None}
_FILE_METADATA: _Positions = {4: _ROW_GROUP}


@dataclass(frozen=True, kw_only=True)
class FileVersion:
    """The bytes of one version of a file, and the span of its rows."""

    data: bytes
    start: int
    """First byte of the rows."""
    end: int
    """First byte after the rows."""


def first_version(table: pa.Table) -> FileVersion:
    """Return a plain Parquet file."""
    data = _parquet_bytes(table)
    return FileVersion(data=data, start=len(_MAGIC), end=_footer_start(data))


def whole_file(data: bytes) -> FileVersion | None:
    """Return an existing file as a version that must not be overwritten; None if it is no Parquet file."""
    if len(data) < len(_MAGIC) + _TAIL or data[: len(_MAGIC)] != _MAGIC or data[-len(_MAGIC) :] != _MAGIC:
        return None
    end = _footer_start(data)
    return FileVersion(data=data, start=len(_MAGIC), end=end) if end >= len(_MAGIC) else None


def next_version(table: pa.Table, before: FileVersion | None) -> FileVersion:
    """Return a file with new rows that readers of the previous version can still read."""
    if before is None:
        return first_version(table)
    plain = _parquet_bytes(table)
    footer_start = _footer_start(plain)
    rows = plain[len(_MAGIC) : footer_start]
    start = _gap(before, len(rows))
    data = bytearray(before.data)
    data[start : start + len(rows)] = rows
    footer = _shifted(plain[footer_start:-_TAIL], start - len(_MAGIC))
    data += footer + len(footer).to_bytes(4, "little") + _MAGIC
    return FileVersion(data=bytes(data), start=start, end=start + len(rows))


def _gap(before: FileVersion, length: int) -> int:
    """Return a position for rows: before or after the rows of the previous version, or at the end."""
    if length <= before.start - len(_MAGIC):
        return len(_MAGIC)
    if length <= _footer_start(before.data) - before.end:
        return before.end
    return len(before.data)


def _parquet_bytes(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table.combine_chunks(), sink, compression="zstd")
    return bytes(sink.getvalue().to_pybytes())


def _footer_start(data: bytes) -> int:
    return len(data) - _TAIL - int.from_bytes(data[-_TAIL : -len(_MAGIC)], "little")


def _shifted(footer: bytes, distance: int) -> bytes:
    """Return a footer with every position in the file moved by a distance."""
    reader = _CompactThrift(footer, distance)
    reader.structure(_FILE_METADATA)
    return bytes(reader.out)


class _CompactThrift:
    """Copies a structure in Thrift's compact protocol and moves positions by a distance."""

    _TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = 1, 2, 3, 7, 8, 9, 10, 11, 12

    def __init__(self, data: bytes, distance: int) -> None:
        self._data, self._distance, self._at = data, distance, 0
        self.out = bytearray()

    def structure(self, positions: _Positions) -> None:
        field = 0
        while header := self._copy(1)[0]:
            step, kind = header >> 4, header & 15
            field = field + step if step else _from_zigzag(self._varint())
            if kind not in (self._TRUE, self._FALSE):
                self._value(kind, positions, field)

    def _value(self, kind: int, positions: _Positions, field: int) -> None:
        inner = positions.get(field)
        if kind == self._STRUCT:
            self.structure(inner or {})
        elif kind in (self._LIST, self._SET):
            header = self._copy(1)[0]
            count = header >> 4 if header >> 4 < 15 else self._varint()
            for _ in range(count):
                self._value(header & 15, positions, field)
        elif kind == self._BINARY:
            self._copy(self._varint())
        elif kind in (self._TRUE, self._FALSE, self._BYTE):
            self._copy(1)
        elif kind == self._DOUBLE:
            self._copy(8)
        else:
            assert kind != self._MAP, "Parquet footers hold no maps"
            self._number(is_position=field in positions and inner is None)

    def _number(self, *, is_position: bool) -> None:
        if not is_position:
            self._varint()
            return
        mark = len(self.out)
        value = _from_zigzag(self._varint())
        # Zero stands for a position that is not used.
        moved = value + self._distance if value else 0
        del self.out[mark:]
        self.out += _as_varint(moved << 1)

    def _copy(self, count: int) -> bytes:
        piece = self._data[self._at : self._at + count]
        self._at += count
        self.out += piece
        return piece

    def _varint(self) -> int:
        value, shift = 0, 0
        while True:
            byte = self._copy(1)[0]
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value


def _from_zigzag(value: int) -> int:
    return (value >> 1) ^ -(value & 1)


def _as_varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)
