//! What a strict warehouse refuses: each rule, with a statement that is refused and one beside it that is not.

use std::time::Duration;

use lakebed_core::{error_kind::ErrorKind, prelude::Prelude};
use lakebed_duckdb::{Options, open_shared};
use lakebed_ports::warehouse::{
    Session, Warehouse,
    strict::{Refused, Rule, Strict},
};

fn strict() -> Strict {
    let options = Options { threads: Some(1), ..Options::default() };
    let inner = open_shared(None, options, &Prelude::default()).expect("in memory");
    let strict = Strict::new(inner);
    let mut session = strict.session().expect("a session");
    for statement in
        ["create schema a", "create table a.b (k bigint, v bigint)", "create table a.c (k bigint)"]
    {
        session.execute(statement).expect("a definition");
    }
    drop(session);
    strict
}

fn session(strict: &Strict) -> Box<dyn Session> {
    strict.session().expect("a session")
}

#[track_caller]
fn taken(session: &mut dyn Session, statements: &[&str]) {
    for statement in statements {
        session.execute(statement).unwrap_or_else(|error| panic!("{statement}: {error}"));
    }
}

#[track_caller]
fn refused(strict: &Strict, session: &mut dyn Session, statement: &str, rule: Rule) {
    let error = session.execute(statement).expect_err(statement);
    assert_eq!(
        (error.to_string().as_str(), error.kind()),
        (rule.says(), rule.kind()),
        "{statement}"
    );
    let last = strict.refused().pop().expect("it is remembered");
    assert_eq!(last, Refused { rule, sql: statement.to_owned() });
}

#[test]
fn a_transaction_takes_no_definition_of_what_stays() {
    let strict = strict();
    let mut session = session(&strict);
    taken(session.as_mut(), &["begin transaction"]);
    for statement in [
        "create table a.d (k bigint)",
        "create or replace view a.d as select 1 as k",
        "drop table a.b",
        "alter table a.b rename to d",
        "create schema d",
    ] {
        refused(&strict, session.as_mut(), statement, Rule::DefinitionInTransaction);
    }
    let temporary = ["create or replace temp table n as select k from a.b", "drop table n"];
    taken(session.as_mut(), &temporary);
    refused(&strict, session.as_mut(), "drop table n", Rule::DefinitionInTransaction);
    taken(session.as_mut(), &["rollback transaction", "create table a.d (k bigint)"]);
}

#[test]
fn a_transaction_takes_no_export() {
    let strict = strict();
    let mut session = session(&strict);
    let export = "copy (select 1) to '/nowhere/x.parquet' (format parquet)";
    taken(session.as_mut(), &["begin transaction"]);
    refused(&strict, session.as_mut(), export, Rule::ForeignInTransaction);
}

#[test]
fn a_table_is_changed_by_one_transaction_at_a_time_and_added_to_by_all() {
    let strict = strict();
    let [mut one, mut other] = [session(&strict), session(&strict)];
    taken(one.as_mut(), &["begin transaction", "delete from a.b where k = 1"]);
    taken(other.as_mut(), &["insert into a.b values (2, 2)", "begin transaction"]);
    taken(other.as_mut(), &["insert into a.b values (3, 3)", "delete from a.c where true"]);
    refused(&strict, other.as_mut(), "delete from a.b where k = 2", Rule::ConcurrentChange);
    // Another row, and refused all the same; now the transaction is over.
    refused(&strict, other.as_mut(), "select 1", Rule::CancelledTransaction);
    refused(&strict, other.as_mut(), "commit transaction", Rule::CancelledTransaction);
    taken(other.as_mut(), &["rollback transaction"]);
    refused(&strict, other.as_mut(), "delete from a.b where k = 2", Rule::ConcurrentChange);
    taken(one.as_mut(), &["delete from a.b where k = 3", "commit transaction"]);
    taken(other.as_mut(), &["delete from a.b where k = 2"]);
}

#[test]
fn a_table_that_changed_since_a_transaction_began_is_not_changed_by_it() {
    let strict = strict();
    let [mut one, mut other] = [session(&strict), session(&strict)];
    taken(one.as_mut(), &["begin transaction"]);
    taken(other.as_mut(), &["update a.b set v = 1 where true"]);
    refused(&strict, one.as_mut(), "delete from a.b where true", Rule::ConcurrentChange);
}

#[test]
fn a_merge_that_only_adds_is_in_nobodys_way() {
    let strict = strict();
    let [mut one, mut other] = [session(&strict), session(&strict)];
    let merge = "merge into a.b as target using a.c as source on target.k = source.k \
                 when not matched then insert (k, v) values (source.k, 0)";
    taken(one.as_mut(), &["begin transaction", "delete from a.b where true"]);
    taken(other.as_mut(), &[merge]);
}

#[test]
fn a_client_that_dies_leaves_its_transaction_behind() {
    let strict = strict();
    let mut one = session(&strict);
    taken(one.as_mut(), &["begin transaction", "delete from a.b where true"]);
    drop(one);
    let mut other = session(&strict);
    refused(&strict, other.as_mut(), "delete from a.b where true", Rule::ConcurrentChange);
    strict.abort_orphans();
    taken(other.as_mut(), &["delete from a.b where true"]);
}

#[test]
fn transactions_begin_once_and_end_once() {
    let strict = strict();
    let mut session = session(&strict);
    refused(&strict, session.as_mut(), "commit transaction", Rule::NoSuchTransaction);
    taken(session.as_mut(), &["begin transaction"]);
    refused(&strict, session.as_mut(), "begin transaction", Rule::NoSuchTransaction);
    taken(session.as_mut(), &["commit transaction"]);
    refused(&strict, session.as_mut(), "rollback transaction", Rule::NoSuchTransaction);
}

#[test]
fn a_text_is_at_most_a_megabyte() {
    let strict = strict();
    let mut session = session(&strict);
    let of_length = |length: usize| format!("select '{}'", "x".repeat(length - "select ''".len()));
    taken(session.as_mut(), &[&of_length(1 << 20)]);
    refused(&strict, session.as_mut(), &of_length((1 << 20) + 1), Rule::TextTooLong);
}

#[test]
fn a_table_takes_25_statements_in_ten_seconds() {
    let strict = strict();
    let mut session = session(&strict);
    let insert = "insert into a.c values (1)";
    let step = |seconds: f64| strict.set_pace(Duration::from_secs_f64(seconds));
    step(0.4);
    taken(session.as_mut(), &[insert; 100]);
    step(10.0);
    taken(session.as_mut(), &["select 1"]);
    step(0.3);
    taken(session.as_mut(), &[insert; 25]);
    refused(&strict, session.as_mut(), insert, Rule::TooManyChanges);
    taken(session.as_mut(), &["insert into a.b values (1, 1)"]);
    step(3.0);
    taken(session.as_mut(), &[insert]);
}

#[test]
fn a_transaction_changes_at_most_100_tables() {
    let strict = strict();
    let mut session = session(&strict);
    for n in 0..101 {
        taken(session.as_mut(), &[&format!("create table a.t{n} (k bigint)")]);
    }
    taken(session.as_mut(), &["begin transaction"]);
    for n in 0..100 {
        taken(session.as_mut(), &[&format!("delete from a.t{n} where true")]);
    }
    refused(&strict, session.as_mut(), "delete from a.t100 where true", Rule::TooManyTables);
}

#[test]
fn what_cannot_be_joined_is_refused_wherever_it_stands() {
    let strict = strict();
    let mut session = session(&strict);
    let subquery = "(select max(b.v) from a.b as b where b.k < c.k)";
    for statement in [
        format!("select {subquery} as v from a.c as c"),
        format!("create temp table n as select {subquery} as v from a.c as c"),
        format!("insert into a.c (k) select {subquery} from a.c as c"),
    ] {
        refused(&strict, session.as_mut(), &statement, Rule::CorrelatedSubquery);
    }
    let error = session.describe(&format!("select {subquery} as v from a.c as c"));
    assert_eq!(error.expect_err("a dry run").kind(), ErrorKind::FixInput);
    let join = "select 1 from a.b as b left join a.c as c on c.k < b.k";
    refused(&strict, session.as_mut(), join, Rule::OuterJoinWithoutEquality);
    let join = "select 1 from a.b as b join a.c as c on c.k in (select k from a.b)";
    refused(&strict, session.as_mut(), join, Rule::SubqueryInJoin);
    let merge = "merge into a.b as target using a.c as source on target.k = source.k \
                 when matched then update set v = (select max(k) from a.c)";
    refused(&strict, session.as_mut(), merge, Rule::SubqueryInMerge);
    assert_eq!(strict.unread(), Vec::<String>::new());
}

#[test]
fn a_statement_that_changes_rows_returns_none() {
    let strict = strict();
    let mut session = session(&strict);
    let error = session.query("insert into a.c values (1)").expect_err("it is no question");
    assert_eq!(error.to_string(), Rule::CountAsRows.says());
    taken(session.as_mut(), &["insert into a.c values (1)"]);
}

#[test]
fn what_stays_is_in_a_dataset_and_reads_what_stays() {
    let strict = strict();
    let mut session = session(&strict);
    refused(&strict, session.as_mut(), "create table d (k bigint)", Rule::NoDataset);
    taken(session.as_mut(), &["create temp table d as select 1 as k"]);
    let view = "create view a.v as select k from d";
    refused(&strict, session.as_mut(), view, Rule::ViewOfTemporary);
    taken(session.as_mut(), &["create view a.v as select k from a.b"]);
}
