//! A project of one's own, proposed from events: a source's contract, its tables and a mart.
//!
//! What the events cannot tell is said in the files, beside a value that works. No I/O: texts by
//! path come out.

mod branches;
mod columns;
mod decisions;
mod evidence;
mod roles;
mod template;
mod text;

use std::collections::BTreeMap;

pub use columns::{Column, Columns, LeftOut};
pub use roles::{Chosen, Roles};

use self::{
    evidence::Candidate,
    template::Values,
    text::{alternatives, contract_lines, listed},
};
use crate::{
    contract::ColumnType,
    payload::{
        name::column_name,
        path::{self, FieldPath},
        profile::Profile,
    },
};

/// A table of every project, where those of a source are.
pub const RECONCILIATION: &str = "reconciliation";
/// A longer name of a file is cut.
const SOURCE_LENGTH_MAX: usize = 40;
/// Fields that are offered as the name of an event.
const IDS_SHOWN: usize = 4;
/// Left-out fields that the contract names.
const LEFT_OUT_SHOWN: usize = 40;
/// An object with more fields left out than these is told to `lakebed drift` to be ignored.
const LEFT_OUT_IN_OBJECT_MAX: usize = 10;
const REJECT_REASONS: &str =
    r#"accepted = ["not_utf8", "not_json", "missing_key", "wrong_type", "too_late", "in_future"]"#;

/// A proposal for a source.
#[derive(Clone, Debug)]
pub struct Scaffold {
    /// The source's name.
    pub source: String,
    /// From what it was proposed, such as `120 events of clicks.ndjson`.
    pub basis: String,
    /// Its columns.
    pub columns: Columns,
    category: Option<String>,
    measures: Vec<(String, ColumnType)>,
    id_candidates: Vec<Candidate>,
    time_candidates: Vec<Candidate>,
    /// Columns of texts that are all numbers.
    quoted_numbers: Vec<String>,
}

/// The small file of made-up orders with which a project begins that has no events yet.
pub fn sample_events() -> &'static str {
    template::file("orders.ndjson")
}

/// A source's name from a file's: `Page Views-2026.ndjson.gz` gives `page_views`.
pub fn source_name(file: &str) -> String {
    let stem = file.split('.').next().unwrap_or_default();
    let name = column_name([stem.trim_start_matches('-')]);
    let name: String = name.chars().take(SOURCE_LENGTH_MAX).collect();
    match name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '_') {
        "" | "field" => "events".to_owned(),
        RECONCILIATION => format!("{RECONCILIATION}_events"),
        name => name.to_owned(),
    }
}

impl Scaffold {
    /// Proposes what the profile tells, with the parts that were chosen.
    pub fn propose(source: &str, basis: String, profile: &Profile, chosen: &Chosen) -> Self {
        let roles = Roles::of(source, profile, chosen);
        let columns = Columns::of(profile, &roles);
        let named =
            |path: &FieldPath| columns.attributes.iter().find(|column| column.path == *path);
        let category = roles.category.as_ref().and_then(named).map(|column| column.name.clone());
        let measures = roles
            .measures
            .iter()
            .filter_map(named)
            .map(|column| (column.name.clone(), column.kind))
            .filter(|(_, kind)| matches!(kind, ColumnType::Int64 | ColumnType::Float64))
            .collect();
        let is_quoted = |column: &&Column| {
            let field = &profile.fields[&column.path];
            field.count > 0 && field.quoted_number_count == field.count
        };
        let quoted = columns.attributes.iter().filter(is_quoted);
        let quoted_numbers = quoted.map(|column| column.name.clone()).collect();
        Self {
            source: source.to_owned(),
            basis,
            columns,
            category,
            measures,
            id_candidates: roles.id_candidates,
            time_candidates: roles.time_candidates,
            quoted_numbers,
        }
    }

    /// Fields of which one may name an event, if none was chosen.
    pub fn possible_ids(&self) -> Vec<FieldPath> {
        let is_open = self.columns.id.is_none() && self.columns.id_parts.is_empty();
        let candidates = self.id_candidates.iter().filter(|_| is_open);
        candidates.take(IDS_SHOWN).map(|candidate| candidate.path.clone()).collect()
    }

    /// The path in the JSON of the time of an event, if one was found.
    pub fn time_path(&self) -> Option<String> {
        self.columns.time.as_ref().map(|column| path::written(&column.path))
    }

    /// The files by path, relative to the project. `steps` are the commands to type next.
    pub fn files(&self, steps: &str) -> BTreeMap<String, String> {
        let mut values = self.values();
        values.insert("steps", steps.to_owned());
        let category = self.category.as_deref();
        template::project_files()
            .into_iter()
            .filter(|(path, _)| category.is_some() || !path.contains("CATEGORY"))
            .map(|(path, text)| {
                let path = path
                    .replace("SATELLITE", &self.satellite())
                    .replace("SOURCE", &self.source)
                    .replace("ENTITY", &self.entity())
                    .replace("CATEGORY", &self.category_table())
                    .replace("gitignore", ".gitignore");
                (path, template::filled(text, &values))
            })
            .collect()
    }

    fn entity(&self) -> String {
        self.columns.entity_name()
    }

    /// How the mart by the sort of event is called: `by_day` is another.
    fn category_table(&self) -> String {
        let category = self.category.clone().unwrap_or_default();
        if category == "day" { "day_value".to_owned() } else { category }
    }

    /// The satellite's name after `sat_`: the hub, and what is said of it.
    fn satellite(&self) -> String {
        let entity = self.entity();
        if self.source.starts_with(&format!("{entity}_")) {
            return self.source.clone();
        }
        format!("{entity}_{}", self.source)
    }

    /// The column of the hub's business key.
    fn key(&self) -> &str {
        self.columns.entity.as_ref().map_or("event_id", |column| &column.name)
    }

    fn values(&self) -> Values {
        let columns = &self.columns;
        let path = format!("layers/raw/{}.toml", self.source);
        let decisions: Vec<String> =
            self.decisions().iter().map(|line| format!("- {line}")).collect();
        let names: Vec<String> =
            self.payload_columns().iter().map(|name| format!("c.{name}")).collect();
        let attributes: Vec<String> =
            columns.attributes.iter().map(|column| column.name.clone()).collect();
        Values::from([
            ("source", self.source.clone()),
            ("entity", self.entity()),
            ("satellite", self.satellite()),
            ("key", self.key().to_owned()),
            ("category", self.category.clone().unwrap_or_default()),
            ("basis", self.basis.clone()),
            ("contract", path),
            ("decisions", decisions.join("\n")),
            ("ignored", self.ignored()),
            ("fields", self.fields()),
            ("left_out", self.left_out()),
            ("checked_columns", self.checked_columns()),
            ("accepted_columns", self.accepted_columns()),
            ("checked_expressions", listed(&self.checked_expressions(), 4)),
            ("event_time", self.event_time()),
            ("payload_columns_of_c", listed(&names, 4)),
            ("odd_rejections", self.odd_rejections()),
            ("attributes", listed(&[attributes, vec![String::new()]].concat(), 4)),
            ("hub_columns", self.hub_columns()),
            ("satellite_columns", self.satellite_columns()),
            ("dimension_columns", self.dimension_columns()),
            ("fact_columns", self.fact_columns()),
            ("day_columns", self.day_columns()),
            ("category_columns", self.category_columns()),
            ("measure_inputs", self.measure_inputs()),
            ("measure_outputs", self.measure_outputs()),
        ])
    }
}

mod sections;
