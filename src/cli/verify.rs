//! The command line of `verify`.

use std::{path::PathBuf, time::Duration};

use clap::{Args, builder::PossibleValuesParser, builder::TypedValueParser};

use crate::verify::Property;

pub const EXAMPLES: &str = "\
Examples:
  lakebed verify
  lakebed verify mart.daily_active_users --cases 1000
  lakebed verify --property late --property copies --time-limit 2m
  lakebed verify --replay verify-failures/late-17

A case tries one property on one small, nasty set of messages. The exit status is 1 if one fails;
its folder then has the messages, and the command that repeats it.

Properties:
  conservation  each message in one of accepted, rejected, duplicates; histories without gaps
  truth         what the simulator knows: every verdict, and the numbers of marts
  rebuild       built day by day as messages come = built once from all of them
  order         partitions built in any order that the graph allows
  windows       the days cut into any windows of one statement each
  split         a day's messages in any files, in any number of runs, long past or not
  copies        a message delivered again, or an event sent again, changes no row
  replay        any partition built any number of times
  late          an event that comes later, but in time, counts as if it had not
  crash         killed between or within any statements, then resumed
  drift         an unknown field in a payload changes nothing
  constants     lookbacks and skews changed in mid-history = always been so";

/// `lakebed verify`
#[derive(Args, Debug)]
pub struct VerifyArgs {
    /// Only these tables and what they read
    #[arg(value_name = "TABLE")]
    pub tables: Vec<String>,
    /// How many cases to try
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub cases: u64,
    /// The first set of messages; the same one, the same cases
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Only this property; may be given several times
    #[arg(long = "property", value_name = "NAME", value_parser = properties())]
    pub properties: Vec<Property>,
    /// Begin no case after this time, such as `90s`, `5m` or `1h`
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub time_limit: Option<Duration>,
    /// Where the folder of a failure goes
    #[arg(long, value_name = "DIR", default_value = "verify-failures")]
    pub out: PathBuf,
    /// Cases to try at the same time
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub jobs: usize,
    /// Try the failure of this folder again, and nothing else
    #[arg(long, value_name = "DIR", conflicts_with_all = ["tables", "properties"])]
    pub replay: Option<PathBuf>,
}

fn properties() -> impl TypedValueParser<Value = Property> {
    let names = Property::ALL.map(Property::name);
    PossibleValuesParser::new(names).try_map(|name| name.parse::<Property>())
}

/// `90s`, `5m`, `1h`, and sums such as `1h 30m`.
fn duration(text: &str) -> Result<Duration, String> {
    let span: jiff::SignedDuration =
        text.parse().map_err(|error: jiff::Error| error.to_string())?;
    Duration::try_from(span).map_err(|_| "a time limit is not negative".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_lists_every_property() {
        for property in Property::ALL {
            let line = format!("  {:<13} {}", property.name(), property.about());
            assert!(EXAMPLES.lines().any(|known| known == line), "{line}");
        }
    }

    #[test]
    fn a_time_limit_has_a_unit() {
        assert_eq!(duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("1h 30m"), Ok(Duration::from_mins(90)));
        assert!(duration("90").is_err());
        assert!(duration("-5s").is_err());
    }
}
