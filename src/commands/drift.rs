//! `lakebed drift`: fields that messages have and the contracts of their sources do not.
//!
//! It is a command and not a table: it asks the raw layer in a way that only the local engine can,
//! its answer is for those who write contracts, and a table of it would be stale with every line
//! that one of them gets.

use std::collections::{BTreeMap, BTreeSet};

use futures::TryStreamExt;
use jiff::civil::Date;
use serde_json::{Value, json};

use super::{
    Failure,
    open::{self, OpenProject},
    output::{self, Page},
    summary,
};
use crate::{
    archiver::load_date,
    cli::{DriftArgs, Place},
    data_folder::DataFolder,
    payload::{
        self,
        drift::{DriftField, SourceDrift, drift as fields_of},
        profile::{Profile, Weight},
    },
    warehouse::Session,
};

/// Fields of a source that a summary of something else shows.
pub const FIELDS_SHOWN_SHORT: usize = 5;
/// Fields of a source that the command itself shows.
const FIELDS_SHOWN: usize = 40;
/// Shapes of payloads of a source that are looked at: objects whose keys are data have no end.
const SHAPES_MAX: usize = 20_000;

pub fn drift(place: &Place, args: &DriftArgs) -> Result<(), Failure> {
    let open = open::project(place)?;
    let data = DataFolder::new(&place.data);
    if !data.raw().is_dir() {
        return Err(open::no_data(&data));
    }
    let sources = &open.project.sources;
    if let Some(unknown) = args.sources.iter().find(|source| !sources.contains_key(*source)) {
        return Err(open::unknown_source(&open, unknown));
    }
    let from = args.from.unwrap_or(Date::MIN);
    let to = args.to.unwrap_or(Date::MAX);
    let wanted = |source: &str, key: &str| {
        let is_named = args.sources.is_empty() || args.sources.iter().any(|name| name == source);
        is_named && load_date(key).is_some_and(|date| (from..=to).contains(&date))
    };
    let drifted = of_objects(&open, &data, &wanted)?;
    if place.json {
        return output::print(&format!("{}\n", to_json(&drifted)));
    }
    let mut text = Page::default();
    if drifted.is_empty() {
        text.line(format_args!("No drift: the contracts have every field of the messages."));
    }
    render(&mut text, &drifted, FIELDS_SHOWN);
    output::print(text.as_str())
}

/// The drift in raw objects that no build had read. It is told beside something else: what keeps it
/// from being known is said, and no more.
pub fn of_new_objects(
    open: &OpenProject,
    data: &DataFolder,
    keys: &BTreeSet<String>,
) -> Vec<SourceDrift> {
    if keys.is_empty() {
        return Vec::new();
    }
    said(of_objects(open, data, &|_, key| keys.contains(key)))
}

/// The drift in messages of these load dates, by source; told beside something else, too.
pub fn of_dates(
    open: &OpenProject,
    data: &DataFolder,
    dates: &BTreeMap<String, BTreeSet<Date>>,
) -> Vec<SourceDrift> {
    if dates.is_empty() {
        return Vec::new();
    }
    let is_wanted = |source: &str, key: &str| {
        let date = load_date(key);
        date.is_some_and(|date| dates.get(source).is_some_and(|dates| dates.contains(&date)))
    };
    said(of_objects(open, data, &is_wanted))
}

fn said(drifted: Result<Vec<SourceDrift>, Failure>) -> Vec<SourceDrift> {
    drifted.unwrap_or_else(|failure| {
        failure.print(false);
        Vec::new()
    })
}

fn of_objects(
    open: &OpenProject,
    data: &DataFolder,
    is_wanted: &dyn Fn(&str, &str) -> bool,
) -> Result<Vec<SourceDrift>, Failure> {
    let store = open::raw_store_to_read(data)?;
    let runtime = open::runtime()?;
    let options = lakebed_duckdb::Options::default();
    let scratch = lakebed_duckdb::open_shared(None, options, &open.prelude)?;
    let mut session = scratch.session()?;
    session.execute("create schema raw")?;
    let mut drifted = Vec::new();
    for (name, source) in &open.project.sources {
        let objects = runtime.block_on(store.list(&format!("{name}/")).try_collect::<Vec<_>>())?;
        let locators = objects
            .iter()
            .filter(|object| is_wanted(name, &object.key))
            .map(|object| store.locator(&object.key))
            .collect::<Result<Vec<_>, _>>()?;
        if locators.is_empty() {
            continue;
        }
        session.execute(&scratch.dialect().raw_view(name, &locators))?;
        let fields = fields_of(&source.contract, &profile(session.as_mut(), name)?);
        if !fields.is_empty() {
            drifted.push(SourceDrift { source: name.clone(), fields });
        }
    }
    Ok(drifted)
}

/// Payloads of one shape, names and types, are counted by the engine, and one of them is looked at.
fn profile(session: &mut dyn Session, source: &str) -> Result<Profile, Failure> {
    let rows = session
        .query(&format!(
            "with bodies as (select load_date, message_id, udf.safe_string(payload) as body from raw.{source}), \
             objects as (select * from bodies where json_valid(body) and json_type(body) = 'OBJECT') \
             select cast(count(*) as varchar), cast(min(load_date) as varchar), \
             cast(max(load_date) as varchar), arg_min(body, message_id) \
             from objects group by json_structure(body) order by min(message_id) limit {SHAPES_MAX}"
        ))?
        .text_rows()?;
    let mut profile = Profile::default();
    for row in rows {
        let [Some(count), Some(first), Some(last), Some(body)] = row.as_slice() else { continue };
        let (Ok(message_count), Ok(first), Ok(last), Ok(body)) =
            (count.parse(), first.parse(), last.parse(), payload::read(body.as_bytes()))
        else {
            continue;
        };
        profile.observe(&body, Weight { message_count, load_dates: Some((first, last)) });
    }
    Ok(profile)
}

/// For scripts.
pub fn to_json(drifted: &[SourceDrift]) -> Value {
    let field = |source: &str, field: &DriftField| {
        json!({
            "source": source,
            "path": field.path,
            "first_load_date": field.load_dates.map(|(first, _)| first.to_string()),
            "last_load_date": field.load_dates.map(|(_, last)| last.to_string()),
            "message_count": field.message_count,
            "example": field.example,
            "contract_line": field.line,
        })
    };
    drifted
        .iter()
        .flat_map(|drift| drift.fields.iter().map(|own| field(&drift.source, own)))
        .collect()
}

/// A paragraph a source, with at most so many fields of each.
pub fn render(text: &mut Page, drifted: &[SourceDrift], fields_shown: usize) {
    for drift in drifted {
        let source = &drift.source;
        text.line(format_args!(
            "Drift: messages of {source} have fields that its contract does not. They are kept in \
             raw;"
        ));
        text.line(format_args!("to bring one in, add its line to layers/raw/{source}.toml:"));
        for field in drift.fields.iter().take(fields_shown) {
            let since = field.load_dates.map(|(first, _)| first.to_string()).unwrap_or_default();
            text.line(format_args!(
                "  {} in {} messages since {since}",
                field.path,
                summary::grouped(field.message_count)
            ));
            match &field.line {
                Some(line) => text.line(format_args!("    {line}")),
                None => text.line(format_args!("    a part of a field above, which has its line")),
            }
        }
        if drift.fields.len() > fields_shown {
            text.line(format_args!(
                "  … and {} more; `lakebed drift {source}` lists them",
                drift.fields.len() - fields_shown
            ));
        }
    }
}
