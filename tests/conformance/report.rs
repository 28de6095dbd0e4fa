//! What was compared, and how it came out: a table for people, construct by engine.

use std::{collections::BTreeMap, fmt, fmt::Write as _};

use Verdict::{Differs, Same, Skipped};

/// The engines that DuckDB is compared with, in the order of their columns.
pub const ENGINES: [&str; 2] = [GOOGLESQL, SPARK];
/// Google's analyzer and reference implementation.
pub const GOOGLESQL: &str = "googlesql";
/// Apache Spark, in local mode.
pub const SPARK: &str = "spark";

/// What kind of thing is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Statements of builds, read by the analyzer.
    Statements,
    /// What statements that change tables leave in them.
    Effects,
    /// The rows of tables' queries.
    Tables,
    /// The values of functions.
    Functions,
    /// The values of the generated payload parsers.
    Payloads,
    /// Functions made wrong on purpose, each of which must be found.
    Mutants,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Statements => "statements",
            Self::Effects => "effects",
            Self::Tables => "tables",
            Self::Functions => "functions",
            Self::Payloads => "payloads",
            Self::Mutants => "mutants",
        })
    }
}

impl Part {
    const ALL: [Self; 6] = [
        Self::Statements,
        Self::Effects,
        Self::Tables,
        Self::Functions,
        Self::Payloads,
        Self::Mutants,
    ];

    /// What was done with each of its constructs.
    const fn done(self) -> &'static str {
        match self {
            Self::Statements => "analyzed",
            Self::Mutants => "found",
            _ => "compared",
        }
    }
}

/// How a construct came out on an engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Every case gave the same.
    Same,
    /// Some did not; what one can paste into both engines, and what each says.
    Differs(Vec<String>),
    /// It was not compared, and why.
    Skipped(String),
}

/// One construct on one engine.
#[derive(Clone, Debug)]
pub struct Line {
    /// What kind of thing it is.
    pub part: Part,
    /// What was compared, such as a table or a function.
    pub construct: String,
    /// With which of `ENGINES`.
    pub engine: &'static str,
    /// How it came out.
    pub verdict: Verdict,
    /// How many statements, rows or values were compared.
    pub case_count: usize,
}

/// All lines.
#[derive(Debug, Default)]
pub struct Report {
    lines: Vec<Line>,
}

impl Report {
    /// Adds a line, and says it if it is a difference.
    pub fn add(&mut self, line: Line) {
        if let Differs(differences) = &line.verdict {
            eprintln!("DIFFERENCE in {} on {}:", line.construct, line.engine);
            for difference in differences {
                eprintln!("{difference}\n");
            }
        }
        self.lines.push(line);
    }

    /// Adds the lines of another.
    pub fn append(&mut self, mut other: Self) {
        self.lines.append(&mut other.lines);
    }

    /// Whether something was compared, and no case differed.
    pub fn is_success(&self) -> bool {
        let is_different = |line: &Line| matches!(line.verdict, Differs(_));
        !self.lines.is_empty() && !self.lines.iter().any(is_different)
    }

    /// The lines of each construct, in the order of parts and of their first lines.
    pub fn constructs(&self) -> Vec<(Part, &str, Vec<&Line>)> {
        let mut places = BTreeMap::new();
        let mut constructs: Vec<(Part, &str, Vec<&Line>)> = Vec::new();
        for line in &self.lines {
            let key = (line.part, line.construct.as_str());
            let place = *places.entry(key).or_insert_with(|| {
                constructs.push((key.0, key.1, Vec::new()));
                constructs.len() - 1
            });
            constructs[place].2.push(line);
        }
        constructs.sort_by_key(|(part, ..)| *part);
        constructs
    }

    /// The table, its sums, and what was skipped.
    pub fn text(&self) -> String {
        let constructs = self.constructs();
        let width = constructs.iter().map(|(_, name, _)| name.chars().count()).max().unwrap_or(0);
        let mut text = format!("{:<11} {:<width$}", "part", "construct");
        for engine in ENGINES {
            let _ = write!(text, "  {:>7} {engine:<12}", "cases");
        }
        for (part, construct, lines) in constructs {
            let _ = write!(text, "\n{part:<11} {construct:<width$}");
            for engine in ENGINES {
                let cell = lines.iter().find(|line| line.engine == engine);
                let count = cell.map(|line| line.case_count.to_string()).unwrap_or_default();
                let verdict = cell.map(|line| short(&line.verdict)).unwrap_or_default();
                let _ = write!(text, "  {count:>7} {verdict:<12}");
            }
        }
        text.push_str("\n\n");
        for (name, value) in self.sums() {
            let _ = writeln!(text, "{name:<20} {value}");
        }
        for (construct, engine, reason) in self.skipped() {
            let _ = writeln!(text, "  {construct} on {engine}: {reason}");
        }
        text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n") + "\n"
    }

    /// What was done how often, with which engine.
    pub fn sums(&self) -> Vec<(String, String)> {
        let mut sums = Vec::new();
        for part in Part::ALL {
            let counts: Vec<String> = ENGINES
                .into_iter()
                .map(|engine| (engine, self.count(part, engine)))
                .filter(|(_, count)| *count > 0)
                .map(|(engine, count)| format!("{} on {engine}", grouped(count)))
                .collect();
            if !counts.is_empty() {
                sums.push((format!("{part} {}", part.done()), counts.join(", ")));
            }
        }
        let cases: usize = self.lines.iter().map(|line| line.case_count).sum();
        let different = self.lines.iter().filter(|line| matches!(line.verdict, Differs(_))).count();
        let none_or = |count: usize| if count == 0 { "none".to_owned() } else { grouped(count) };
        sums.push(("cases".to_owned(), grouped(cases)));
        sums.push(("differences".to_owned(), none_or(different)));
        sums.push(("skipped".to_owned(), none_or(self.skipped().count())));
        sums
    }

    /// Statements are counted one by one; of everything else the constructs are.
    fn count(&self, part: Part, engine: &str) -> usize {
        let is_counted = |line: &&Line| {
            line.part == part && line.engine == engine && !matches!(line.verdict, Skipped(_))
        };
        let counted = self.lines.iter().filter(is_counted);
        if part == Part::Statements {
            counted.map(|line| line.case_count).sum()
        } else {
            counted.count()
        }
    }

    /// What was skipped on which engine, and why.
    pub fn skipped(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        self.lines.iter().filter_map(|line| match &line.verdict {
            Skipped(reason) => Some((line.construct.as_str(), line.engine, reason.as_str())),
            Same | Differs(_) => None,
        })
    }
}

/// A verdict in a word or two.
pub fn short(verdict: &Verdict) -> String {
    match verdict {
        Same => "same".to_owned(),
        Differs(differences) => format!("DIFFERS ({})", differences.len()),
        Skipped(_) => "skipped".to_owned(),
    }
}

/// `1234567` as `1,234,567`.
fn grouped(count: usize) -> String {
    let digits = count.to_string();
    let first = digits.len() % 3;
    let mut text = digits[..first].to_owned();
    for start in (first..digits.len()).step_by(3) {
        if !text.is_empty() {
            text.push(',');
        }
        text.push_str(&digits[start..start + 3]);
    }
    text
}
