"""Spark in local mode, as a worker.

Reads one JSON object a line from standard input and answers each with one line:

    {"do": "prelude", "statements": ["create function …"]}
    {"do": "raw",   "table": "raw.events", "folder": "…", "columns": [["a", "INT64"]]}
    {"do": "table", "table": "layer.t", "sql": "…", "columns": [["a", "INT64"]]}   -> {"rows": [[1]]}

The last runs a query, stores its rows as a table with these columns, for the queries after it, and
returns them, with values as `googlesql.py` writes them. What Spark refuses is answered with
{"error": "…"}.
"""

import json
import os
import re
import struct
import sys
import tempfile

from pyspark.errors import PySparkException
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

TYPES = {
    "STRING": "STRING",
    "INT64": "BIGINT",
    "FLOAT64": "DOUBLE",
    "BOOL": "BOOLEAN",
    "DATE": "DATE",
    "TIMESTAMP": "TIMESTAMP",
    "BYTES": "BINARY",
    "NUMERIC": "DECIMAL(38, 9)",
}
# A SQL function cannot aggregate: GoogleSQL's names of Spark's own aggregates.
AGGREGATES = {"countif": "count_if", "logical_and": "bool_and", "logical_or": "bool_or"}


class Worker:
    """Answers requests in one session."""

    def __init__(self, folder):
        builder = SparkSession.builder.master("local[2]").appName("conformance")
        settings = {
            "spark.ui.enabled": "false",
            "spark.sql.warehouse.dir": folder,
            "spark.sql.session.timeZone": "UTC",
            "spark.sql.shuffle.partitions": "2",
            "spark.log.level": "ERROR",
        }
        for name, value in settings.items():
            builder = builder.config(name, value)
        self.spark = builder.getOrCreate()
        self.registry = self.spark._jsparkSession.sessionState().functionRegistry()
        for name, builtin in AGGREGATES.items():
            known = self.identifier(builtin, "builtin")
            info = self.registry.lookupFunction(known).get()
            build = self.registry.lookupFunctionBuilder(known).get()
            self.registry.registerFunction(self.identifier(name, "session"), info, build)

    def identifier(self, name, schema):
        jvm = self.spark._jvm
        some = jvm.scala.Some
        identifier = jvm.org.apache.spark.sql.catalyst.FunctionIdentifier
        return identifier(name, some(schema), some("system"))

    def prelude(self, request):
        for statement in request["statements"]:
            # Spark's own functions stand in the way of others with their names.
            replaced = re.match(r"create or replace temporary function (\w+)", statement)
            if replaced:
                self.registry.dropFunction(self.identifier(replaced[1], "builtin"))
            self.spark.sql(statement)
        return {}

    def raw(self, request):
        schema = request["table"].partition(".")[0]
        self.spark.sql(f"create schema if not exists {schema}")
        columns = ", ".join(f"cast({name} as {TYPES[kind]}) as {name}" for name, kind in request["columns"])
        source = f"parquet.`{request['folder']}`"
        self.spark.sql(f"create or replace view {request['table']} as select {columns} from {source}")
        return {}

    def table(self, request):
        schema = request["table"].partition(".")[0]
        self.spark.sql(f"create schema if not exists {schema}")
        columns = request["columns"]
        found = self.spark.sql(request["sql"])
        names = [name for name, _ in columns]
        if found.columns != names:
            return {"error": f"it returns the columns {found.columns}, and not {names}"}
        typed = [F.col(name).cast(TYPES[kind]).alias(name) for name, kind in columns]
        found.select(typed).write.mode("overwrite").saveAsTable(request["table"])
        plain = [self.plain(name, kind) for name, kind in columns]
        rows = self.spark.table(request["table"]).select(plain).collect()
        kinds = [kind for _, kind in columns]
        return {"rows": [[encode(cell, kind) for cell, kind in zip(row, kinds)] for row in rows]}

    def plain(self, name, kind):
        """Days and microseconds since 1970: Python's own times end sooner and have zones."""
        if kind == "DATE":
            return F.unix_date(name)
        if kind == "TIMESTAMP":
            return F.unix_micros(name)
        return F.col(name)

    def answer(self, request):
        try:
            return getattr(self, request["do"])(request)
        except PySparkException as error:
            return {"error": str(error)}


def encode(cell, kind):
    if cell is None:
        return None
    if kind == "FLOAT64":
        return struct.pack(">d", cell).hex()
    if kind == "BYTES":
        return bytes(cell).hex()
    if kind == "NUMERIC":
        return format(cell.normalize(), "f")
    return cell


def main():
    # Only answers may go to standard output; Spark and its shell write there too.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    with tempfile.TemporaryDirectory() as folder:
        worker = Worker(folder)
        for line in sys.stdin:
            print(json.dumps(worker.answer(json.loads(line))), file=answers, flush=True)
        worker.spark.stop()


if __name__ == "__main__":
    main()
