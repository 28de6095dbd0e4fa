//! Bodies of functions in place of their calls, for Spark, which gives no SQL function to a lambda.
//!
//! Not for: functions of several arguments.

use std::collections::BTreeMap;

use super::statements_among;
use crate::sql::tokens::{SpannedToken, TokenError, tokenize};

/// What the functions of the schema `udf` with one argument return.
#[derive(Debug, Default)]
pub struct Bodies(BTreeMap<String, Body>);

#[derive(Debug)]
struct Body {
    parameter: String,
    text: String,
}

impl Bodies {
    /// Of the statements that create them: `create or replace function udf.f(s STRING) returns … return …`.
    pub fn of(text: &str) -> Result<Self, TokenError> {
        let mut bodies = BTreeMap::new();
        let tokens = tokenize(text)?;
        for tokens in statements_among(&tokens) {
            let end = tokens[tokens.len() - 1].span.end;
            let words: Vec<&str> = tokens.iter().map(|token| &text[token.span.clone()]).collect();
            let is_create = |words: &[&str]| words[..2] == ["udf", "."] && words[3] == "(";
            let Some(at) = words.windows(4).position(is_create) else { continue };
            let body = words.iter().position(|word| *word == "return");
            if let ([name, "(", parameter, _, ")", ..], Some(body)) = (&words[at + 2..], body) {
                let text = text[tokens[body].span.end..end].trim_start().to_owned();
                let body = Body { parameter: (*parameter).to_owned(), text };
                bodies.insert((*name).to_owned(), body);
            }
        }
        Ok(Self(bodies))
    }

    /// What `udf.<name>(<argument>)` stands for; the call itself where nothing is known of it.
    pub fn call(&self, name: &str, argument: &str) -> String {
        match self.0.get(name) {
            Some(body) => {
                format!("({})", self.expanded(&body.text, &body.parameter, argument))
            }
            None => format!("udf.{name}({argument})"),
        }
    }

    /// A text with the argument in the parameter's place, and without the calls that are known.
    fn expanded(&self, text: &str, parameter: &str, argument: &str) -> String {
        let tokens = tokenize(text).expect("it was cut between tokens");
        let word = |at: usize| tokens.get(at).map_or("", |token| &text[token.span.clone()]);
        let (mut whole, mut copied, mut at) = (String::new(), 0, 0);
        while at < tokens.len() {
            let is_call = word(at) == "udf" && self.0.contains_key(word(at + 2));
            let (last, written) = if is_call {
                let last = closing(text, &tokens, at + 3);
                let inner = &text[tokens[at + 3].span.end..tokens[last].span.start];
                let inner = self.expanded(inner, parameter, argument);
                (last, self.call(word(at + 2), &inner))
            } else if word(at) == parameter {
                (at, argument.to_owned())
            } else {
                at += 1;
                continue;
            };
            whole.push_str(&text[copied..tokens[at].span.start]);
            whole.push_str(&written);
            copied = tokens[last].span.end;
            at = last + 1;
        }
        whole + &text[copied..]
    }
}

/// The parenthesis that closes the one at `open`.
fn closing(text: &str, tokens: &[SpannedToken], open: usize) -> usize {
    let mut depth = 0;
    let closes = |token: &SpannedToken| {
        match &text[token.span.clone()] {
            "(" => depth += 1,
            ")" => depth -= 1,
            _ => {}
        }
        depth == 0
    };
    open + tokens[open..].iter().position(closes).expect("parentheses are closed")
}

#[cfg(test)]
mod tests {
    use super::Bodies;

    #[test]
    fn a_call_is_what_the_function_returns() {
        let statements = [
            "create or replace function udf.g(s STRING) returns BIGINT\n  return length(s) + 1",
            "create or replace function udf.f(s STRING) returns BIGINT return if(s = 's', udf.g(lower(s)), udf.h(s))",
            "create or replace function udf.h(a STRING, b STRING) returns STRING return a || b",
            "set x = 1",
        ];
        let bodies = Bodies::of(&statements.join(";\n")).expect("tokens");
        assert_eq!(bodies.call("g", "t.a"), "(length(t.a) + 1)");
        assert_eq!(
            bodies.call("f", "t.a"),
            "(if(t.a = 's', (length(lower(t.a)) + 1), udf.h(t.a)))"
        );
        assert_eq!(bodies.call("h", "t.a"), "udf.h(t.a)");
    }
}
