//! Which partitions of a table are stale, and why.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

use jiff::{ToSpan, civil::Date};

use super::{
    Anew, Reason, Stamp, StampedCode,
    inputs::Inputs,
    snapshot::{Content, Partition, Snapshot},
    sums::Sums,
};
use crate::{
    contract::{BuildKind, EngineName, TableName},
    digest::Digest,
    graph::{DaySpan, Domain, Graph, Node, Reach},
    recipe::Built,
    sql::bind::{Literal, Parameters},
};

/// A partition that must be built, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stale {
    /// Which.
    pub partition: Partition,
    /// What it will be stamped with once built.
    pub stamp: Stamp,
    /// Why.
    pub reason: Reason,
}

/// What is to be built of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Due {
    /// Why it begins anew, if it does: what merged under other code, has other columns than the
    /// contract, or was hashed in another way, cannot be mended partition by partition.
    pub anew: Option<Anew>,
    /// The partitions to build, in order. Of a table that begins anew that is all that are not empty.
    pub stale: Vec<Stale>,
}

impl Due {
    /// Whether there is anything to do.
    pub fn is_nothing(&self) -> bool {
        self.anew.is_none() && self.stale.is_empty()
    }
}

/// What somebody wants to be built.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Only these tables; they must include what they read, or have it built already.
    pub tables: BTreeSet<TableName>,
    /// Only partitions within these dates, both included.
    pub dates: Option<(Date, Date)>,
    /// These also where they are not stale.
    pub full: BTreeSet<TableName>,
}

/// Compares what the warehouse holds with what the code and the inputs ask for.
///
/// It keeps what it has found out of each table, and looks again only at what a build can have
/// changed: a table that was built, and, if its contents are others then, its readers.
#[derive(Debug)]
pub struct Planner {
    graph: Arc<Graph>,
    snapshot: Snapshot,
    engine: Option<EngineName>,
    memo: Mutex<Memo>,
}

/// What was found out.
#[derive(Debug, Default)]
struct Memo {
    load_dates: OnceLock<Option<(Date, Date)>>,
    sums: BTreeMap<TableName, Arc<Sums>>,
    due: BTreeMap<TableName, Arc<Due>>,
}

impl Planner {
    /// Over what the warehouse holds.
    pub fn new(graph: Arc<Graph>, snapshot: Snapshot) -> Self {
        Self { graph, snapshot, engine: None, memo: Mutex::default() }
    }

    /// The tables.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// What the warehouse holds.
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// From now on this engine runs the SELECTs of the tables that are marked for it. Who ran one does
    /// not make a partition stale: engines give the same rows.
    pub fn use_engine(&mut self, engine: EngineName) {
        self.engine = Some(engine);
        *self.memo() = Memo::default();
    }

    /// Changes what is known of the warehouse. All tables are looked at again.
    pub fn update<T>(&mut self, change: impl FnOnce(&mut Snapshot) -> T) -> T {
        *self.memo() = Memo::default();
        change(&mut self.snapshot)
    }

    /// Takes in what builds of a table have changed.
    pub fn apply(&mut self, table: &TableName, all: &[Built]) {
        for built in all {
            built.apply(table, &mut self.snapshot);
        }
        let is_changed =
            all.iter().any(|built| built.entry.is_reset || !built.entry.contents.is_empty());
        let memo = &mut *self.memo.lock().unwrap_or_else(PoisonError::into_inner);
        memo.due.remove(table);
        if is_changed {
            memo.sums.remove(table);
            look_again_at_readers(&self.graph, memo, table);
        }
        // Who made the rows above a merge is stamped with it.
        let has_run_beside =
            |built: &Built| built.entry.stamps.iter().any(|(_, stamp)| stamp.code.engine.is_some());
        if all.iter().any(has_run_beside) {
            memo.due.retain(|name, _| self.graph.node(name).epoch.is_none());
        }
    }

    /// What is to be built of a table.
    pub fn due(&self, node: &Node) -> Arc<Due> {
        let known = self.memo().due.get(node.name()).cloned();
        if let Some(known) = known {
            return known;
        }
        let due = Arc::new(self.look(node));
        self.memo().due.insert(node.name().clone(), Arc::clone(&due));
        due
    }

    /// What a table must wait for before it begins anew. Merged rows are never unmerged: as long as
    /// something above is stale, it would merge what the old code made.
    pub fn waits_for(&self, node: &Node) -> Option<TableName> {
        if node.epoch.is_none() || self.due(node).anew.is_none() {
            return None;
        }
        self.stale_above(node)
    }

    /// A table above another one of which something is to be built.
    pub fn stale_above(&self, node: &Node) -> Option<TableName> {
        let above = self.graph.with_upstream(&BTreeSet::from([node.name().clone()]));
        let is_stale =
            |name: &TableName| name != node.name() && !self.due(self.graph.node(name)).is_nothing();
        above.into_iter().find(is_stale)
    }

    /// What is wanted of a table: its stale partitions within the dates; of a table of `full`, all that
    /// have rows. A table that begins anew does so whole: with some dates only, the rows of the others
    /// would be gone.
    pub fn selected(&self, node: &Node, selection: &Selection) -> Vec<Stale> {
        let is_wanted = |partition: Partition| match (partition, selection.dates) {
            (Some(date), Some((from, to))) => from <= date && date <= to,
            _ => true,
        };
        let due = self.due(node);
        let mut found = due.stale.clone();
        if selection.full.contains(node.name()) {
            let known = found.iter().map(|stale| stale.partition).collect();
            found.extend(self.fresh_again(node, &known));
            found.sort_by_key(|stale| stale.partition);
        }
        found.retain(|stale| due.anew.is_some() || is_wanted(stale.partition));
        found
    }

    /// The partitions that are not empty and not among `known`, for a build that was asked for.
    pub fn fresh_again(&self, node: &Node, known: &BTreeSet<Partition>) -> Vec<Stale> {
        let inputs = self.inputs(node);
        let code = self.code(node);
        self.partitions(node)
            .into_iter()
            .filter(|partition| !known.contains(partition))
            .map(|partition| (partition, self.stamp(&inputs, &code, partition)))
            .filter(|(_, stamp)| stamp.fingerprint.is_some())
            .map(|(partition, stamp)| Stale { partition, stamp, reason: Reason::AskedFor })
            .collect()
    }

    /// The calendar's parameters that the query uses, with their values.
    pub fn calendar(&self, node: &Node) -> Parameters {
        calendar(&self.graph, node, self.load_dates())
    }

    /// The first and the last load date of any source; `None` before the first message.
    pub fn load_dates(&self) -> Option<(Date, Date)> {
        *self.memo().load_dates.get_or_init(|| self.snapshot.load_dates(self.graph.sources()))
    }

    /// What was found out so far. Nothing is looked for while somebody has it.
    fn memo(&self) -> MutexGuard<'_, Memo> {
        self.memo.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn look(&self, node: &Node) -> Due {
        let anew = self.anew(node);
        let stamps = self.snapshot.stamps.get(node.name()).filter(|_| anew.is_none());
        let inputs = self.inputs(node);
        let mut code = None;
        let mut read = Vec::new();
        let mut stale = Vec::new();
        for partition in self.partitions(node) {
            let last = stamps.and_then(|stamps| stamps.get(&partition));
            let engine = last.map_or_else(|| self.engine_of(node), |last| last.code.engine);
            let wanted = inputs.fingerprint(engine, partition, &mut read);
            if last.and_then(|last| last.fingerprint) == wanted {
                continue;
            }
            let code = code.get_or_insert_with(|| self.code(node));
            let stamp = self.stamp(&inputs, code, partition);
            let reason = match &anew {
                Some(anew) => Reason::Anew(anew.clone()),
                None => reason(node, last, &stamp),
            };
            stale.push(Stale { partition, stamp, reason });
        }
        Due { anew, stale }
    }

    fn anew(&self, node: &Node) -> Option<Anew> {
        if self.snapshot.misshapen.contains(node.name()) {
            return Some(Anew::Columns);
        }
        let stamps = self.snapshot.stamps.get(node.name())?;
        // A view has no contents that could be hashed.
        let hashes = (node.build() != BuildKind::View).then_some(&self.snapshot.hashes);
        let epoch = self.epoch(node);
        let mut found = None;
        for stamp in stamps.values() {
            if hashes.is_some_and(|hashes| !hashes.are_of(stamp)) {
                return Some(Anew::Hashes(self.snapshot.hashes.running.clone()));
            }
            if stamp.epoch != epoch {
                found = Some(Anew::Epoch);
            }
            let is_other = |(engine, digest): &(&EngineName, &String)| {
                node.functions_above.get(engine).is_none_or(|now| now.to_string() != **digest)
            };
            if found.is_none()
                && let Some((engine, _)) = stamp.code.above.iter().find(is_other)
            {
                found = Some(Anew::Functions(*engine));
            }
        }
        found
    }

    fn epoch(&self, node: &Node) -> Option<Digest> {
        let generation = self.snapshot.generation.to_string();
        node.epoch.map(|epoch| match self.snapshot.generation {
            0 => epoch,
            _ => Digest::of_texts([epoch.to_string().as_str(), &generation]),
        })
    }

    /// The engine that will run the SELECT, if it is not the warehouse.
    fn engine_of(&self, node: &Node) -> Option<EngineName> {
        self.engine.filter(|engine| node.file.runs_on(*engine))
    }

    /// The stamp of a partition that is built now.
    fn stamp(&self, inputs: &Inputs<'_>, code: &Arc<StampedCode>, partition: Partition) -> Stamp {
        let mut read = Vec::new();
        let fingerprint = inputs.fingerprint(code.engine, partition, &mut read);
        Stamp {
            fingerprint,
            epoch: self.epoch(inputs.node),
            code: Arc::clone(code),
            inputs: inputs.to_json(&read).into(),
        }
    }

    /// The code that a build now is stamped with.
    fn code(&self, node: &Node) -> Arc<StampedCode> {
        let engine = self.engine_of(node);
        let above = if node.epoch.is_some() { self.engines_above(node) } else { BTreeSet::new() };
        let digest = |engine: EngineName| {
            node.functions_above.get(&engine).map(|digest| (engine, digest.to_string()))
        };
        Arc::new(StampedCode {
            hashes: self.snapshot.hashes.unlike_recorded().map(str::to_owned),
            engine,
            above: above.into_iter().filter_map(digest).collect(),
            parts: node.code_on(engine).parts(),
        })
    }

    /// The engines besides the warehouse that made rows of a table or of what is above it.
    fn engines_above(&self, node: &Node) -> BTreeSet<EngineName> {
        let above = self.graph.with_upstream(&BTreeSet::from([node.name().clone()]));
        let stamps = above.iter().filter_map(|name| self.snapshot.stamps.get(name));
        let ran = stamps.flat_map(BTreeMap::values).filter_map(|stamp| stamp.code.engine);
        ran.chain(self.engine_of(node)).collect()
    }

    fn inputs<'a>(&'a self, node: &'a Node) -> Inputs<'a> {
        let calendar: Vec<(String, String)> = self
            .calendar(node)
            .into_iter()
            .map(|(name, value)| (format!("@{name}"), value.to_string()))
            .collect();
        let last_load_date = self.load_dates().map(|(_, last)| last);
        // What does not change from partition to partition.
        let mut rest: Vec<String> =
            node.inputs.iter().map(|input| input.table.to_string()).collect();
        rest.extend(calendar.iter().map(|(name, value)| format!("{name} {value}")));
        if self.snapshot.generation > 0 {
            rest.extend(self.epoch(node).map(|epoch| epoch.to_string()));
        }
        let base = |engine: Option<EngineName>| {
            let code = node.code_on(engine).digest().to_string();
            let texts = std::iter::once(code.as_str()).chain(rest.iter().map(String::as_str));
            (engine, Digest::of_texts(texts))
        };
        let engines = node.functions_beside.keys().copied().map(Some);
        Inputs {
            node,
            bases: std::iter::once(None).chain(engines).map(base).collect(),
            sums: node.inputs.iter().map(|input| (input, self.sums(&input.table))).collect(),
            calendar,
            last_load_date,
        }
    }

    fn sums(&self, table: &TableName) -> Arc<Sums> {
        let known = self.memo().sums.get(table).cloned();
        if let Some(known) = known {
            return known;
        }
        let sums = Arc::new(match self.graph.get(table) {
            // A view stores nothing: what it is made of stands for it.
            Some(view) if view.build() == BuildKind::View => {
                let stamp = self.inputs(view).fingerprint(None, None, &mut Vec::new());
                Sums::new(stamp.map(|stamp| (None, Content::standing_for(stamp))))
            }
            _ => {
                let contents = self.snapshot.contents.get(table).into_iter().flatten();
                Sums::new(contents.map(|(partition, content)| (*partition, *content)))
            }
        });
        self.memo().sums.insert(table.clone(), Arc::clone(&sums));
        sums
    }

    /// Every partition that has rows of an input in reach, or was ever built, in order.
    fn partitions(&self, node: &Node) -> Vec<Partition> {
        let stamps = self.snapshot.stamps.get(node.name());
        let last = self.load_dates().map(|(_, last)| last);
        let mut found: Vec<Partition> = Vec::new();
        if node.window == Domain::Whole {
            found.extend(last.map(|_| None));
        }
        // Technical tables end with the last load date, and so do marts: both speak of days that have
        // begun to load.
        let is_capped = node.window == Domain::LoadDate || node.name().layer() == "mart";
        let dated = node.inputs.iter().filter(|input| !input.is_lookup);
        for input in dated.filter(|_| node.window != Domain::Whole) {
            let Reach::Window(span) = input.reach else { continue };
            let reached = reached(span, self.snapshot.occupied_dates(&input.table));
            found.extend(reached.map(Some).filter(|date| !is_capped || *date <= last));
        }
        found.extend(stamps.into_iter().flat_map(|stamps| stamps.keys().copied()));
        found.sort_unstable();
        found.dedup();
        found
    }
}

/// The partitions that read any of these dates, which are in order; in order, each once.
fn reached(span: DaySpan, dates: impl Iterator<Item = Date>) -> impl Iterator<Item = Date> {
    let mut next = Date::MIN;
    dates.flat_map(move |date| {
        let from = date.saturating_sub(span.days_after.days()).max(next);
        let to = date.saturating_add(span.days_before.days());
        next = next.max(to.tomorrow().unwrap_or(Date::MAX));
        let days = std::iter::successors(Some(from), |day| day.tomorrow().ok());
        days.take_while(move |day| *day <= to)
    })
}

fn look_again_at_readers(graph: &Graph, memo: &mut Memo, table: &TableName) {
    for reader in graph.readers(table) {
        memo.due.remove(reader.name());
        // What a view reads is what its readers read.
        if reader.build() == BuildKind::View && memo.sums.remove(reader.name()).is_some() {
            look_again_at_readers(graph, memo, reader.name());
        }
    }
}

/// The values of the calendar's parameters that a query uses.
pub fn calendar(graph: &Graph, node: &Node, load_dates: Option<(Date, Date)>) -> Parameters {
    let mut values = Parameters::new();
    let Some((first, last)) = load_dates else { return values };
    let from = first.saturating_sub(graph.lateness_days_max.days()).first_of_year();
    let to = last.saturating_add(graph.skew_days_max.days()).last_of_year();
    let all = [("calendar_from_date", from), ("calendar_to_date", to), ("loaded_to_date", last)];
    for (name, date) in all {
        if node.calendar_parameters.contains(name) {
            values.insert(name.to_owned(), Literal::Date(date));
        }
    }
    values
}

fn reason(node: &Node, last: Option<&Stamp>, wanted: &Stamp) -> Reason {
    let Some(last) = last else { return Reason::NeverBuilt };
    if wanted.fingerprint.is_none() {
        return Reason::NothingLeft;
    }
    let parts = node.code_on(last.code.engine).changed_since(&last.code.parts);
    if !parts.is_empty() {
        let of_engine = |part: &'static str| match last.code.engine {
            Some(engine) if part == "functions" => format!("functions of {engine}"),
            _ => part.to_owned(),
        };
        return Reason::Code(parts.into_iter().map(of_engine).collect());
    }
    let read = |stamp: &Stamp| {
        serde_json::from_str::<BTreeMap<String, String>>(&stamp.inputs).unwrap_or_default()
    };
    let before = read(last);
    let changed: Vec<String> = read(wanted)
        .into_iter()
        .filter(|(name, digest)| before.get(name) != Some(digest))
        .map(|(name, _)| name)
        .collect();
    if changed.is_empty() { Reason::WasEmpty } else { Reason::Inputs(changed) }
}
