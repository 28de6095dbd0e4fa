//! `lakebed cost`: what a day, a month and a year cost, now and in each year.

use serde_json::json;

use super::{
    Failure,
    growth::Subject,
    output::{self, Page},
};
use crate::{
    cli::{CostArgs, Place, StorageClass, Without},
    cost::{Bill, Options, PRICES, Prices, RawClass, bill},
    growth::Built,
};

/// Lines of a bill that are listed.
const LINES_SHOWN: usize = 15;

pub fn cost(place: &Place, args: &CostArgs) -> Result<(), Failure> {
    let text = match &args.prices {
        Some(path) => std::fs::read_to_string(path).map_err(|error| {
            Failure::usage(error).hint(format!("cannot read {}", path.display()))
        })?,
        None => PRICES.to_owned(),
    };
    let prices = Prices::parse(&text).map_err(|error| {
        Failure::usage(error).hint("docs/ledger.md lists the prices that there are")
    })?;
    let subject = Subject::open(place, &args.curve)?;
    let forecast = subject.forecast(Built::AsItIs)?;
    let raw_class = args.raw_class.map(class).unwrap_or_default();
    let options = Options { raw_class, ..Options::default() };
    let bills = bill(&forecast, &prices, options);
    let other = args.without.map(|without| {
        let (built, options) = match without {
            Without::Partition => (Built::WithoutPartitions, options),
            Without::Incremental => (Built::WithoutIncrements, options),
            Without::Cluster => (Built::AsItIs, Options { without_clustering: true, ..options }),
            Without::Dataproc => (Built::AsItIs, Options { without_dataproc: true, ..options }),
        };
        Ok::<_, Failure>((without, bill(&subject.forecast(built)?, &prices, options)))
    });
    let other = other.transpose()?;
    let classes = args.raw_class.map(|_| {
        RawClass::ALL.map(|raw_class| {
            let options = Options { raw_class, ..options };
            (raw_class, bill(&forecast, &prices, options))
        })
    });
    if place.json {
        let json = json!({
            "prices_read": prices.read,
            "years": bills,
            "without": other.as_ref().map(|(without, bills)| json!({
                "what": format!("{without:?}").to_lowercase(), "years": bills,
            })),
            "raw_classes": classes.as_ref().map(|classes| {
                classes.iter().map(|(class, bills)| json!({"class": class, "years": bills})).collect::<Vec<_>>()
            }),
            "assumptions": forecast.assumptions,
        });
        output::print(&format!("{json}\n"))?;
    } else {
        let mut page = Page::default();
        years(&mut page, &bills);
        lines(&mut page, &bills);
        if let Some((without, other)) = &other {
            compare(&mut page, *without, &bills, other);
        }
        if let Some(classes) = &classes {
            raw_classes(&mut page, classes);
        }
        page.line(format_args!(
            "\nUS dollars at the list prices of {}, {}; see docs/ledger.md. Every day of a year is taken to be like its first. It rests on this:",
            prices.read, prices.region
        ));
        for assumption in &forecast.assumptions {
            page.line(format_args!("  {assumption}"));
        }
        page.line(format_args!("  Dataproc works through 20 GiB of logical bytes a DCU-hour; raw Parquet takes a quarter of the logical bytes: both assumed."));
        output::print(page.as_str())?;
    }
    within(args.budget, &bills)
}

/// Fails in the first year that costs more.
fn within(budget: Option<f64>, bills: &[Bill]) -> Result<(), Failure> {
    let Some(budget) = budget else { return Ok(()) };
    let Some(over) = bills.iter().find(|bill| bill.usd_per_year() > budget) else { return Ok(()) };
    let dearest: Vec<String> = over
        .by(|line| &line.of)
        .into_iter()
        .take(3)
        .map(|(of, usd)| format!("{of} {}", dollars(usd * 365.25)))
        .collect();
    Err(Failure::data(format!(
        "year {} costs {}, and the budget is {}",
        over.year,
        dollars(over.usd_per_year()),
        dollars(budget)
    ))
    .hint(format!("the dearest are {}", dearest.join(", "))))
}

fn class(class: StorageClass) -> RawClass {
    match class {
        StorageClass::Standard => RawClass::Standard,
        StorageClass::Nearline => RawClass::Nearline,
        StorageClass::Coldline => RawClass::Coldline,
        StorageClass::Archive => RawClass::Archive,
    }
}

fn years(page: &mut Page, bills: &[Bill]) {
    page.line(format_args!(
        "{:<6} {:>12} {:>14} {:>16} {:>24}",
        "year", "a day", "a month", "a year", "a year, if clustering"
    ));
    page.line(format_args!(
        "{:<6} {:>12} {:>14} {:>16} {:>24}",
        "", "", "", "", "spoils free deletes"
    ));
    for bill in bills {
        page.line(format_args!(
            "{:<6} {:>12} {:>14} {:>16} {:>24}",
            bill.year,
            dollars(bill.usd_per_day),
            dollars(bill.usd_per_month()),
            dollars(bill.usd_per_year()),
            dollars(bill.usd_per_day_max * 365.25),
        ));
    }
}

/// What it goes to, in the first and the last year.
fn lines(page: &mut Page, bills: &[Bill]) {
    let (Some(first), Some(last)) = (bills.first(), bills.last()) else { return };
    for (title, of) in [
        ("product", (|line| line.product) as fn(&crate::cost::Line) -> &str),
        ("layer", |line| &line.layer),
        ("table or source", |line| &line.of),
    ] {
        let before: std::collections::BTreeMap<String, f64> = first.by(of).into_iter().collect();
        page.line(format_args!(
            "\n{title:<44} {:>14} {:>14}",
            format!("a day, year {}", first.year),
            format!("a day, year {}", last.year)
        ));
        let after = last.by(of);
        for (name, usd) in after.iter().take(LINES_SHOWN) {
            let before = before.get(name).copied().unwrap_or_default();
            page.line(format_args!("{name:<44} {:>14} {:>14}", dollars(before), dollars(*usd)));
        }
        if after.len() > LINES_SHOWN {
            let rest: f64 = after.iter().skip(LINES_SHOWN).map(|(_, usd)| usd).sum();
            let count = format!("{} more", after.len() - LINES_SHOWN);
            page.line(format_args!("{count:<44} {:>14} {:>14}", "", dollars(rest)));
        }
    }
}

fn compare(page: &mut Page, without: Without, bills: &[Bill], other: &[Bill]) {
    let what = format!("{without:?}").to_lowercase();
    page.line(format_args!(
        "\n{:<6} {:>16} {:>22} {:>8}",
        "year",
        "as it is",
        format!("without {what}"),
        "ratio"
    ));
    for (own, other) in bills.iter().zip(other) {
        let (a, b) = match without {
            Without::Cluster => (own.usd_per_day_max * 365.25, other.usd_per_day_max * 365.25),
            _ => (own.usd_per_year(), other.usd_per_year()),
        };
        page.line(format_args!(
            "{:<6} {:>16} {:>22} {:>8.2}",
            own.year,
            dollars(a),
            dollars(b),
            b / a
        ));
    }
    if without == Without::Cluster {
        page.line(format_args!("What clustering spares of reads nobody promises, and none of it is counted; what it may cost is the deletes that are no longer free."));
    }
    let (Some(own), Some(other)) = (bills.last(), other.last()) else { return };
    let before: std::collections::BTreeMap<String, f64> =
        own.by(|line| &line.of).into_iter().collect();
    page.line(format_args!(
        "\n{:<44} {:>14} {:>14} {:>8}",
        format!("a day of year {}", own.year),
        "as it is",
        "without",
        "ratio"
    ));
    for (name, usd) in other.by(|line| &line.of).iter().take(LINES_SHOWN) {
        let known = before.get(name).copied().unwrap_or_default();
        let ratio = if known > 0.0 { format!("{:.2}", usd / known) } else { String::new() };
        page.line(format_args!(
            "{name:<44} {:>14} {:>14} {ratio:>8}",
            dollars(known),
            dollars(*usd)
        ));
    }
}

fn raw_classes(page: &mut Page, classes: &[(RawClass, Vec<Bill>)]) {
    page.line(format_args!("\nThe raw layer, a year with one full rebuild:"));
    let header: Vec<String> =
        classes.iter().map(|(class, _)| format!("{:>14}", class.name())).collect();
    let header = header.join(" ");
    page.line(format_args!("{:<6} {header}", "year"));
    let count = classes.first().map_or(0, |(_, bills)| bills.len());
    for year in 0..count {
        let cells: Vec<String> = classes
            .iter()
            .filter_map(|(_, bills)| bills.get(year))
            .map(|bill| {
                let raw =
                    bill.lines.iter().filter(|line| line.product.starts_with("Cloud Storage"));
                let usd: f64 = raw.map(|line| line.usd_per_day).sum();
                format!("{:>14}", dollars(usd * 365.25))
            })
            .collect();
        page.line(format_args!("{year:<6} {}", cells.join(" ")));
    }
}

/// `$1,234` or `$0.12`
pub fn dollars(usd: f64) -> String {
    if usd < 99.5 {
        return format!("${usd:.2}");
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "rounded, not negative"
    )]
    let whole = usd.round() as u64;
    format!("${}", super::summary::grouped(whole))
}
