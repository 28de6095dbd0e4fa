//! The properties can fail: broken variants of the SQL, each of which the rebuild must find, or a
//! single build if it shows there.

use std::{cmp::Reverse, sync::Arc};

use sim::{Limits, Source};

use super::{
    Outcome,
    dice::Dice,
    meaning,
    messages::random_messages,
    rebuild::{self, CASE},
    variant::{Edit, Variant},
};

const EVENTS: &str = "layers/standardized/mobile_events.sql";
const DUPLICATES: &str = "layers/standardized/mobile_events_duplicates.sql";
const HUB_USER: &str = "layers/vault/hub_user.sql";
const DIM_USER: &str = "layers/dimensional/dim_user.sql";
const HUB_DEVICE: &str = "layers/vault/hub_device.sql";
const DIM_PRODUCT: &str = "layers/dimensional/dim_product.sql";
const DIM_SUBSCRIPTION: &str = "layers/dimensional/dim_subscription.sql";
const FACT_SESSION: &str = "layers/dimensional/fact_session.sql";
const FACT_ORDER_LINE: &str = "layers/dimensional/fact_order_line.sql";
const FACT_PAYMENT: &str = "layers/dimensional/fact_payment.sql";
const DAILY_ACTIVE_USERS: &str = "layers/mart/daily_active_users.sql";
const REVENUE_DAILY: &str = "layers/mart/revenue_daily.sql";
const CASES_MAX: u64 = 100;

/// One case over a broken project, of at most so many messages.
type Check = fn(u64, &Arc<Variant>, usize) -> Outcome;

/// Runs cases over the broken project until one fails: first those that hold most messages of the
/// source that the fault is about.
fn check_is_caught(what: &str, check: Check, (source, size_max): (Source, usize), edits: &[Edit]) {
    let broken = Variant::edited(NARROW, edits);
    let count_of_source = |seed: &u64| {
        let messages = random_messages(&mut Dice::new(*seed, CASE), *seed, NARROW, size_max);
        Reverse(messages.iter().filter(|sent| sent.source == source).count())
    };
    let mut seeds: Vec<u64> = (1..=CASES_MAX).collect();
    seeds.sort_by_cached_key(count_of_source);
    let found =
        seeds.into_iter().find_map(|seed| Some((seed, check(seed, &broken, size_max).err()?)));
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
        rebuild::case,
        (Source::MobileEvents, 40),
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
        rebuild::case,
        (Source::MobileEvents, 40),
        &[(EVENTS, lookback, short), (DUPLICATES, lookback, short)],
    );
}

#[test]
fn deduplication_before_validation() {
    let valid = "and @to_date\n    and reject_reason is null\n),";
    check_is_caught(
        "duplicates are looked for among invalid messages",
        rebuild::case,
        (Source::MobileEvents, 40),
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
        rebuild::case,
        (Source::MobileEvents, 40),
        &[(HUB_USER, checked, accepted)],
    );
}

#[test]
#[ignore = "random sets find it after hundreds of cases: it wants one made by hand"]
fn equal_neighbours_collapsed_before_one_wins_an_instant() {
    let all = "(select * from prior union all select * from changes)";
    let collapsed = "(select * from (select * from prior union all select * from changes) where true \
        qualify ifnull(lag(hashdiff) over (partition by user_hk order by effective_at, sequence) <> hashdiff, true))";
    let collapse =
        "lag(hashdiff) over (partition by user_hk order by effective_at) <> hashdiff, true";
    check_is_caught(
        "neighbours are collapsed first",
        meaning::case,
        (Source::DbUsers, 160),
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
        rebuild::case,
        (Source::DbUsers, 160),
        &[(DIM_USER, read, "s.load_date >= date(@cut)")],
    );
}

#[test]
fn session_cut_at_the_edge_of_the_window() {
    check_is_caught(
        "whether a visit began the day before the window is not looked at",
        rebuild::case,
        (Source::MobileEvents, 40),
        &[(
            FACT_SESSION,
            "select distinct event_date, session_hk, user_hk from events",
            "select distinct event_date, session_hk, user_hk from events\n  where event_date between @from_date and @to_date",
        )],
    );
}

#[test]
fn end_of_a_session_not_declared() {
    check_is_caught(
        "that a visit goes on the day after is not declared",
        rebuild::case,
        (Source::MobileEvents, 40),
        &[(FACT_SESSION, "days_after  = \"1\"", "days_after  = \"0\"")],
    );
}

#[test]
fn order_before_the_cut_not_read() {
    check_is_caught(
        "what an order said before the cut is not read",
        rebuild::case,
        (Source::DbOrders, 40),
        &[(FACT_ORDER_LINE, "where line_number = 0", "where line_number = 0 and 1 = 0")],
    );
}

#[test]
fn place_of_an_order_not_carried_forward() {
    check_is_caught(
        "amounts of a deleted order leave no country",
        meaning::case,
        (Source::DbOrders, 40),
        &[(FACT_ORDER_LINE, "last_value(country_code ignore nulls)", "last_value(country_code)")],
    );
}

#[test]
fn movement_against_nothing_where_history_was_cut() {
    check_is_caught(
        "the row that spans the cut is booked once more",
        rebuild::case,
        (Source::DbPayments, 40),
        &[(
            FACT_PAYMENT,
            "ifnull(p.captured_change_micros, m.captured_change_micros)",
            "m.captured_change_micros",
        )],
    );
}

#[test]
fn ends_taken_before_equal_neighbours_collapse() {
    let columns = "hashdiff, is_deleted, name, category, list_price_micros, is_active\n  from one_per_instant";
    let with_ends = "hashdiff, is_deleted, name, category, list_price_micros, is_active,\n    \
        lead(effective_at) over (partition by product_hk order by effective_at) as next_at\n  from one_per_instant";
    check_is_caught(
        "a row ends where an equal one began",
        meaning::case,
        (Source::DbProducts, 40),
        &[
            (DIM_PRODUCT, columns, with_ends),
            (
                DIM_PRODUCT,
                "lead(c.effective_at) over (partition by c.product_hk order by c.effective_at)",
                "c.next_at",
            ),
        ],
    );
}

#[test]
fn sequence_within_an_instant_not_looked_at() {
    check_is_caught(
        "of one instant any change wins",
        meaning::case,
        (Source::DbSubscriptions, 80),
        &[(DIM_SUBSCRIPTION, "order by sequence desc, hashdiff desc", "order by hashdiff desc")],
    );
}

#[test]
fn hub_of_devices_fed_from_accepted_rows() {
    let checked = "from standardized.mobile_events_checked\n  where load_date between @from_date and @to_date\n    and reject_reason is null\n    and";
    let accepted = "from standardized.mobile_events\n  where load_date between @from_date and @to_date\n    and";
    check_is_caught(
        "the hub merges devices that can vanish",
        rebuild::case,
        (Source::MobileEvents, 40),
        &[(HUB_DEVICE, checked, accepted)],
    );
}

#[test]
fn day_before_the_month_not_declared() {
    check_is_caught(
        "the day on which churned users were last active is not declared",
        rebuild::case,
        (Source::MobileEvents, 40),
        &[(DAILY_ACTIVE_USERS, "days_before = \"28\"", "days_before = \"27\"")],
    );
}

#[test]
fn revenue_that_cancels_out_left_out() {
    check_is_caught(
        "a day whose movements come to nothing has no row",
        meaning::case,
        (Source::DbOrders, 40),
        &[(
            REVENUE_DAILY,
            "group by revenue_date, country_code, currency_code",
            "group by revenue_date, country_code, currency_code\n  having sum(order_count_change) <> 0 or sum(gross_change_micros) <> 0",
        )],
    );
}
