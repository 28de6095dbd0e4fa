//! Makes the graph out of the files: names to inputs, contracts to reaches, order, code.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    sync::Arc,
};

use jiff::civil::date;

use super::{
    Code, DaySpan, Domain, Graph, Input, Node, Reach,
    code::{epoch_digest, functions_above, tables_above},
};
use crate::{
    contract::{BuildKind, EngineName, TableName, expression::evaluate, file::TableFile},
    diagnostic::FileError,
    digest::Digest,
    instant::MicrosUtc,
    prelude::{Prelude, functions_error},
    project::Project,
    query::{Context, Facts, catalog::Catalog, source::Source, tables::table_read},
    sql::{
        bind::{self, Literal, Parameters},
        reads::{parse_query, tables_named},
        tokens::{TokenError, normalized, tokenize, words},
    },
};

/// Parameters of a window, which every dated build has.
const WINDOW_PARAMETERS: [&str; 2] = ["from_date", "to_date"];
/// Parameters of the calendar: they change with every load date, so only `full` tables may use them.
const CALENDAR_PARAMETERS: [&str; 3] = ["calendar_from_date", "calendar_to_date", "loaded_to_date"];

/// Any values of all parameters, to parse a query with.
pub fn sample_parameters(parameters: &Parameters) -> Parameters {
    let day = date(2026, 1, 5);
    let mut all = parameters.clone();
    for name in WINDOW_PARAMETERS.into_iter().chain(CALENDAR_PARAMETERS) {
        all.insert(name.to_owned(), Literal::Date(day));
    }
    all.insert("cut".to_owned(), Literal::Timestamp(MicrosUtc(1_767_571_200_000_000)));
    all
}

fn empty_graph(project: &Project) -> Graph {
    let source_parameters = project.source_parameters();
    let greatest = |suffix: &str| {
        let days = source_parameters.iter().filter(|(name, _)| name.ends_with(suffix));
        days.map(|(_, value)| *value).max().unwrap_or(0)
    };
    Graph {
        nodes: BTreeMap::new(),
        order: Vec::new(),
        sources: project.sources.keys().map(|source| TableName::new("raw", source)).collect(),
        lateness_days_max: greatest(".max_lateness_days"),
        skew_days_max: greatest(".max_skew_days"),
    }
}

/// The functions of all engines.
struct Preludes<'a> {
    warehouse: &'a Prelude,
    beside: BTreeMap<EngineName, Prelude>,
}

pub fn graph(project: &Project, prelude: &Prelude) -> Result<Graph, FileError> {
    let spark = Prelude::spark(project)
        .map_err(|error| functions_error("spark", &project.spark_functions, &error))?;
    let preludes =
        Preludes { warehouse: prelude, beside: BTreeMap::from([(EngineName::Spark, spark)]) };
    let source_parameters = project.source_parameters();
    let catalog = Catalog::new(project);
    let mut graph = empty_graph(project);
    let mut reads = Reads::new();
    for (name, file) in &project.tables {
        let parameters = table_parameters(file, &source_parameters)?;
        reads.insert(name.clone(), read(file, parameters, project, Some(&catalog))?);
    }
    for name in order(project, &reads)? {
        let read = reads.remove(&name).expect("each name is ordered once");
        let node = node(&project.tables[&name], read, &graph, &preludes)?;
        graph.order.push(name.clone());
        graph.nodes.insert(name, node);
    }
    Ok(graph)
}

/// What may be wrong with tables together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// A parameter that a query uses, or that a contract declares.
    Parameter,
    /// Tables that read each other.
    Circle,
    /// What a contract says of its inputs.
    Reads,
}

/// Everything that is wrong with parameters, circles and declared reads. Unknown tables and syntax
/// are not looked at: who asks has seen them, each at its place.
pub fn problems(project: &Project) -> Vec<(Problem, FileError)> {
    // Nothing is built, so that it does not matter what the functions are.
    let warehouse = &Prelude::default();
    let preludes = &Preludes { warehouse, beside: BTreeMap::new() };
    let source_parameters = project.source_parameters();
    let mut found = Vec::new();
    let mut graph = empty_graph(project);
    let mut reads = Reads::new();
    for (name, file) in &project.tables {
        let parameters = table_parameters(file, &source_parameters);
        let checked = parameters.and_then(|parameters| {
            let is_query = file.contract.build != BuildKind::Seed;
            // What has no tokens was reported as syntax.
            if is_query && let Ok(tokens) = tokenize(file.query()) {
                check_parameters(file, &bind::parameters(&tokens), &parameters)?;
            }
            Ok(parameters)
        });
        match checked {
            Err(error) => found.push((Problem::Parameter, error)),
            Ok(parameters) => {
                let read = read(file, parameters, project, None);
                reads.extend(read.ok().map(|read| (name.clone(), read)));
            }
        }
    }
    let ordered = match order(project, &reads) {
        Ok(ordered) => ordered,
        Err(error) => {
            found.push((Problem::Circle, error));
            return found;
        }
    };
    for name in ordered {
        let read = reads.remove(&name).expect("each name is ordered once");
        let is_known = |read: &TableName| read.layer() == "raw" || graph.nodes.contains_key(read);
        if !read.tables.keys().all(|read| *read == name || is_known(read)) {
            continue;
        }
        match node(&project.tables[&name], read, &graph, preludes) {
            Ok(node) => {
                graph.order.push(name.clone());
                graph.nodes.insert(name, node);
            }
            Err(error) => found.push((Problem::Reads, error)),
        }
    }
    found
}

fn table_parameters(
    file: &TableFile,
    source_parameters: &BTreeMap<String, i64>,
) -> Result<Parameters, FileError> {
    let value = |(name, text): (&String, &String)| {
        evaluate(text, source_parameters)
            .map(|value| (name.clone(), Literal::Int64(value)))
            .map_err(|error| file.error_at(text, error.to_string()))
    };
    file.contract.parameters.iter().map(value).collect()
}

fn token_error(file: &TableFile, error: &TokenError) -> FileError {
    let rest = file.query().get(error.offset..).unwrap_or_default();
    let word = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
    file.error_in_query(error.offset..error.offset + word.max(1), error.message.clone())
}

/// What the query of a table says of what it reads.
struct Read {
    /// The real tables in it, itself included, each with the first place that names it.
    tables: BTreeMap<TableName, Range<usize>>,
    facts: Facts,
    parameters: Parameters,
    code: QueryCode,
}

/// What a query's tokens say of it.
struct QueryCode {
    /// Without comments, in one line.
    normalized: String,
    words: BTreeSet<String>,
    /// Each parameter with its place within the query.
    parameters: Vec<(String, Range<usize>)>,
}

/// Reads a query; unknown names and wrong layers are errors. Without a catalog only the names are read.
fn read(
    file: &TableFile,
    parameters: Parameters,
    project: &Project,
    catalog: Option<&Catalog>,
) -> Result<Read, FileError> {
    let mut tables = BTreeMap::new();
    let syntax = |error| token_error(file, &error);
    let span = file.query_span();
    let source = Source::new(file.path.clone(), file.text.clone(), span).map_err(syntax)?;
    let code = QueryCode {
        normalized: normalized(source.query(), source.tokens()),
        words: words(source.tokens()),
        parameters: bind::parameters(source.tokens()),
    };
    if file.contract.build == BuildKind::Seed {
        return Ok(Read { tables, facts: Facts::default(), parameters, code });
    }
    check_parameters(file, &code.parameters, &parameters)?;
    let query = parse_query(source.query()).map_err(syntax)?;
    for (name, span) in tables_named(&query) {
        let place = source.range(span);
        let table = known_table(file, &name, &place, project)?;
        tables.entry(table).or_insert(place);
    }
    let of = |catalog| Facts::of(&query, &source, Context { project, catalog, table: Some(file) });
    Ok(Read { tables, facts: catalog.map(of).unwrap_or_default(), parameters, code })
}

/// Whether a query may use the parameters that it does: `known` are those of its contract.
fn check_parameters(
    file: &TableFile,
    used: &[(String, Range<usize>)],
    known: &Parameters,
) -> Result<(), FileError> {
    let build = file.contract.build;
    for (name, span) in used {
        let span = span.clone();
        let is_calendar = CALENDAR_PARAMETERS.contains(&name.as_str());
        if is_calendar && build != BuildKind::Full {
            return Err(file
                .error_in_query(span, format!("`@{name}` changes with every load date"))
                .with_help(
                    "only a table of build `full` may use it; read `dimensional.dim_date` instead",
                ));
        }
        let is_window = WINDOW_PARAMETERS.contains(&name.as_str());
        if is_window && matches!(build, BuildKind::Full | BuildKind::View) {
            return Err(file
                .error_in_query(span, format!("`@{name}` is of a window, and this table has none"))
                .with_help("give the contract `build = \"partition\"` and `partition_by`"));
        }
        if name == "cut" && build != BuildKind::History {
            return Err(
                file.error_in_query(span, "`@cut` is only known to a table of build `history`")
            );
        }
    }
    let known = sample_parameters(known);
    let unknown = used.iter().find(|(name, _)| !known.contains_key(name));
    unknown.map_or(Ok(()), |(name, span)| {
        let known: Vec<String> = known.into_keys().collect();
        let message = format!("unknown parameter `@{name}`");
        Err(file.error_in_query(span.clone(), message).with_help(format!(
            "known are @{}; others are declared under [parameters] of the contract",
            known.join(", @")
        )))
    })
}

fn known_table(
    file: &TableFile,
    name: &str,
    place: &Range<usize>,
    project: &Project,
) -> Result<TableName, FileError> {
    table_read(Some(&file.name), name, project).map_err(|error| {
        FileError::new(&file.path, &file.text, place.clone(), error.message).with_help(error.help)
    })
}

type Reads = BTreeMap<TableName, Read>;

/// Each table after what it reads. A circle is an error at the table that closes it.
fn order(project: &Project, reads: &Reads) -> Result<Vec<TableName>, FileError> {
    let mut order: Vec<TableName> = Vec::new();
    let mut waiting: BTreeSet<&TableName> = reads.keys().collect();
    while !waiting.is_empty() {
        let is_ready = |name: &&&TableName| {
            let mut tables = reads[**name].tables.keys();
            !tables.any(|read| read != **name && waiting.contains(read))
        };
        let ready: Vec<&TableName> = waiting.iter().filter(is_ready).copied().collect();
        if ready.is_empty() {
            return Err(circle_error(project, reads, &waiting));
        }
        for name in ready {
            waiting.remove(name);
            order.push(name.clone());
        }
    }
    Ok(order)
}

/// Points at a name that closes a circle. Each waiting table reads one, so that going from one to
/// the next comes back to a table at last.
fn circle_error(project: &Project, reads: &Reads, waiting: &BTreeSet<&TableName>) -> FileError {
    let next = |name: &TableName| {
        let mut tables = reads[name].tables.keys();
        tables.find(|read| *read != name && waiting.contains(read)).expect("none is ready")
    };
    let mut path: Vec<&TableName> = vec![waiting.first().expect("something waits")];
    let start = loop {
        let following = next(path[path.len() - 1]);
        if let Some(start) = path.iter().position(|name| *name == following) {
            break start;
        }
        path.push(following);
    };
    let mut circle: Vec<&str> = path[start..].iter().map(|name| name.as_str()).collect();
    circle.push(circle[0]);
    let file = &project.tables[path[start]];
    let place = reads[path[start]].tables[next(path[start])].clone();
    FileError::new(&file.path, &file.text, place, format!("a circle: {}", circle.join(" reads ")))
        .with_help("let one of them read a table that does not read it")
}

fn domains(file: &TableFile) -> (Domain, Domain) {
    let of = |column: &Option<String>| match column.as_deref() {
        Some("load_date") => Domain::LoadDate,
        Some(_) => Domain::BusinessDate,
        None => Domain::Whole,
    };
    let content = of(&file.contract.partition_by);
    match file.contract.build {
        BuildKind::Partition => (content, content),
        BuildKind::Delta | BuildKind::History => (Domain::LoadDate, content),
        BuildKind::Merge => (Domain::LoadDate, Domain::LoadDate),
        BuildKind::Full | BuildKind::View | BuildKind::Seed => (Domain::Whole, content),
    }
}

fn node(
    file: &TableFile,
    read: Read,
    graph: &Graph,
    preludes: &Preludes<'_>,
) -> Result<Node, FileError> {
    let Read { tables, facts, parameters, code } = read;
    let (window, content) = domains(file);
    for declared in file.contract.reads.keys() {
        if !tables.keys().any(|name| name.as_str() == declared) {
            return Err(file
                .error_at(
                    declared,
                    format!(
                        "the contract declares a read of `{declared}`, and the query reads it not"
                    ),
                )
                .with_help("delete it, or write the table's whole name"));
        }
    }
    let inputs = tables
        .iter()
        .filter(|(name, _)| **name != file.name)
        .map(|read| input(file, read, window, &parameters, graph))
        .collect::<Result<Vec<_>, _>>()?;
    let calendar_parameters = code
        .parameters
        .into_iter()
        .map(|(name, _)| name)
        .filter(|name| CALENDAR_PARAMETERS.contains(&name.as_str()))
        .collect();
    let values: Vec<String> = parameters.iter().map(|(k, v)| format!("{k}={v}")).collect();
    let mut parts = vec![
        ("SQL", Digest::of_texts([code.normalized.as_str()])),
        ("contract", Digest::of_texts([file.contract.meaning().to_string().as_str()])),
        ("parameters", Digest::of_texts(values.iter().map(String::as_str))),
        (Code::FUNCTIONS, preludes.warehouse.digest_for(&code.words)),
    ];
    if let Some(csv) = &file.seed_csv {
        parts.push(("rows", Digest::of_texts([csv.as_ref()])));
    }
    let own = Code::new(parts.clone()).digest();
    let merges = matches!(file.contract.build, BuildKind::Merge | BuildKind::History);
    let above = if merges { tables_above(&inputs, graph) } else { Vec::new() };
    let epoch = merges.then(|| epoch_digest(own, &above));
    if let Some(epoch) = epoch {
        parts.push(("code above it", epoch));
    }
    let functions_beside: BTreeMap<_, _> = preludes
        .beside
        .iter()
        .map(|(engine, prelude)| (*engine, prelude.digest_for(&code.words)))
        .collect();
    let functions_above =
        if merges { functions_above(&functions_beside, &above) } else { BTreeMap::new() };
    Ok(Node {
        file: file.clone(),
        facts: Arc::new(facts),
        inputs,
        parameters,
        window,
        content,
        code: Code::new(parts),
        functions_beside,
        functions_above,
        epoch,
        calendar_parameters,
    })
}

fn input(
    file: &TableFile,
    (table, place): (&TableName, &Range<usize>),
    window: Domain,
    parameters: &Parameters,
    graph: &Graph,
) -> Result<Input, FileError> {
    let declared = file.contract.reads.get(table.as_str()).cloned().unwrap_or_default();
    let input_domain = graph.nodes.get(table).map_or(Domain::LoadDate, |node| node.content);
    let is_history = graph.nodes.get(table).is_some_and(|node| node.build() == BuildKind::History);
    let reach = match (window, input_domain) {
        (Domain::Whole, _) | (_, Domain::Whole) => Reach::Whole,
        _ if declared.whole => Reach::Whole,
        _ if is_history && declared.as_of => Reach::AsOf,
        _ if is_history && declared.days_before.is_none() && declared.days_after.is_none() => {
            let message = format!(
                "`{table}` has a history, and the contract does not say as of when it is read"
            );
            return Err(FileError::new(&file.path, &file.text, place.clone(), message)
                .with_help(format!(
                    "add `[reads.\"{table}\"]` with `as_of = true`, or with `days_before = \"0\"` for the rows that begin on the same date"
                )));
        }
        (own, other) if own == other => {
            let days = |text| days(file, text, parameters);
            Reach::Window(DaySpan {
                days_before: days(declared.days_before.as_ref())?,
                days_after: days(declared.days_after.as_ref())?,
            })
        }
        _ => {
            return Err(file
                .error_at(
                    "partition_by",
                    format!("this table is not partitioned as `{table}`, which it reads"),
                )
                .with_help(format!(
                    "a table by business date is fed from load dates by build `delta`; or add `[reads.\"{table}\"]` with `whole = true`, so that any change of it makes every partition stale"
                )));
        }
    };
    Ok(Input { table: table.clone(), is_lookup: declared.lookup || reach == Reach::AsOf, reach })
}

fn days(
    file: &TableFile,
    text: Option<&String>,
    parameters: &Parameters,
) -> Result<i64, FileError> {
    let Some(text) = text else { return Ok(0) };
    let values = parameters
        .iter()
        .filter_map(|(name, value)| match value {
            Literal::Int64(number) => Some((name.clone(), *number)),
            _ => None,
        })
        .collect();
    evaluate(text, &values).map_err(|error| file.error_at(text, error.to_string()))
}
