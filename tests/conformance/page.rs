//! The report as a page that needs nothing else: `--html FILE`.

use std::fmt::Write as _;

use crate::report::{ENGINES, Line, Report, Verdict, short};

const HEAD: &str = "<!doctype html><html lang=en><meta charset=utf-8><title>Conformance</title>\
<style>body{font:15px/1.4 system-ui,sans-serif;margin:2em}table{border-collapse:collapse}\
th,td{text-align:left;padding:.2em .8em;border-bottom:1px solid #ddd;vertical-align:top}\
.number{text-align:right}.differs{background:#fdd}.skipped{color:#777}pre{white-space:pre-wrap}\
</style><h1>Conformance</h1>\
<p>The SQL of this project, run by DuckDB and by the engines that the columns name.</p>\n";

/// The page.
pub fn html(report: &Report) -> String {
    let mut page = HEAD.to_owned();
    page.push_str("<table>\n");
    for (name, value) in report.sums() {
        let _ = writeln!(page, "<tr><th>{}<td>{}</tr>", escaped(&name), escaped(&value));
    }
    page.push_str("</table>\n<h2>Skipped</h2><ul>\n");
    for (construct, engine, reason) in report.skipped() {
        let (construct, reason) = (escaped(construct), escaped(reason));
        let _ = writeln!(page, "<li>{construct} on {engine}: {reason}</li>");
    }
    page.push_str("</ul>\n<h2>Construct by engine</h2><table><tr><th>Part<th>Construct");
    for engine in ENGINES {
        let _ = write!(page, "<th class=number>Cases<th>{engine}");
    }
    page.push_str("</tr>\n");
    for (part, construct, lines) in report.constructs() {
        let _ = write!(page, "<tr><td>{part}<td>{}", escaped(construct));
        for engine in ENGINES {
            page.push_str(&cell(lines.iter().find(|line| line.engine == engine).copied()));
        }
        page.push_str("</tr>\n");
    }
    page.push_str("</table></html>\n");
    page
}

fn cell(line: Option<&Line>) -> String {
    let Some(Line { verdict, case_count, .. }) = line else { return "<td><td>".to_owned() };
    let (class, detail) = match verdict {
        Verdict::Same => ("same", String::new()),
        Verdict::Differs(differences) => {
            ("differs", format!("<pre>{}</pre>", escaped(&differences.join("\n\n"))))
        }
        Verdict::Skipped(_) => ("skipped", String::new()),
    };
    let verdict = escaped(&short(verdict));
    format!("<td class=number>{case_count}<td class={class}>{verdict}{detail}")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
