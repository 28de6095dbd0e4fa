//! What was compared, and how it came out: a table for people.

use std::{fmt::Write as _, path::Path};

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
    /// `statements`, `tables`, `functions` or `spark`.
    pub part: &'static str,
    /// What was compared, such as a table or a function.
    pub construct: String,
    /// With which engine.
    pub engine: &'static str,
    /// How it came out.
    pub verdict: Verdict,
    /// How many statements, rows or values were compared.
    pub case_count: usize,
}

/// All lines, in the order in which they came.
#[derive(Debug, Default)]
pub struct Report {
    lines: Vec<Line>,
}

impl Report {
    /// Adds a line, and says it if it is a difference.
    pub fn add(&mut self, line: Line) {
        if let Verdict::Differs(differences) = &line.verdict {
            eprintln!("DIFFERENCE in {} on {}:", line.construct, line.engine);
            for difference in differences {
                eprintln!("{difference}\n");
            }
        }
        self.lines.push(line);
    }

    /// Whether no case differed.
    pub fn is_success(&self) -> bool {
        !self.lines.iter().any(|line| matches!(line.verdict, Verdict::Differs(_)))
    }

    /// The table, its sums, and what was skipped.
    pub fn text(&self) -> String {
        let width = self.lines.iter().map(|line| line.construct.chars().count()).max().unwrap_or(0);
        let mut text = String::new();
        for Line { part, construct, engine, verdict, case_count } in &self.lines {
            let verdict = short(verdict);
            let _ = writeln!(
                text,
                "{part:<11} {construct:<width$}  {engine:<9}  {case_count:>8}  {verdict}"
            );
        }
        let _ = writeln!(text, "\n{}", self.sums());
        text
    }

    fn sums(&self) -> String {
        let count = |is_counted: &dyn Fn(&Line) -> bool| {
            self.lines.iter().filter(|l| is_counted(l)).count()
        };
        let cases: usize = self.lines.iter().map(|line| line.case_count).sum();
        format!(
            "{} constructs, {cases} cases: {} the same, {} different, {} skipped",
            self.lines.len(),
            count(&|line| line.verdict == Verdict::Same),
            count(&|line| matches!(line.verdict, Verdict::Differs(_))),
            count(&|line| matches!(line.verdict, Verdict::Skipped(_))),
        )
    }

    /// Writes the table as a page that needs nothing else.
    pub fn write_html(&self, path: &Path) -> std::io::Result<()> {
        let mut body = String::new();
        for line in &self.lines {
            let (class, detail) = match &line.verdict {
                Verdict::Same => ("same", String::new()),
                Verdict::Differs(differences) => {
                    ("differs", format!("<pre>{}</pre>", escaped(&differences.join("\n\n"))))
                }
                Verdict::Skipped(_) => ("skipped", String::new()),
            };
            let _ = writeln!(
                body,
                "<tr class={class}><td>{}<td>{}<td>{}<td class=number>{}<td>{}{detail}</tr>",
                line.part,
                escaped(&line.construct),
                line.engine,
                line.case_count,
                escaped(&short(&line.verdict)),
            );
        }
        std::fs::write(path, PAGE.replace("{sums}", &self.sums()).replace("{body}", &body))
    }
}

const PAGE: &str = "<!doctype html><html lang=en><meta charset=utf-8><title>Conformance</title>\
<style>body{font:15px/1.4 system-ui,sans-serif;margin:2em}table{border-collapse:collapse}\
th,td{text-align:left;padding:.2em .8em;border-bottom:1px solid #ddd;vertical-align:top}\
.number{text-align:right}.differs{background:#fdd}.skipped{color:#777}pre{white-space:pre-wrap}\
</style><h1>Conformance</h1><p>{sums}</p><table><tr><th>Part<th>Construct<th>Engine<th>Cases\
<th>Verdict</tr>\n{body}</table></html>\n";

fn short(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Same => "same".to_owned(),
        Verdict::Differs(differences) => format!("{} DIFFERENCES", differences.len()),
        Verdict::Skipped(reason) => format!("skipped: {reason}"),
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
