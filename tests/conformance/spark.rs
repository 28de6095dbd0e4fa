//! Spark, over tables of generated arguments: what it gives for calls that do not fail elsewhere.

use std::path::Path;

use serde_json::{Value, json};

use crate::{
    rows::Row,
    trial::{CASES, Other, Outcomes, Shape, Trial, numbered, outcomes, statement, with_numbers},
    worker::Worker,
    world::OpenProject,
};

/// The engine.
pub struct Spark {
    worker: Worker,
}

impl Spark {
    /// Starts Spark and gives it the functions.
    pub fn start(python: &Path, open: &OpenProject) -> Result<Self, String> {
        let mut worker = Worker::start(python, "spark.py", &[]);
        let statements: Vec<&str> =
            open.spark.statements().iter().map(|s| s.text.as_str()).collect();
        worker.ask(&json!({"do": "prelude", "statements": statements}))?;
        Ok(Self { worker })
    }
}

impl Other for Spark {
    fn shown_name(&self) -> &'static str {
        "Spark"
    }

    /// Where a statement fails, groups are asked for by halves, down to the ones that fail.
    fn outcomes(&mut self, trial: &Trial<'_>, ours: &Outcomes) -> Result<Outcomes, String> {
        let call = trial.call;
        let fails = |group: usize| {
            let group = i64::try_from(group).expect("few");
            ours.range((group, 0)..=(group, i64::MAX)).any(|(_, outcome)| outcome.is_err())
        };
        let rows: Vec<Row> = numbered(&trial.groups)
            .filter(|(group, ..)| !fails(*group))
            .map(|(group, row, cells)| with_numbers(group, row, cells))
            .collect();
        let kinds = call.kinds.iter().enumerate();
        let arguments = kinds.map(|(at, kind)| (format!("a{at}"), kind.to_string()));
        let numbers = ["g", "i"].map(|name| (name.to_owned(), "INT64".to_owned()));
        let columns: Vec<(String, String)> = numbers.into_iter().chain(arguments).collect();
        let cases = json!({"do": "cases", "name": CASES, "columns": columns, "rows": rows});
        self.worker.ask(&cases)?;
        let returned = json!([
            ["g", "INT64"],
            ["i", "INT64"],
            ["failed", "BOOL"],
            ["value", call.returns.to_string()],
        ]);
        let mut found = Outcomes::new();
        let mut pending = vec![(0, trial.groups.len())];
        while let Some((from, to)) = pending.pop() {
            let sql = statement(call, "false", &call.expression, from..to);
            match self.worker.ask(&json!({"do": "rows", "sql": sql, "columns": returned})) {
                Ok(answer) => found.extend(outcomes(cells(&answer), &call.returns)),
                Err(error) if error.contains("PARSE_SYNTAX") || error.contains("UNRESOLVED") => {
                    return Err(format!("Spark refuses it: {error}\n{sql}"));
                }
                Err(_) if to - from == 1 => {
                    let group = i64::try_from(from).expect("few");
                    let count =
                        if call.shape == Shape::Aggregate { 1 } else { trial.groups[from].len() };
                    found.extend((0..).take(count).map(|row| ((group, row), Err(()))));
                }
                Err(_) => {
                    let middle = from + (to - from) / 2;
                    pending.extend([(from, middle), (middle, to)]);
                }
            }
        }
        Ok(found)
    }
}

fn cells(answer: &Value) -> Vec<Row> {
    serde_json::from_value(answer["rows"].clone()).expect("lists of cells")
}
