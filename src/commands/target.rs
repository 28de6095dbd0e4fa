//! `lakebed target check`: what of a target is reachable, what is missing, what to do about it.

use serde_json::json;

use super::{Failure, adapters, open, output};
use crate::cli::{Place, TargetArgs, TargetCommand};

/// A part of a target.
pub struct Part {
    /// What it is, as the service knows it.
    pub name: String,
    /// What is wrong with it, and what to do.
    pub problem: Option<(String, String)>,
}

pub fn target(place: &Place, args: &TargetArgs) -> Result<(), Failure> {
    let TargetCommand::Check { name, create } = &args.command;
    let place = Place { target: name.clone(), ..place.clone() };
    let open = open::project(&place)?;
    let sources: Vec<&str> = open.project.sources.keys().map(String::as_str).collect();
    let parts = open::runtime()?.block_on(adapters::parts(&open.target, &sources, *create))?;
    let missing = parts.iter().filter(|part| part.problem.is_some()).count();
    if place.json {
        let part = |Part { name, problem }: &Part| {
            let (problem, hint) = problem.clone().unzip();
            json!({ "part": name, "is_there": problem.is_none(), "problem": problem, "hint": hint })
        };
        let parts: Vec<_> = parts.iter().map(part).collect();
        output::print(&format!("{}\n", json!({ "target": open.target, "parts": parts })))?;
    } else {
        let mut page = output::Page::default();
        for Part { name, problem } in &parts {
            match problem {
                None => page.line(format_args!("{name}: there")),
                Some((problem, hint)) => page.line(format_args!("{name}: {problem}\n  {hint}")),
            }
        }
        if parts.is_empty() {
            page.line(format_args!("everything of `{name}` is in the data folder"));
        }
        output::print(page.as_str())?;
    }
    if missing == 0 { Ok(()) } else { Err(Failure::said()) }
}
