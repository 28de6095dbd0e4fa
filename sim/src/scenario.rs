//! What is simulated, as a file says it.

use crate::faults::{FaultRule, PartsPerMillion};
use jiff::civil::Date;
use serde::{Deserialize, Deserializer, de::Error as _};
use thiserror::Error;
use toml::value::Datetime;

/// Longest simulation that the log sequence numbers and the calendar are made for.
const DAYS_MAX: u32 = 3_660;

/// A scenario: what is simulated, from which seed, with which faults.
///
/// ```toml
/// about = "One ordinary week."
/// seed = 20260105
/// start_date = 2026-01-05
/// days = 7
///
/// [population]
/// one_in = 10_000
///
/// [[faults]]
/// fault = "late"
/// rate = 0.03
/// ```
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// One sentence that says what the scenario is for.
    pub about: String,
    /// Where all randomness comes from.
    pub seed: u64,
    /// The first simulated day, UTC.
    #[serde(deserialize_with = "date_from_toml")]
    pub start_date: Date,
    /// How many days are simulated.
    pub days: u32,
    /// How many users there are, and which of them are simulated.
    #[serde(default)]
    pub population: Population,
    /// How often accounts change.
    #[serde(default)]
    pub accounts: AccountRates,
    /// What is sold, and how orders go.
    #[serde(default)]
    pub commerce: Commerce,
    /// What goes wrong, in order of precedence.
    #[serde(default)]
    pub faults: Vec<FaultRule>,
}

/// How many users there are, and which of them are simulated.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Population {
    /// Users at the beginning of the start date.
    pub users: u64,
    /// What a year adds, as a share of the users at its beginning.
    pub growth_per_year: f64,
    /// The scale: user `i` is simulated if `i` is a multiple of it. So a smaller sample is part of
    /// every larger one whose scale divides its own.
    pub one_in: u64,
}

impl Default for Population {
    fn default() -> Population {
        Population { users: 250_000_000, growth_per_year: 0.5, one_in: 10_000 }
    }
}

/// How often accounts change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AccountRates {
    /// Share of the users whose row changes on a day.
    pub changed_per_day: PartsPerMillion,
    /// Share of the users who delete their account on a day.
    pub deleted_per_day: PartsPerMillion,
}

impl Default for AccountRates {
    fn default() -> AccountRates {
        AccountRates {
            changed_per_day: PartsPerMillion(8_000),
            deleted_per_day: PartsPerMillion(200),
        }
    }
}

/// What is sold, and how orders go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Commerce {
    /// Products at the beginning of the start date.
    pub products: u64,
    /// Share of the products that change on a day.
    pub products_changed_per_day: PartsPerMillion,
    /// Share of the days with a visit on which the user comes in order to buy.
    pub buying_days: PartsPerMillion,
    /// Share of the attempts to order whose transaction is rolled back.
    pub orders_rolled_back: PartsPerMillion,
    /// Share of the orders that nobody tries to pay.
    pub orders_abandoned: PartsPerMillion,
    /// Share of the attempts to pay that fail.
    pub payments_failed: PartsPerMillion,
    /// Share of the paid orders that are cancelled.
    pub orders_cancelled: PartsPerMillion,
    /// Share of the orders with more than one thing of which something is taken out again.
    pub orders_edited: PartsPerMillion,
    /// Share of the delivered orders that are returned.
    pub orders_returned: PartsPerMillion,
    /// Share of the orders never paid that turn out to be tests, and are deleted.
    pub orders_erased: PartsPerMillion,
}

impl Default for Commerce {
    fn default() -> Commerce {
        Commerce {
            products: 500,
            products_changed_per_day: PartsPerMillion(10_000),
            buying_days: PartsPerMillion(80_000),
            orders_rolled_back: PartsPerMillion(20_000),
            orders_abandoned: PartsPerMillion(40_000),
            payments_failed: PartsPerMillion(70_000),
            orders_cancelled: PartsPerMillion(30_000),
            orders_edited: PartsPerMillion(40_000),
            orders_returned: PartsPerMillion(60_000),
            orders_erased: PartsPerMillion(20_000),
        }
    }
}

/// A scenario's file that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("scenario {name}, line {line}: {problem}; {advice}")]
pub struct ScenarioError {
    /// The scenario.
    pub name: String,
    /// The line in its file, from one.
    pub line: usize,
    /// What is wrong there, naming the field.
    pub problem: String,
    /// What to write instead.
    pub advice: String,
}

impl Scenario {
    /// Reads a scenario. `name` is for error messages.
    pub fn from_toml(name: &str, text: &str) -> Result<Scenario, ScenarioError> {
        let scenario: Scenario = toml::from_str(text).map_err(|error| ScenarioError {
            name: name.to_owned(),
            line: error.span().map_or(1, |span| line_at(text, span.start)),
            problem: error.message().replace('\n', " "),
            advice: advice_for(error.message()),
        })?;
        match scenario.first_problem() {
            None => Ok(scenario),
            Some((field, problem, advice)) => Err(ScenarioError {
                name: name.to_owned(),
                line: line_of_field(text, field),
                problem: format!("`{field}` {problem}"),
                advice: advice.to_owned(),
            }),
        }
    }

    fn first_problem(&self) -> Option<(&'static str, String, &'static str)> {
        let Population { users, growth_per_year, one_in } = self.population;
        if self.days == 0 || self.days > DAYS_MAX {
            let problem = format!("is {}", self.days);
            return Some(("days", problem, "write a number from 1 to 3660, such as `days = 7`"));
        }
        if !(2000..=2100).contains(&self.start_date.year()) {
            let problem = format!("is {}", self.start_date);
            return Some(("start_date", problem, "write a date from 2000 to 2100"));
        }
        if one_in == 0 {
            let advice = "write 1 to simulate every user, or a scale such as `one_in = 10_000`";
            return Some(("one_in", "is 0".to_owned(), advice));
        }
        if users == 0 || users > 100_000_000_000 {
            let problem = format!("is {users}");
            return Some(("users", problem, "write a number such as `users = 250_000_000`"));
        }
        if !(1..=1_000_000).contains(&self.commerce.products) {
            let problem = format!("is {}", self.commerce.products);
            return Some(("products", problem, "write a number such as `products = 500`"));
        }
        if !(0.0..=10.0).contains(&growth_per_year) {
            let advice = "write a share from 0.0 to 10.0, such as 0.5 for fifty percent a year";
            return Some(("growth_per_year", format!("is {growth_per_year}"), advice));
        }
        None
    }
}

fn date_from_toml<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Date, D::Error> {
    let value = Datetime::deserialize(deserializer)?;
    let (Some(date), None) = (value.date, value.time) else {
        return Err(D::Error::custom(format!("`{value}` is not a date")));
    };
    i16::try_from(date.year)
        .ok()
        .zip(i8::try_from(date.month).ok())
        .zip(i8::try_from(date.day).ok())
        .and_then(|((year, month), day)| Date::new(year, month, day).ok())
        .ok_or_else(|| D::Error::custom(format!("`{value}` is not in the calendar")))
}

fn advice_for(message: &str) -> String {
    if let Some(field) = message.strip_prefix("missing field ") {
        format!("add {}", field.replace('\n', " "))
    } else if message.starts_with("unknown field") || message.starts_with("unknown variant") {
        "write one of those, or remove it".to_owned()
    } else if message.contains("date") {
        "write a date without quotes, such as `start_date = 2026-01-05`".to_owned()
    } else {
        "see scenarios/baseline.toml for a scenario that can be read".to_owned()
    }
}

fn line_at(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

/// The line that sets the field, or the first one where it is left out.
fn line_of_field(text: &str, field: &str) -> usize {
    text.lines()
        .position(|line| {
            line.trim_start()
                .strip_prefix(field)
                .is_some_and(|rest| rest.trim_start().starts_with('='))
        })
        .map_or(1, |index| index + 1)
}

#[cfg(test)]
mod tests {
    use super::Scenario;

    const GOOD: &str = "about = 'x'\nseed = 1\nstart_date = 2026-01-05\ndays = 7\n";

    fn error(text: &str) -> String {
        Scenario::from_toml("test", text).unwrap_err().to_string()
    }

    #[test]
    fn defaults_are_the_real_population_at_a_small_scale() {
        let scenario = Scenario::from_toml("test", GOOD).unwrap();
        assert_eq!(scenario.population.users, 250_000_000);
        assert_eq!(scenario.start_date.to_string(), "2026-01-05");
        assert!(scenario.faults.is_empty());
    }

    #[test]
    fn errors_name_the_line_and_what_to_write() {
        let cases = [
            (GOOD.replace("days = 7", "days = 0"), "line 4: `days` is 0; write a number"),
            (GOOD.replace("seed", "sead"), "line 2: unknown field `sead`"),
            (GOOD.replace("2026-01-05", "'2026-01-05'"), "line 3: "),
            (GOOD.replace("2026-01-05", "'2026-01-05'"), "such as `start_date = 2026-01-05`"),
            (GOOD.replace("days = 7\n", ""), "missing field `days`; add `days`"),
            (format!("{GOOD}[population]\none_in = 0\n"), "line 6: `one_in` is 0; write 1"),
            (format!("{GOOD}[[faults]]\nfault = 'rain'\nrate = 1.0\n"), "unknown variant `rain`"),
            (format!("{GOOD}[[faults]]\nfault = 'late'\nrate = 2.0\n"), "line 7: 2 is not a share"),
        ];
        for (text, expected) in cases {
            assert!(error(&text).contains(expected), "{}\nlacks\n{expected}", error(&text));
        }
    }
}
