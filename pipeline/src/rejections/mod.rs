//! Messages that were rejected: how many and why, and where in a payload the reason stands.
//!
//! The counts come from the tables `standardized.<source>_rejected`; which field of a payload is to
//! blame is asked of the parser that rejected it. Not for: printing (`commands`).

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::Serialize;
use serde_json::Value;

use crate::{
    contract::{
        ColumnType, TableName,
        source::{self, RAW_COLUMNS, SourceContract},
    },
    graph::Graph,
    payload::{self, path},
    port_error::PortError,
    project::Source,
    warehouse::Session,
};

/// Columns by which rejections are counted, where a source's table has them.
const ORIGINS: [&str; 2] = ["functionality", "app_version"];

/// Which rejections.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only this reason.
    pub reason: Option<String>,
    /// Only from this load date on.
    pub from: Option<Date>,
    /// Only up to this load date.
    pub to: Option<Date>,
}

/// The rejections of a source.
#[derive(Clone, Debug, Serialize)]
pub struct SourceRejections {
    /// The source.
    pub source: String,
    /// Messages by reason and load date.
    pub by_reason: BTreeMap<String, BTreeMap<Date, u64>>,
    /// Messages by `functionality` and by `app_version`, where the table has these columns.
    pub by_origin: BTreeMap<&'static str, BTreeMap<String, u64>>,
    /// Some messages of each reason, the latest first.
    pub samples: Vec<Sample>,
}

/// One message.
#[derive(Clone, Debug, Serialize)]
pub struct Sample {
    /// Its id, under which raw has it.
    pub message_id: String,
    /// Its load date.
    pub load_date: Date,
    /// Why it was rejected.
    pub reason: String,
    /// The payload, with U+FFFD for what is not UTF-8.
    pub payload: String,
    /// What is wrong, and where in the payload, as far as it can be told.
    pub problems: Vec<String>,
    /// The file and the line of the rule that rejects it: of the contract, or of the query that has the
    /// rules of the business. What is no JSON needs no rule.
    pub rule: Option<String>,
}

impl SourceRejections {
    /// All messages.
    pub fn message_count(&self) -> u64 {
        self.by_reason.values().flat_map(BTreeMap::values).sum()
    }
}

/// The rejections of a source, with so many samples of each reason; `None` if the project has no
/// table of them.
pub fn of_source(
    session: &mut dyn Session,
    graph: &Graph,
    (name, source): (&str, &Source),
    filter: &Filter,
    samples_per_reason: usize,
) -> Result<Option<SourceRejections>, PortError> {
    let table = TableName::new("standardized", &format!("{name}_rejected"));
    let Some(node) = graph.get(&table) else { return Ok(None) };
    let condition = filter.condition();
    let mut by_reason: BTreeMap<String, BTreeMap<Date, u64>> = BTreeMap::new();
    let rows = session.query(&format!(
        "select reject_reason, load_date, count(*) from {table} where {condition} group by 1, 2"
    ))?;
    for row in rows.text_rows()? {
        if let (Some(reason), Some(date)) = (text(&row, 0), parsed(&row, 1)) {
            by_reason.entry(reason).or_default().insert(date, parsed(&row, 2).unwrap_or(0));
        }
    }
    let mut by_origin = BTreeMap::new();
    for column in ORIGINS.into_iter().filter(|c| node.file.contract.columns.contains_key(*c)) {
        let rows = session.query(&format!(
            "select ifnull({column}, 'unknown'), count(*) from {table} where {condition} group by 1"
        ))?;
        let counts = rows.text_rows()?;
        let counts = counts.iter().filter_map(|row| Some((text(row, 0)?, parsed(row, 1)?)));
        by_origin.insert(column, counts.collect());
    }
    let samples = samples(session, graph, (name, source), &condition, samples_per_reason)?;
    Ok(Some(SourceRejections { source: name.to_owned(), by_reason, by_origin, samples }))
}

/// How many messages of a source were rejected, of how many; `None` if the project does not check them.
pub fn share(
    session: &mut dyn Session,
    graph: &Graph,
    source: &str,
) -> Result<Option<(u64, u64)>, PortError> {
    let table = TableName::new("standardized", &format!("{source}_checked"));
    let Some(node) = graph.get(&table) else { return Ok(None) };
    if !node.file.contract.columns.contains_key("reject_reason") {
        return Ok(None);
    }
    let rows = session.query(&format!("select count(reject_reason), count(*) from {table}"))?;
    let rows = rows.text_rows()?;
    Ok(rows.first().and_then(|row| Some((parsed(row, 0)?, parsed(row, 1)?))))
}

impl Filter {
    fn condition(&self) -> String {
        let reason = self.reason.as_ref();
        let parts = [
            reason.map(|reason| format!("reject_reason = '{}'", reason.replace('\'', "''"))),
            self.from.map(|from| format!("load_date >= date '{from}'")),
            self.to.map(|to| format!("load_date <= date '{to}'")),
        ];
        let all: Vec<String> = parts.into_iter().flatten().collect();
        if all.is_empty() { "true".to_owned() } else { all.join(" and ") }
    }
}

fn samples(
    session: &mut dyn Session,
    graph: &Graph,
    (name, source): (&str, &Source),
    condition: &str,
    samples_per_reason: usize,
) -> Result<Vec<Sample>, PortError> {
    let (time, checked) = match time_column(graph, name) {
        Some(column) => (
            format!("k.{column}"),
            format!(
                " left join standardized.{name}_checked as k \
                 on k.load_date = parsed.load_date and k.message_id = parsed.message_id"
            ),
        ),
        None => ("cast(null as timestamp)".to_owned(), String::new()),
    };
    // The bytes travel in hexadecimal: they may be anything.
    let rows = session.query(&format!(
        "with chosen as (\
           select load_date, message_id, reject_reason from standardized.{name}_rejected \
           where {condition} qualify row_number() over (\
             partition by reject_reason order by load_date desc, message_id desc) <= {samples_per_reason}), \
         messages as (\
           select distinct c.load_date, c.message_id, c.reject_reason, r.payload \
           from chosen as c join raw.{name} as r \
           on r.load_date = c.load_date and r.message_id = c.message_id), \
         parsed as (select *, udf.parse_{name}(payload) as told from messages) \
         select parsed.message_id, parsed.load_date, parsed.reject_reason, hex(payload), \
           told.{}, told.{}, cast({time} as varchar), cast({time} as date) - parsed.load_date \
         from parsed{checked} \
         order by parsed.reject_reason, parsed.load_date desc, parsed.message_id desc",
        source::REJECT_REASON,
        source::REJECT_FIELD
    ))?;
    let sample = |row: &Vec<Option<String>>| {
        let (reason, payload) = (text(row, 2)?, bytes_of(&text(row, 3)?));
        let (told, field) = (text(row, 4), text(row, 5));
        let mut problems = Vec::from_iter(problem_of_bytes(&payload));
        let blamed = field.as_ref().filter(|_| told.as_ref() == Some(&reason));
        problems.extend(blamed.and_then(|field| problem_of_field(source, field, &payload)));
        let contract = &source.contract;
        problems.extend(problem_of_time(&reason, contract, text(row, 6), parsed(row, 7)));
        Some(Sample {
            message_id: text(row, 0)?,
            load_date: parsed(row, 1)?,
            rule: match blamed {
                Some(field) => Some(line_of_contract(source, field)),
                None if told.as_ref() == Some(&reason) => None,
                None => line_of_query(graph, name, &reason),
            },
            reason,
            payload: String::from_utf8_lossy(&payload).into_owned(),
            problems,
        })
    };
    Ok(rows.text_rows()?.iter().filter_map(sample).collect())
}

/// The column that says when what a message tells of happened: of the tables' own times, the first
/// that an accepted message always has.
fn time_column<'a>(graph: &'a Graph, source: &str) -> Option<&'a str> {
    let columns = |table: &str| {
        let node = graph.get(&TableName::new("standardized", table));
        node.map(|node| &node.file.contract.columns)
    };
    let checked = columns(&format!("{source}_checked"))?;
    let is_of_raw = |name: &str| RAW_COLUMNS.iter().any(|(column, _)| *column == name);
    let mut times = columns(source)?.iter().filter(|(name, column)| {
        column.kind == ColumnType::Timestamp && column.required && !is_of_raw(name)
    });
    times.find(|(name, _)| checked.contains_key(*name)).map(|(name, _)| name.as_str())
}

/// What the contract says against the field that the parser blames.
fn problem_of_field(source: &Source, name: &str, payload: &[u8]) -> Option<String> {
    let field = source.contract.fields.get(name)?;
    let paths = field.paths(name);
    let document = payload::read(payload).ok();
    let value = |path: &path::FieldPath| {
        let found = path.iter().try_fold(document.as_ref()?, |value, key| value.get(key))?;
        match found {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        }
        .filter(|text| !text.is_empty() || !field.required)
    };
    let found = paths.iter().find_map(|path| Some((path, value(path)?)));
    if let Some((path, value)) = found {
        let (place, meaning) = (path::written(path), field.meaning());
        return Some(format!("`{place}` is `{value}`, which is not {meaning}"));
    }
    let places: Vec<String> =
        paths.iter().map(|path| format!("`{}`", path::written(path))).collect();
    Some(format!("{} is missing", places.join(" or ")))
}

/// The line of the contract that says what the field must be.
fn line_of_contract(source: &Source, field: &str) -> String {
    let at = source::line_of(&source.text, field).start;
    format!("{}:{}", source.path.display(), source.text[..at].matches('\n').count() + 1)
}

/// The line of the query that names a reason which no contract gives.
fn line_of_query(graph: &Graph, source: &str, reason: &str) -> Option<String> {
    let table = TableName::new("standardized", &format!("{source}_checked"));
    let file = &graph.get(&table)?.file;
    // The contract, at the top, lists all reasons.
    let at = file.text.rfind(&format!("'{reason}'"))?;
    Some(format!("{}:{}", file.path.display(), file.text[..at].matches('\n').count() + 1))
}

/// What is wrong with a message that is well but for its time.
fn problem_of_time(
    reason: &str,
    contract: &SourceContract,
    at: Option<String>,
    days_ahead: Option<i64>,
) -> Option<String> {
    let (parameter, days, side) = match (reason, days_ahead?) {
        ("too_late", days @ ..=-1) => ("max_lateness_days", -days, "before"),
        ("in_future", days @ 1..) => ("max_skew_days", days, "after"),
        _ => return None,
    };
    let limit = contract.parameters.get(parameter)?;
    Some(format!(
        "it happened at {}, {days} days {side} its load date, and `{parameter}` is {limit}",
        at?
    ))
}

/// What is wrong with bytes that are no JSON object.
fn problem_of_bytes(payload: &[u8]) -> Option<String> {
    let body = match std::str::from_utf8(payload) {
        Ok(body) => body,
        Err(error) => {
            return Some(format!("byte {} is not UTF-8", error.valid_up_to() + 1));
        }
    };
    match serde_json::from_str::<serde_json::Value>(body) {
        Ok(value) if value.is_object() => None,
        Ok(_) => Some("it is JSON, and not an object".to_owned()),
        Err(error) => Some(error.to_string()),
    }
}

fn text(row: &[Option<String>], column: usize) -> Option<String> {
    row.get(column).cloned().flatten()
}

fn parsed<T: std::str::FromStr>(row: &[Option<String>], column: usize) -> Option<T> {
    row.get(column)?.as_ref()?.parse().ok()
}

fn bytes_of(hexadecimal: &str) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).unwrap_or(0);
    let pairs = hexadecimal.as_bytes().chunks_exact(2);
    pairs
        .map(|pair| u8::try_from(digit(pair[0]) * 16 + digit(pair[1])).expect("two digits"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_bytes_have_a_place() {
        assert_eq!(problem_of_bytes(b"{\"a\":\xff}").as_deref(), Some("byte 6 is not UTF-8"));
        assert_eq!(problem_of_bytes(b"{\"a\":1}"), None);
        assert_eq!(problem_of_bytes(b"7").as_deref(), Some("it is JSON, and not an object"));
        let cut = problem_of_bytes(b"{\"a\":").expect("it ends too early");
        assert!(cut.contains("line 1 column 5"), "{cut}");
    }

    #[test]
    fn bytes_travel_as_they_are() {
        assert_eq!(bytes_of("00FF7b"), [0, 255, 123]);
    }

    #[test]
    fn a_filter_is_a_condition() {
        assert_eq!(Filter::default().condition(), "true");
        let filter = Filter {
            reason: Some("it's".to_owned()),
            from: Some(jiff::civil::date(2026, 1, 5)),
            to: None,
        };
        assert_eq!(
            filter.condition(),
            "reject_reason = 'it''s' and load_date >= date '2026-01-05'"
        );
    }
}
