//! What the business sees: activity, sessions, funnel, retention, revenue.

use sim::{ActivityTruth, RevenueTruth, SessionTruth, Truth};

use super::{Grade, Numbers, last_load_date, numbers};
use crate::{port_error::PortError, warehouse::Session};

/// Compares each table that the project has.
pub fn grade(
    session: &mut dyn Session,
    has: &dyn Fn(&str) -> bool,
    truth: &Truth,
    grade: &mut Grade,
) -> Result<(), PortError> {
    for topic in topics(truth) {
        if has(topic.table) {
            let rest = format!("from {} {}", topic.table, topic.rest);
            let found = numbers(session, topic.key, topic.columns, &rest)?;
            grade.all_exactly((topic.name, topic.table), topic.expected, &found);
        }
    }
    Ok(())
}

/// A table, and what the truth says of it.
struct Topic {
    name: &'static str,
    table: &'static str,
    /// An expression that names a row as `expected` does.
    key: &'static str,
    columns: &'static [&'static str],
    /// Which rows, and by what they are summed.
    rest: String,
    expected: Numbers,
}

fn topics(truth: &Truth) -> Vec<Topic> {
    vec![
        activity(truth),
        plans(truth),
        retention(truth),
        sessions(truth),
        funnel(truth),
        revenue(truth),
    ]
}

const ACTIVITY: [&str; 8] = [
    "active_users",
    "active_users_7_days",
    "active_users_28_days",
    "new_users",
    "returning_users",
    "unknown_users",
    "churned_users",
    "event_count",
];

fn activity(truth: &Truth) -> Topic {
    let numbers = |day: &ActivityTruth| {
        [
            day.active_users,
            day.active_users_7_days,
            day.active_users_28_days,
            day.new_users,
            day.returning_users,
            day.unknown_users,
            day.churned_users,
            day.event_count,
        ]
    };
    let days = truth.activity_days.iter();
    Topic {
        name: "activity",
        table: "mart.daily_active_users",
        key: "cast(activity_date as varchar)",
        columns: &ACTIVITY,
        rest: String::new(),
        expected: named(&ACTIVITY, days.map(|(date, day)| (date.to_string(), numbers(day)))),
    }
}

fn plans(truth: &Truth) -> Topic {
    let plans = truth.activity_days.iter().flat_map(|(date, day)| {
        let by_plan = day.active_users_by_plan.iter();
        by_plan.map(move |(plan, count)| (format!("{date} {plan}"), [*count]))
    });
    Topic {
        name: "plans",
        table: "mart.active_users_by_plan",
        key: "cast(activity_date as varchar) || ' ' || plan",
        columns: &["active_users"],
        rest: String::new(),
        expected: named(&["active_users"], plans),
    }
}

fn retention(truth: &Truth) -> Topic {
    let cohorts = truth.retention_days.iter().flat_map(|(date, cohorts)| {
        cohorts.iter().map(move |(cohort, count)| (format!("{date} {cohort}"), [*count]))
    });
    Topic {
        name: "retention",
        table: "mart.retention_cohorts",
        key: "cast(activity_date as varchar) || ' ' || cast(cohort_date as varchar)",
        columns: &["active_users"],
        rest: String::new(),
        expected: named(&["active_users"], cohorts),
    }
}

const SESSIONS: [&str; 7] = [
    "count(*) as session_count",
    "sum(event_count) as event_count",
    "sum(product_view_count) as product_view_count",
    "sum(cart_addition_count) as cart_addition_count",
    "sum(checkout_count) as checkout_count",
    "sum(order_count) as order_count",
    "sum(payment_count) as payment_count",
];

fn sessions(truth: &Truth) -> Topic {
    let numbers = |day: &SessionTruth| {
        [
            day.session_count,
            day.event_count,
            day.product_view_count,
            day.cart_addition_count,
            day.checkout_count,
            day.order_count,
            day.payment_count,
        ]
    };
    let days = truth.session_days.iter();
    // An event of a phone whose clock is ahead counts when its day has come.
    let until = last_load_date(truth).unwrap_or_default();
    Topic {
        name: "sessions",
        table: "dimensional.fact_session",
        key: "cast(session_date as varchar)",
        columns: &SESSIONS,
        rest: format!("where session_date <= date '{until}' group by session_date"),
        expected: named(&SESSIONS, days.map(|(date, day)| (date.to_string(), numbers(day)))),
    }
}

fn funnel(truth: &Truth) -> Topic {
    let columns = &["session_count", "user_count"];
    let steps = truth.funnel_days.iter().flat_map(|(date, steps)| {
        steps.iter().map(move |(functionality, reached)| {
            (format!("{date} {functionality}"), [reached.session_count, reached.user_count])
        })
    });
    Topic {
        name: "funnel",
        table: "mart.funnel_by_functionality",
        key: "cast(session_date as varchar) || ' ' || functionality",
        columns,
        rest: String::new(),
        expected: named(columns, steps),
    }
}

const REVENUE: [&str; 7] = [
    "order_count",
    "gross_micros",
    "cancelled_micros",
    "returned_micros",
    "net_micros",
    "captured_micros",
    "refunded_micros",
];

fn revenue(truth: &Truth) -> Topic {
    let numbers = |day: &RevenueTruth| {
        [
            day.order_count,
            day.gross_micros,
            day.cancelled_micros,
            day.returned_micros,
            day.gross_micros - day.cancelled_micros - day.returned_micros,
            day.captured_micros,
            day.refunded_micros,
        ]
    };
    let days = truth.revenue_days.iter().flat_map(|(date, places)| {
        places.iter().map(move |(place, day)| (format!("{date} {place}"), numbers(day)))
    });
    Topic {
        name: "revenue",
        table: "mart.revenue_daily",
        key: "cast(revenue_date as varchar) || ' ' || country_code || '/' || currency_code",
        columns: &REVENUE,
        rest: String::new(),
        expected: named(&REVENUE, days),
    }
}

/// Numbers by the name of their row and column.
fn named<const N: usize, T: Into<i128>>(
    columns: &[&str; N],
    rows: impl Iterator<Item = (String, [T; N])>,
) -> Numbers {
    let cells = rows.flat_map(|(key, row)| {
        let name =
            move |column: &str| format!("{key} {}", column.rsplit(' ').next().unwrap_or(column));
        let names: Vec<String> = columns.iter().map(|column| name(column)).collect();
        names.into_iter().zip(row.map(Into::into))
    });
    cells.collect()
}
