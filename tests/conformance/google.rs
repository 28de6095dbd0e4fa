//! Google's analyzer and reference implementation, over the catalog of a project.

use std::{collections::BTreeMap, fmt::Write as _, path::Path};

use lakebed::{
    contract::{ColumnType, TableName, source::RAW_COLUMNS},
    graph::Graph,
    prelude::Prelude,
    project::Project,
    sql::tokens::tokenize,
};
use serde_json::json;
use sqlparser::{keywords::RESERVED_FOR_TABLE_ALIAS, tokenizer::Token};

use crate::{
    rows::Row,
    trial::{CASES, Other, Outcomes, Trial, numbered, outcomes, statement, with_numbers},
    worker::Worker,
};

/// Names and types of columns, in order.
pub type Columns = Vec<(String, String)>;

/// The engine.
pub struct Google {
    worker: Worker,
}

impl Google {
    /// Starts the worker. `compiled` keeps the engine's compiled form between runs.
    pub fn start(python: &Path, compiled: &Path) -> Self {
        let worker = Worker::start(python, "googlesql.py", &[compiled]);
        Self { worker }
    }

    /// Makes the catalog: tables of the contracts, raw sources, and the functions. Returns the
    /// functions that BigQuery would refuse, each with what it says.
    pub fn use_catalog(
        &mut self,
        project: &Project,
        graph: &Graph,
        prelude: &Prelude,
    ) -> Vec<(String, String)> {
        let mut tables: BTreeMap<String, Columns> = graph
            .in_order()
            .map(|node| {
                let columns = &node.file.contract.columns;
                let columns =
                    columns.iter().map(|(name, c)| (name.clone(), type_name(c.kind))).collect();
                (node.name().to_string(), columns)
            })
            .collect();
        for source in project.sources.keys() {
            let columns = RAW_COLUMNS.map(|(name, kind)| (name.to_owned(), type_name(kind)));
            tables.insert(TableName::new("raw", source).to_string(), columns.to_vec());
        }
        let is_function = |text: &&str| text.to_lowercase().contains(" function ");
        let statements = prelude.statements().iter().map(|statement| statement.text.as_str());
        let functions: Vec<&str> = statements.filter(is_function).collect();
        let request = json!({"do": "catalog", "tables": tables, "functions": functions});
        let answer = self.worker.ask(&request).expect("a catalog is never refused");
        serde_json::from_value(answer["errors"].clone()).expect("pairs of texts")
    }

    /// Adds or replaces a table, such as a temporary one.
    pub fn set_table(&mut self, name: &str, columns: &Columns) {
        let request = json!({"do": "table", "name": name, "columns": columns});
        self.worker.ask(&request).expect("a table is never refused");
    }

    /// Whether BigQuery would take the statement, byte for byte as it is; of a query, its columns.
    pub fn analyze(&mut self, sql: &str) -> Result<Columns, String> {
        let answer = self.worker.ask(&json!({"do": "analyze", "sql": sql}))?;
        Ok(serde_json::from_value(answer["columns"].clone()).expect("pairs of texts"))
    }

    /// Runs a query over the rows of the tables that it reads.
    pub fn query(
        &mut self,
        sql: &str,
        tables: &BTreeMap<String, Vec<Row>>,
    ) -> Result<Vec<Row>, String> {
        let sql = with_quoted_tables(sql, tables);
        let answer = self.worker.ask(&json!({"do": "query", "sql": sql, "tables": tables}))?;
        Ok(serde_json::from_value(answer["rows"].clone()).expect("lists of cells"))
    }
}

impl Other for Google {
    fn shown_name(&self) -> &'static str {
        "GoogleSQL"
    }

    fn outcomes(&mut self, trial: &Trial<'_>, _: &Outcomes) -> Result<Outcomes, String> {
        let call = trial.call;
        let mut columns =
            vec![("g".to_owned(), "INT64".to_owned()), ("i".to_owned(), "INT64".to_owned())];
        let kinds = call.kinds.iter().enumerate();
        columns.extend(kinds.map(|(at, kind)| (format!("a{at}"), kind.to_string())));
        self.set_table(CASES, &columns);
        let rows = numbered(&trial.groups).map(|(g, i, row)| with_numbers(g, i, row)).collect();
        let failed = format!("iserror({})", call.expression);
        let value = format!("if({failed}, null, {})", call.expression);
        let statement = statement(call, &failed, &value, 0..trial.groups.len());
        let result = self
            .query(&statement, &BTreeMap::from([(CASES.to_owned(), rows)]))
            .map_err(|error| format!("GoogleSQL refuses it: {error}\n{statement}"))?;
        Ok(outcomes(result, &call.returns))
    }
}

/// `INT64` and so on.
pub fn type_name(kind: ColumnType) -> String {
    format!("{kind:?}").to_uppercase()
}

/// The reference implementation takes rows only for tables without a schema. So for the execution,
/// and only for it, `layer.table` is written as one quoted name; what is analyzed is the text itself.
fn with_quoted_tables(sql: &str, tables: &BTreeMap<String, Vec<Row>>) -> String {
    let tokens = tokenize(sql).expect("the analyzer read it");
    let word = |at: usize| match tokens.get(at).map(|found| &found.token) {
        Some(Token::Word(word)) => Some(word),
        _ => None,
    };
    let mut quoted = String::with_capacity(sql.len());
    let mut copied = 0;
    for at in 0..tokens.len() {
        let (Some(layer), Some(table)) = (word(at), word(at + 2)) else { continue };
        let name = format!("{}.{}", layer.value, table.value).to_lowercase();
        if tokens[at + 1].token != Token::Period || !tables.contains_key(&name) {
            continue;
        }
        let has_alias = word(at + 3).is_some_and(|next| {
            next.value.eq_ignore_ascii_case("as")
                || !RESERVED_FOR_TABLE_ALIAS.contains(&next.keyword)
        });
        quoted.push_str(&sql[copied..tokens[at].span.start]);
        let alias = if has_alias { String::new() } else { format!(" as {}", table.value) };
        let _ = write!(quoted, "`{name}`{alias}");
        copied = tokens[at + 2].span.end;
    }
    quoted + &sql[copied..]
}
