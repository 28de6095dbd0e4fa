//! `lakebed explain`: what it takes.

use clap::Args;

/// What people type.
pub const EXAMPLES: &str = "Examples:
  lakebed explain mart.daily_active_users --where \"activity_date = date '2026-01-05'\"
  lakebed explain mart.daily_active_users --where \"activity_date = '2026-01-05'\" --column new_users
  lakebed explain mart.revenue_daily --where \"revenue_date = '2026-01-06' and country_code = 'DE'\"
  lakebed explain vault.hub_user --where \"user_id = 'u1'\" --limit 1 --depth 1";

/// `lakebed explain`
#[derive(Args, Debug)]
pub struct ExplainArgs {
    /// The table, such as `mart.daily_active_users`
    pub table: String,
    /// Which of its rows: a condition in SQL over its columns
    #[arg(long = "where", value_name = "CONDITION")]
    pub condition: String,
    /// Only this column: what only other columns need is left out
    #[arg(long, value_name = "COLUMN")]
    pub column: Option<String>,
    /// Tables to go down, counted from the asked one; the messages are computed with all the same
    #[arg(long, value_name = "N")]
    pub depth: Option<usize>,
    /// Rows of the table to explain together, and rows and messages to show of each table above it
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub limit: usize,
}
