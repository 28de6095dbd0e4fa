"""Spark in local mode, as a worker of lakebed: its SQL is what DuckDB and BigQuery get.

Reads one JSON object a line from standard input and answers each with one line:

    {"do": "prelude", "statements": ["create function …"]}
    {"do": "table",   "name": "layer.t", "folder": "…", "columns": [["a", "INT64"]]}
    {"do": "select",  "sql": "…", "folder": "…", "columns": [["a", "INT64"]]}
                                            -> {"sha256": "…", "files": ["….parquet"]}

`table` makes a name read the Parquet files of a folder, in which the names of folders give columns
too; without a folder it has no rows. `select` runs a query and writes its rows, with these columns,
into a new folder; it answers with the SHA-256 of the text that Spark got. What Spark refuses is
answered with {"error": "…"}. Instants are naive in files, and UTC.
"""

import glob
import hashlib
import json
import os
import re
import sys

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
    "JSON": "STRING",
}
# A SQL function cannot aggregate: GoogleSQL's names of Spark's own aggregates.
AGGREGATES = {"countif": "count_if", "logical_and": "bool_and", "logical_or": "bool_or"}
SETTINGS = {
    "spark.ui.enabled": "false",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.shuffle.partitions": "2",
    "spark.log.level": "ERROR",
    # Dates are of one calendar, also those before 1582.
    "spark.sql.parquet.datetimeRebaseModeInRead": "CORRECTED",
    "spark.sql.parquet.datetimeRebaseModeInWrite": "CORRECTED",
}


class Driver:
    """Answers requests in one session. `folder` is where Spark may leave what it likes."""

    def __init__(self, folder):
        builder = SparkSession.builder.master("local[*]").appName("lakebed")
        for name, value in SETTINGS.items():
            builder = builder.config(name, value)
        builder = builder.config("spark.sql.warehouse.dir", os.path.join(folder, "tables"))
        builder = builder.config("spark.local.dir", folder)
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

    def table(self, request):
        name, folder = request["name"], request["folder"]
        columns = ", ".join(f"cast({n} as {TYPES[k]}) as {n}" for n, k in request["columns"])
        if folder is None:
            nulls = ", ".join(f"null as {n}" for n, _ in request["columns"])
            source = f"(select {nulls}) where false"
        else:
            source = f"parquet.`{folder.replace('`', '``')}`"
        self.spark.sql(f"create schema if not exists {name.partition('.')[0]}")
        self.spark.sql(f"create or replace view {name} as select {columns} from {source}")
        return {}

    def select(self, request):
        columns = request["columns"]
        rows = self.spark.sql(request["sql"])
        names = [name for name, _ in columns]
        if rows.columns != names:
            return {"error": f"it returns the columns {rows.columns}, and not {names}"}
        rows.select(*stored(columns)).write.parquet(request["folder"])
        return {
            "sha256": hashlib.sha256(request["sql"].encode()).hexdigest(),
            "files": sorted(glob.glob(os.path.join(glob.escape(request["folder"]), "*.parquet"))),
        }

    def answer(self, request):
        try:
            return getattr(self, request["do"])(request)
        except PySparkException as error:
            return {"error": str(error)}


def stored(columns):
    """The columns with their types, as files have them."""
    for name, kind in columns:
        column = F.col(name).cast(TYPES[kind])
        yield (column.cast("timestamp_ntz") if kind == "TIMESTAMP" else column).alias(name)


def serve(driver_class):
    # Only answers may go to standard output; Spark and its shell write there too.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    # Whoever starts it gives it a folder of its own to run in, and removes that.
    driver = driver_class(os.getcwd())
    for line in sys.stdin:
        print(json.dumps(driver.answer(json.loads(line))), file=answers, flush=True)
    driver.spark.stop()


if __name__ == "__main__":
    serve(Driver)
