//! A forecast as one page of HTML, for people who decide. It loads nothing.

use std::fmt::Write as _;

use super::{
    by_layer,
    chart::{Scale, Series, escaped, stacked},
    number,
    text::{bytes, grouped},
};
use crate::{
    commands::cost::dollars,
    contract::ByteSize,
    cost::{Bill, Line, Prices},
    growth::{Forecast, TableForecast, TableYear},
};

const STYLE: &str = include_str!("page.css");
const LAYERS: [&str; 5] = ["raw", "standardized", "vault", "dimensional", "mart"];
/// Tables that are listed in full.
const TABLES_SHOWN: usize = 20;

/// The page.
pub fn page(forecast: &Forecast, bills: &[Bill], prices: &Prices, scenario: &str) -> String {
    let mut html = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>Growth of {0}</title><style>{STYLE}</style></head><body><main>",
        escaped(scenario)
    );
    head(&mut html, forecast, bills, scenario);
    html.push_str("<section class=\"charts\">");
    let years: Vec<String> =
        forecast.years.iter().map(|year| format!("year {}", year.year)).collect();
    let money = Scale { base: 1000.0, shown: &dollars_short };
    let size = Scale { base: 1024.0, shown: &bytes };
    let count = Scale { base: 1000.0, shown: &rows_short };
    let of = |value: fn(&TableYear) -> f64| by_layers(forecast, value);
    let billed = of(|year| number(year.billed_bytes));
    for (title, series, scale) in [
        ("US dollars a day, by layer", cost_by(bills, |line| &line.layer), &money),
        ("US dollars a day, by product", cost_by(bills, |line| line.product), &money),
        ("Bytes billed a day by BigQuery, by layer", billed, &size),
        ("Bytes stored, by layer", of(|year| year.stored_bytes), &size),
        ("Rows, by layer", of(|year| year.row_count), &count),
        ("Messages a day, by source", messages(forecast), &count),
    ] {
        html.push_str(&stacked(title, &years, &series, scale));
    }
    html.push_str("</section>");
    breaks(&mut html, forecast);
    tables(&mut html, forecast, bills);
    html.push_str("<h2>What it rests on</h2><ul>");
    for assumption in &forecast.assumptions {
        let _ = write!(html, "<li>{}</li>", escaped(assumption));
    }
    let _ = write!(
        html,
        "<li>List prices of {}, {}, in US dollars, without taxes and discounts.</li>\
         <li>Dataproc works through 20 GiB of logical bytes a DCU-hour, and raw Parquet takes a quarter of the logical bytes: both assumed.</li></ul></main></body></html>",
        escaped(&prices.read),
        escaped(&prices.region)
    );
    html
}

/// What somebody takes away who reads no further.
fn head(html: &mut String, forecast: &Forecast, bills: &[Bill], scenario: &str) {
    let (Some(first), Some(last)) = (forecast.years.first(), forecast.years.last()) else { return };
    let _ = write!(
        html,
        "<header><h1>Growth of {}</h1><p>From {} users on {} to {} on {}: what the tables will be, and what a day of them costs.</p></header><section class=\"tiles\">",
        escaped(scenario),
        millions(first.users),
        first.date,
        millions(last.users),
        last.date
    );
    let mut tile = |name: &str, value: &str, note: &str| {
        let _ = write!(
            html,
            "<div class=\"tile\"><span>{}</span><b>{}</b><small>{}</small></div>",
            escaped(name),
            escaped(value),
            escaped(note)
        );
    };
    if let (Some(now), Some(then)) = (bills.first(), bills.last()) {
        let times = then.usd_per_year() / now.usd_per_year().max(f64::MIN_POSITIVE);
        let users = last.users / first.users.max(1.0);
        tile(
            "A year costs now",
            &dollars(now.usd_per_year()),
            &format!("{} a day", dollars(now.usd_per_day)),
        );
        tile(
            &format!("In year {}", then.year),
            &dollars(then.usd_per_year()),
            &format!("{times:.1} times as much, for {users:.1} times the users"),
        );
    }
    let growing = forecast.tables.iter().filter(|table| table.grows_with_history()).count();
    tile(
        "Tables whose day grows with history",
        &growing.to_string(),
        &format!("of {}", forecast.tables.len()),
    );
    let next = forecast.limits.iter().filter(|limit| limit.year.is_some());
    let next =
        next.min_by(|a, b| a.year.unwrap_or_default().total_cmp(&b.year.unwrap_or_default()));
    if let Some(limit) = next {
        let year = limit.year.unwrap_or_default();
        let when = if year <= 0.0 { "now".to_owned() } else { format!("year {year:.1}") };
        tile("The first limit is reached", &when, &format!("{}: {}", limit.table, limit.of));
    }
    html.push_str("</section>");
}

/// What is less than a hundredth in the last year is one part, the last.
const PART_MIN: f64 = 0.01;

fn cost_by(bills: &[Bill], of: fn(&Line) -> &str) -> Vec<Series> {
    let last = bills.last().map(|bill| bill.by(of)).unwrap_or_default();
    let all: f64 = last.iter().map(|(_, usd)| usd).sum();
    let large = last.into_iter().filter(|(_, usd)| *usd >= all * PART_MIN);
    let mut names: Vec<String> = large.map(|(name, _)| name).collect();
    names.sort_by_key(|name| LAYERS.iter().position(|layer| layer == name));
    let value = |bill: &Bill, name: &str| {
        bill.by(of).into_iter().find(|(known, _)| known == name).map_or(0.0, |(_, usd)| usd)
    };
    let rest = |bill: &Bill| {
        let small = bill.by(of).into_iter().filter(|(name, _)| !names.contains(name));
        small.map(|(_, usd)| usd).sum()
    };
    let others = Series {
        name: "others".to_owned(),
        colour: COLOURS - 1,
        values: bills.iter().map(rest).collect(),
    };
    let mut series: Vec<Series> = names
        .iter()
        .enumerate()
        .map(|(at, name)| Series {
            values: bills.iter().map(|bill| value(bill, name)).collect(),
            colour: colour(name).unwrap_or(at % COLOURS),
            name: name.clone(),
        })
        .collect();
    series.push(others);
    series
}

/// So many colours there are.
const COLOURS: usize = 7;

/// A layer has the same colour in all charts.
fn colour(name: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| *layer == name)
}

fn by_layers(forecast: &Forecast, of: fn(&TableYear) -> f64) -> Vec<Series> {
    let years: Vec<Vec<(String, f64)>> =
        (0..forecast.years.len()).map(|year| by_layer(forecast, year, of)).collect();
    let value = |year: &Vec<(String, f64)>, layer: &str| {
        year.iter().find(|(name, _)| name == layer).map_or(0.0, |(_, value)| *value)
    };
    LAYERS
        .into_iter()
        .map(|layer| Series {
            name: layer.to_owned(),
            colour: colour(layer).unwrap_or_default(),
            values: years.iter().map(|year| value(year, layer)).collect(),
        })
        .filter(|series| series.values.iter().any(|value| *value > 0.0))
        .collect()
}

fn messages(forecast: &Forecast) -> Vec<Series> {
    let Some(last) = forecast.years.last() else { return Vec::new() };
    let mut sources: Vec<_> = last.raw.iter().collect();
    sources.sort_by(|a, b| b.1.messages.total_cmp(&a.1.messages));
    let of = |source: &crate::contract::TableName| {
        let years = forecast.years.iter();
        years.map(|year| year.raw.get(source).map_or(0.0, |raw| raw.messages)).collect()
    };
    sources
        .into_iter()
        .enumerate()
        .map(|(at, (source, _))| Series {
            name: source.table().to_owned(),
            colour: (at + 1) % COLOURS,
            values: of(source),
        })
        .collect()
}

fn breaks(html: &mut String, forecast: &Forecast) {
    html.push_str("<h2>What breaks first</h2><div class=\"scroll\"><table><thead><tr><th>limit</th><th>first table</th><th class=\"n\">now</th><th class=\"n\">last year</th><th class=\"n\">most</th><th class=\"n\">reached in</th></tr></thead><tbody>");
    let mut limits: Vec<_> = forecast.limits.iter().collect();
    limits.sort_by(|a, b| {
        a.year.unwrap_or(f64::INFINITY).total_cmp(&b.year.unwrap_or(f64::INFINITY))
    });
    for limit in limits {
        let when = match limit.year {
            Some(year) if year <= 0.0 => "now".to_owned(),
            Some(year) if year < 1000.0 => format!("year {year:.1}"),
            _ => "never".to_owned(),
        };
        let value = |at: Option<&f64>| grouped(at.copied().unwrap_or_default());
        let _ = write!(
            html,
            "<tr><td>{}</td><td><code>{}</code></td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{when}</td></tr>",
            escaped(limit.of),
            escaped(limit.table.as_str()),
            value(limit.by_year.first()),
            value(limit.by_year.last()),
            grouped(limit.most)
        );
    }
    html.push_str("</tbody></table></div>");
    let mut growing: Vec<&TableForecast> =
        forecast.tables.iter().filter(|table| table.grows_with_history()).collect();
    let billed = |table: &TableForecast| table.years.last().map_or(0, |year| year.billed_bytes);
    growing.sort_by_key(|table| std::cmp::Reverse(billed(table)));
    html.push_str("<h2>What grows with history</h2>");
    if growing.is_empty() {
        html.push_str("<p>No table: a day costs the same however long the history is.</p>");
        return;
    }
    html.push_str("<p>A day of these costs more the more history there is, also where messages a day stay the same. With the power 1 it doubles when history doubles.</p><div class=\"scroll\"><table><thead><tr><th>table</th><th class=\"n\">power</th><th class=\"n\">billed a day, last year</th><th>because</th></tr></thead><tbody>");
    for table in growing {
        let place =
            table.place.as_ref().map(|place| format!("<br><small>{}</small>", escaped(place)));
        let _ = write!(
            html,
            "<tr><td><code>{}</code></td><td class=\"n\">{:.2}</td><td class=\"n\">{}</td><td>{}{}</td></tr>",
            escaped(table.table.as_str()),
            table.powers.history,
            ByteSize(billed(table)),
            coded(table.blame.as_deref().unwrap_or("it reads what grows")),
            place.unwrap_or_default()
        );
    }
    html.push_str("</tbody></table></div>");
}

fn tables(html: &mut String, forecast: &Forecast, bills: &[Bill]) {
    let (Some(first), Some(last)) = (bills.first(), bills.last()) else { return };
    let _ = write!(
        html,
        "<h2>The dearest tables and sources</h2><div class=\"scroll\"><table><thead><tr><th>table</th><th class=\"n\">a day now</th><th class=\"n\">a day in year {}</th><th class=\"n\">billed</th><th class=\"n\">rows</th><th class=\"n\">with volume</th><th class=\"n\">with history</th></tr></thead><tbody>",
        last.year
    );
    let before = first.by(|line| &line.of);
    for (name, usd) in last.by(|line| &line.of).into_iter().take(TABLES_SHOWN) {
        let now = before.iter().find(|(known, _)| *known == name).map_or(0.0, |(_, usd)| *usd);
        let table = forecast.tables.iter().find(|table| table.table.as_str() == name);
        let year = table.and_then(|table| table.years.last());
        let cell =
            |value: Option<String>| format!("<td class=\"n\">{}</td>", value.unwrap_or_default());
        let _ = write!(
            html,
            "<tr><td><code>{}</code></td>{}{}{}{}{}{}</tr>",
            escaped(&name),
            cell(Some(dollars(now))),
            cell(Some(dollars(usd))),
            cell(year.map(|year| ByteSize(year.billed_bytes).to_string())),
            cell(year.map(|year| rows_short(year.row_count))),
            cell(table.map(|table| format!("{:.2}", table.powers.volume))),
            cell(table.map(|table| format!("{:.2}", table.powers.history)))
        );
    }
    html.push_str("</tbody></table></div>");
}

/// What stands in backticks as code.
fn coded(text: &str) -> String {
    let parts = text.split('`').enumerate();
    parts
        .map(|(at, part)| {
            let part = escaped(part);
            if at % 2 == 1 { format!("<code>{part}</code>") } else { part }
        })
        .collect()
}

fn millions(count: f64) -> String {
    format!("{} million", grouped(count / 1e6))
}

fn rows_short(count: f64) -> String {
    for (unit, size) in [(" T", 1e12), (" B", 1e9), (" M", 1e6), (" K", 1e3)] {
        if count >= size {
            let scaled = count / size;
            return if scaled < 10.0 {
                format!("{scaled:.1}{unit}")
            } else {
                format!("{scaled:.0}{unit}")
            };
        }
    }
    format!("{count:.0}")
}

fn dollars_short(usd: f64) -> String {
    if usd <= 0.0 {
        return "$0".to_owned();
    }
    if usd >= 10_000.0 { format!("${:.0}k", usd / 1000.0) } else { dollars(usd) }
}
