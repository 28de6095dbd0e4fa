//! The tables over a bus, a store and a warehouse that do whatever their ports allow: the scenario `tiny` comes in
//! by one of many schedules, is archived, and is built over a warehouse that refuses what BigQuery refuses.
//! The tables are those of the plain way, but for how messages came and how often.
//!
//! `LAKEBED_TEST_SEED=17` tries that seed alone, `LAKEBED_TEST_SCHEDULES=200` so many.

use std::{
    collections::BTreeSet,
    sync::{Arc, LazyLock},
};

use futures::{FutureExt, executor::block_on};
use lakebed_duckdb::{Options, open_shared};
use sim::{SHARD_COUNT, Scenario, Simulation, Source};

use super::{
    phone_batch,
    weak_bus::{DELAY_MAX, Violation as BusViolation, WeakBus},
    weak_store::{Violation as StoreViolation, WeakStore},
};
use crate::{
    archiver::{self, Archiver, ArchiverConfig, Until, encode_object, object_key},
    builder::{
        narrow_warehouse::NarrowWarehouse,
        weak_warehouse::{Violation, WeakWarehouse},
    },
    bus::{Bus, Message, MessageId, Publication, PublishTime},
    contract::TableName,
    error_kind::ErrorKind,
    graph::{Graph, Node},
    phones::direct::{DirectConfig, publications},
    pipeline::{PinOptions, Pipeline},
    prelude::Prelude,
    project::Project,
    raw_store::RawStore,
    stop::Stop,
    verify::{compare::ARRIVAL_COLUMNS, dice::Dice, run, store::TrialStore},
    warehouse::{SharedWarehouse, strict::Strict},
};

/// Tried in each run of the tests.
const SCHEDULE_COUNT: u64 = 3;
/// A broken promise is found by one of so many seeds.
const SEEDS_OF_A_VIOLATION: u64 = 2;
/// A publication is tried at most so often.
const ATTEMPT_COUNT_MAX: usize = 100;

/// The rows of a table as texts.
type Rows = Vec<Vec<Option<String>>>;

struct World {
    prelude: Prelude,
    graph: Graph,
    batches: Vec<(Source, Vec<Publication>)>,
    /// The tables of the plain way.
    expected: Vec<(TableName, Rows)>,
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let project = Project::parse(&lakebed_files::embedded()).unwrap();
    let prelude = Prelude::duckdb(&project).unwrap();
    let graph = Graph::new(&project, &prelude).unwrap();
    let scenario = Scenario::from_toml("tiny", &project.scenarios["tiny"]).unwrap();
    let batches = batches(&Simulation::new(scenario));
    let mut world = World { prelude, graph, batches, expected: Vec::new() };
    let (store, warehouse) = (world.plain_store(), world.duckdb());
    world.build(&store, &warehouse, 31).unwrap();
    world.expected = world.tables(&warehouse);
    world
});

fn batches(simulation: &Simulation) -> Vec<(Source, Vec<Publication>)> {
    let config = DirectConfig::new(String::new(), std::path::PathBuf::new());
    let mut batches = Vec::new();
    for date in simulation.load_dates() {
        let day = simulation.day(date);
        for arrival in (0..SHARD_COUNT).flat_map(|shard| day.shard(shard)) {
            let source = arrival.source;
            batches.push((source, publications(&phone_batch(arrival), &config)));
        }
    }
    batches
}

impl World {
    fn duckdb(&self) -> SharedWarehouse {
        let options = Options { threads: Some(1), ..Options::default() };
        open_shared(None, options, &self.prelude).unwrap()
    }

    /// Each message once, in an object for each source and load date.
    fn plain_store(&self) -> TrialStore {
        let store = TrialStore::new().unwrap();
        for source in Source::ALL {
            let own = self.batches.iter().filter(|(of, _)| *of == source);
            let messages = own.flat_map(|(_, all)| all).enumerate().map(|(number, message)| {
                let PublishTime::Simulated(published_at) = message.published else {
                    unreachable!("a simulation has its own time");
                };
                Message {
                    message_id: MessageId(format!("{number:016}")),
                    published_at,
                    received_at: message.received_at,
                    ordering_key: message.ordering_key.clone(),
                    attributes: message.attributes.clone(),
                    payload: message.payload.clone(),
                }
            });
            let messages: Vec<Message> = messages.collect();
            let dates: BTreeSet<_> = messages.iter().map(|m| m.published_at.date()).collect();
            for date in dates {
                let of_date = messages.iter().filter(|m| m.published_at.date() == date);
                let (bytes, _) = encode_object(source.name(), of_date.cloned().collect()).unwrap();
                let key = object_key(source.name(), date.unwrap(), &bytes);
                store.put(&key, &bytes).unwrap();
            }
        }
        store
    }

    /// Sends everything over a bus, and archives it.
    async fn bring_in(&self, bus: WeakBus, store: WeakStore) -> WeakStore {
        let (bus, store) = (Arc::new(bus), Arc::new(store));
        let stop = Arc::new(Stop::default());
        let mut archivers = Vec::new();
        for source in Source::ALL {
            archiver::set_up(&*bus, source.name()).await.unwrap();
            let config =
                ArchiverConfig { row_count_max: 200, ..ArchiverConfig::new(source.name()) };
            let archiver = Archiver::new(bus.clone(), store.clone(), config);
            let stop = Arc::clone(&stop);
            archivers.push(tokio::spawn(async move {
                while let Err(error) = archiver.run(Until::Stopped(stop.stopped().boxed())).await {
                    assert_eq!(error.kind(), ErrorKind::Retry, "{error:?}");
                }
            }));
        }
        for (source, publications) in &self.batches {
            let mut attempts = 0..ATTEMPT_COUNT_MAX;
            while bus.publish(source.name(), publications.clone()).await.is_err() {
                attempts.next().expect("the bus takes it at last");
            }
        }
        tokio::time::sleep(DELAY_MAX * 20).await;
        stop.stop();
        for archiver in archivers {
            archiver.await.unwrap();
        }
        drop(bus);
        Arc::into_inner(store).expect("the archivers are done")
    }

    fn build(
        &self,
        store: &dyn RawStore,
        warehouse: &SharedWarehouse,
        window_days_max: usize,
    ) -> Result<(), String> {
        let warehouse = Arc::clone(warehouse);
        let mut pipeline = Pipeline::open(self.graph.clone(), warehouse, "schedule")
            .map_err(|error| error.to_string())?;
        block_on(pipeline.pin(store, PinOptions::default())).map_err(|error| error.to_string())?;
        run::build(&mut pipeline, None, window_days_max).map_err(|error| format!("{error:?}"))
    }

    /// All tables but those that count copies, without what says how messages came.
    fn tables(&self, warehouse: &SharedWarehouse) -> Vec<(TableName, Rows)> {
        let mut session = warehouse.session().unwrap();
        let mut rows = |node: &Node| {
            let contract = &node.file.contract;
            let columns: Vec<&str> = contract
                .columns
                .keys()
                .map(String::as_str)
                .filter(|column| !ARRIVAL_COLUMNS.contains(column))
                .collect();
            let query = format!("select {} from {}", columns.join(", "), node.name());
            let mut rows = session.query(&query).unwrap().text_rows().unwrap();
            rows.sort();
            if holds_copies(node.name()) {
                rows.dedup();
            }
            (node.name().clone(), rows)
        };
        let compared = self.graph.in_order().filter(|node| !counts_copies(node.name()));
        compared.map(&mut rows).collect()
    }

    /// One schedule; the error says what is wrong in the tables.
    fn run(
        &self,
        seed: u64,
        (bus, store): (WeakBus, WeakStore),
        broken: Option<Violation>,
    ) -> Result<(), String> {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().start_paused(true).build().unwrap();
        let store = runtime.block_on(self.bring_in(bus, store));
        let strict = Arc::new(Strict::new(self.duckdb()));
        let weak = match broken {
            None => WeakWarehouse::new(strict.clone(), seed),
            Some(violation) => WeakWarehouse::violating(strict.clone(), seed, violation),
        };
        let warehouse: SharedWarehouse = Arc::new(weak);
        let days_max = 1 + Dice::new(seed, "windows").below(3);
        self.build(&store, &warehouse, days_max)?;
        if let Some(refused) = strict.refused().first() {
            return Err(format!("{refused:?} was refused"));
        }
        let found = self.tables(&warehouse);
        for ((table, expected), (_, found)) in self.expected.iter().zip(&found) {
            if expected != found {
                let lost = expected.iter().find(|row| !found.contains(row));
                let new = found.iter().find(|row| !expected.contains(row));
                return Err(format!("{table}: {lost:?} is lost, {new:?} is new"));
            }
        }
        Ok(())
    }
}

/// A bus and a store that keep what their ports promise, and nothing else.
fn weak(seed: u64) -> (WeakBus, WeakStore) {
    (WeakBus::new(seed), WeakStore::new(seed))
}

/// Tables that have a row for each copy of a message.
fn holds_copies(name: &TableName) -> bool {
    let ends = ["_checked", "_rejected", "_rejection"];
    ends.iter().any(|end| name.table().ends_with(end))
}

/// Tables that count copies.
fn counts_copies(name: &TableName) -> bool {
    let table = name.table();
    table.ends_with("_duplicates") || ["reconciliation", "app_quality"].contains(&table)
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().expect("the variable is a number"))
}

#[test]
fn by_any_schedule_the_tables_are_those_of_the_plain_way() {
    let seeds = match number("LAKEBED_TEST_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("LAKEBED_TEST_SCHEDULES").unwrap_or(SCHEDULE_COUNT),
    };
    for seed in seeds {
        let ended = std::panic::catch_unwind(|| WORLD.run(seed, weak(seed), None));
        match ended.unwrap_or_else(|_| Err("it panicked, see above".to_owned())) {
            Ok(()) => {}
            Err(fault) => panic!("{fault}\nto try it alone: LAKEBED_TEST_SEED={seed}"),
        }
    }
}

#[test]
fn what_does_not_fit_is_built_in_shorter_windows() {
    let warehouse: SharedWarehouse = WORLD.duckdb();
    let narrow = |days_max| -> SharedWarehouse {
        Arc::new(NarrowWarehouse { inner: Arc::clone(&warehouse), days_max })
    };
    let store = WORLD.plain_store();
    WORLD.build(&store, &narrow(1), 31).unwrap();
    assert_eq!(WORLD.tables(&warehouse), WORLD.expected);
    let error = WORLD.build(&store, &narrow(0), 31);
    assert_eq!(error, Ok(()), "there is nothing left to do");
    let error = WORLD.build(&WORLD.plain_store(), &narrow_and_empty(), 31).unwrap_err();
    assert!(error.contains("Out of Memory"), "a day cannot be cut: {error}");
}

/// A warehouse that has not the memory for a day.
fn narrow_and_empty() -> SharedWarehouse {
    Arc::new(NarrowWarehouse { inner: WORLD.duckdb(), days_max: 0 })
}

#[test]
fn what_a_warehouse_a_bus_or_a_store_loses_or_does_twice_is_found() {
    let is_found = |run: &dyn Fn(u64) -> Result<(), String>| {
        (0..SEEDS_OF_A_VIOLATION).any(|seed| run(seed).is_err())
    };
    for violation in [Violation::LosesCommit, Violation::LosesRows] {
        let run = |seed| WORLD.run(seed, weak(seed), Some(violation));
        assert!(is_found(&run), "{violation:?} is not found");
    }
    for violation in [BusViolation::LosesPublication, BusViolation::ChangesPayload] {
        let run = |seed| {
            let bus = WeakBus::violating(seed, violation);
            WORLD.run(seed, (bus, WeakStore::new(seed)), None)
        };
        assert!(is_found(&run), "{violation:?} is not found");
    }
    for violation in [
        StoreViolation::LosesPut,
        StoreViolation::StoresInPart,
        StoreViolation::LeavesOut,
        StoreViolation::IgnoresPrefix,
        StoreViolation::LocatesAnother,
    ] {
        let run = |seed| {
            let store = WeakStore::violating(seed, violation);
            WORLD.run(seed, (WeakBus::new(seed), store), None)
        };
        assert!(is_found(&run), "{violation:?} is not found");
    }
}
