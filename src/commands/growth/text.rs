//! A forecast for people, at a terminal.

use crate::{
    commands::{output::Page, summary},
    contract::ByteSize,
    growth::{Forecast, TableForecast},
};

/// Tables that are listed in full: those that bill the most in the last year.
const TABLES_SHOWN: usize = 25;

/// The report.
pub fn render(forecast: &Forecast) -> Page {
    let mut page = Page::default();
    page.line(format_args!(
        "{:<6} {:<12} {:>16} {:>18} {:>12} {:>12}",
        "year", "day", "users", "messages a day", "stored", "billed a day"
    ));
    for (at, year) in forecast.years.iter().enumerate() {
        let of_year = || forecast.tables.iter().filter_map(|table| table.years.get(at));
        let stored: f64 = of_year().map(|year| year.stored_bytes).sum();
        let billed: u64 = of_year().map(|year| year.billed_bytes).sum();
        page.line(format_args!(
            "{:<6} {:<12} {:>16} {:>18} {:>12} {:>12}",
            year.year,
            year.date.to_string(),
            grouped(year.users),
            grouped(year.messages),
            bytes(stored),
            ByteSize(billed).to_string(),
        ));
    }
    tables(&mut page, forecast);
    history(&mut page, forecast);
    limits(&mut page, forecast);
    page.line(format_args!("\nIt rests on this:"));
    for assumption in &forecast.assumptions {
        page.line(format_args!("  {assumption}"));
    }
    page
}

fn tables(page: &mut Page, forecast: &Forecast) {
    let last = forecast.years.len().saturating_sub(1);
    let billed = |table: &&TableForecast| table.years.get(last).map_or(0, |year| year.billed_bytes);
    let mut tables: Vec<&TableForecast> = forecast.tables.iter().collect();
    tables.sort_by_key(|table| std::cmp::Reverse(billed(table)));
    page.line(format_args!(
        "\n{:<40} {:>10} {:>8} {:>10} {:>10} {:>10} {:>10} {:>12}",
        "table, a day of it",
        "year 0",
        "read",
        "written",
        format!("year {last}"),
        "with",
        "with",
        "rows,",
    ));
    page.line(format_args!(
        "{:<40} {:>10} {:>8} {:>10} {:>10} {:>10} {:>10} {:>12}",
        "",
        "billed",
        "",
        "partitions",
        "billed",
        "volume",
        "history",
        format!("year {last}"),
    ));
    for table in tables.iter().take(TABLES_SHOWN) {
        let (Some(first), Some(of_last)) = (table.years.first(), table.years.get(last)) else {
            continue;
        };
        page.line(format_args!(
            "{:<40} {:>10} {:>8} {:>10} {:>10} {:>10.2} {:>10.2} {:>12}",
            table.table.as_str(),
            ByteSize(first.billed_bytes).to_string(),
            of_last.partitions_read,
            of_last.partitions_written,
            ByteSize(of_last.billed_bytes).to_string(),
            table.powers.volume,
            table.powers.history,
            grouped(of_last.row_count),
        ));
    }
    if tables.len() > TABLES_SHOWN {
        let rest: u64 = tables.iter().skip(TABLES_SHOWN).map(billed).sum();
        page.line(format_args!(
            "{} more tables bill {} a day in year {last}; --json and --html have them.",
            tables.len() - TABLES_SHOWN,
            ByteSize(rest)
        ));
    }
}

fn history(page: &mut Page, forecast: &Forecast) {
    let mut growing: Vec<_> = forecast.tables.iter().filter(|t| t.grows_with_history()).collect();
    if growing.is_empty() {
        page.line(format_args!("\nNo table's day costs more the more history there is."));
        return;
    }
    let billed = |table: &TableForecast| table.years.last().map_or(0, |year| year.billed_bytes);
    growing.sort_by_key(|table| std::cmp::Reverse(billed(table)));
    page.line(format_args!("\nA day of these costs more the more history there is:"));
    for table in growing {
        let place = table.place.as_ref().map(|place| format!(" ({place})")).unwrap_or_default();
        page.line(format_args!(
            "  {} (power {:.2}): {}{place}",
            table.table,
            table.powers.history,
            table.blame.as_deref().unwrap_or("it reads what grows"),
        ));
    }
}

fn limits(page: &mut Page, forecast: &Forecast) {
    page.line(format_args!("\nThe table that comes first to each limit:"));
    for limit in &forecast.limits {
        let last = limit.by_year.last().copied().unwrap_or_default();
        let when = match limit.year {
            Some(year) if year <= 0.0 => "already".to_owned(),
            Some(year) if year < 1000.0 => format!("in year {year:.1}"),
            _ => "not in a thousand years".to_owned(),
        };
        page.line(format_args!(
            "  {} of {} {}: {} by {}, {when}",
            grouped(last),
            grouped(limit.most),
            limit.of,
            limit.limit,
            limit.table,
        ));
    }
}

/// Bytes of a forecast.
pub fn bytes(count: f64) -> String {
    ByteSize(whole(count)).to_string()
}

/// A number with its thousands apart.
pub fn grouped(count: f64) -> String {
    summary::grouped(whole(count))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "rounded, not negative"
)]
fn whole(count: f64) -> u64 {
    count.round().max(0.0) as u64
}
