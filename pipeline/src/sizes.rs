//! Measures tables: how many rows they have, how many bytes their columns take, what a build makes.
//!
//! Not for: what follows from it (`ledger`, `growth`).

use std::collections::BTreeMap;

use jiff::civil::Date;

use crate::{
    contract::{BuildKind, ColumnType, source::RAW_COLUMNS},
    error_kind::ErrorKind,
    graph::Node,
    ledger::{
        Profile, TableSize,
        profile::{columns, counted_by},
        sizes::{measured, measuring_query},
    },
    pipeline::Pipeline,
    plan::window::Window,
    port_error::PortError,
    recipe::select::{bound, cut_query},
    sql::bind::Literal,
    warehouse::Session,
};

/// Measures everything that is there. Each table is read once; nothing is written.
pub fn measure(pipeline: &Pipeline) -> Result<Profile, PortError> {
    let tables = pipeline.warehouse.tables()?;
    let mut session = pipeline.warehouse.session()?;
    let mut profile = Profile { load_dates: pipeline.load_dates(), ..Profile::default() };
    for source in pipeline.graph.sources() {
        if let Some(rows) = pipeline.raw_rows(source) {
            let size = size(session.as_mut(), pipeline, (&rows, Some("load_date")), &RAW_COLUMNS)?;
            profile.sizes.set(source.clone(), size);
        }
    }
    let is_built = |node: &&Node| tables.contains_key(node.name().as_str());
    for node in pipeline.graph.in_order().filter(is_built) {
        if node.build() == BuildKind::View {
            continue;
        }
        let (name, columns) = (node.name(), columns(node));
        let mut size =
            size(session.as_mut(), pipeline, (name.as_str(), counted_by(node)), &columns)?;
        if node.build() == BuildKind::Merge {
            let dated = size.rows.iter().filter_map(|(date, count)| Some(((*date)?, *count)));
            profile.arrivals.insert(name.clone(), dated.collect());
            size.rows = BTreeMap::from([(None, size.row_count())]);
        }
        profile.sizes.set(name.clone(), size);
    }
    if let Some((first, last)) = profile.load_dates {
        for node in pipeline.graph.in_order().filter(is_built) {
            measure_build(session.as_mut(), pipeline, node, (first, last), &mut profile)?;
        }
    }
    Ok(profile)
}

fn size(
    session: &mut dyn Session,
    pipeline: &Pipeline,
    (table, partition_by): (&str, Option<&str>),
    columns: &[(&str, ColumnType)],
) -> Result<TableSize, PortError> {
    let dialect = pipeline.warehouse.dialect();
    let rows =
        session.query(&measuring_query(dialect, table, partition_by, columns))?.text_rows()?;
    measured(&rows, columns).ok_or_else(|| {
        PortError::new(ErrorKind::Bug, format!("the sizes of {table} cannot be read"))
    })
}

/// Of a table that merges or has a history: what its query returns for the last load date, and how far
/// back changes reached in the last third of the days; the first ones bring all that was there before.
fn measure_build(
    session: &mut dyn Session,
    pipeline: &Pipeline,
    node: &Node,
    (first, last): (Date, Date),
    profile: &mut Profile,
) -> Result<(), PortError> {
    if !matches!(node.build(), BuildKind::Merge | BuildKind::History) {
        return Ok(());
    }
    let bug = |error: String| PortError::new(ErrorKind::Bug, error);
    let mut cut = None;
    if node.build() == BuildKind::History {
        let all = Window::Dates { from: first, to: last }.partitions();
        let tail = &all[all.len() - all.len().div_ceil(3)..];
        let mut days_max = 0;
        for date in tail.iter().flatten() {
            let window = Window::of(Some(*date));
            let query = cut_query(node, window).unwrap_or_default();
            let micros = session.query(&query)?.count()?;
            let at = jiff::Timestamp::from_microsecond(micros).map_err(|e| bug(e.to_string()))?;
            let at_date = at.to_zoned(jiff::tz::TimeZone::UTC).date();
            let days = date.since(at_date).map_or(0, |span| i64::from(span.get_days()));
            days_max = days_max.max(days);
            cut = Some(Literal::Timestamp(crate::instant::MicrosUtc(micros)));
        }
        profile.cut_days.insert(node.name().clone(), days_max);
    }
    let window = Window::of(Some(last));
    let select = bound(node, window, &pipeline.planner().calendar(node), cut);
    let select = select.map_err(|error| bug(error.to_string()))?;
    let query = format!("select count(*) from ({}) as made", select.text);
    let count = session.query(&query)?.count()?;
    profile.made.insert(node.name().clone(), rows(count));
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "counts of rows are below 2^53")]
fn rows(count: i64) -> f64 {
    count as f64
}
