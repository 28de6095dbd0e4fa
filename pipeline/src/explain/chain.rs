//! From rows of a table down to the messages: which rows of each table they were made of.
//!
//! A table is what its query returns over one window of all dates that matter: that is the promise
//! that every build keeps. So one query per table says where its rows come from
//! (`explain::annotate`), and the tables are asked in the graph's order backwards, each once, for all
//! rows that any of its readers needs.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{ToSpan, civil::Date};
use serde::Serialize;

use super::{
    annotate::{self, Annotated, Breadth, ROW_BITS, WHY},
    rows,
};
use crate::{
    builder,
    contract::{BuildKind, TableName},
    graph::{Domain, Graph, Input, Node, Reach},
    plan::{calendar, window::Window},
    port_error::PortError,
    recipe::{select, statements::window_predicate},
    warehouse::{ErrorKind, Session},
};

/// One table of a chain.
#[derive(Clone, Debug, Serialize)]
pub struct Link {
    /// The table.
    pub table: TableName,
    /// How many of its rows.
    pub row_count: i64,
    /// The columns that a reader needs.
    pub columns: BTreeSet<String>,
    /// The tables that its rows come from, with how many rows of each.
    pub from: Vec<(TableName, i64)>,
    /// The window of its query that holds the rows.
    #[serde(skip)]
    pub window: Option<Window>,
    /// Rows that the query no longer returns.
    pub lost_count: i64,
    /// Why its rows were not followed one by one: then all rows in reach count.
    pub unfollowed: Option<String>,
}

impl Link {
    fn new(table: &TableName, row_count: i64, columns: BTreeSet<String>) -> Self {
        Self {
            table: table.clone(),
            row_count,
            columns,
            from: Vec::new(),
            window: None,
            lost_count: 0,
            unfollowed: None,
        }
    }

    /// So many rows of a table.
    fn comes_from(&mut self, table: &TableName, count: i64) {
        match self.from.iter_mut().find(|(known, _)| known == table) {
            Some((_, known)) => *known = count.max(*known),
            None => self.from.push((table.clone(), count)),
        }
    }
}

/// The tables that a row was made of, it first, and after each the ones that it reads.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Chain {
    /// The tables; those of which no row was needed are left out.
    pub links: Vec<Link>,
}

impl Chain {
    /// A table of the chain.
    pub fn link(&self, table: &TableName) -> Option<&Link> {
        self.links.iter().find(|link| link.table == *table)
    }

    /// The sources, with how many messages of each.
    pub fn leaves<'a>(&'a self, graph: &'a Graph) -> impl Iterator<Item = &'a Link> {
        self.links.iter().filter(|link| graph.sources().contains(&link.table))
    }
}

/// The columns of each table that are needed.
pub type Needed = BTreeMap<TableName, BTreeSet<String>>;

/// Keeps the rows of the inputs in the table `followed_to`.
fn keep_inputs(
    session: &mut dyn Session,
    inputs: &[String],
    link: &mut Link,
) -> Result<(), PortError> {
    let row_mask = (1_u64 << ROW_BITS) - 1;
    for (tag, input) in inputs.iter().enumerate() {
        let name = table_name(input);
        let of_input = format!(
            "select cast(number & {row_mask} as ubigint) as id from followed_to \
             where number >> {ROW_BITS} = {tag}"
        );
        let count = session.query(&format!("select count(*) from ({of_input})"))?.count()?;
        if count > 0 {
            let kept = rows::kept(&name);
            session
                .execute(&format!("insert into {kept} {of_input} except select id from {kept}"))?;
            link.comes_from(&name, count);
        }
    }
    Ok(())
}

fn table_name(text: &str) -> TableName {
    TableName::parse(text).expect("it is in the graph")
}

/// What is the same for all tables of a warehouse.
pub struct Lineage<'a> {
    /// The tables.
    pub graph: &'a Graph,
    /// The first and the last load date of any source.
    pub load_dates: (Date, Date),
    /// How much is followed.
    pub breadth: Breadth,
}

impl Lineage<'_> {
    /// Follows the kept rows of `target`, of which `columns` are asked for, down to the messages, and
    /// rows that are needed `besides`.
    pub fn follow(
        &self,
        session: &mut dyn Session,
        target: &TableName,
        columns: &BTreeSet<String>,
        besides: &Needed,
    ) -> Result<Chain, PortError> {
        let mut needed = besides.clone();
        needed.insert(target.clone(), columns.clone());
        let upstream = self.graph.with_upstream(&[target.clone()].into());
        let sources = self.graph.sources();
        for name in upstream.iter().chain(sources).filter(|name| *name != target) {
            rows::forget(session, name)?;
        }
        for name in besides.keys() {
            rows::keep_besides(session, name)?;
        }
        let mut links = Vec::new();
        let in_order: Vec<&Node> = self.graph.in_order().collect();
        for node in in_order.into_iter().rev().filter(|node| upstream.contains(node.name())) {
            let row_count = rows::count(session, node.name())?;
            if row_count > 0 {
                let columns = needed.remove(node.name()).unwrap_or_default();
                let mut link = Link::new(node.name(), row_count, columns);
                self.follow_one(session, node, &mut link, (&mut needed, besides))?;
                links.push(link);
            }
        }
        for source in sources {
            let row_count = rows::count(session, source)?;
            if row_count > 0 {
                let columns = needed.remove(source).unwrap_or_default();
                links.push(Link::new(source, row_count, columns));
            }
        }
        Ok(Chain { links })
    }

    fn follow_one(
        &self,
        session: &mut dyn Session,
        node: &Node,
        link: &mut Link,
        (needed, besides): (&mut Needed, &Needed),
    ) -> Result<(), PortError> {
        if node.inputs.is_empty() {
            return Ok(());
        }
        let window = self.window(session, node)?;
        link.window = Some(window);
        let select = self.select(session, node, window)?;
        let mut passes = vec![(self.breadth, rows::kept(node.name()))];
        if besides.contains_key(node.name()) {
            passes.push((Breadth::Whole, rows::besides(node.name())));
        }
        session.execute("create or replace temp table followed_to (number ubigint)")?;
        for (breadth, numbers) in passes {
            match self.follow_rows(session, node, (&select, breadth, &numbers), link)? {
                Ok(annotated) => {
                    for (table, columns) in annotated.needed {
                        needed.entry(table_name(&table)).or_default().extend(columns);
                    }
                    keep_inputs(session, &annotated.inputs, link)?;
                }
                Err(why) => {
                    link.unfollowed = Some(why);
                    for input in &node.inputs {
                        let count = self.keep_reached(session, input, window)?;
                        link.comes_from(&input.table, count);
                        let all = rows::input_table(self.graph, &input.table).columns;
                        needed.entry(input.table.clone()).or_default().extend(all);
                    }
                }
            }
        }
        Ok(())
    }

    /// Adds what the rows with these numbers come from to the table `followed_to`. What cannot be
    /// rewritten, or what the engine cannot run of it, is said instead.
    fn follow_rows(
        &self,
        session: &mut dyn Session,
        node: &Node,
        (select, breadth, numbers): (&str, Breadth, &str),
        link: &mut Link,
    ) -> Result<Result<Annotated, String>, PortError> {
        let read = node.inputs.iter().map(|input| &input.table).chain([node.name()]);
        let tables = read
            .map(|name| (name.as_str().to_owned(), rows::input_table(self.graph, name)))
            .collect();
        let own = node.name().as_str();
        let annotated = match annotate::annotate(select, own, &link.columns, &tables, breadth) {
            Ok(annotated) => annotated,
            Err(why) => return Ok(Err(why.to_string())),
        };
        let grain = &node.file.contract.grain;
        let made = session.execute(&format!(
            "create or replace temp table followed as\n\
             with wanted as (select distinct {} from {} where {})\n\
             select rows.{WHY} from (\n{}\n) as rows semi join wanted on {}",
            rows::grain(node),
            node.name(),
            rows::is_among(self.graph, node.name(), numbers),
            annotated.text,
            rows::same(grain, "rows", "wanted"),
        ));
        if let Err(error) = made {
            return Ok(Err(error.to_string()));
        }
        if numbers == rows::kept(node.name()) {
            let found = session.query("select count(*) from followed")?.count()?;
            link.lost_count = (link.row_count - found).max(0);
        }
        session.execute(&format!(
            "insert into followed_to select distinct unnest({WHY}) from followed \
             except select number from followed_to"
        ))?;
        Ok(Ok(annotated))
    }

    /// Keeps every row of an input that a build of the window may read.
    fn keep_reached(
        &self,
        session: &mut dyn Session,
        input: &Input,
        window: Window,
    ) -> Result<i64, PortError> {
        let column = match self.graph.get(&input.table) {
            Some(read) => read.partition_column(),
            None => Some("load_date"),
        };
        let predicate = match (&input.reach, window, column) {
            (Reach::Window(span), Window::Dates { from, to }, Some(column)) => {
                let from = from.saturating_sub(span.days_before.days());
                let to = to.saturating_add(span.days_after.days());
                window_predicate(Some(&format!("date({column})")), Window::Dates { from, to })
            }
            (Reach::AsOf, Window::Dates { to, .. }, Some(column)) => {
                format!("date({column}) <= date '{to}'")
            }
            _ => "true".to_owned(),
        };
        let kept = rows::kept(&input.table);
        let number = rows::row_number(self.graph, &input.table);
        session.execute(&format!(
            "create or replace temp table followed_to as \
             select distinct cast({number} as ubigint) as id from {} where {predicate}",
            input.table
        ))?;
        session.execute(&format!(
            "insert into {kept} select id from followed_to except select id from {kept}"
        ))?;
        session.query("select count(*) from followed_to")?.count()
    }

    /// The dates of a window of the table's query that returns all of the kept rows.
    fn window(&self, session: &mut dyn Session, node: &Node) -> Result<Window, PortError> {
        let contract = &node.file.contract;
        let column = match node.build() {
            BuildKind::Partition => contract.partition_by.as_deref(),
            BuildKind::Delta => contract.window_by.as_deref(),
            BuildKind::Merge | BuildKind::History => return Ok(self.all_loaded()),
            BuildKind::Full | BuildKind::View | BuildKind::Seed => return Ok(Window::Whole),
        };
        let column = column.expect("the contract's form was checked");
        let rows = session.query(&format!(
            "select min({column}), max({column}) from {} where {}",
            node.name(),
            rows::is_kept(self.graph, node.name())
        ))?;
        let rows = rows.text_rows()?;
        let date = |at: usize| rows.first().and_then(|row| row[at].as_ref()?.parse().ok());
        match (date(0), date(1)) {
            (Some(from), Some(to)) => Ok(Window::Dates { from, to }),
            _ => Ok(self.all_loaded()),
        }
    }

    /// The window of all load dates.
    pub fn all_loaded(&self) -> Window {
        let (from, to) = self.load_dates;
        Window::Dates { from, to }
    }

    /// The query of a table for a window, as a build from nothing would send it.
    pub fn select(
        &self,
        session: &mut dyn Session,
        node: &Node,
        window: Window,
    ) -> Result<String, PortError> {
        let cut = builder::cut(session, node, window)?;
        // The calendar is that of all messages, also where only a part of them is looked at.
        let calendar = calendar(self.graph, node, Some(self.load_dates));
        select::bound(node, window, &calendar, cut)
            .map(|select| select.text)
            .map_err(|error| PortError::new(ErrorKind::Bug, error.to_string()))
    }

    /// The window in which a table is built anew from the messages of a chain.
    pub fn rebuild_window(&self, node: &Node, chain: &Chain) -> Window {
        match node.window {
            Domain::Whole => Window::Whole,
            Domain::LoadDate => self.all_loaded(),
            Domain::BusinessDate => {
                let link = chain.link(node.name());
                link.and_then(|link| link.window).unwrap_or_else(|| self.all_loaded())
            }
        }
    }
}
