//! What every warehouse must do. Each adapter's tests run the whole suite; a promise that is broken panics, as
//! in any test.
//!
//! It is here and not with the port because it builds: what a recipe is worth shows in the tables and in the
//! journal. It allows what the port allows: that a call fails for a passing reason, and was done all the
//! same.

#![expect(clippy::unwrap_used, reason = "these are tests, for the adapters of other crates too")]

use std::{path::Path, thread};

use super::{journal, shape};
use crate::{
    contract::TableName,
    error_kind::ErrorKind,
    graph::{Graph, Node},
    plan::{Snapshot, Stamp, window::Window},
    prelude::Prelude,
    project::{Project, ProjectFiles},
    recipe::{self, Built, Fence, Known, Recipe, Step, Task},
    sql::bind::Parameters,
    warehouse::{DescribedColumn, RunError, Session, SharedWarehouse},
};

/// So often a call is tried that asks to be tried again.
const ATTEMPT_COUNT_MAX: usize = 20;
/// Claims while another run builds.
const CLAIM_COUNT: usize = 5;
/// Builds of a table at the same time as others of another table.
const BUILD_COUNT: i64 = 8;

/// Runs every check, each on a new, empty warehouse.
pub fn run_all(mut new_warehouse: impl FnMut() -> SharedWarehouse) {
    a_recipe_is_done_and_written_down(&Bench::new(new_warehouse()));
    a_recipe_that_fails_leaves_nothing(&Bench::new(new_warehouse()));
    what_breaks_a_promise_is_refused(&Bench::new(new_warehouse()));
    a_recipe_is_done_once(&Bench::new(new_warehouse()));
    the_name_of_what_failed_may_be_used_again(&Bench::new(new_warehouse()));
    recipes_run_at_the_same_time(&Bench::new(new_warehouse()));
    a_later_claim_ends_the_earlier(&Bench::new(new_warehouse()));
    a_claim_waits_for_what_is_under_way(&Bench::new(new_warehouse()));
    a_transaction_is_seen_whole(&Bench::new(new_warehouse()));
    a_temporary_table_is_its_sessions_own(&Bench::new(new_warehouse()));
    a_change_in_anothers_way_may_be_tried_again(&Bench::new(new_warehouse()));
    a_query_is_described_and_not_run(&Bench::new(new_warehouse()));
    an_error_says_where_and_what_to_do(&Bench::new(new_warehouse()));
    tables_and_views_are_listed(&Bench::new(new_warehouse()));
}

/// Two tables and a warehouse for them.
struct Bench {
    graph: Graph,
    warehouse: SharedWarehouse,
    fence: Fence,
}

impl Bench {
    fn new(warehouse: SharedWarehouse) -> Self {
        let table = |query: &str| {
            format!(
                "/*\nabout = \"Numbers.\"\ngrain = [\"k\"]\nbuild = \"full\"\ngrowth = \"fixed\"\nowner = \"tests\"\n\n\
                 [columns]\nk = {{ type = \"INT64\", required = true, about = \"One.\" }}\n\
                 v = {{ type = \"STRING\", about = \"Its name.\" }}\n*/\n{query}\n"
            )
        };
        let mut files = ProjectFiles::default();
        let query = "select 1 as k, 'one' as v union all select 2 as k, 'two' as v";
        for (path, query) in [("layers/mart/one.sql", query), ("layers/mart/other.sql", query)] {
            files.insert(Path::new(path), &table(query));
        }
        let twice = table("select 1 as k, 'one' as v union all select 1 as k, 'two' as v");
        files.insert(Path::new("layers/mart/twice.sql"), &twice);
        let project = Project::parse(&files).unwrap();
        let graph = Graph::new(&project, &Prelude::default()).unwrap();
        let dialect = warehouse.dialect();
        let mut definitions = journal::definitions(dialect);
        definitions.extend(shape::definitions(dialect, &graph));
        let mut session = warehouse.session().unwrap();
        for definition in &definitions {
            session.execute(definition).unwrap();
        }
        drop(session);
        let fence = warehouse.claim("suite").unwrap();
        Self { graph, warehouse, fence }
    }

    fn session(&self) -> Box<dyn Session> {
        self.warehouse.session().unwrap()
    }

    fn node(&self, table: &str) -> &Node {
        self.graph.node(&TableName::new("mart", table))
    }

    fn recipe(&self, table: &str, sequence: i64) -> Recipe {
        self.recipe_by(&self.fence, table, sequence)
    }

    fn recipe_by(&self, fence: &Fence, table: &str, sequence: i64) -> Recipe {
        let stamp = Stamp {
            fingerprint: Some(crate::digest::Digest::of_texts(["what it is made of"])),
            epoch: None,
            code: std::sync::Arc::default(),
            inputs: "{}".into(),
        };
        let (window, stamps) = (Window::Whole, vec![(None, stamp)]);
        let task = Task { window, stamps, calendar: Parameters::new() };
        let known = Known { sequence, fence: fence.clone(), ..Known::default() };
        recipe::recipe(self.node(table), self.warehouse.dialect(), &[task], &known).unwrap()
    }

    /// Runs a recipe until it is not asked to be tried again.
    fn run(&self, recipe: &Recipe) -> Result<Vec<Built>, RunError> {
        for _ in 0..ATTEMPT_COUNT_MAX {
            match self.warehouse.run(recipe) {
                Err(RunError::Statement(error)) if error.kind() == ErrorKind::Retry => {}
                ended => return ended.map(|receipt| receipt.built),
            }
        }
        panic!("it was never run");
    }

    fn count(&self, what: &str) -> i64 {
        let query = format!("select count(*) from {what}");
        self.session().query(&query).unwrap().count().unwrap()
    }

    /// Rows of a table, and of the journal.
    fn counts(&self, table: &str) -> (i64, i64) {
        let noted = format!("lakebed.builds where table_name = 'mart.{table}'");
        (self.count(&format!("mart.{table}")), self.count(&noted))
    }
}

fn a_recipe_is_done_and_written_down(bench: &Bench) {
    let built = bench.run(&bench.recipe("one", 1)).unwrap();
    assert_eq!(built.len(), 1);
    assert_eq!(built[0].row_count, 2);
    assert_eq!(bench.counts("one"), (2, 1));
    let (told, next) = journal::load(bench.session().as_mut()).unwrap();
    assert_eq!(next, 2);
    let mut known = Snapshot::default();
    built[0].apply(bench.node("one").name(), &mut known);
    assert_eq!(told.contents, known.contents, "the journal is what the receipt says");
    bench.run(&bench.recipe("one", 2)).unwrap();
    assert_eq!(bench.counts("one"), (2, 2), "the old rows go");
}

fn a_recipe_that_fails_leaves_nothing(bench: &Bench) {
    bench.run(&bench.recipe("one", 1)).unwrap();
    for place in 0..=bench.recipe("one", 2).commit.len() {
        let mut recipe = bench.recipe("one", 2);
        let sql = "insert into mart.one (k, v) select k, v from mart.nowhere".to_owned();
        recipe.commit.insert(place, Step::Insert { sql });
        assert!(bench.run(&recipe).is_err(), "there is no such table");
        assert_eq!(bench.counts("one"), (2, 1), "after it failed at its statement {place}");
    }
}

fn what_breaks_a_promise_is_refused(bench: &Bench) {
    let refused = bench.run(&bench.recipe("twice", 1));
    assert!(matches!(refused, Err(RunError::Refused(_))), "{refused:?}");
    assert_eq!(bench.counts("twice"), (0, 0));
}

fn a_recipe_is_done_once(bench: &Bench) {
    let recipe = bench.recipe("one", 1);
    let first = bench.run(&recipe).unwrap();
    let again = bench.run(&recipe).unwrap();
    let told = |all: &[Built]| all.iter().map(|b| b.entry.contents.clone()).collect::<Vec<_>>();
    assert_eq!(told(&first), told(&again), "a repeat says what was done");
    assert_eq!(bench.counts("one"), (2, 1), "a repeat does nothing");
    let recipe = bench.recipe("other", 2);
    let run = || bench.run(&recipe).map(drop);
    thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(run)).collect();
        for thread in threads {
            thread.join().unwrap().unwrap();
        }
    });
    assert_eq!(bench.counts("other"), (2, 1), "nor does one at the same time");
}

fn the_name_of_what_failed_may_be_used_again(bench: &Bench) {
    let mut recipe = bench.recipe("one", 1);
    recipe.commit.push(Step::Insert { sql: "insert into mart.nowhere select 1".to_owned() });
    bench.run(&recipe).unwrap_err();
    bench.run(&bench.recipe("one", 1)).unwrap();
    assert_eq!(bench.counts("one"), (2, 1));
}

fn recipes_run_at_the_same_time(bench: &Bench) {
    thread::scope(|scope| {
        for (table, first) in [("one", 1), ("other", 1 + BUILD_COUNT)] {
            scope.spawn(move || {
                for sequence in first..first + BUILD_COUNT {
                    bench.run(&bench.recipe(table, sequence)).unwrap();
                }
            });
        }
    });
    for table in ["one", "other"] {
        assert_eq!(bench.counts(table), (2, BUILD_COUNT), "{table}");
    }
}

fn a_later_claim_ends_the_earlier(bench: &Bench) {
    bench.run(&bench.recipe("one", 1)).unwrap();
    let later = bench.warehouse.claim("later").unwrap();
    assert!(later.epoch > bench.fence.epoch, "{later:?}");
    let notes = |fence: &Fence, sequence: i64| {
        let (table, note) =
            (TableName::new("lakebed", "settings"), journal::setting(sequence, "a", "b"));
        Recipe::of_notes(table, (vec![note], Vec::new()), sequence, fence)
    };
    for recipe in [bench.recipe("one", 2), bench.recipe("other", 3), notes(&bench.fence, 4)] {
        let Err(RunError::Statement(error)) = bench.run(&recipe) else {
            panic!("the earlier run wrote on");
        };
        assert_eq!(error.kind(), ErrorKind::FixInput, "{error}");
        assert!(error.to_string().contains("run later writes this warehouse since 2"), "{error}");
        assert!(error.hint().is_some(), "{error}");
    }
    assert_eq!((bench.counts("one"), bench.counts("other")), ((2, 1), (0, 0)));
    assert_eq!(bench.count("lakebed.settings"), 0);
    bench.run(&notes(&later, 5)).unwrap();
    bench.run(&bench.recipe_by(&later, "one", 6)).unwrap();
    assert_eq!(bench.counts("one"), (2, 2));
    assert_eq!(bench.count("lakebed.settings"), 1);
}

fn a_claim_waits_for_what_is_under_way(bench: &Bench) {
    let mut first = 1;
    for round in 0..CLAIM_COUNT {
        let fence = bench.warehouse.claim(&format!("{round}, earlier")).unwrap();
        let earlier = &fence;
        let seen = thread::scope(|scope| {
            let building = scope.spawn(move || {
                let recipes = (first..first + BUILD_COUNT)
                    .map(|sequence| bench.recipe_by(earlier, "one", sequence));
                recipes.map(|recipe| bench.run(&recipe)).find(Result::is_err)
            });
            // It is under way.
            while bench.counts("one").1 < first && !building.is_finished() {
                thread::yield_now();
            }
            bench.warehouse.claim(&format!("{round}, later")).unwrap();
            bench.counts("one")
        });
        assert_eq!(bench.counts("one"), seen, "something was committed after the claim");
        first = seen.1 + 1;
    }
}

fn a_transaction_is_seen_whole(bench: &Bench) {
    let mut writer = bench.session();
    writer.execute("begin transaction").unwrap();
    writer.execute("insert into mart.one (k, v) values (1, 'one')").unwrap();
    assert_eq!(bench.count("mart.one"), 0, "it is not committed");
    let own = writer.query("select count(*) from mart.one").unwrap().count().unwrap();
    assert_eq!(own, 1, "it sees what it wrote");
    writer.execute("commit transaction").unwrap();
    assert_eq!(bench.count("mart.one"), 1);
    writer.execute("begin transaction").unwrap();
    writer.execute("delete from mart.one where true").unwrap();
    writer.execute("rollback transaction").unwrap();
    assert_eq!(bench.count("mart.one"), 1, "it was rolled back");
}

fn a_temporary_table_is_its_sessions_own(bench: &Bench) {
    let [mut one, mut other] = [bench.session(), bench.session()];
    one.execute("create or replace temp table kept as\nselect 1 as k").unwrap();
    other.query("select k from kept").unwrap_err();
    other.execute("create or replace temp table kept as\nselect 2 as k").unwrap();
    assert_eq!(one.query("select k from kept").unwrap().count().unwrap(), 1);
}

fn a_change_in_anothers_way_may_be_tried_again(bench: &Bench) {
    bench.run(&bench.recipe("one", 1)).unwrap();
    let [mut one, mut other] = [bench.session(), bench.session()];
    for session in [&mut one, &mut other] {
        session.execute("begin transaction").unwrap();
        // So that both look at the same rows.
        session.query("select count(*) from mart.one").unwrap();
    }
    one.execute("delete from mart.one where k = 1").unwrap();
    one.execute("commit transaction").unwrap();
    let deleted = other.execute("delete from mart.one where k = 1");
    let error = deleted.and_then(|_| other.execute("commit transaction")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Retry, "{error}");
    let _ = other.execute("rollback transaction");
    assert_eq!(bench.count("mart.one"), 1);
}

fn a_query_is_described_and_not_run(bench: &Bench) {
    let mut session = bench.session();
    let described = session.describe("select k, v from mart.one").unwrap();
    let names: Vec<&str> = described.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names, ["k", "v"]);
    let dialect = bench.warehouse.dialect();
    let columns = bench.node("one").file.contract.columns.values();
    for (DescribedColumn { type_name, .. }, column) in described.iter().zip(columns) {
        assert!(dialect.fits(column.kind, type_name), "{type_name} is no {:?}", column.kind);
    }
}

fn an_error_says_where_and_what_to_do(bench: &Bench) {
    let query = "select k,\n  nothing from mart.one";
    let error = bench.session().describe(query).unwrap_err();
    assert_eq!((error.kind(), error.offset()), (ErrorKind::FixInput, query.find("nothing")));
    let error = bench.session().execute("delete from mart.nowhere where true").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::FixInput, "{error}");
}

fn tables_and_views_are_listed(bench: &Bench) {
    let view = "create or replace view mart.seen as select k from mart.one";
    bench.session().execute(view).unwrap();
    let tables = bench.warehouse.tables().unwrap();
    let columns = |name: &str| {
        let columns = tables[name].columns.iter().map(|column| column.name.as_str());
        (tables[name].is_view, columns.collect::<Vec<_>>())
    };
    assert_eq!(columns("mart.one"), (false, vec!["k", "v"]));
    assert_eq!(columns("mart.seen"), (true, vec!["k"]));
    assert!(tables.contains_key("lakebed.builds"));
}
