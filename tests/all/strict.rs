//! Whole builds over a warehouse that refuses what BigQuery refuses: nothing is refused, and the tables are
//! those that DuckDB alone makes.

use std::{collections::BTreeSet, path::Path, sync::Arc};

use lakebed::{
    builder::{BuildOptions, TableOutcome},
    contract::TableName,
    graph::Graph,
    pipeline::{PinOptions, Pipeline},
    plan::Selection,
    prelude::Prelude,
    project::{Project, ProjectFiles},
    recipe::aside,
    warehouse::{SharedWarehouse, Warehouse, strict::Strict},
};
use lakebed_duckdb::{Options, open_shared};
use lakebed_local::LocalRawStore;

use crate::{
    goldens::{Tables, export, export_of, golden},
    harness::{World, difference},
};

/// A strict warehouse over the raw objects of a world.
struct Rig<'a> {
    world: &'a World,
    files: ProjectFiles,
    strict: Arc<Strict>,
}

impl<'a> Rig<'a> {
    fn new(world: &'a World) -> Self {
        let files = lakebed_files::embedded();
        let prelude = Prelude::duckdb(&Project::parse(&files).expect("a project"));
        let options = Options { threads: Some(2), ..Options::default() };
        let inner = open_shared(None, options, &prelude.expect("functions")).expect("in memory");
        Self { world, files, strict: Arc::new(Strict::new(inner)) }
    }

    /// Builds what is stale, and these tables whether they are or not; returns how many partitions were.
    #[track_caller]
    fn build(&self, full: &BTreeSet<TableName>) -> usize {
        let mut pipeline = self.open("a run");
        let report = pipeline.build(&options(&pipeline, full), &|_| {}).expect("a build");
        let refused = self.strict.refused();
        assert!(refused.is_empty(), "{refused:#?}");
        assert!(report.is_success(), "{report:#?}");
        report.partition_count()
    }

    /// Claims the warehouse for a run, with the raw objects pinned.
    fn open(&self, run_id: &str) -> Pipeline {
        let project = Project::parse(&self.files).expect("a project");
        let prelude = Prelude::duckdb(&project).expect("functions");
        let graph = Graph::new(&project, &prelude).expect("tables that fit together");
        let warehouse: SharedWarehouse = self.strict.clone();
        let mut pipeline = Pipeline::open(graph, warehouse, run_id).expect("a journal");
        let store = LocalRawStore::open(&self.world.data().join("raw")).expect("a raw layer");
        let runtime = tokio::runtime::Runtime::new().expect("threads");
        let pinned = runtime.block_on(pipeline.pin(&store, PinOptions::default()));
        pinned.expect("raw objects");
        pipeline
    }

    /// Replaces a part of a file of the project.
    fn edit(&mut self, file: &str, old: &str, new: &str) {
        let text = self.files.get(Path::new(file)).expect("a file of the project");
        assert!(text.contains(old), "{file} has no `{old}`");
        let text = text.replacen(old, new, 1);
        self.files.insert(Path::new(file), &text);
    }

    #[track_caller]
    fn holds(&self, expected: &Tables) {
        let found = export_of(self.strict.as_ref());
        for (name, expected) in expected {
            let diff = difference(expected, &found[name]);
            assert!(diff.is_empty(), "{name} differs:\n{diff}");
        }
    }
}

/// All tables, and these whether they are stale or not.
fn options(pipeline: &Pipeline, full: &BTreeSet<TableName>) -> BuildOptions {
    let tables = pipeline.graph.in_order().map(|node| node.name().clone()).collect();
    let selection = Selection { tables, full: full.clone(), ..Selection::default() };
    BuildOptions { selection, window_days_max: 31, jobs: 4 }
}

/// One run was taken for dead, and is not: what it committed stands, and it commits nothing more.
#[test]
fn of_two_runs_the_earlier_writes_no_more() {
    let world = World::with_raw();
    let rig = Rig::new(&world);
    let mut earlier = rig.open("the-earlier");
    let first: BTreeSet<TableName> = [TableName::new("seed", "countries")].into();
    let mut some = options(&earlier, &BTreeSet::new());
    some.selection.tables = first.clone();
    assert!(earlier.build(&some, &|_| {}).expect("a build").is_success());
    let mut later = rig.open("the-later");
    let all = options(&earlier, &first);
    let fenced = earlier.build(&all, &|_| {}).expect("nothing new is in raw");
    for (name, table) in &fenced.tables {
        match &table.outcome {
            TableOutcome::Failed(error) => {
                let said = error.to_string();
                assert!(said.starts_with("run the-later writes this warehouse since "), "{said}");
            }
            TableOutcome::Blocked { .. } => {}
            other => panic!("{name}: {other:?}"),
        }
        assert_eq!(table.partition_count, 0, "{name}");
    }
    let report = later.build(&options(&later, &BTreeSet::new()), &|_| {}).expect("a build");
    assert!(report.is_success(), "{report:#?}");
    assert_eq!(report.tables[&TableName::new("seed", "countries")].partition_count, 0);
    rig.holds(&golden());
    let mut last = rig.open("the-last");
    let report = last.build(&options(&last, &BTreeSet::new()), &|_| {}).expect("a build");
    assert_eq!(report.partition_count(), 0, "the journal is of one hand");
}

#[test]
fn tiny_is_built_and_built_again_by_what_bigquery_takes() {
    let world = World::with_raw();
    let rig = Rig::new(&world);
    rig.build(&BTreeSet::new());
    rig.holds(&golden());
    assert_eq!(rig.build(&BTreeSet::new()), 0, "nothing is stale");
    let all = golden().into_keys().collect();
    assert!(rig.build(&all) > 0);
    rig.holds(&golden());
}

#[test]
fn only_what_duckdb_reads_in_its_own_way_is_not_judged() {
    let world = World::with_raw();
    let rig = Rig::new(&world);
    rig.build(&BTreeSet::new());
    let is_known = |sql: &String| {
        ["create or replace view raw.", "set variable raw_"].iter().any(|own| sql.starts_with(own))
    };
    let unread: Vec<_> = rig.strict.unread().into_iter().filter(|sql| !is_known(sql)).collect();
    assert!(unread.is_empty(), "{unread:#?}");
}

/// Code of every kind of build that makes a table begin anew: what merged, a history, and each with other
/// columns than the table has.
const CHANGES: [(&str, &[(&str, &str)]); 6] = [
    ("layers/vault/hub_device.sql", &[("'mobile_events/' ||", "'events/' ||")]),
    (
        "layers/dimensional/dim_user.sql",
        &[("ifnull(d.hashdiff, 'inferred')", "ifnull(d.hashdiff, 'none')")],
    ),
    (
        "layers/dimensional/dim_product.sql",
        &[
            (
                "\n[[checks]]",
                "is_new = { type = \"BOOL\", about = \"Whether it is.\" }\n\n[[checks]]",
            ),
            (
                "    c.is_active\n  from changed",
                "    c.is_active,\n    c.is_deleted as is_new\n  from changed",
            ),
        ],
    ),
    (
        "layers/vault/hub_product.sql",
        &[
            ("*/\n", "told_by = { type = \"STRING\", about = \"By whom.\" }\n*/\n"),
            (
                "    first_load_date\n  from with",
                "    first_load_date,\n    'them' as told_by\n  from with",
            ),
        ],
    ),
    (
        "layers/dimensional/fact_session.sql",
        &[
            ("*/\n", "is_long = { type = \"BOOL\", about = \"Whether it is.\" }\n*/\n"),
            ("as payment_count\n  from", "as payment_count,\n    count(*) > 9 as is_long\n  from"),
        ],
    ),
    (
        "layers/seed/countries.sql",
        &[("*/\n", "capital = { type = \"STRING\", about = \"Its capital.\" }\n*/\n")],
    ),
];

fn change(rig: &mut Rig<'_>) {
    for (file, edits) in CHANGES {
        for (old, new) in edits {
            rig.edit(file, old, new);
        }
    }
    let csv = "layers/seed/countries.csv";
    let rows = rig.files.get(Path::new(csv)).expect("a CSV").trim_end().replace('\n', ",Paris\n");
    let rows = rows.replacen(",Paris\n", ",capital\n", 1) + ",Paris\n";
    rig.files.insert(Path::new(csv), &rows);
}

#[test]
fn tables_begin_anew_without_a_definition_in_a_transaction() {
    let world = World::with_raw();
    let (mut rig, mut from_nothing) = (Rig::new(&world), Rig::new(&world));
    rig.build(&BTreeSet::new());
    change(&mut rig);
    change(&mut from_nothing);
    assert!(rig.build(&BTreeSet::new()) > 0);
    from_nothing.build(&BTreeSet::new());
    rig.holds(&export_of(from_nothing.strict.as_ref()));
    assert_eq!(rig.build(&BTreeSet::new()), 0, "nothing is stale");
    let tables = rig.strict.tables().expect("a catalogue");
    let aside: Vec<_> = tables.keys().filter(|name| aside::parse(name).is_some()).collect();
    assert!(aside.is_empty(), "{aside:?} are left");
}

/// Some minutes; `just soak-strict`.
#[test]
#[ignore = "it takes minutes"]
fn the_larger_scenarios_are_built_by_what_bigquery_takes() {
    for scenario in ["bad-week", "baseline"] {
        let world = World::new();
        let _ = world.lakebed(&format!("run {scenario} --ingest direct")).run().status(0);
        let rig = Rig::new(&world);
        rig.build(&BTreeSet::new());
        rig.holds(&export(&world.data()));
    }
}
