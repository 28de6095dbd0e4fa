//! What BigQuery refuses, and where its documents say so.

use crate::error_kind::ErrorKind;

/// A rule of BigQuery that DuckDB does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// "DDL statements that create or drop permanent entities, such as datasets, tables, and views, are not
    /// supported inside transactions" (`docs/transactions`).
    DefinitionInTransaction,
    /// A transaction takes SELECT, DML, and what makes and drops temporary tables and functions
    /// (`docs/transactions`); exports and loads are jobs of their own.
    ForeignInTransaction,
    /// "If a transaction mutates (update or deletes) rows in a table, then other transactions or DML
    /// statements that mutate rows in the same table cannot run concurrently. Conflicting transactions are
    /// cancelled" (`docs/transactions`). A session that ends without its client keeps its tables for up to
    /// 24 hours (`docs/troubleshoot-queries`).
    ConcurrentChange,
    /// "A statement inside a transaction that was cancelled": all that it takes is a rollback.
    CancelledTransaction,
    /// Transactions are not nested, and one is needed for a commit (`docs/transactions`).
    NoSuchTransaction,
    /// The unresolved text of a query is at most 1 MB long (`quotas`, "Maximum unresolved standard SQL
    /// query length").
    TextTooLong,
    /// A table takes 25 DML statements in ten seconds, INSERTs among them (`quotas`, "Rate of DML
    /// statements per table").
    TooManyChanges,
    /// A transaction changes at most 100 tables (`docs/transactions`, "Limitations").
    TooManyTables,
    /// "Correlated subqueries that reference other tables are not supported unless they can be
    /// de-correlated, such as by transforming them into an efficient JOIN" (`docs/troubleshoot-queries`).
    CorrelatedSubquery,
    /// "Unsupported subquery with table in join predicate": said of a subquery in an ON, whether it is
    /// correlated or not.
    SubqueryInJoin,
    /// "LEFT OUTER JOIN cannot be used without a condition that is an equality of fields from both sides of
    /// the join."
    OuterJoinWithoutEquality,
    /// "A subquery is not supported in the clauses of a MERGE" (`docs/data-manipulation-language`,
    /// "Limitations").
    SubqueryInMerge,
    /// What a DML statement changed is in the statistics of its job, not in rows (`rest/v2/Job`,
    /// `numDmlAffectedRows`).
    CountAsRows,
    /// A table or view that stays is made in a dataset (`docs/tables`, "Table naming").
    NoDataset,
    /// A view that stays cannot read a temporary table (`docs/multi-statement-queries`).
    ViewOfTemporary,
}

impl Rule {
    /// What the caller can do: a conflict and a rate pass, a statement does not change by itself.
    pub fn kind(self) -> ErrorKind {
        match self {
            Self::ConcurrentChange | Self::TooManyChanges => ErrorKind::Retry,
            Self::TextTooLong
            | Self::CorrelatedSubquery
            | Self::SubqueryInJoin
            | Self::OuterJoinWithoutEquality => ErrorKind::FixInput,
            _ => ErrorKind::Bug,
        }
    }

    /// What BigQuery says, or as much.
    pub fn says(self) -> &'static str {
        match self {
            Self::DefinitionInTransaction => {
                "DDL statements that create or drop permanent entities are not supported inside transactions"
            }
            Self::ForeignInTransaction => "the statement is not supported inside transactions",
            Self::ConcurrentChange => "transaction is aborted due to concurrent update",
            Self::CancelledTransaction => "the transaction was cancelled: it takes a rollback only",
            Self::NoSuchTransaction => "transactions begin once and end once",
            Self::TextTooLong => "the query is too large: its text is longer than 1 MB",
            Self::TooManyChanges => {
                "exceeded rate limits: too many DML statements in ten seconds for this table"
            }
            Self::TooManyTables => "a transaction changes at most 100 tables",
            Self::CorrelatedSubquery => {
                "correlated subqueries that reference other tables are not supported unless they can be de-correlated"
            }
            Self::SubqueryInJoin => "unsupported subquery with table in join predicate",
            Self::OuterJoinWithoutEquality => {
                "an outer join cannot be used without a condition that is an equality of fields from both sides"
            }
            Self::SubqueryInMerge => "a clause of a MERGE cannot hold a subquery",
            Self::CountAsRows => "a statement that changes rows returns none",
            Self::NoDataset => "the name must be qualified with a dataset",
            Self::ViewOfTemporary => "a view cannot read a temporary table",
        }
    }
}
