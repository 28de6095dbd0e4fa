//! Pieces of the text of contracts and queries, in the house style.

use crate::{
    contract::{ColumnType, toml_text},
    payload::time::TimeForm,
};

/// A line of a query has at most so many columns.
const COLUMNS_MAX: usize = 100;

/// A line of `[columns]` or `[fields]`.
#[derive(Clone, Debug)]
pub struct ContractLine {
    /// The column.
    pub name: String,
    /// Its type.
    pub kind: ColumnType,
    /// Whether it never is NULL.
    pub is_required: bool,
    /// Where it stands in the JSON, if not under its own name.
    pub path: Option<String>,
    /// How it says an instant, if not in UTC.
    pub form: Option<TimeForm>,
    /// What it means.
    pub about: String,
    /// What else the line says, such as `accepted = ["a"]`.
    pub more: String,
}

impl ContractLine {
    /// A column of a table.
    pub fn new(name: &str, kind: ColumnType, is_required: bool, about: &str) -> Self {
        Self {
            name: name.to_owned(),
            kind,
            is_required,
            path: None,
            form: None,
            about: about.to_owned(),
            more: String::new(),
        }
    }
}

/// The lines, their parts one under the other.
pub fn contract_lines(lines: &[ContractLine]) -> String {
    let name_width = lines.iter().map(|line| line.name.len()).max().unwrap_or_default();
    let kind = |line: &ContractLine| format!("\"{}\",", format!("{:?}", line.kind).to_uppercase());
    let kind_width = lines.iter().map(|line| kind(line).len()).max().unwrap_or_default();
    let text = lines.iter().map(|line| {
        let required = if line.is_required { " required = true," } else { "" };
        let path = line
            .path
            .as_ref()
            .map(|path| format!(" path = {},", toml_text(path)))
            .unwrap_or_default();
        let form = line.form.and_then(TimeForm::in_contract);
        let form = form.map(|form| format!(" form = {form},")).unwrap_or_default();
        let more = if line.more.is_empty() { String::new() } else { format!(", {}", line.more) };
        format!(
            "{:<name_width$} = {{ type = {:<kind_width$}{required}{form}{path} about = {}{more} }}",
            line.name,
            kind(line),
            toml_text(&line.about)
        )
    });
    text.collect::<Vec<_>>().join("\n")
}

/// One item a line, each but the last with a comma; the first stands where the placeholder does.
pub fn listed(items: &[String], indent: usize) -> String {
    items.join(&format!(",\n{}", " ".repeat(indent)))
}

/// `f(a) as b`, on two lines if one is too wide.
pub fn aliased(expression: &str, name: &str, indent: usize) -> String {
    let line = format!("{expression} as {name}");
    // A comma follows.
    if indent + line.len() < COLUMNS_MAX {
        return line;
    }
    format!("{expression}\n{}as {name}", " ".repeat(indent + 2))
}

/// `f(a, b)`, its arguments below one another if they are too wide for a line.
pub fn call(function: &str, arguments: &[String], indent: usize) -> String {
    let line = format!("{function}({})", arguments.join(", "));
    if indent + line.len() < COLUMNS_MAX {
        return line;
    }
    let inner = listed(arguments, indent + 2);
    format!("{function}(\n{}{inner}\n{})", " ".repeat(indent + 2), " ".repeat(indent))
}

/// `a is null or b is null`, broken into lines behind `begin` as wide as they may be.
pub fn alternatives(conditions: &[String], begin: &str, end: &str, indent: usize) -> String {
    let mut lines = vec![format!("{begin} ")];
    let narrow = |condition: &String| {
        // Behind `  or `; a long pair of conditions is two lines.
        let is_wide = indent + 5 + condition.len() + end.len() >= COLUMNS_MAX;
        let between = format!("\n{}and ", " ".repeat(indent + 6));
        if is_wide { condition.replacen(" and ", &between, 1) } else { condition.clone() }
    };
    for (number, condition) in conditions.iter().map(narrow).enumerate() {
        let or = if number == 0 { "" } else { " or " };
        let line = lines.last_mut().expect("there is always one");
        if indent + line.len() + or.len() + condition.len() + end.len() >= COLUMNS_MAX {
            lines.push(format!("  {}{condition}", or.trim_start()));
        } else {
            line.push_str(or);
            line.push_str(&condition);
        }
    }
    let lines: Vec<&str> = lines.iter().map(|line| line.trim_end()).collect();
    format!("{} {end}", lines.join(&format!("\n{}", " ".repeat(indent))))
}

#[cfg(test)]
mod tests {
    use super::{ContractLine, aliased, alternatives, call, contract_lines, listed};
    use crate::{contract::ColumnType, payload::time::TimeForm};

    #[test]
    fn parts_of_lines_stand_one_under_the_other() {
        let mut path = ContractLine::new("user_id", ColumnType::String, false, "Who.");
        path.path = Some("user.id".to_owned());
        let mut time = ContractLine::new("n", ColumnType::Timestamp, true, "When.");
        time.form = Some(TimeForm::Millis);
        assert_eq!(
            contract_lines(&[time, path]),
            "n       = { type = \"TIMESTAMP\", required = true, form = \"epoch_millis\", about = \"When.\" }\n\
             user_id = { type = \"STRING\",    path = \"user.id\", about = \"Who.\" }"
        );
    }

    #[test]
    fn long_conditions_are_broken() {
        let one = ["a is null".to_owned()];
        assert_eq!(alternatives(&one, "when", "then 'x'", 6), "when a is null then 'x'");
        let many: Vec<String> = (0..9).map(|n| format!("column_{n} is null")).collect();
        let text = alternatives(&many, "when", "then 'x'", 6);
        assert!(text.lines().count() > 1);
        assert!(text.lines().all(|line| line.len() <= 100), "{text}");
        let name = "n".repeat(40);
        let wide = [format!("(event.{name} is not null and {name} is null)"), "b".to_owned()];
        let text = alternatives(&wide, "when", "then 'x'", 6);
        assert!(text.lines().all(|line| line.len() <= 100), "{text}");
        assert_eq!(aliased("f(a)", "b", 4), "f(a) as b");
        assert_eq!(aliased(&name.repeat(2), &name, 4).lines().count(), 2);
        assert_eq!(call("f", &["a".to_owned(), "b".to_owned()], 4), "f(a, b)");
        let wide = [name.repeat(3), "b".to_owned()];
        assert_eq!(call("f", &wide, 4), format!("f(\n      {},\n      b\n    )", wide[0]));
        assert_eq!(listed(&["a".to_owned(), "b".to_owned()], 2), "a,\n  b");
    }
}
