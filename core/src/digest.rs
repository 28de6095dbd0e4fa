//! A short hash of anything that decides whether something must be built again.

use std::fmt;

/// 128 bits of BLAKE3: enough that two things with one digest are the same thing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 16]);

impl Digest {
    /// The digest of a sequence of parts; their boundaries count.
    pub fn of<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut hasher = blake3::Hasher::new();
        for part in parts {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        let mut bytes = [0; 16];
        hasher.finalize_xof().fill(&mut bytes);
        Self(bytes)
    }

    /// The digest of a sequence of texts.
    pub fn of_texts<'a>(parts: impl IntoIterator<Item = &'a str>) -> Self {
        Self::of(parts.into_iter().map(str::as_bytes))
    }

    /// As a number.
    pub fn number(self) -> u128 {
        u128::from_be_bytes(self.0)
    }

    /// Reads what `Display` wrote.
    pub fn parse(hex: &str) -> Option<Self> {
        u128::from_str_radix(hex, 16)
            .ok()
            .filter(|_| hex.len() == 32)
            .map(|n| Self(n.to_be_bytes()))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boundaries_count_and_text_form_returns() {
        assert_ne!(Digest::of_texts(["ab", "c"]), Digest::of_texts(["a", "bc"]));
        let digest = Digest::of_texts(["x"]);
        assert_eq!(Digest::parse(&digest.to_string()), Some(digest));
        assert_eq!(Digest::parse("12"), None);
    }
}
