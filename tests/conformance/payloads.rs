//! The generated payload parsers read every body alike: documents of each source's fields, with what
//! phones and other programs get wrong.

use std::collections::BTreeSet;

use lakebed::{
    contract::{ColumnType, source::SourceContract},
    payload::path::FieldPath,
    portable::types::Type,
};
use proptest::{
    collection::vec,
    prelude::*,
    sample::select,
    strategy::{BoxedStrategy, ValueTree},
};

use crate::{
    arguments::Arguments,
    functions::runner,
    google::Google,
    report::{GOOGLESQL, Line, Part, Report, Verdict},
    rows::hex,
    trial::{Call, Shape, Trial, compare, shrunk},
    world::OpenProject,
};

/// Values as they stand in a document: texts, numbers of all sizes and forms, and what is no JSON.
const VALUES: [&str; 62] = [
    r#""x""#,
    r#""""#,
    r#"" ""#,
    r#""2026-01-05T10:00:00.123456Z""#,
    r#""1""#,
    r#""true""#,
    r#""{\"k\":1}""#,
    r#""[1]""#,
    r#""{""#,
    r#""é😀""#,
    r#""\ud83d\ude00""#,
    r#""\ud83d""#,
    r#""\ude00x""#,
    r#""\\ud83d""#,
    r#""\u0000""#,
    r#""a\u0000b""#,
    r#""\/\b\f\n\r\t\"\\""#,
    r#""\x""#,
    r#""\u12""#,
    "\"a\tb\"",
    "\"a\u{7f}b\"",
    r#""a,}b""#,
    r#"": NaN,""#,
    "0",
    "-0",
    "1",
    "-1",
    "12",
    "01",
    "+1",
    ".5",
    "1.",
    "0x1",
    "1.0",
    "1.10",
    "-0.0",
    "1e3",
    "1E+05",
    "1e-7",
    "4.35",
    "1e15",
    "1234567890123456.7",
    "1e16",
    "123456789012345678901234567890",
    "9223372036854775808",
    "1e400",
    "-1e400",
    "1e-400",
    "true",
    "false",
    "null",
    "TRUE",
    "NaN",
    "-Infinity",
    "nan",
    "{}",
    r#"{"z": 1, "y": [1]}"#,
    "[]",
    r#"[1, "2"]"#,
    r#"[ 1.10 , -0, 1e400, {"a" : " { \ud83d\ude00 \/ \u001f\\\" " }, 18446744073709551616 ]"#,
    r#"{"b":1,"a":[[],{ }],"b":"é😀"}"#,
    r#"[true,false,null,"\\"]"#,
];
/// What stands around a document, or in its place.
const AROUND: [(&str, &str); 16] = [
    ("", ""),
    ("", ""),
    ("", ""),
    ("", ""),
    (" \n", "\t "),
    ("\u{feff}", ""),
    ("", "\0"),
    ("", "x"),
    ("", "{}"),
    ("", ","),
    ("[", "]"),
    ("/**/", ""),
    ("", "//"),
    ("\u{b}", ""),
    ("\u{a0}", ""),
    ("{", "}"),
];

/// What comes last: rarely what is no UTF-8.
const LAST_BYTES: [&[u8]; 12] = [b"", b"", b"", b"", b"", b"", b"", b"", b"", b"", b"", b"\xff"];
/// Of so many values of a field one is not of its type.
const WRONG_PERIOD: usize = 16;

/// Compares the parser of each source.
pub fn compare_all(
    open: &OpenProject,
    google: &mut Google,
    arguments: &Arguments,
    report: &mut Report,
) {
    let mut session = open.in_memory();
    for (source, file) in &open.project.sources {
        let construct = format!("udf.parse_{source}");
        if !arguments.wants(&construct) {
            continue;
        }
        let document = prop_oneof![bodies(&file.contract), messages(&file.contract)];
        let body = (document, select(&LAST_BYTES[..]))
            .prop_map(|(document, last)| vec![hex(&[document.as_bytes(), last].concat()).into()]);
        let call = Call {
            expression: format!("{construct}(a0)"),
            shape: Shape::Scalar,
            kinds: vec![Type::Bytes],
            returns: Type::Unknown,
            groups: vec(body, 1..=1).boxed(),
        };
        let mut runner = runner();
        let new_tree = |_| call.groups.new_tree(&mut runner).expect("nothing is rejected");
        let mut trees: Vec<_> = (0..arguments.depth.body_count).map(new_tree).collect();
        let groups = trees.iter().map(ValueTree::current).collect();
        let trial = Trial { call: &call, groups, tolerance: None };
        let verdict = match compare(session.as_mut(), google, &trial) {
            Ok(None) => Verdict::Same,
            Ok(Some(body)) => {
                let shrunk = shrunk(session.as_mut(), google, &trial, trees[body].as_mut());
                Verdict::Differs(vec![shrunk])
            }
            Err(problem) => Verdict::Differs(vec![problem]),
        };
        let case_count = arguments.depth.body_count;
        report.add(Line {
            part: Part::Payloads,
            construct,
            engine: GOOGLESQL,
            verdict,
            case_count,
        });
    }
}

/// Messages that have most fields of the contract, most of them of the right type.
fn messages(contract: &SourceContract) -> BoxedStrategy<String> {
    let paths: Vec<FieldPath> = contract.paths().map(|(_, path)| path).collect();
    let values: Vec<_> = contract
        .fields
        .iter()
        .flat_map(|(name, field)| field.paths(name).into_iter().map(|_| good_value(field.kind)))
        .map(|good| {
            (0..WRONG_PERIOD, select(&VALUES[..]))
                .prop_map(move |(turn, value)| if turn == 0 { value } else { good })
        })
        .collect();
    values
        .prop_map(move |values| {
            let fields: Vec<(&[String], &str)> =
                paths.iter().map(Vec::as_slice).zip(values).collect();
            written(&fields)
        })
        .boxed()
}

fn good_value(kind: ColumnType) -> &'static str {
    match kind {
        ColumnType::Int64 => "12",
        ColumnType::Bool => "true",
        ColumnType::Timestamp => r#""2026-01-05T10:00:00.123456Z""#,
        _ => r#""x""#,
    }
}

/// The object that has these fields, in the order of the first key of each.
fn written(fields: &[(&[String], &str)]) -> String {
    let mut keys: Vec<&String> = fields.iter().filter_map(|(path, _)| path.first()).collect();
    let mut known = BTreeSet::new();
    keys.retain(|key| known.insert(*key));
    let member = |key: &String| {
        let own = fields.iter().filter(|(path, _)| path.first() == Some(key));
        let inner: Vec<(&[String], &str)> = own.map(|(path, value)| (&path[1..], *value)).collect();
        let value = match inner.as_slice() {
            [([], value)] => (*value).to_owned(),
            inner => written(inner),
        };
        format!("\"{key}\":{value}")
    };
    format!("{{{}}}", keys.into_iter().map(member).collect::<Vec<_>>().join(","))
}

/// Documents with some of the contract's fields, some twice, and some of no contract.
fn bodies(contract: &SourceContract) -> BoxedStrategy<String> {
    let mut names: Vec<String> = contract.paths().flat_map(|(_, path)| path).collect();
    names.sort();
    names.dedup();
    names.extend(["unknown", "", "a.b", "\\u0061"].map(str::to_owned));
    let leaf = select(&VALUES[..]).prop_map(str::to_owned);
    let object = move |value: BoxedStrategy<String>| {
        let field = (select(names.clone()), value, select(vec![":", ": ", " :", ""]));
        let separator = select(vec![",", ",", ",", ", ", ",", ",,", " "]);
        (vec(field, 0..6), separator, select(vec!["", "", "", "", "", ","])).prop_map(
            |(fields, separator, last)| {
                let fields: Vec<String> = fields
                    .into_iter()
                    .map(|(name, value, colon)| {
                        let colon = if colon.is_empty() { ":" } else { colon };
                        format!("\"{name}\"{colon}{value}")
                    })
                    .collect();
                let last = if fields.is_empty() { "" } else { last };
                format!("{{{}{last}}}", fields.join(separator))
            },
        )
    };
    let value = prop_oneof![4 => leaf.clone(), 1 => object(leaf.boxed())].boxed();
    (object(value), select(&AROUND[..]))
        .prop_map(|(document, (before, after))| format!("{before}{document}{after}"))
        .boxed()
}
