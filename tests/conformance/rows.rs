//! Rows in one form for all engines, so that equal values are equal.
//!
//! A cell is JSON, as the workers write it: NULL as null; INT64, and DATE and TIMESTAMP as days and
//! microseconds since 1970, as integers; FLOAT64 as the 16 hexadecimal digits of its bits; BYTES in
//! hexadecimal; NUMERIC in digits; arrays and structs as lists.

use std::fmt::Write as _;

use arrow::{
    array::{Array, ArrayRef, AsArray, RecordBatch},
    compute::cast,
    datatypes::{
        DataType, Date32Type, Decimal128Type, Float64Type, Int64Type, TimeUnit,
        TimestampMicrosecondType,
    },
};
use serde_json::Value;

/// A value.
pub type Cell = Value;
/// A row.
pub type Row = Vec<Cell>;

/// The rows of batches.
pub fn rows(batches: &[RecordBatch]) -> Vec<Row> {
    let of_batch = |batch: &RecordBatch| {
        let columns: Vec<Vec<Cell>> = batch.columns().iter().map(cells).collect();
        (0..batch.num_rows())
            .map(|row| columns.iter().map(|column| column[row].clone()).collect())
            .collect::<Vec<Row>>()
    };
    batches.iter().flat_map(of_batch).collect()
}

/// The values of a column.
pub fn cells(array: &ArrayRef) -> Vec<Cell> {
    (0..array.len())
        .map(|row| if array.is_null(row) { Value::Null } else { cell(array, row) })
        .collect()
}

fn cell(array: &ArrayRef, row: usize) -> Cell {
    match array.data_type() {
        DataType::Boolean => array.as_boolean().value(row).into(),
        DataType::Utf8 => array.as_string::<i32>().value(row).into(),
        DataType::Binary => hex(array.as_binary::<i32>().value(row)).into(),
        DataType::Float64 => float(array.as_primitive::<Float64Type>().value(row)),
        DataType::Float32 => cell(&converted(array, &DataType::Float64), row),
        DataType::Date32 => array.as_primitive::<Date32Type>().value(row).into(),
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            array.as_primitive::<TimestampMicrosecondType>().value(row).into()
        }
        DataType::Timestamp(..) => {
            cell(&converted(array, &DataType::Timestamp(TimeUnit::Microsecond, None)), row)
        }
        DataType::Decimal128(_, scale) => {
            decimal(array.as_primitive::<Decimal128Type>().value(row), *scale)
        }
        DataType::List(_) => Value::Array(cells(&array.as_list::<i32>().value(row))),
        DataType::Struct(_) => {
            let fields = array.as_struct().columns().iter();
            Value::Array(fields.map(|field| cells(&field.slice(row, 1))[0].clone()).collect())
        }
        DataType::Null => Value::Null,
        kind if kind.is_integer() => {
            converted(array, &DataType::Int64).as_primitive::<Int64Type>().value(row).into()
        }
        kind => panic!("the harness has no form for values of type {kind}"),
    }
}

fn converted(array: &ArrayRef, kind: &DataType) -> ArrayRef {
    cast(array, kind).unwrap_or_else(|error| panic!("a value does not fit {kind}: {error}"))
}

/// All NaNs are one value.
pub fn float(value: f64) -> Cell {
    let value = if value.is_nan() { f64::NAN } else { value };
    format!("{:016x}", value.to_bits()).into()
}

/// The number that `float` wrote.
pub fn float_of(cell: &Cell) -> Option<f64> {
    let text = cell.as_str().filter(|text| text.len() == 16)?;
    u64::from_str_radix(text, 16).ok().map(f64::from_bits)
}

/// Without zeros at the end: `1.50` and `1.5` are one value.
fn decimal(unscaled: i128, scale: i8) -> Cell {
    let scale = usize::try_from(scale).expect("DuckDB has no negative scales");
    let digits = format!("{:0>width$}", unscaled.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    let fraction = fraction.trim_end_matches('0');
    let sign = if unscaled < 0 { "-" } else { "" };
    let point = if fraction.is_empty() { "" } else { "." };
    format!("{sign}{whole}{point}{fraction}").into()
}

/// Two digits a byte.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut digits, byte| {
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}

/// Rows that only the first has, and that only the second has, each as often as it has them more
/// often. The order of rows says nothing.
pub fn difference(first: &[Row], second: &[Row]) -> (Vec<Row>, Vec<Row>) {
    let mut counts = std::collections::BTreeMap::<String, (i64, &Row)>::new();
    for (rows, step) in [(first, 1), (second, -1)] {
        for row in rows {
            let text = serde_json::to_string(row).expect("cells are JSON");
            counts.entry(text).or_insert((0, row)).0 += step;
        }
    }
    let repeated = |sign: i64| {
        let more = counts.values().filter(move |(count, _)| count * sign > 0);
        more.flat_map(|(count, row)| {
            std::iter::repeat_n((*row).clone(), usize::try_from(count.abs()).unwrap_or(1))
        })
        .collect()
    };
    (repeated(1), repeated(-1))
}
