//! Findings as SARIF 2.1.0, which code review tools read.

use serde::Serialize;

use super::finding::Finding;
use crate::rules::{self, Severity};

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

/// A log with one run of the checker.
#[derive(Debug, Serialize)]
pub struct Log {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [Run; 1],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Run {
    tool: Tool,
    /// Columns are counted as SARIF's default is not: in characters, not in units of UTF-16.
    column_kind: &'static str,
    results: Vec<Outcome>,
}

#[derive(Debug, Serialize)]
struct Tool {
    driver: Driver,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Driver {
    name: &'static str,
    version: &'static str,
    rules: Vec<Descriptor>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    id: &'static str,
    name: &'static str,
    short_description: Message,
    full_description: Message,
    help: Message,
    default_configuration: Configuration,
}

#[derive(Debug, Serialize)]
struct Configuration {
    level: &'static str,
}

#[derive(Debug, Serialize)]
struct Message {
    text: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Outcome {
    rule_id: &'static str,
    rule_index: usize,
    level: &'static str,
    message: Message,
    locations: [Location; 1],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Location {
    physical_location: PhysicalLocation,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct PhysicalLocation {
    artifact_location: ArtifactLocation,
    region: Region,
}

#[derive(Debug, Serialize)]
struct ArtifactLocation {
    uri: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    start_line: usize,
    start_column: usize,
    end_line: usize,
    end_column: usize,
}

impl Log {
    /// Of findings, with all rules of the checker.
    pub fn new(findings: &[Finding]) -> Self {
        let text = |text: &str| Message { text: text.to_owned() };
        let descriptors = rules::all().map(|rule| Descriptor {
            id: rule.code,
            name: rule.name,
            short_description: text(rule.about),
            full_description: text(rule.why),
            help: text(rule.instead),
            default_configuration: Configuration { level: level(rule.severity) },
        });
        let driver = Driver {
            name: "lakebed check",
            version: env!("CARGO_PKG_VERSION"),
            rules: descriptors.collect(),
        };
        Self {
            schema: SCHEMA,
            version: "2.1.0",
            runs: [Run {
                tool: Tool { driver },
                column_kind: "unicodeCodePoints",
                results: findings.iter().map(outcome).collect(),
            }],
        }
    }
}

fn outcome(found: &Finding) -> Outcome {
    let (start, end) = (found.start(), found.end());
    let region = Region {
        start_line: start.line,
        start_column: start.column,
        end_line: end.line,
        end_column: end.column,
    };
    // An artifact's place is a URI reference: its parts are separated by `/` everywhere.
    let uri = found.path.iter().map(|part| part.to_string_lossy()).collect::<Vec<_>>().join("/");
    let rule_index = rules::all().position(|rule| rule.code == found.rule.code).unwrap_or(0);
    Outcome {
        rule_id: found.rule.code,
        rule_index,
        level: level(found.rule.severity),
        message: Message { text: format!("{}; {}", found.message, found.instead()) },
        locations: [Location {
            physical_location: PhysicalLocation {
                artifact_location: ArtifactLocation { uri },
                region,
            },
        }],
    }
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}
