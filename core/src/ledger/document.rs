//! `docs/ledger.md`, made from the rules.
