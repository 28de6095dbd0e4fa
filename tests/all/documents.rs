//! Follows documents that show commands, to the letter, so that they cannot be wrong.
//!
//! What it does with a block of code follows from the word behind the three backticks:
//! - `sh`: a shell runs it, with `lakebed` on its path;
//! - `text`: each line is in what the last shell said, in that order; beginnings of lines do;
//! - `diff`: the lines stand once in the file that its first line names, and are replaced;
//! - `json FILE`, `sql FILE`: the file is written.

use std::{fs, path::Path};

use crate::harness::{CHECKOUT, World, copy_folder};

/// A block of code.
struct Block<'a> {
    /// What stands behind the three backticks.
    kind: &'a str,
    text: &'a str,
    line: usize,
}

fn blocks(markdown: &str) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    let mut line = 1;
    for (number, part) in markdown.split("```").enumerate() {
        if number % 2 == 1 {
            let (kind, text) = part.split_once('\n').expect("a block has lines");
            blocks.push(Block { kind, text, line });
        }
        line += part.matches('\n').count();
    }
    blocks
}

/// A document's text, and its name.
fn document(name: &str) -> (String, String) {
    let name = format!("docs/{name}");
    let text = fs::read_to_string(Path::new(CHECKOUT).join(&name)).expect("it is there");
    (text, name)
}

/// Does what the blocks say. Gives how many there were.
fn follow(world: &World, markdown: &str, name: &str, first_line: usize) -> usize {
    let mut said = String::new();
    let blocks = blocks(markdown);
    for block in &blocks {
        let place = format!("{name}:{}", first_line + block.line);
        match block.kind.split_once(' ').unwrap_or((block.kind, "")) {
            ("sh", _) => said = world.shell(block.text, &place),
            ("text", _) => expect_lines(block.text, &said, &place),
            ("diff", _) => apply(world, block.text, &place),
            ("json" | "sql", file) if !file.is_empty() => {
                fs::write(world.folder().join(file), block.text).expect("writable");
            }
            (kind, _) => panic!("{place}: nobody knows what to do with `{kind}`"),
        }
    }
    blocks.len()
}

#[test]
fn the_tutorial_of_schema_changes_is_true() {
    let world = World::new();
    for folder in ["layers", "scenarios"] {
        copy_folder(&Path::new(CHECKOUT).join(folder), &world.folder().join(folder));
    }
    let (markdown, name) = document("tutorial-schema-changes.md");
    let done_count = follow(&world, &markdown, &name, 0);
    assert!(done_count > 30, "the tutorial has {done_count} blocks");
}

#[test]
fn known_bugs_of_others_do_not_happen() {
    let (markdown, name) = document("known-bugs.md");
    let mut line = 0;
    let mut section_count = 0;
    for section in markdown.split_inclusive("\n## ") {
        let done_count = follow(&World::new(), section, &name, line);
        assert!(line == 0 || done_count > 2, "{name}:{line} shows nothing");
        line += section.matches('\n').count();
        section_count += 1;
    }
    assert!(section_count > 10, "{section_count} sections");
}

fn expect_lines(expected: &str, said: &str, place: &str) {
    let mut rest = said.lines();
    for line in expected.lines() {
        let begin = line.split("[DIGEST]").next().unwrap_or(line);
        let is_found =
            rest.any(|said| said.starts_with(begin) || said.contains(begin.trim_start()));
        assert!(is_found, "{place}: `{line}` is not, or not there, in\n{said}");
    }
}

/// Replaces the old lines of a diff by its new ones.
fn apply(world: &World, diff: &str, place: &str) {
    let (head, body) = diff.split_once('\n').expect("a diff names its file");
    let file = world.folder().join(head.strip_prefix("--- ").expect("a diff names its file"));
    let side = |sign: char| -> String {
        let is_of_side = |line: &&str| line.starts_with([' ', sign]);
        body.lines().filter(is_of_side).map(|line| line[1..].to_owned() + "\n").collect()
    };
    let (old, new) = (side('-'), side('+'));
    let text = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{place}: {error}"));
    assert_eq!(text.matches(&old).count(), 1, "{place}: these lines are not in the file, once");
    fs::write(&file, text.replacen(&old, &new, 1)).expect("writable");
}
