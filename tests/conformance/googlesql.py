"""Google's own analyzer and reference implementation of GoogleSQL, as a worker.

Reads one JSON object a line from standard input and answers each with one line:

    {"do": "catalog", "tables": {"mart.t": [["a", "INT64"]]}, "functions": ["create function …"]}
    {"do": "table", "name": "new_rows", "columns": [["a", "INT64"]]}
    {"do": "analyze", "sql": "…"}                                  -> {"columns": [["a", "INT64"]]}
    {"do": "query",   "sql": "…", "tables": {"mart.t": [[1]]}}     -> {"columns": …, "rows": [[1]]}

A statement that is refused is answered with {"error": "…"}. How values are written is said at
`encode`. The package `zetasql` carries the engine as WebAssembly; compiling it takes 15 seconds, so
the compiled form is kept in the file that the first argument names. The package's own Python
wrappers are left aside: they copy messages byte by byte.
"""

import ctypes
import decimal
import json
import os
import struct
import sys

from wasmtime import Config, Engine, Linker, Module, Store, WasiConfig
from zetasql.core.wasm_client import get_tzinfo_dir
from zetasql.wasi import get_wasm_path
from zetasql.wasi._pb2.zetasql.local_service import local_service_pb2 as service
from zetasql.wasi._pb2.zetasql.proto import function_pb2, options_pb2, simple_catalog_pb2
from zetasql.wasi._pb2.zetasql.public import options_pb2 as public_pb2
from zetasql.wasi._pb2.zetasql.public import type_pb2, value_pb2
from zetasql.wasi._pb2.zetasql.resolved_ast import resolved_node_kind_pb2 as kinds

# The optional features of the language that BigQuery has; what is not here is refused. Where its
# documentation leaves a doubt, the feature is left out.
BIGQUERY_FEATURES = """
    ANALYTIC_FUNCTIONS TABLESAMPLE GROUP_BY_ROLLUP TEMPLATE_FUNCTIONS CREATE_TABLE_PARTITION_BY
    CREATE_TABLE_CLUSTER_BY NUMERIC_TYPE BIGNUMERIC_TYPE CREATE_TABLE_NOT_NULL
    CREATE_TABLE_FIELD_ANNOTATIONS CREATE_TABLE_AS_SELECT_COLUMN_LIST DML_UPDATE_WITH_JOIN
    NAMED_ARGUMENTS JSON_TYPE JSON_ARRAY_FUNCTIONS JSON_VALUE_EXTRACTION_FUNCTIONS
    JSON_LAX_VALUE_EXTRACTION_FUNCTIONS JSON_CONSTRUCTOR_FUNCTIONS JSON_MUTATOR_FUNCTIONS
    JSON_KEYS_FUNCTION INTERVAL_TYPE PARAMETERIZED_TYPES CREATE_VIEW_WITH_COLUMN_LIST
    CREATE_EXTERNAL_TABLE_WITH_TABLE_ELEMENT_LIST CREATE_EXTERNAL_TABLE_WITH_PARTITION_COLUMNS
    INVERSE_TRIG_FUNCTIONS ROUND_WITH_ROUNDING_MODE CBRT_FUNCTIONS
    V_1_1_ORDER_BY_COLLATE V_1_1_WITH_ON_SUBQUERY V_1_1_SELECT_STAR_EXCEPT_REPLACE
    V_1_1_ORDER_BY_IN_AGGREGATE V_1_1_CAST_DIFFERENT_ARRAY_TYPES V_1_1_LIMIT_IN_AGGREGATE
    V_1_1_HAVING_IN_AGGREGATE V_1_1_NULL_HANDLING_MODIFIER_IN_ANALYTIC
    V_1_1_NULL_HANDLING_MODIFIER_IN_AGGREGATE V_1_1_FOR_SYSTEM_TIME_AS_OF V_1_2_CIVIL_TIME
    V_1_2_SAFE_FUNCTION_CALL V_1_2_GROUP_BY_STRUCT V_1_2_GROUP_BY_ARRAY V_1_2_WEEK_WITH_WEEKDAY
    V_1_3_NULLS_FIRST_LAST_IN_ORDER_BY V_1_3_OMIT_INSERT_COLUMN_LIST V_1_3_WITH_RECURSIVE
    V_1_3_DECIMAL_ALIAS V_1_3_ALLOW_REGEXP_EXTRACT_OPTIONALS V_1_3_DATE_TIME_CONSTRUCTORS
    V_1_3_DATE_ARITHMETICS V_1_3_ADDITIONAL_STRING_FUNCTIONS V_1_3_EXTENDED_DATE_TIME_SIGNATURES
    V_1_3_PIVOT V_1_3_UNPIVOT V_1_3_IS_DISTINCT V_1_3_FORMAT_IN_CAST V_1_3_QUALIFY
    V_1_3_COLUMN_DEFAULT_VALUE V_1_3_LIKE_ANY_SOME_ALL V_1_3_CONCAT_MIXED_TYPES
    V_1_3_ALLOW_DASHES_IN_TABLE_NAME V_1_4_GROUPING_BUILTIN V_1_4_GROUPING_SETS V_1_4_GROUP_BY_ALL
    V_1_4_BARE_ARRAY_ACCESS V_1_4_LITERAL_CONCATENATION
    V_1_4_DISABLE_FLOAT32
""".split()

BIGQUERY_STATEMENTS = """
    QUERY INSERT UPDATE DELETE MERGE TRUNCATE BEGIN COMMIT ROLLBACK CREATE_FUNCTION CREATE_SCHEMA
    CREATE_TABLE CREATE_TABLE_AS_SELECT CREATE_EXTERNAL_TABLE CREATE_VIEW DROP DROP_FUNCTION
    ALTER_TABLE
""".split()


class Refused(Exception):
    """What the engine said of a statement that it does not accept."""


class Reference:
    """The engine: messages in, messages out."""

    def __init__(self, compiled):
        config = Config()
        config.shared_memory = True
        engine = Engine(config)
        if not os.path.exists(compiled):
            partial = f"{compiled}.{os.getpid()}"
            with open(partial, "wb") as file:
                file.write(Module.from_file(engine, get_wasm_path()).serialize())
            os.replace(partial, compiled)
        module = Module.deserialize_file(engine, compiled)
        system = WasiConfig()
        system.inherit_stderr()
        system.preopen_dir(get_tzinfo_dir(), "/usr/share/zoneinfo")
        self.store = Store(engine)
        self.store.set_wasi(system)
        linker = Linker(engine)
        linker.define_wasi()
        self.exports = linker.instantiate(self.store, module).exports(self.store)
        self.exports["_initialize"](self.store)

    def at(self, pointer):
        return ctypes.addressof(self.exports["memory"].data_ptr().contents) + pointer

    def invoke(self, name, *arguments):
        return self.exports[name](self.store, *arguments)

    def call(self, method, request, response):
        sent = request.SerializeToString()
        request_at = self.invoke("wasm_malloc", len(sent))
        size_at = self.invoke("wasm_malloc", 4)
        try:
            ctypes.memmove(self.at(request_at), sent, len(sent))
            method = f"ZetaSqlLocalService_{method}"
            answer_at = self.invoke(method, request_at, len(sent), size_at)
            if answer_at == 0:
                size = self.invoke("wasm_get_last_error_size")
                said = ctypes.string_at(self.at(self.invoke("wasm_get_last_error")), size)
                raise Refused(said.decode(errors="replace"))
            size = int.from_bytes(ctypes.string_at(self.at(size_at), 4), "little")
            answer = ctypes.string_at(self.at(answer_at), size)
            self.invoke("wasm_free", answer_at)
            return response.FromString(answer)
        finally:
            self.invoke("wasm_free", request_at)
            self.invoke("wasm_free", size_at)


def analyzer_options(reference):
    options = reference.call(
        "GetAnalyzerOptions", service.AnalyzerOptionsRequest(), options_pb2.AnalyzerOptionsProto
    )
    # The defaults name types of messages that are not sent along.
    options.ClearField("allowed_hints_and_options")
    options.default_timezone = "UTC"
    language = options.language_options
    language.product_mode = public_pb2.PRODUCT_EXTERNAL
    language.name_resolution_mode = public_pb2.NAME_RESOLUTION_DEFAULT
    language.enabled_language_features[:] = [
        public_pb2.LanguageFeature.Value(f"FEATURE_{name}") for name in BIGQUERY_FEATURES
    ]
    language.supported_statement_kinds[:] = [
        kinds.ResolvedNodeKind.Value(f"RESOLVED_{name}_STMT") for name in BIGQUERY_STATEMENTS
    ]
    return options


SCALARS = {
    "STRING": type_pb2.TYPE_STRING,
    "INT64": type_pb2.TYPE_INT64,
    "FLOAT64": type_pb2.TYPE_DOUBLE,
    "BOOL": type_pb2.TYPE_BOOL,
    "DATE": type_pb2.TYPE_DATE,
    "TIMESTAMP": type_pb2.TYPE_TIMESTAMP,
    "BYTES": type_pb2.TYPE_BYTES,
    "NUMERIC": type_pb2.TYPE_NUMERIC,
    "JSON": type_pb2.TYPE_JSON,
}
NAMES = {kind: name for name, kind in SCALARS.items()}


def type_proto(name):
    """`ARRAY<INT64>` as a type; of structs only those that the engine itself returns."""
    if name.startswith("ARRAY<"):
        array = type_pb2.ArrayTypeProto(element_type=type_proto(name[6:-1]))
        return type_pb2.TypeProto(type_kind=type_pb2.TYPE_ARRAY, array_type=array)
    return type_pb2.TypeProto(type_kind=SCALARS[name])


def type_name(proto):
    if proto.type_kind == type_pb2.TYPE_ARRAY:
        return f"ARRAY<{type_name(proto.array_type.element_type)}>"
    if proto.type_kind == type_pb2.TYPE_STRUCT:
        fields = (f"{f.field_name} {type_name(f.field_type)}" for f in proto.struct_type.field)
        return f"STRUCT<{', '.join(fields)}>"
    return NAMES.get(proto.type_kind, type_pb2.TypeKind.Name(proto.type_kind))


NUMERIC_SCALE = 9


def encode(value, kind):
    """A value for the other side: NULL as null; INT64, and DATE and TIMESTAMP as days and
    microseconds since 1970, as integers; FLOAT64 as the 16 hexadecimal digits of its bits; BYTES in
    hexadecimal; NUMERIC in digits; arrays and structs as lists."""
    field = value.WhichOneof("value")
    if field is None:
        return None
    if kind.type_kind == type_pb2.TYPE_ARRAY:
        return [encode(each, kind.array_type.element_type) for each in value.array_value.element]
    if kind.type_kind == type_pb2.TYPE_STRUCT:
        pairs = zip(value.struct_value.field, kind.struct_type.field)
        return [encode(each, field.field_type) for each, field in pairs]
    plain = getattr(value, field)
    if field == "double_value":
        return struct.pack(">d", plain).hex()
    if field == "bytes_value":
        return plain.hex()
    if field == "timestamp_value":
        return plain.seconds * 1_000_000 + plain.nanos // 1_000
    if field == "numeric_value":
        scaled = int.from_bytes(plain, "little", signed=True)
        return format(decimal.Decimal(scaled).scaleb(-NUMERIC_SCALE).normalize(), "f")
    return plain


def decode(cell, kind):
    """The value of a cell that was written as `encode` does."""
    value = value_pb2.ValueProto()
    if cell is None:
        return value
    if kind.type_kind == type_pb2.TYPE_ARRAY:
        value.array_value.SetInParent()
        element = kind.array_type.element_type
        value.array_value.element.extend(decode(each, element) for each in cell)
        return value
    name = NAMES[kind.type_kind]
    if name == "STRING":
        value.string_value = cell
    elif name == "INT64":
        # DuckDB sums INT64 in a wider type, which comes as text.
        value.int64_value = int(cell)
    elif name == "FLOAT64":
        value.double_value = struct.unpack(">d", bytes.fromhex(cell))[0]
    elif name == "BOOL":
        value.bool_value = cell
    elif name == "DATE":
        value.date_value = cell
    elif name == "TIMESTAMP":
        value.timestamp_value.seconds, micros = divmod(cell, 1_000_000)
        value.timestamp_value.nanos = micros * 1_000
    elif name == "BYTES":
        value.bytes_value = bytes.fromhex(cell)
    elif name == "NUMERIC":
        scaled = int(decimal.Decimal(cell).scaleb(NUMERIC_SCALE))
        value.numeric_value = scaled.to_bytes(scaled.bit_length() // 8 + 1, "little", signed=True)
    else:
        value.json_value = cell
    return value


class Worker:
    """Answers requests over one catalog."""

    def __init__(self, reference):
        self.reference = reference
        self.options = analyzer_options(reference)
        self.types = {}
        self.functions = []
        # Catalogs that the engine keeps, by the tables in them: to make one takes longer than to
        # analyze a statement.
        self.registered = {}

    def catalog(self, request):
        self.types = {
            table: [(name, type_proto(kind)) for name, kind in columns]
            for table, columns in request["tables"].items()
        }
        self.functions = []
        self.registered = {}
        errors = []
        for statement in request["functions"]:
            try:
                self.functions.append(self.function(statement))
                self.registered = {}
            except Refused as error:
                errors.append([statement, str(error)])
        return {"errors": errors}

    def table(self, request):
        """Adds or replaces a table."""
        columns = request["columns"]
        self.types[request["name"]] = [(name, type_proto(kind)) for name, kind in columns]
        return {}

    def function(self, statement):
        """A function as BigQuery would create it, for the catalog: its body is resolved at each
        call, with the types that its signature names."""
        resolved = self.resolve(statement).resolved_create_statement_node
        created = resolved.resolved_create_function_stmt_node
        path = list(created.parent.name_path)
        return path[0], function_pb2.FunctionProto(
            name_path=path[1:],
            group="Templated_SQL_Function",
            signature=[created.signature],
            templated_sql_function_argument_name=created.argument_name_list,
            parse_resume_location={"input": created.code, "byte_position": 0},
        )

    def simple_catalog(self, contents=None):
        """The tables in catalogs of their schemas, as BigQuery has them; or, for the execution over
        rows, at the top under their whole names: only there can a table have rows."""
        catalog = simple_catalog_pb2.SimpleCatalogProto(name="project")
        catalog.builtin_function_options.language_options.CopyFrom(self.options.language_options)
        schemas = {}

        def schema(name):
            if name not in schemas:
                schemas[name] = catalog.catalog.add(name=name)
            return schemas[name]

        number = 0
        for table, columns in self.types.items():
            layer, _, name = table.rpartition(".")
            number += 1
            if contents is None:
                owner = schema(layer) if layer else catalog
                proto = owner.table.add(name=name, full_name=table, serialization_id=number)
            elif table in contents:
                proto = catalog.table.add(name=table, full_name=table, serialization_id=number)
            else:
                continue
            for column, kind in columns:
                proto.column.add(name=column, type=kind)
        for owner, function in self.functions:
            schema(owner).custom_function.append(function)
        return catalog

    def resolve(self, sql):
        catalog = self.simple_catalog()
        key = catalog.SerializeToString(deterministic=True)
        if key not in self.registered:
            register = service.RegisterCatalogRequest(simple_catalog=catalog)
            answer = self.reference.call("RegisterCatalog", register, service.RegisterResponse)
            self.registered[key] = answer.registered_id
        request = service.AnalyzeRequest(
            sql_statement=sql, options=self.options, registered_catalog_id=self.registered[key]
        )
        return self.reference.call("Analyze", request, service.AnalyzeResponse).resolved_statement

    def analyze(self, request):
        statement = self.resolve(request["sql"])
        query = statement.resolved_query_stmt_node
        if not query.output_column_list:
            created = statement.resolved_create_statement_node
            query = created.resolved_create_table_stmt_base_node.resolved_create_table_as_select_stmt_node
        columns = [[c.name, type_name(c.column.type)] for c in query.output_column_list]
        return {"columns": columns}

    def contents(self, request):
        contents = {}
        for name, rows in request["tables"].items():
            kinds_ = [kind for _, kind in self.types[name]]
            content = contents[name] = service.TableContent()
            content.table_data.SetInParent()
            for row in rows:
                cells = content.table_data.row.add().cell
                cells.extend(decode(cell, kind) for cell, kind in zip(row, kinds_))
        return contents

    def query(self, request):
        contents = self.contents(request)
        prepare = service.PrepareQueryRequest(
            sql=request["sql"],
            options=self.options,
            simple_catalog=self.simple_catalog(contents),
            table_content=contents,
        )
        prepared = self.reference.call("PrepareQuery", prepare, service.PrepareQueryResponse).prepared
        try:
            evaluate = service.EvaluateQueryRequest(prepared_query_id=prepared.prepared_query_id)
            answer = self.reference.call("EvaluateQuery", evaluate, service.EvaluateQueryResponse)
        finally:
            release = service.UnprepareQueryRequest(prepared_query_id=prepared.prepared_query_id)
            self.reference.call("UnprepareQuery", release, service.TableContent)
        columns = prepared.columns
        rows = [
            [encode(cell, column.type) for cell, column in zip(row.cell, columns)]
            for row in answer.content.table_data.row
        ]
        return {"columns": [[c.name, type_name(c.type)] for c in columns], "rows": rows}

    def answer(self, request):
        try:
            return getattr(self, request["do"])(request)
        except Refused as error:
            return {"error": str(error)}


def main():
    worker = Worker(Reference(sys.argv[1]))
    for line in sys.stdin:
        print(json.dumps(worker.answer(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
