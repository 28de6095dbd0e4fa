//! Which known name was meant.

/// The known name that a misspelt one is nearest to, if any is near.
pub fn similar<'a>(name: &str, known: &'a [String]) -> Option<&'a str> {
    let name = name.to_lowercase();
    let distance = |candidate: &str| edit_distance(&name, candidate);
    let nearest =
        known.iter().filter(|candidate| !candidate.is_empty()).min_by_key(|c| distance(c))?;
    (distance(nearest) * 3 <= name.chars().count().max(3)).then_some(nearest.as_str())
}

/// How many characters must be added, removed, replaced, or swapped with the next one.
fn edit_distance(from: &str, to: &str) -> usize {
    let from: Vec<char> = from.chars().collect();
    let to: Vec<char> = to.chars().collect();
    let mut rows: Vec<Vec<usize>> = vec![(0..=to.len()).collect()];
    for (i, a) in from.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in to.iter().enumerate() {
            let replaced = rows[i][j] + usize::from(a != b);
            let mut least = replaced.min(row[j] + 1).min(rows[i][j + 1] + 1);
            if i > 0 && j > 0 && *a == to[j - 1] && from[i - 1] == *b {
                least = least.min(rows[i - 1][j - 1] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows[from.len()][to.len()]
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
        assert_eq!(edit_distance("ab", "ba"), 1);
    }
}
