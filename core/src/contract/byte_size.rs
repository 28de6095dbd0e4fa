//! Numbers of bytes, as contracts write them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Units, the greatest first. They are powers of 1024, as BigQuery counts.
const UNITS: [(&str, u64); 6] =
    [("PB", 1 << 50), ("TB", 1 << 40), ("GB", 1 << 30), ("MB", 1 << 20), ("KB", 1 << 10), ("B", 1)];

/// A number of bytes, written as `"50 GB"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ByteSize(pub u64);

impl TryFrom<String> for ByteSize {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong =
            || format!("`{text}` is not a number and one of B, KB, MB, GB, TB, PB: write `50 GB`");
        let at = text.find(|c: char| c.is_ascii_alphabetic()).ok_or_else(wrong)?;
        let (number, unit) = (text[..at].trim(), text[at..].trim());
        let number: f64 = number.parse().map_err(|_| wrong())?;
        let unit = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(wrong)?;
        let is_right = (0.0..1e6).contains(&number);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "rounded, and neither negative nor above 2^70, which saturates"
        )]
        is_right.then(|| Self((number * unit.1 as f64).round() as u64)).ok_or_else(wrong)
    }
}

impl From<ByteSize> for String {
    fn from(size: ByteSize) -> Self {
        size.to_string()
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = UNITS.iter().find(|(_, bytes)| self.0 >= *bytes).unwrap_or(&("B", 1));
        let tenths = (u128::from(self.0) * 10 + u128::from(unit.1) / 2) / u128::from(unit.1);
        match (tenths / 10, tenths % 10) {
            (whole, 0) => write!(f, "{whole} {}", unit.0),
            (whole, _) if whole >= 100 => write!(f, "{} {}", (tenths + 5) / 10, unit.0),
            (whole, tenth) => write!(f, "{whole}.{tenth} {}", unit.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_of_bytes_is_written_with_its_unit() {
        let read = |text: &str| ByteSize::try_from(text.to_owned());
        assert_eq!(read("50 GB"), Ok(ByteSize(50 << 30)));
        assert_eq!(read("1.5TB"), Ok(ByteSize(3 << 39)));
        for wrong in ["50", "GB", "-1 GB", "5 gb", "1e400 B", "five GB", ""] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
        let shown = [0, 1023, 1536, 10 << 20, (1 << 40) - 1].map(|n| ByteSize(n).to_string());
        assert_eq!(shown, ["0 B", "1023 B", "1.5 KB", "10 MB", "1024 GB"]);
    }
}
