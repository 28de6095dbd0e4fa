//! Which known name was meant.

/// The known name that a misspelt one is nearest to, if any is near.
pub fn similar<'a>(name: &str, known: &'a [String]) -> Option<&'a str> {
    let name = name.to_lowercase();
    // How many characters must be added, removed, replaced, or swapped with the next one.
    let distance = |candidate: &str| strsim::osa_distance(&name, candidate);
    let nearest =
        known.iter().filter(|candidate| !candidate.is_empty()).min_by_key(|c| distance(c))?;
    (distance(nearest) * 3 <= name.chars().count().max(3)).then_some(nearest.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_found_and_a_far_one_is_not() {
        let known = ["event_count".to_owned(), "user_hk".to_owned(), String::new()];
        assert_eq!(similar("event_cuont", &known), Some("event_count"));
        assert_eq!(similar("EVENT_COUNT", &known), Some("event_count"));
        assert_eq!(similar("revenue", &known), None);
    }
}
