//! Random cells of every table of `tiny`, in which everything goes wrong that can: the messages of the
//! chain, put through the same queries, give the same cell.

use std::cell::RefCell;

use lakebed::{
    contract::BuildKind,
    explain::{Explanation, Extent, Request, explain},
    graph::{Graph, Node},
    prelude::Prelude,
    project::Project,
    sql::literal,
    verify::dice::Dice,
    warehouse::{Session, SharedWarehouse},
};
use lakebed_duckdb::{Options, open_shared};

use crate::harness::World;

/// Cells of a table: more where much comes together, and of technical tables, which are much alike, of
/// every other one.
fn cells_of(node: &Node, dice: &mut Dice) -> u64 {
    match node.name().layer() {
        "dimensional" | "mart" => 2,
        _ => u64::from(dice.percent(50)),
    }
}

struct Built {
    graph: Graph,
    prelude: Prelude,
    warehouse: SharedWarehouse,
    /// Empty warehouses: making one costs more than a small chain.
    spare: RefCell<Vec<SharedWarehouse>>,
    _world: World,
}

impl Built {
    fn tiny() -> Self {
        let world = World::with_tiny();
        let project = Project::parse(&lakebed_files::embedded()).expect("the project is right");
        let prelude = Prelude::duckdb(&project).expect("the functions are right");
        let graph = Graph::new(&project, &prelude).expect("the graph is right");
        let options = Options { is_read_only: true, ..Options::default() };
        let path = world.data().join("warehouse.duckdb");
        let warehouse = open_shared(Some(&path), options, &prelude).expect("it was built");
        Self { graph, prelude, warehouse, spare: RefCell::default(), _world: world }
    }

    fn explain(&self, request: &Request) -> Explanation {
        let used: RefCell<Vec<SharedWarehouse>> = RefCell::default();
        let empty = || {
            let options = Options::default();
            let known = self.spare.borrow_mut().pop();
            let warehouse = known.map_or_else(|| open_shared(None, options, &self.prelude), Ok)?;
            used.borrow_mut().push(warehouse.clone());
            Ok(warehouse)
        };
        let found = explain(self.warehouse.as_ref(), &self.graph, request, &empty);
        let found = found.unwrap_or_else(|error| panic!("{request:?}: {error:?}")).0;
        for warehouse in used.into_inner() {
            let mut session = warehouse.session().expect("a session");
            for schema in ["mart", "dimensional", "vault", "standardized", "seed", "raw"] {
                let drop = format!("drop schema if exists {schema} cascade");
                session.execute(&drop).expect("it can be dropped");
            }
            self.spare.borrow_mut().push(warehouse);
        }
        found
    }
}

/// A row of the table, as a condition on its grain; `None` if it has none.
fn any_row(session: &mut dyn Session, node: &Node, dice: &mut Dice) -> Option<String> {
    let contract = &node.file.contract;
    let (table, grain) = (node.name(), contract.grain.join(", "));
    let query = format!("select {grain} from {table} order by {grain}");
    let rows = session.query(&query).and_then(|rows| rows.text_rows()).expect("the table");
    if rows.is_empty() {
        return None;
    }
    let row = dice.pick(&rows);
    let equal = contract.grain.iter().zip(row).map(|(column, value)| match value {
        Some(value) => format!("{column} = {}", literal::of(contract.columns[column].kind, value)),
        None => format!("{column} is null"),
    });
    Some(equal.collect::<Vec<_>>().join(" and "))
}

#[test]
fn the_messages_of_a_chain_give_the_cell() {
    const SEED: u64 = 11;
    let built = Built::tiny();
    let mut session = built.warehouse.session().expect("a session");
    let (mut cell_count, mut message_count) = (0, 0);
    for node in built.graph.in_order().filter(|node| node.build() != BuildKind::Seed) {
        let cell_max = cells_of(node, &mut Dice::new(SEED, node.name().as_str()));
        for cell in 0..cell_max {
            let mut dice = Dice::new(SEED + cell, node.name().as_str());
            let Some(condition) = any_row(session.as_mut(), node, &mut dice) else { continue };
            let columns: Vec<String> = node.file.contract.columns.keys().cloned().collect();
            let column = dice.percent(50).then(|| dice.pick(&columns).clone());
            let table = node.name().clone();
            let request = Request { table, condition, column, row_limit: 1 };
            let found = built.explain(&request);
            let shown = format!("seed {SEED}: {request:?}");
            assert!(found.proof.is_same, "{shown}: {:?}, not {:?}", found.proof, found.rows);
            assert_ne!(found.proof.from, Extent::All, "{shown}: the chain lacks messages");
            for link in &found.chain.links {
                assert_eq!(link.lost_count, 0, "{shown}: {link:?}");
                assert_eq!(link.unfollowed, None, "{shown}: {link:?}");
            }
            cell_count += 1;
            message_count += found.proof.message_count;
        }
    }
    assert!(cell_count > 60, "{cell_count} cells were asked for");
    assert!(message_count > cell_count, "they were made of {message_count} messages");
}
