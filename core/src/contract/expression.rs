//! Parameters as sums: `raw.mobile_events.max_lateness_days + 1`.

use std::collections::BTreeMap;

/// Why an expression has no value.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExpressionError {
    /// It names something that nobody defines.
    #[error("unknown parameter `{name}`; known are {known}")]
    Unknown {
        /// The name.
        name: String,
        /// What could be meant, separated by commas.
        known: String,
    },
    /// It is not a sum.
    #[error("`{text}` is not a sum of numbers and parameters, such as `lookback_days + 1`")]
    Malformed {
        /// The whole expression.
        text: String,
    },
}

/// Adds and subtracts integers and named values.
pub fn evaluate(text: &str, values: &BTreeMap<String, i64>) -> Result<i64, ExpressionError> {
    let malformed = || ExpressionError::Malformed { text: text.to_owned() };
    let mut total = 0_i64;
    let mut sign = 1;
    let mut expects_term = true;
    for word in text.replace('+', " + ").replace('-', " - ").split_whitespace() {
        match (word, expects_term) {
            ("+", false) => (sign, expects_term) = (1, true),
            ("-", false) => (sign, expects_term) = (-1, true),
            (term, true) if term != "+" && term != "-" => {
                let value = term_value(term, values)?;
                total = total.checked_add(sign * value).ok_or_else(malformed)?;
                expects_term = false;
            }
            _ => return Err(malformed()),
        }
    }
    if expects_term { Err(malformed()) } else { Ok(total) }
}

fn term_value(term: &str, values: &BTreeMap<String, i64>) -> Result<i64, ExpressionError> {
    if let Ok(number) = term.parse::<i64>() {
        return Ok(number);
    }
    values.get(term).copied().ok_or_else(|| ExpressionError::Unknown {
        name: term.to_owned(),
        known: values.keys().map(String::as_str).collect::<Vec<_>>().join(", "),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_of_numbers_and_names() {
        let values = [("raw.a.days".to_owned(), 30), ("b".to_owned(), 2)].into();
        assert_eq!(evaluate("raw.a.days + b - 1", &values), Ok(31));
        assert_eq!(evaluate("7", &values), Ok(7));
        assert_eq!(evaluate("raw.a.days-b", &values), Ok(28));
        for bad in ["", "+ 1", "1 +", "1 2", "b b"] {
            assert!(
                matches!(evaluate(bad, &values), Err(ExpressionError::Malformed { .. })),
                "{bad}"
            );
        }
        assert!(matches!(evaluate("c", &values), Err(ExpressionError::Unknown { .. })));
    }
}
