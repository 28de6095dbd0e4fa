//! The comparison finds what it is there for: functions of DuckDB that were made wrong on purpose.
//!
//! Each mutant is one change in `layers/functions/duckdb.sql`, such as one day too many or a NULL
//! in the wrong place. One that no SELECT is found for is reported as a difference.

use lakebed::{portable::functions::FUNCTIONS, prelude::Prelude};

use crate::{
    arguments::Arguments,
    functions::compare_function,
    google::Google,
    report::{GOOGLESQL, Line, Part, Report, Verdict},
    world::{OpenProject, in_memory},
};

/// A function, a text of its definition, and what is put in its place.
const MUTANTS: [(&str, &str, &str); 5] = [
    ("udf.iso_day_of_week", "as isodow(d)", "as dayofweek(d)"),
    ("udf.day_of_week", "as dayofweek(d) + 1", "as dayofweek(d)"),
    (
        "udf.month_start",
        "as cast(date_trunc('month', d) as date)",
        "as cast(date_trunc('month', d + 1) as date)",
    ),
    ("udf.hash_part", "|| ':' || s, '-')", "|| ':' || s, '')"),
    ("udf.safe_bool", "if(lower(s) = 'false', false, null)", "false"),
];

/// Compares each mutant. The SELECT that shows it is printed.
pub fn find_all(
    open: &OpenProject,
    google: &mut Google,
    arguments: &Arguments,
    report: &mut Report,
) {
    for (function, original, mutated) in MUTANTS {
        let construct = format!("mutant of {function}");
        if !arguments.wants(&construct) {
            continue;
        }
        let mut project = open.project.clone();
        let text = project.duckdb_functions.to_string();
        assert!(
            text.contains(original),
            "the definition of {function} has no `{original}` any more"
        );
        project.duckdb_functions = text.replacen(original, mutated, 1).into();
        let prelude = Prelude::duckdb(&project).expect("the mutant has tokens");
        let mut session = in_memory(&prelude).session().expect("a session");
        let (verdict, case_count) =
            compare_function(session.as_mut(), google, &FUNCTIONS[function], arguments.depth);
        let verdict = match verdict {
            Verdict::Differs(differences) if differences[0].starts_with("select ") => {
                println!("{construct}, found by:\n{}\n", differences[0]);
                Verdict::Same
            }
            _ => {
                let problem = format!("no SELECT tells `{mutated}` from {function}");
                Verdict::Differs(vec![problem])
            }
        };
        report.add(Line { part: Part::Mutants, construct, engine: GOOGLESQL, verdict, case_count });
    }
}
