//! The rebuild property can fail: broken variants of the SQL, each of which it must find.

use sim::Limits;

use super::{
    rebuild,
    variant::{Edit, Variant},
};

const EVENTS: &str = "layers/standardized/mobile_events.sql";
const DUPLICATES: &str = "layers/standardized/mobile_events_duplicates.sql";
const HUB_USER: &str = "layers/vault/hub_user.sql";
const DIM_USER: &str = "layers/dimensional/dim_user.sql";
const CASES_MAX: u64 = 300;

/// Runs cases of so many messages over the broken project, until one fails. What is rare begins
/// near a case that is known to find it.
fn check_is_caught(what: &str, (first_seed, size_max): (u64, usize), edits: &[Edit]) {
    let broken = Variant::edited(NARROW, edits);
    let found = (first_seed..first_seed + CASES_MAX)
        .find_map(|seed| Some((seed, rebuild::case(seed, &broken, size_max).err()?)));
    let (seed, problem) = found.unwrap_or_else(|| panic!("{what}: {CASES_MAX} cases missed it"));
    let first_lines: Vec<&str> = problem.lines().take(3).collect();
    eprintln!("{what}: caught by case {seed}: {}", first_lines.join(" / "));
}

/// Edges lie a day apart.
const NARROW: Limits = Limits { max_lateness_days: 1, max_skew_days: 1 };

#[test]
fn first_row_of_the_window_as_the_accepted_one() {
    let accepted =
        "\n      or earlier_load_date < date_sub(load_date, interval @lookback_days day)";
    let dropped = "earlier_load_date >= date_sub(load_date, interval @lookback_days day)";
    check_is_caught(
        "the first row of the window is accepted",
        (1, 40),
        &[(EVENTS, accepted, ""), (DUPLICATES, dropped, "earlier_load_date is not null")],
    );
}

#[test]
fn lookback_one_day_short() {
    let lookback =
        "lookback_days = \"raw.mobile_events.max_lateness_days + raw.mobile_events.max_skew_days\"";
    let short = "lookback_days = \"raw.mobile_events.max_lateness_days + raw.mobile_events.max_skew_days - 1\"";
    check_is_caught(
        "the lookback is one day short",
        (1, 40),
        &[(EVENTS, lookback, short), (DUPLICATES, lookback, short)],
    );
}

#[test]
fn deduplication_before_validation() {
    let valid = "and @to_date\n    and reject_reason is null\n),";
    check_is_caught(
        "duplicates are looked for among invalid messages",
        (1, 40),
        &[
            (EVENTS, valid, "and @to_date\n),"),
            (
                EVENTS,
                "where c.load_date between",
                "where c.reject_reason is null and c.load_date between",
            ),
        ],
    );
}

#[test]
fn hub_fed_from_accepted_rows() {
    let checked = "from standardized.mobile_events_checked\n  where load_date between @from_date and @to_date\n    and reject_reason is null";
    let accepted =
        "from standardized.mobile_events\n  where load_date between @from_date and @to_date";
    check_is_caught(
        "the hub merges rows that can vanish",
        (1, 40),
        &[(HUB_USER, checked, accepted)],
    );
}

#[test]
fn equal_neighbours_collapsed_before_one_wins_an_instant() {
    let all = "(select * from prior union all select * from changes)";
    let collapsed = "(select * from (select * from prior union all select * from changes) where true \
        qualify ifnull(lag(hashdiff) over (partition by user_hk order by effective_at, sequence) <> hashdiff, true))";
    let collapse =
        "lag(hashdiff) over (partition by user_hk order by effective_at) <> hashdiff, true";
    check_is_caught(
        "neighbours are collapsed first",
        (20, 160),
        &[
            (DIM_USER, all, collapsed),
            (
                DIM_USER,
                collapse,
                "lag(hashdiff) over (partition by user_hk order by effective_at) is null or true, true",
            ),
        ],
    );
}

#[test]
fn satellite_read_without_the_skew() {
    let read = "s.load_date >= date_sub(date(@cut), interval @max_skew_days day)";
    check_is_caught(
        "commits ahead of their load date are not read",
        (1, 160),
        &[(DIM_USER, read, "s.load_date >= date(@cut)")],
    );
}
