//! The same raw objects, built with `--engine duckdb` and with `--engine spark`: equal tables, from
//! equal SELECTs.
//!
//! Each table on Spark is made of what Spark made of the tables before it; what does not run there
//! goes on from its result in DuckDB.

use std::{path::Path, process::Command};

use lakebed::contract::{BuildKind, EngineName};

use crate::{
    arguments::Arguments,
    report::{Line, Part, Report, SPARK, Verdict},
    rows::{Row, difference},
    tables::shown,
    world::{CHECKOUT, OpenProject, World, all_rows, query},
};

/// The SHA-256 of each SELECT, as its engine got it.
const SHA256: &str = "select table_name, partition_date, select_sha256 from lakebed.builds \
                      where event = 'built'";

/// Compares all tables of a scenario, and the SHA-256 of what was sent.
pub fn compare(
    open: &OpenProject,
    (scenario, world): (&str, &World),
    python: &Path,
    arguments: &Arguments,
    report: &mut Report,
) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let built = match build_on_spark(world, folder.path(), python) {
        Ok(()) => World::built(open, folder.path()),
        Err(said) => {
            let construct = format!("lakebed build --engine spark ({scenario})");
            let verdict = Verdict::Differs(vec![said]);
            report.add(Line {
                part: Part::Tables,
                construct,
                engine: SPARK,
                verdict,
                case_count: 0,
            });
            return;
        }
    };
    let (mut ours, mut theirs) = (world.session(), built.session());
    for node in open.graph.in_order() {
        let ran_there = node.file.runs_on(EngineName::Spark);
        let after = if ran_there { "" } else { ", after Spark" };
        let construct = format!("{} ({scenario}{after})", node.name());
        if node.build() == BuildKind::Seed || !arguments.wants(&construct) {
            continue;
        }
        let sides =
            [ours.as_mut(), theirs.as_mut()].map(|session| all_rows(session, node.name().as_str()));
        let (verdict, case_count) = compared(&sides);
        let part = if ran_there { Part::Tables } else { Part::Effects };
        let construct = if ran_there { format!("{} ({scenario})", node.name()) } else { construct };
        report.add(Line { part, construct, engine: SPARK, verdict, case_count });
    }
    let sides = [ours.as_mut(), theirs.as_mut()].map(|session| query(session, SHA256));
    let (verdict, case_count) = compared(&sides);
    let construct = format!("SHA-256 of the SELECTs sent ({scenario})");
    report.add(Line { part: Part::Effects, construct, engine: SPARK, verdict, case_count });
}

/// The same messages in another data folder, and the real program over them.
fn build_on_spark(world: &World, data: &Path, python: &Path) -> Result<(), String> {
    world.copy_raw(data);
    let output = Command::new(env!("CARGO_BIN_EXE_lakebed"))
        .args(["build", "--engine", "spark", "--project", CHECKOUT, "--data"])
        .arg(data)
        .env("PYSPARK_DRIVER_PYTHON", python)
        .output()
        .expect("lakebed starts");
    if output.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&output.stderr).into_owned())
}

fn compared([ours, theirs]: &[Vec<Row>; 2]) -> (Verdict, usize) {
    let (only_ours, only_theirs) = difference(ours, theirs);
    if only_ours.is_empty() && only_theirs.is_empty() {
        return (Verdict::Same, ours.len());
    }
    let problem = format!(
        "{} rows only in DuckDB, {} only in Spark{}{}",
        only_ours.len(),
        only_theirs.len(),
        shown("DuckDB", &only_ours),
        shown("Spark", &only_theirs)
    );
    (Verdict::Differs(vec![problem]), ours.len())
}
