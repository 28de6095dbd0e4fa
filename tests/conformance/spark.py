"""Spark in local mode, as a worker: lakebed's own driver, which also returns rows.

    {"do": "cases", "name": "t", "columns": [["a", "INT64"]], "rows": [[1]]}
    {"do": "rows",  "sql": "…", "columns": [["a", "INT64"]]}   -> {"rows": [[1]]}

The other requests are those of `adapters/spark/src/driver.py`. Values are written as `googlesql.py`
writes them.
"""

import decimal
import os
import struct
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "adapters", "spark", "src"))
sys.dont_write_bytecode = True

from pyspark.sql import functions as F  # noqa: E402

from driver import TYPES, Driver, serve  # noqa: E402


class Worker(Driver):
    """Answers requests in one session."""

    def cases(self, request):
        columns = request["columns"]
        schema = ", ".join(f"{name} {raw_type(kind)}" for name, kind in columns)
        kinds = [kind for _, kind in columns]
        rows = [[decode(cell, kind) for cell, kind in zip(row, kinds)] for row in request["rows"]]
        found = self.spark.createDataFrame(rows, schema, verifySchema=False)
        found.select(*(from_raw(name, kind) for name, kind in columns)).createOrReplaceTempView(request["name"])
        return {}

    def rows(self, request):
        names, kinds = zip(*request["columns"])
        found = self.spark.sql(request["sql"]).toDF(*names)
        plain = [plain_column(name, kind).alias(name) for name, kind in request["columns"]]
        rows = found.select(*plain).collect()
        return {"rows": [[encode(cell, kind) for cell, kind in zip(row, kinds)] for row in rows]}


def spark_type(kind):
    if kind.startswith("ARRAY<"):
        return f"ARRAY<{spark_type(kind[6:-1])}>"
    return TYPES[kind]


def raw_type(kind):
    """Python's own times end sooner and have zones: they go as numbers."""
    if kind.startswith("ARRAY<"):
        return f"ARRAY<{raw_type(kind[6:-1])}>"
    return {"DATE": "INT", "TIMESTAMP": "BIGINT"}.get(kind) or TYPES[kind]


def from_raw(name, kind):
    conversions = {"DATE": F.date_from_unix_date, "TIMESTAMP": F.timestamp_micros}
    column = F.col(name)
    if kind in conversions:
        column = conversions[kind](column)
    elif kind.startswith("ARRAY<") and kind[6:-1] in conversions:
        column = F.transform(column, conversions[kind[6:-1]])
    return column.alias(name)


def decode(cell, kind):
    if cell is None:
        return None
    if kind.startswith("ARRAY<"):
        return [decode(each, kind[6:-1]) for each in cell]
    if kind == "FLOAT64":
        return struct.unpack(">d", bytes.fromhex(cell))[0]
    if kind == "BYTES":
        return bytes.fromhex(cell)
    if kind == "NUMERIC":
        return decimal.Decimal(cell)
    return cell


def plain_column(name, kind):
    """Days and microseconds since 1970."""
    column = F.col(name).cast(spark_type(kind))
    if kind == "DATE":
        return F.unix_date(column)
    if kind == "TIMESTAMP":
        return F.unix_micros(column)
    if kind == "ARRAY<DATE>":
        return F.transform(column, F.unix_date)
    if kind == "ARRAY<TIMESTAMP>":
        return F.transform(column, F.unix_micros)
    return column


def encode(cell, kind):
    if cell is None:
        return None
    if kind.startswith("ARRAY<"):
        return [encode(each, kind[6:-1]) for each in cell]
    if kind == "FLOAT64":
        return struct.pack(">d", cell).hex()
    if kind == "BYTES":
        return bytes(cell).hex()
    if kind == "NUMERIC":
        return format(cell.normalize(), "f")
    return cell


if __name__ == "__main__":
    serve(Worker)
