//! Each rule, tried.

use std::collections::BTreeMap;

use jiff::civil::date;

use super::{
    Charge, Ledger, Sizes, TableSize, Why,
    prune::{Holds, holds},
    rules::{BILLED_BYTES_MIN, MEGABYTE},
    testing::project,
};
use crate::{contract::TableName, graph::Graph, prelude::Prelude, sql::reads::parse_query};

const EVENTS: &str = "about = \"x\"\ngrain = [\"id\"]\nbuild = \"partition\"\npartition_by = \"day\"\n\
growth = \"events\"\nCLUSTERED\nowner = \"me\"\n[columns]\nday = { type = \"DATE\" }\nid = { type = \"INT64\" }\n\
name = { type = \"STRING\" }\n";
const USERS: &str = "about = \"x\"\ngrain = [\"id\"]\nbuild = \"full\"\ngrowth = \"entities\"\nowner = \"me\"\n\
[columns]\nid = { type = \"INT64\" }\n";
const SEEN: &str = "about = \"x\"\ngrain = [\"id\"]\nbuild = \"view\"\ngrowth = \"events\"\nowner = \"me\"\n\
[columns]\nid = { type = \"INT64\" }\n";

/// Ten days of a million rows: 8 bytes a day and an id, 12 a name; and five million users.
fn charge_of(sql: &str, clustered: &str) -> Charge {
    let events = EVENTS.replace("CLUSTERED", clustered);
    let made = "select date '2026-01-01' as day, 1 as id, '' as name";
    let project = project(&[
        ("dimensional/events", &events, made),
        ("dimensional/users", USERS, "select 1 as id"),
        ("mart/seen", SEEN, "select id from dimensional.events where day = date '2026-01-03'"),
    ]);
    let graph = Graph::new(&project, &Prelude::default()).expect("a graph");
    let mut sizes = Sizes::default();
    let columns = |all: &[(&str, f64)]| -> BTreeMap<String, f64> {
        all.iter().map(|(name, bytes)| ((*name).to_owned(), *bytes)).collect()
    };
    sizes.set(
        TableName::new("dimensional", "events"),
        TableSize {
            rows: (1..=10).map(|day| (Some(date(2026, 1, day)), 1e6)).collect(),
            columns: columns(&[("day", 8.0), ("id", 8.0), ("name", 12.0)]),
        },
    );
    let users = TableSize { rows: BTreeMap::from([(None, 5e6)]), columns: columns(&[("id", 8.0)]) };
    sizes.set(TableName::new("dimensional", "users"), users);
    Ledger::new(&project, &graph).statement(sql, &sizes).expect("a statement")
}

fn charge(sql: &str) -> Charge {
    charge_of(sql, "")
}

/// Bytes in millions.
fn millions(sql: &str) -> u64 {
    charge(sql).processed_bytes / 1_000_000
}

#[test]
fn only_needed_columns_of_reached_partitions_are_counted() {
    let of = |rest: &str| millions(&format!("select id from dimensional.events {rest}"));
    assert_eq!(of(""), 80);
    assert_eq!(of("limit 1"), 80);
    assert_eq!(of("where day = date '2026-01-03'"), 16);
    assert_eq!(of("where name = 'x'"), 200);
    assert_eq!(millions("select count(*) as n from dimensional.events"), 0);
    let unused = "with a as (select id, name from dimensional.events) select id from a";
    assert_eq!(millions(unused), 80);
}

#[test]
fn a_column_that_is_read_twice_is_counted_once() {
    let twice = "select a.id from dimensional.events as a join dimensional.events as b on b.id = a.id \
                 where a.day = date '2026-01-03' and b.day between date '2026-01-03' and date '2026-01-04'";
    assert_eq!(millions(twice), 32);
}

#[test]
fn inserts_count_what_they_read_and_values_are_free() {
    let select = "insert into dimensional.events (id) select id from dimensional.users";
    assert_eq!(millions(select), 40);
    assert_eq!(charge("insert into dimensional.events (id) values (1)").billed_bytes, 0);
}

#[test]
fn changes_count_all_of_the_partitions_that_they_reach() {
    // The condition's columns of one day, and all columns of it.
    let one_day = "delete from dimensional.events where day = date '2026-01-03' and id = 5";
    assert_eq!(millions(one_day), 16 + 28);
    let any_day = "delete from dimensional.events where id in (select id from dimensional.users)";
    let charge_any = charge(any_day);
    assert_eq!(charge_any.processed_bytes / 1_000_000, 80 + 40 + 280);
    let changed = charge_any.changed.expect("a table is changed");
    assert_eq!((changed.partitions_read, changed.blame.map(|b| b.why)), (10, Some(Why::Changes)));
    assert_eq!(millions("update dimensional.users set id = 2 where id = 1"), 80);
}

#[test]
fn deletes_of_whole_partitions_are_free_and_clustering_may_spoil_that() {
    let whole =
        "delete from dimensional.events where day between date '2026-01-03' and date '2026-01-04'";
    let free = charge(whole);
    assert_eq!((free.billed_bytes, free.billed_bytes_max), (0, 0));
    let clustered = charge_of(whole, "cluster_by = [\"id\"]");
    assert_eq!(clustered.billed_bytes, 0);
    assert!(clustered.billed_bytes_max > 2 * 28_000_000, "{clustered:?}");
    assert_eq!(charge_of(whole, "cluster_by = [\"day\"]").billed_bytes_max, 0);
    assert_eq!(millions("delete from dimensional.users where true"), 40);
    assert_eq!(charge("truncate table dimensional.events").billed_bytes, 0);
}

#[test]
fn a_merge_counts_its_table_if_it_may_change_rows() {
    let head = "merge into dimensional.users as target using dimensional.events as source \
                on target.id = source.id and source.day = date '2026-01-03'";
    let inserts = format!("{head} when not matched then insert (id) values (source.id)");
    // All of the source's columns of one day, and the target's key.
    assert_eq!(millions(&inserts), 28 + 40);
    let updates = format!("{head} when matched then update set id = source.id");
    assert_eq!(millions(&updates), 28 + 40 + 40);
}

#[test]
fn definitions_and_views_process_nothing_and_views_count_their_tables() {
    assert_eq!(charge("create table a.b (id INT64)").billed_bytes, 0);
    assert_eq!(charge("drop table dimensional.events").billed_bytes, 0);
    assert_eq!(millions("select id from mart.seen"), 16);
    assert_eq!(millions("create temp table t as select id from dimensional.users"), 40);
}

#[test]
fn each_table_is_billed_ten_megabytes_at_least_and_bytes_by_the_megabyte() {
    let small = charge("select id from dimensional.events where day = date '2026-01-03'");
    assert_eq!(small.billed_bytes, 16 * MEGABYTE);
    let two = "select e.id from dimensional.events as e join dimensional.users as u on u.id = e.id \
               where e.day = date '2030-01-03'";
    let charge_two = charge(two);
    assert_eq!(charge_two.processed_bytes, 40_000_000);
    assert_eq!(charge_two.billed_bytes, (40_000_000 + BILLED_BYTES_MIN).next_multiple_of(MEGABYTE));
}

/// The partitions of January's first ten days that a condition on `day` reaches.
fn reached(condition: &str, is_of_instants: bool) -> Option<Vec<i8>> {
    let query = parse_query(&format!("select 1 from t where {condition}")).expect("a query");
    let sqlparser::ast::SetExpr::Select(select) = *query.body else { return None };
    let expr = select.selection.expect("a condition");
    let days = 1..=10;
    let holds = |day: i8| holds(&expr, Some(date(2026, 1, day)), is_of_instants);
    holds(1)?;
    Some(days.filter(|day| holds(*day).is_some_and(|holds| holds.may)).collect())
}

#[test]
fn constant_conditions_leave_out_partitions_also_within_functions() {
    for (condition, expected) in [
        ("day = date '2026-01-03'", vec![3]),
        ("day = '2026-01-03'", vec![3]),
        ("date '2026-01-09' < day", vec![10]),
        (
            "day between date '2026-01-03' and date_add(date '2026-01-03', interval 1 day)",
            vec![3, 4],
        ),
        ("day in (date '2026-01-01', date '2026-01-10')", vec![1, 10]),
        ("day = date '2026-01-02' or day = date '2026-01-05'", vec![2, 5]),
        ("not day < date '2026-01-09'", vec![9, 10]),
        ("day not between date '2026-01-02' and date '2026-01-09'", vec![1, 10]),
        ("date_add(day, interval 1 day) = date '2026-01-03'", vec![2]),
        ("date_sub(day, interval 1 week) = date '2026-01-01'", vec![8]),
        ("date_trunc(day, month) = date '2026-02-01'", vec![]),
        ("date_diff(day, date '2026-01-01', day) > 7", vec![9, 10]),
        ("extract(year from day) = 2025", vec![]),
        ("cast(day as TIMESTAMP) >= timestamp '2026-01-10 00:00:00+00'", vec![10]),
        ("format_date('%F', day) = '2026-01-04'", vec![4]),
    ] {
        assert_eq!(reached(condition, false), Some(expected), "{condition}");
    }
    // A partition has all instants of a day.
    for (condition, expected) in [
        ("day < timestamp '2026-01-03 12:00:00+00'", vec![1, 2, 3]),
        ("day < timestamp '2026-01-03 00:00:00+00'", vec![1, 2]),
        ("date(day) = date '2026-01-03'", vec![3]),
        ("timestamp_trunc(day, day) = timestamp '2026-01-03 00:00:00+00'", vec![3]),
        ("cast(day as DATE) >= date '2026-01-10'", vec![10]),
    ] {
        assert_eq!(reached(condition, true), Some(expected), "{condition}");
    }
}

#[test]
fn other_conditions_leave_out_nothing() {
    for condition in [
        "day + 1 = date '2026-01-03'",
        "my_function(day) = 1",
        "extract(month from day) = 1",
        "concat(day, '') = '2026-01-03'",
        "day = (select max(x) from t)",
    ] {
        assert_eq!(reached(condition, false), None, "{condition}");
    }
    let of = |rest: &str| millions(&format!("select id from dimensional.events where {rest}"));
    assert_eq!(of("day = date '2026-01-03' and id > 5"), 16);
    assert_eq!(of("day = date '2026-01-03' or id > 5"), 160);
    assert_eq!(of("day = (select max(day) from dimensional.events)"), 160);
}

#[test]
fn rows_of_dates_that_have_no_partition_lie_together() {
    let query = parse_query("select 1 from t where day < date '1950-01-01'").expect("a query");
    let sqlparser::ast::SetExpr::Select(select) = *query.body else { panic!("a select") };
    let expr = select.selection.expect("a condition");
    let of = |year: i16| holds(&expr, Some(date(year, 1, 1)), false);
    assert_eq!(of(1), Some(Holds { may: true, must: false }));
    assert_eq!(of(2200), Some(Holds { may: true, must: false }));
    assert_eq!(of(1970), Some(Holds { may: false, must: false }));
}

#[test]
fn who_reads_from_the_beginning_is_to_blame_and_why() {
    for (condition, why, text) in [
        ("day <= date '2026-01-03'", Some(Why::OneSided), "day <= DATE '2026-01-03'"),
        ("day + 1 > date '2026-01-03'", Some(Why::NotConstant), "day + 1 > DATE '2026-01-03'"),
        ("id = 1", Some(Why::NoCondition), ""),
        ("day >= date '2026-01-03'", None, ""),
    ] {
        let charge = charge(&format!("select id from dimensional.events where {condition}"));
        let blame = charge.scans[0].blame.as_ref();
        assert_eq!(blame.map(|blame| blame.why), why, "{condition}");
        assert_eq!(blame.map_or("", |blame| blame.condition.as_str()), text);
    }
    let users = charge("select id from dimensional.users");
    assert_eq!(users.scans[0].blame.as_ref().map(|blame| blame.why), Some(Why::NoPartitions));
}
