"""The Arrow schemas of the record tables."""

from __future__ import annotations

import pyarrow as pa

from seatbelt.records.tables import SCHEMA_VERSION, TABLES

_TYPES = {
    "string": pa.string(),
    "int64": pa.int64(),
    "float64": pa.float64(),
    "bool": pa.bool_(),
    "timestamp": pa.timestamp("us", tz="UTC"),
}


def arrow_schema(table: str) -> pa.Schema:
    """Return the Arrow schema of one of `seatbelt.records.tables.TABLES`; a column's meaning is its metadata."""
    fields = [pa.field(c.name, _TYPES[c.type], metadata={"meaning": c.meaning}) for c in TABLES[table]]
    return pa.schema(fields, metadata={"seatbelt_schema": str(SCHEMA_VERSION)})
