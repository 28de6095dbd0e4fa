//! What of this machine the warehouse may use.

use std::path::PathBuf;

use clap::Args;
use sysinfo::{MemoryRefreshKind, RefreshKind, System};

use crate::contract::ByteSize;

/// Options of every command that opens the warehouse.
#[derive(Args, Clone, Debug)]
pub struct Machine {
    /// What the warehouse may hold in memory, such as `2GB`; without it, half of the machine's. The rest
    /// goes to disk, and where that does not help, windows of days are cut
    #[arg(long, global = true, value_name = "SIZE", value_parser = size)]
    pub memory_limit: Option<ByteSize>,
    /// Threads of the warehouse; without it, as many as there are cores
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(i64).range(1..=1024))]
    pub threads: Option<i64>,
    /// Where what does not fit into memory goes; without it, beside the warehouse
    #[arg(long, global = true, value_name = "DIR")]
    pub temp_directory: Option<PathBuf>,
}

impl Machine {
    /// Bytes that the warehouse may hold in memory.
    pub fn memory_limit_bytes(&self) -> u64 {
        self.memory_limit.map_or_else(|| memory_bytes() / 2, |limit| limit.0)
    }
}

fn size(text: &str) -> Result<ByteSize, String> {
    ByteSize::try_from(text.to_owned())
}

/// The memory that this process may have: the machine's, or its container's.
fn memory_bytes() -> u64 {
    let asked = RefreshKind::nothing().with_memory(MemoryRefreshKind::nothing().with_ram());
    let system = System::new_with_specifics(asked);
    let container = system.cgroup_limits().map_or(u64::MAX, |limits| limits.total_memory);
    system.total_memory().min(container)
}
