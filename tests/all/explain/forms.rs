//! Rows are followed through every form of SQL: over random tables, each row of each query must come
//! out again from just those input rows that it is said to come from.

use std::collections::{BTreeMap, BTreeSet};

use lakebed::{
    explain::annotate::{Breadth, InputTable, ROW_BITS, WHY, annotate},
    prelude::Prelude,
    project::Project,
    verify::dice::Dice,
    warehouse::{Session, SharedWarehouse},
};
use lakebed_duckdb::{Options, open_shared};

/// Queries over `t.a (id, k, v)` and `t.b (id, k, w)`, as many forms as there are.
const FORMS: [&str; 40] = [
    "select k, v from t.a where v > 1",
    "select * from t.a",
    "select a.* from t.a as a join t.b as b on b.k = a.k",
    "select a.k, a.v, b.w from t.a as a left join t.b as b on b.k = a.k and b.w > 1",
    "select a.k, a.v from t.a as a left join t.b as b on b.k = a.k where b.k is null",
    "select a.id, b.id as other from t.a as a right join t.b as b on b.k = a.k",
    "select ifnull(a.k, b.k) as k, v, w from t.a as a full join t.b as b on b.k = a.k",
    "select k, a.id as one, b.id as other from t.a as a join t.b as b using (k)",
    "select a.k, b.w from t.a as a cross join t.b as b where a.v = b.w",
    "select a.k, other.k as l from t.a as a join t.a as other on other.v = a.v and other.id < a.id",
    "select k, count(*) as n, sum(v) as s from t.a group by k",
    "select k, count(v) as n, count(distinct v) as d from t.a group by 1",
    "select k, min(v) as least, max(v) as most from t.a group by k having count(*) > 1",
    "select v + 1 as w, countif(k = 'x') as n, avg(v) as m from t.a group by w",
    "select k, min(id) as first_id, v is null as is_odd from t.a group by all",
    "select count(*) as n, sum(v) as s from t.a",
    "select sum(v) as s from t.a where v = 0",
    "select distinct k, v from t.a",
    "select distinct k, count(*) over (partition by k) as n from t.a",
    "select k, v from t.a union all select k, w from t.b",
    "select k from t.a union distinct select k from t.b",
    "select k, count(*) as n from (select k from t.a union all select k from t.b) group by k",
    "with x as (select k, sum(v) as s from t.a group by k), y as (select k, max(w) as w from t.b \
     group by k) select x.k, x.s, y.w from x left join y on y.k = x.k",
    "with x as (select k, v, id from t.a), y as (select * from x where v > 0) \
     select x.id, y.v from x join y on y.k = x.k",
    "select id, k, v from t.a where true qualify row_number() over (partition by k order by v, id) = 1",
    "select id, row_number() over (partition by k order by v, id) as place from t.a",
    "select * from (select id, k, row_number() over (partition by k order by id desc) as place \
     from t.a) where place = 1",
    "select id, rank() over (order by v) as place, dense_rank() over (order by v) as step from t.a",
    "select id, lag(v) over (partition by k order by id) as earlier from t.a",
    "select id, lead(v, 2) over (partition by k order by id) as later from t.a",
    "select id, v from t.a where true \
     qualify ifnull(lag(v) over (partition by k order by id) <> v, true)",
    "select id, first_value(v) over (partition by k order by id) as f, \
     last_value(v ignore nulls) over (partition by k order by id \
     rows between unbounded preceding and current row) as l from t.a",
    "select id, min(v) over (partition by k) as least, max(v) over (partition by k) as most from t.a",
    "select id, sum(v) over (partition by k order by id) as running from t.a",
    "select id, count(*) over w as n, countif(v > 1) over w as m from t.a \
     window w as (partition by k order by id rows between 1 preceding and 1 following)",
    "select k, sum(count(*)) over (order by k) as running from t.a group by k",
    "select k, v from t.a where k in (select k from t.b where w > 1)",
    "select k, v from t.a as a where exists (select 1 from t.b as b where b.k = a.k and b.w > a.v)",
    "select id, (select max(b.w) from t.b as b where b.k = a.k) as most from t.a as a",
    "select k, id from t.a order by v, id limit 3",
];

fn warehouse() -> SharedWarehouse {
    let project = Project::parse(&lakebed_files::embedded()).expect("the project is right");
    let prelude = Prelude::duckdb(&project).expect("the functions are right");
    open_shared(None, Options { threads: Some(1), ..Options::default() }, &prelude)
        .expect("a database in memory")
}

fn tables() -> BTreeMap<String, InputTable> {
    let table = |name: &str, columns: [&str; 3]| {
        let columns = columns.map(str::to_owned).to_vec();
        (name.to_owned(), InputTable { columns, row_number: "id".to_owned() })
    };
    [table("t.a", ["id", "k", "v"]), table("t.b", ["id", "k", "w"])].into()
}

/// Few values, so that rows meet, and some of them NULL.
fn fill(session: &mut dyn Session, dice: &mut Dice) {
    session.execute("create schema if not exists t").expect("a schema");
    for (table, value) in [("a", "v"), ("b", "w")] {
        let row = |id: usize, dice: &mut Dice| {
            let k = dice.pick(&["'x'", "'y'", "'z'", "null"]).to_owned();
            let v = dice.pick(&["0", "1", "2", "3", "null"]).to_owned();
            format!("({id}, {k}, {v})")
        };
        let rows: Vec<String> = (1..=8).map(|id| row(id, dice)).collect();
        session
            .execute(&format!(
                "create or replace table t.{table} as select * from (values {}) \
                 as rows (id, k, {value})",
                rows.join(", ")
            ))
            .expect("rows");
    }
}

/// A row, its values as texts.
type Row = Vec<Option<String>>;

/// The rows of a query with the numbers of what they come from, by table.
type Followed = (Row, BTreeMap<String, BTreeSet<u64>>);

fn followed(
    session: &mut dyn Session,
    query: &str,
    needed: &[&str],
    breadth: Breadth,
) -> Vec<Followed> {
    let needed = needed.iter().map(|name| (*name).to_owned()).collect();
    let annotated = annotate(query, "t.own", &needed, &tables(), breadth)
        .unwrap_or_else(|error| panic!("{query}: {error}"));
    let rows = session
        .query(&format!(
            "select * exclude ({WHY}), array_to_string(list_sort({WHY}), ' ') from (\n{}\n)",
            annotated.text
        ))
        .unwrap_or_else(|error| panic!("{query}\n{}\n{error}", annotated.text));
    let split = |mut row: Row| {
        let mut from: BTreeMap<String, BTreeSet<u64>> = BTreeMap::new();
        for number in row.pop().flatten().unwrap_or_default().split_whitespace() {
            let number: u64 = number.parse().expect("a number");
            let input = usize::try_from(number >> ROW_BITS).expect("it is small");
            let table = annotated.inputs[input].clone();
            from.entry(table).or_default().insert(number & ((1 << ROW_BITS) - 1));
        }
        (row, from)
    };
    rows.text_rows().expect("rows").into_iter().map(split).collect()
}

/// The rows of a query over only these rows of the tables.
fn over(
    session: &mut dyn Session,
    query: &str,
    from: &BTreeMap<String, BTreeSet<u64>>,
) -> Vec<Row> {
    session.execute("create schema if not exists part").expect("a schema");
    for table in ["a", "b"] {
        let ids = from.get(&format!("t.{table}"));
        let ids: Vec<String> = ids.into_iter().flatten().map(ToString::to_string).collect();
        let list = if ids.is_empty() { "null".to_owned() } else { ids.join(", ") };
        session
            .execute(&format!(
                "create or replace table part.{table} as select * from t.{table} where id in ({list})"
            ))
            .expect("a part");
    }
    let query = query.replace("t.a", "part.a").replace("t.b", "part.b");
    session.query(&query).and_then(|rows| rows.text_rows()).expect("the same query")
}

#[test]
fn each_row_comes_out_again_from_the_rows_that_it_comes_from() {
    const SEED: u64 = 5;
    let warehouse = warehouse();
    let mut session = warehouse.session().expect("a session");
    let session = session.as_mut();
    let mut smaller_count = 0;
    for case in 0..6 {
        let mut dice = Dice::new(SEED + case, "forms");
        fill(session, &mut dice);
        for query in FORMS {
            let shown = format!("seed {SEED}, case {case}: {query}");
            let plain = session.query(query).and_then(|rows| rows.text_rows()).expect(query);
            let columns = session.describe(query).expect(query);
            let columns: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
            let rows = followed(session, query, &columns, Breadth::Columns);
            let sorted = |mut rows: Vec<Row>| {
                rows.sort();
                rows
            };
            let same = rows.iter().map(|(row, _)| row.clone()).collect();
            assert_eq!(sorted(same), sorted(plain), "{shown} returns other rows");
            for (row, from) in rows {
                let again = over(session, query, &from);
                assert!(
                    again.contains(&row),
                    "{shown}\n{row:?} comes from {from:?}, of which only {again:?} comes"
                );
                let from_count: usize = from.values().map(BTreeSet::len).sum();
                smaller_count += usize::from(from_count < 16);
            }
        }
    }
    assert!(smaller_count > 1000, "most rows come from some rows only: {smaller_count}");
}

/// The rows of `t.a` and `t.b` that the first row of a query comes from, if a column is needed.
fn of_first(query: &str, needed: &[&str]) -> (Vec<u64>, Vec<u64>) {
    let warehouse = warehouse();
    let mut session = warehouse.session().expect("a session");
    session
        .execute(
            "create schema t; \
             create table t.a as select * from (values (1, 'x', 3), (2, 'x', 1), (3, 'y', 2), \
             (4, 'x', 0)) as rows (id, k, v); \
             create table t.b as select * from (values (1, 'x', 5), (2, 'z', 6)) as rows (id, k, w)",
        )
        .expect("tables");
    let rows = followed(session.as_mut(), query, needed, Breadth::Columns);
    let of = |table: &str| rows[0].1.get(table).into_iter().flatten().copied().collect();
    (of("t.a"), of("t.b"))
}

#[test]
fn only_what_a_column_needs_is_followed() {
    let grouped = "select k, min(v) as least, countif(v = 3) as threes, count(*) as n, sum(v) as s \
                   from t.a group by k order by k limit 9";
    assert_eq!(of_first(grouped, &["k", "n"]).0, [1, 2, 4]);
    let grouped = &grouped[..grouped.find(" order").expect("it is there")];
    let grouped = format!("select * from ({grouped}) as g where k = 'x'");
    assert_eq!(of_first(&grouped, &["k"]).0, [1], "a group is there for any of its rows");
    assert_eq!(of_first(&grouped, &["k", "least"]).0, [1, 4], "the least value has a row");
    assert_eq!(of_first(&grouped, &["k", "threes"]).0, [1]);
    assert_eq!(of_first(&grouped, &["k", "n"]).0, [1, 2, 4]);
    assert_eq!(of_first(&grouped, &["k", "s"]).0, [1, 2], "0 adds nothing");
    let joined = "select a.id, b.w from t.a as a left join t.b as b on b.k = a.k where a.id = 1";
    assert_eq!(of_first(joined, &["id"]), (vec![1], vec![]), "nobody needs the right side");
    assert_eq!(of_first(joined, &["id", "w"]), (vec![1], vec![1]));
    let first = "select id, v from t.a where k = 'x' \
                 qualify row_number() over (partition by k order by v) = 1";
    assert_eq!(of_first(first, &["id"]).0, [4], "the first needs no others");
    let earlier = "select * from (select id, v, lag(v) over (partition by k order by id) as e \
                   from t.a) as x where id = 4";
    assert_eq!(of_first(earlier, &["id", "e"]).0, [2, 4]);
    assert_eq!(of_first(earlier, &["id"]).0, [4]);
}

#[test]
fn what_is_not_followed_says_so() {
    for (query, what) in [
        ("select k from t.a except distinct select k from t.b", "`except` or `intersect`"),
        (
            "with recursive n as (select 1 as n union all select n + 1 from n where n < 3) \
             select n from n",
            "a recursive query",
        ),
        ("select k from t.unknown", "`t.unknown` is not known"),
    ] {
        let needed = ["k".to_owned()].into();
        let error = annotate(query, "t.own", &needed, &tables(), Breadth::Columns);
        let error = error.expect_err(query).to_string();
        assert!(error.contains(what), "{query}: {error}");
    }
}
