//! What `cargo xtask conformance` was asked for.

use std::path::PathBuf;

use crate::report::{ENGINES, Part};

/// How many cases are generated.
#[derive(Clone, Copy, Debug)]
pub struct Depth {
    /// Calls, or rows of aggregates, of each function, at least.
    pub cases_min: usize,
    /// Calls of one function with one set of types and literals, at least.
    pub batch_min: usize,
    /// Ways to call one function that are tried, at most: types, literals, numbers of arguments.
    pub calls_max: usize,
    /// Bodies for the payload parser of each source.
    pub body_count: usize,
    /// Scenarios that Spark builds; the reference implementation has all of them.
    pub scenarios_on_spark: usize,
    /// Windows in which each table's query is compared.
    pub windows_max: usize,
}

/// For whoever changed a function.
const FULL: Depth = Depth {
    cases_min: 1000,
    batch_min: 60,
    calls_max: usize::MAX,
    body_count: 3000,
    scenarios_on_spark: usize::MAX,
    windows_max: usize::MAX,
};
/// For the gate: fewer of all of it.
const QUICK: Depth = Depth {
    cases_min: 100,
    batch_min: 12,
    calls_max: 4,
    body_count: 400,
    scenarios_on_spark: 1,
    windows_max: 1,
};

/// The arguments.
pub struct Arguments {
    /// Where the page goes.
    pub html: Option<PathBuf>,
    /// How much is generated.
    pub depth: Depth,
    part: Option<String>,
    engine: Option<String>,
    filters: Vec<String>,
}

impl Arguments {
    /// Reads them.
    pub fn parse(mut arguments: impl Iterator<Item = String>) -> Self {
        let mut parsed =
            Self { html: None, depth: FULL, part: None, engine: None, filters: Vec::new() };
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--html" => parsed.html = arguments.next().map(PathBuf::from),
                "--part" => parsed.part = arguments.next(),
                "--engine" => parsed.engine = arguments.next(),
                "--quick" => parsed.depth = QUICK,
                // Options of cargo's own test harness say nothing here.
                option if option.starts_with('-') => {}
                filter => parsed.filters.push(filter.to_owned()),
            }
        }
        parsed
    }

    /// Whether anything of a part is to be compared with an engine.
    pub fn wants_part(&self, part: Part, engine: &str) -> bool {
        let is = |wanted: &Option<String>, name: &str| wanted.as_ref().is_none_or(|w| w == name);
        is(&self.part, &part.to_string()) && is(&self.engine, engine)
    }

    /// Whether anything is to be compared that takes a scenario's tables.
    pub fn wants_tables(&self) -> bool {
        let parts = [Part::Statements, Part::Effects, Part::Tables];
        parts.iter().any(|part| ENGINES.iter().any(|engine| self.wants_part(*part, engine)))
    }

    /// Whether a construct is to be compared.
    pub fn wants(&self, construct: &str) -> bool {
        self.filters.is_empty() || self.filters.iter().any(|filter| construct.contains(filter))
    }
}
