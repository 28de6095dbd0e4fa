//! What tables will be in years, which partitions a day then builds, and what that reads.
//!
//! Nothing is run. A small warehouse was measured (`ledger::Profile`), the simulator says how many
//! messages a day of each year brings (`Volumes`); rows of tables follow from messages by stated factors
//! (`world`). The planner finds what one more load date makes stale (`day`), the ledger what building it
//! reads, and `forecast` sets the years beside each other. Not for: prices (`cost`). No I/O.

mod day;
mod forecast;
#[cfg(test)]
mod forecast_test;
mod limits;
mod volumes;
mod world;

pub use day::{Simulated, TableDay, price, whole};
pub use forecast::{
    ACTIVE_DAYS, Asked, Built, Forecast, Powers, RawYear, TableForecast, TableYear, Year, forecast,
};
pub use limits::LimitReached;
pub use volumes::Volumes;
pub use world::World;
