//! `lakebed init`: begins a project of one's own from a file of events.

use std::{
    fs,
    io::{self, IsTerminal, Write},
    path::{Path, PathBuf},
};

use serde_json::json;

use super::{
    Failure, open,
    output::{self, Page},
    summary,
};
use crate::{
    cli::{InitArgs, Place},
    contract::TableName,
    event_files::{EventFile, looks_like},
    payload::{
        self,
        name::column_name,
        path::{self, FieldPath},
        profile::{Profile, Weight},
    },
    scaffold::{self, Chosen, Scaffold},
};

/// A proposal needs no more; the contract says of how many it was made.
const EVENTS_LOOKED_AT_MAX: u64 = 100_000;
/// As many as a function takes that makes one key of them.
const ID_FIELD_COUNT_MAX: usize = 5;
/// Where the functions that every query may use stand.
const FUNCTIONS: &str = "layers/functions/duckdb.sql";

pub fn init(place: &Place, args: &InitArgs) -> Result<(), Failure> {
    let folder = args.folder.as_path();
    if folder.join("layers").exists() {
        return Err(Failure::usage(format!("{} has a project already", shown(folder)))
            .hint("name a folder without `layers/`; add tables to a project by adding files"));
    }
    let (events, source) = events(args)?;
    let (profile, line_count) = profile(&events)?;
    if profile.object_count == 0 {
        let foreign = events.foreign_text();
        let said = looks_like(foreign.as_ref());
        let hint = foreign.map_or_else(
            || "events are JSON objects: one a line, or the elements of a list".to_owned(),
            |foreign| foreign.hint(events.shown()),
        );
        return Err(
            Failure::usage(format!("{} has no JSON object{said}", events.shown())).hint(hint)
        );
    }
    let basis = basis(&events, args, &profile, line_count);
    let mut chosen = chosen(args, &profile)?;
    let mut scaffold = Scaffold::propose(&source, basis.clone(), &profile, &chosen);
    if let Some(id) = asked_id(place, &scaffold)? {
        chosen.id = vec![id];
        scaffold = Scaffold::propose(&source, basis, &profile, &chosen);
    }
    let steps = steps(args, &source, &scaffold)?;
    let mut files =
        scaffold.files(&steps.iter().fold(String::new(), |all, step| all + step + "\n"));
    let functions = lakebed_files::embedded();
    let functions = functions.get(Path::new(FUNCTIONS)).expect("the binary has its functions");
    files.insert(FUNCTIONS.to_owned(), functions.to_string());
    if args.from.is_none() {
        files.insert(format!("{source}.ndjson"), scaffold::sample_events().to_owned());
    }
    for (path, text) in &files {
        write_new(&folder.join(path), text)?;
    }
    if place.json {
        let json = json!({
            "folder": folder,
            "source": source,
            "decisions": scaffold.decisions(),
            "files": files.keys().collect::<Vec<_>>(),
            "steps": steps,
        });
        return output::print(&format!("{json}\n"));
    }
    output::print(render(folder, &scaffold, files.len(), &steps).as_str())
}

/// The parts that the options give to fields.
fn chosen(args: &InitArgs, profile: &Profile) -> Result<Chosen, Failure> {
    let path = |option: &Option<String>| {
        option.as_ref().map(|text| field_named(profile, text)).transpose()
    };
    let id = args.id.as_ref().map(|text| fields_named(profile, text)).transpose()?;
    Ok(Chosen { id: id.unwrap_or_default(), time: path(&args.time)?, entity: path(&args.hub)? })
}

/// The field that a person means, or several with commas between them.
fn fields_named(profile: &Profile, text: &str) -> Result<Vec<FieldPath>, Failure> {
    if let Ok(field) = field_named(profile, text) {
        return Ok(vec![field]);
    }
    let fields: Vec<FieldPath> =
        text.split(',').map(|part| field_named(profile, part.trim())).collect::<Result<_, _>>()?;
    if fields.len() > ID_FIELD_COUNT_MAX {
        return Err(Failure::usage(format!(
            "{} fields are too many to name an event",
            fields.len()
        ))
        .hint(format!("name at most {ID_FIELD_COUNT_MAX}")));
    }
    Ok(fields)
}

/// Asks who sits before a terminal which of several fields names an event; anyone else gets a name
/// for the option that says it.
fn asked_id(place: &Place, scaffold: &Scaffold) -> Result<Option<FieldPath>, Failure> {
    let possible = scaffold.possible_ids();
    let is_asked = io::stdin().is_terminal() && io::stderr().is_terminal();
    if possible.is_empty() || place.json || !is_asked {
        return Ok(None);
    }
    eprintln!("Which field names an event, the same when it is sent again?");
    for (number, path) in possible.iter().enumerate() {
        eprintln!("  {} {}", number + 1, path::written(path));
    }
    eprint!("  0 none of them: an equal payload is the same event\nNumber [0]: ");
    let mut answer = String::new();
    io::stdin().read_line(&mut answer).map_err(Failure::data)?;
    let number: usize = answer.trim().parse().unwrap_or_default();
    Ok(number.checked_sub(1).and_then(|at| possible.get(at).cloned()))
}

/// The field that a person means, who may write a key with points in it without quotes.
fn field_named(profile: &Profile, text: &str) -> Result<FieldPath, Failure> {
    let exact = path::parse(text).ok().filter(|path| profile.fields.contains_key(path));
    let without_quotes = || profile.fields.keys().find(|path| path.join(".") == text).cloned();
    exact.or_else(without_quotes).ok_or_else(|| {
        let known: Vec<String> = profile.fields.keys().map(|path| path::written(path)).collect();
        Failure::usage(format!("no event has a field `{text}`"))
            .hint(format!("the fields are {}", known.join(", ")))
    })
}

/// The file of events, and the name of the source.
fn events(args: &InitArgs) -> Result<(EventFile, String), Failure> {
    let (file, name) = if let Some(path) = &args.from {
        let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
        (EventFile::at(path), scaffold::source_name(&name))
    } else {
        let sample = scaffold::sample_events().as_bytes();
        (EventFile::spooled(sample, &std::env::temp_dir())?, "orders".to_owned())
    };
    let source = args.source.clone().unwrap_or(name);
    let is_name = column_name([source.as_str()]) == source;
    if !is_name
        || TableName::parse(&format!("raw.{source}")).is_none()
        || source == scaffold::RECONCILIATION
    {
        return Err(Failure::usage(format!("`{source}` cannot be the name of a source")).hint(
            "use lower case, digits and `_`, and no word of SQL, such as --source page_views",
        ));
    }
    Ok((file, source))
}

fn profile(events: &EventFile) -> Result<(Profile, u64), Failure> {
    let mut profile = Profile::default();
    let mut line_count = 0;
    for line in events.lines()? {
        let line = line?;
        if line_count == EVENTS_LOOKED_AT_MAX {
            break;
        }
        line_count += 1;
        // What is no JSON counts as a line, and says nothing.
        if let Ok(payload) = payload::read(&line) {
            profile.observe(&payload, Weight::ONE);
        }
    }
    Ok((profile, line_count))
}

fn basis(events: &EventFile, args: &InitArgs, profile: &Profile, line_count: u64) -> String {
    let count = summary::grouped(profile.object_count);
    let first = if line_count == EVENTS_LOOKED_AT_MAX { "the first " } else { "" };
    match &args.from {
        Some(_) => format!("{first}{count} events of {}", events.name()),
        None => format!("{count} made-up events"),
    }
}

/// The commands to type next, as they can be typed.
fn steps(args: &InitArgs, source: &str, scaffold: &Scaffold) -> Result<Vec<String>, Failure> {
    let file = match &args.from {
        Some(path) => from_folder(&args.folder, path)?,
        None => PathBuf::from(format!("{source}.ndjson")),
    };
    let backfill = scaffold.time_path().map(|path| format!(" --backfill {}", open::quoted(&path)));
    // In its folder, the project is found.
    let lakebed = open::program();
    let mut steps = Vec::new();
    if args.folder != Path::new(".") {
        steps.push(format!("cd {}", open::quoted(&args.folder.display().to_string())));
    }
    steps.push(format!(
        "{lakebed} ingest --source {source}{} {}",
        backfill.unwrap_or_default(),
        open::quoted(&file.display().to_string())
    ));
    steps.push(format!("{lakebed} plan"));
    steps.push(format!("{lakebed} build"));
    steps.push(format!(
        "{lakebed} query \"select * from mart.{source}_by_day order by event_date\""
    ));
    Ok(steps)
}

/// The path of a file from within another folder: as it is, if that is where we are.
fn from_folder(folder: &Path, file: &Path) -> Result<PathBuf, Failure> {
    if file.is_absolute() || folder == Path::new(".") {
        return Ok(file.to_path_buf());
    }
    std::path::absolute(file).map_err(Failure::data)
}

fn write_new(path: &Path, text: &str) -> Result<(), Failure> {
    let write = || {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        // What is there stays, whoever put it there.
        let mut file = match fs::File::create_new(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
            file => file?,
        };
        file.write_all(text.as_bytes())
    };
    write().map_err(|error| {
        Failure::data(error).hint(format!("cannot write {}; name another folder", path.display()))
    })
}

fn shown(folder: &Path) -> String {
    if folder == Path::new(".") { "this folder".to_owned() } else { folder.display().to_string() }
}

fn render(folder: &Path, scaffold: &Scaffold, file_count: usize, steps: &[String]) -> Page {
    let mut text = Page::default();
    text.line(format_args!(
        "Wrote {file_count} files into {}: the source `{}` and its tables, from {}.",
        shown(folder),
        scaffold.source,
        scaffold.basis
    ));
    for decision in scaffold.decisions() {
        text.line(format_args!("  {decision}"));
    }
    text.line(format_args!(
        "What could not be told stands after a `# ?` in layers/raw/{}.toml.",
        scaffold.source
    ));
    text.line(format_args!(""));
    text.line(format_args!("What now:"));
    for step in steps {
        text.line(format_args!("  {step}"));
    }
    text
}
