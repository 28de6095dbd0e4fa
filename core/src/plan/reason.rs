//! Why something is built.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::contract::EngineName;

/// Why a partition is built.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// There is no build of it.
    NeverBuilt,
    /// The table begins anew.
    Anew(Anew),
    /// It has rows, and what it is made of has none any more.
    NothingLeft,
    /// Parts of its code, by name.
    Code(Vec<String>),
    /// What it reads, tables and parameters of the calendar, by name.
    Inputs(Vec<String>),
    /// When it was built last, there was nothing to make it of.
    WasEmpty,
    /// Somebody wants it, though it is fresh.
    AskedFor,
}

/// Why a table begins anew: what it holds cannot be mended partition by partition.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Anew {
    /// It has other columns than its contract.
    Columns,
    /// Its contents were hashed in another way than the engine that is running does, named here.
    Hashes(String),
    /// What merged under other code stays merged.
    Epoch,
    /// The same of an engine's functions, of which some rows above it are.
    Functions(EngineName),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NeverBuilt => f.write_str("never built"),
            Self::Anew(anew) => anew.fmt(f),
            Self::NothingLeft => f.write_str("nothing is left of its inputs"),
            Self::Code(parts) => write!(f, "its {} changed", parts.join(" and ")),
            Self::Inputs(names) => write!(f, "{} changed", names.join(" and ")),
            Self::WasEmpty => f.write_str("it was built as empty"),
            Self::AskedFor => f.write_str("asked for"),
        }
    }
}

impl fmt::Display for Anew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Columns => f.write_str("its columns changed"),
            Self::Hashes(running) => write!(f, "hashed by another version than {running}"),
            Self::Epoch => f.write_str("a new epoch: its code, or code above it, changed"),
            Self::Functions(engine) => {
                write!(f, "a new epoch: functions of {engine}, which made rows above it, changed")
            }
        }
    }
}

impl Serialize for Reason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Serialize for Anew {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
