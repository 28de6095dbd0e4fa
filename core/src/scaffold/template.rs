//! Templates of files, `templates/` in the checkout: texts in which `{{name}}` stands for a value.
//!
//! They make the first version of a project's files, once. What runs is plain SQL.

use std::collections::BTreeMap;

use include_dir::{Dir, include_dir};

static TEMPLATES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../templates");

/// Values by name.
pub type Values = BTreeMap<&'static str, String>;

/// A file of `templates/`, such as `orders.ndjson`.
pub fn file(path: &str) -> &'static str {
    let file = TEMPLATES.get_file(path).and_then(|file| file.contents_utf8());
    file.expect("the file is in the binary, where a test looks for it")
}

/// The files under `templates/project`, by path, as they are there.
pub fn project_files() -> Vec<(String, &'static str)> {
    let folder = TEMPLATES.get_dir("project").expect("the folder is in the binary");
    let mut files = Vec::new();
    let mut pending = vec![folder];
    while let Some(folder) = pending.pop() {
        pending.extend(folder.dirs());
        for file in folder.files() {
            let path = file.path().strip_prefix("project").unwrap_or(file.path());
            let text = file.contents_utf8().expect("templates are text");
            files.push((path.display().to_string(), text));
        }
    }
    files.sort();
    files
}

/// The text with each `{{name}}` replaced by its value.
pub fn filled(text: &str, values: &Values) -> String {
    let mut parts = text.split("{{");
    let mut whole = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, rest) = part.split_once("}}").expect("a placeholder is closed");
        whole.push_str(values.get(name).expect("a placeholder has a value"));
        whole.push_str(rest);
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::{Values, filled, project_files};

    #[test]
    fn placeholders_are_replaced_and_nothing_else() {
        let values = Values::from([("a", "1".to_owned()), ("b", "{{a}}".to_owned())]);
        assert_eq!(filled("{{a}} { {{b}} } x", &values), "1 { {{a}} } x");
    }

    #[test]
    fn the_project_is_in_the_binary() {
        let paths: Vec<String> = project_files().into_iter().map(|(path, _)| path).collect();
        assert!(paths.contains(&"layers/vault/hub_ENTITY.sql".to_owned()), "{paths:?}");
        assert!(super::file("orders.ndjson").lines().count() > 20);
    }
}
