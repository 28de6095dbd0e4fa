//! Mistakes that a machine can put into any query: by its tokens, so that strings and comments stay
//! what they are.

use std::ops::Range;

use lakebed::sql::tokens::{SpannedToken, tokenize};
use sqlparser::tokenizer::Token;

/// Functions of which one is taken for the other.
const SWAPPED: [(&str, &str); 5] = [
    ("min", "max"),
    ("least", "greatest"),
    ("lag", "lead"),
    ("min_by", "max_by"),
    ("sum", "count"),
];

/// What ends a list of expressions, besides the parenthesis around it.
const ENDS: [&str; 8] = ["order", "rows", "range", "limit", "qualify", "union", "where", "group"];

/// A query with a mistake.
#[derive(Clone, Debug)]
pub struct Change {
    /// What kind of mistake.
    pub operator: &'static str,
    /// The line in which it is, as it was.
    pub line: String,
    /// What stands there instead, of what was changed.
    pub becomes: String,
    /// The query.
    pub query: String,
}

/// All mistakes that can be put into a query.
pub fn changes(query: &str) -> Vec<Change> {
    let tokens = tokenize(query).expect("the project's queries are SQL");
    let text = Text { query, tokens: &tokens };
    let mut found = Vec::new();
    for place in 0..tokens.len() {
        text.orders(place, &mut found);
        text.partitions(place, &mut found);
        text.comparisons(place, &mut found);
        text.functions(place, &mut found);
        text.joins(place, &mut found);
        text.distincts(place, &mut found);
        text.intervals(place, &mut found);
        text.conditions(place, &mut found);
    }
    found
}

struct Text<'a> {
    query: &'a str,
    tokens: &'a [SpannedToken],
}

impl Text<'_> {
    /// The last expression of an order dropped: what it tells apart is tied. And one turned.
    fn orders(&self, place: usize, found: &mut Vec<Change>) {
        if !(self.is_word(place, "order") && self.is_word(place + 1, "by")) {
            return;
        }
        let parts = self.list(place + 2);
        let Some(last) = parts.last() else { return };
        if let [.., before, last] = parts.as_slice() {
            let dropped = self.end(before)..self.end(last);
            found.push(self.change("tiebreak dropped", dropped, ""));
        } else {
            let dropped = self.begin(place)..self.end(last);
            found.push(self.change("order dropped", dropped, ""));
        }
        for part in &parts {
            let end = part.end - 1;
            let range = self.tokens[end].span.clone();
            let after = range.end..range.end;
            found.push(if self.is_word(end, "desc") {
                self.change("order turned", range, "asc")
            } else {
                self.change("order turned", after, " desc")
            });
        }
    }

    /// An expression of what is partitioned by dropped: the partition is wider.
    fn partitions(&self, place: usize, found: &mut Vec<Change>) {
        if !(self.is_word(place, "partition") && self.is_word(place + 1, "by")) {
            return;
        }
        let parts = self.list(place + 2);
        if let [only] = parts.as_slice() {
            let dropped = self.begin(place)..self.end(only);
            found.push(self.change("partition key widened", dropped, ""));
            return;
        }
        for (index, part) in parts.iter().enumerate() {
            let dropped = match parts.get(index + 1) {
                Some(next) => self.begin(part.start)..self.begin(next.start),
                None => self.end(&parts[index - 1])..self.end(part),
            };
            found.push(self.change("partition key widened", dropped, ""));
        }
    }

    /// The edge of a comparison in instead of out, or out instead of in.
    fn comparisons(&self, place: usize, found: &mut Vec<Change>) {
        let other = match self.tokens[place].token {
            Token::Lt => "<=",
            Token::LtEq => "<",
            Token::Gt => ">=",
            Token::GtEq => ">",
            _ => return,
        };
        found.push(self.change("edge moved", self.tokens[place].span.clone(), other));
    }

    /// The least for the greatest, the one before for the one after.
    fn functions(&self, place: usize, found: &mut Vec<Change>) {
        let is_call = self.tokens.get(place + 1).is_some_and(|next| next.token == Token::LParen);
        for (one, other) in SWAPPED.into_iter().filter(|_| is_call) {
            for (from, to) in [(one, other), (other, one)] {
                if self.is_word(place, from) && !(from == "count" && to == "sum") {
                    found.push(self.change(
                        "function swapped",
                        self.tokens[place].span.clone(),
                        to,
                    ));
                }
            }
        }
    }

    /// Rows without a partner dropped, or kept.
    fn joins(&self, place: usize, found: &mut Vec<Change>) {
        if self.is_word(place, "left") && self.is_word(place + 1, "join") {
            let left = self.begin(place)..self.begin(place + 1);
            found.push(self.change("join's side changed", left, ""));
        }
        let is_plain = self.is_word(place, "join")
            && !place.checked_sub(1).is_some_and(|before| {
                ["left", "cross", "full", "right", "inner"].iter().any(|w| self.is_word(before, w))
            });
        if is_plain {
            found.push(self.change(
                "join's side changed",
                self.tokens[place].span.clone(),
                "left join",
            ));
        }
    }

    fn distincts(&self, place: usize, found: &mut Vec<Change>) {
        if !self.is_word(place, "distinct") {
            return;
        }
        let span = self.tokens[place].span.clone();
        let is_union = place > 0 && self.is_word(place - 1, "union");
        found.push(self.change("DISTINCT dropped", span, if is_union { "all" } else { "" }));
    }

    /// A day more, and a day less.
    fn intervals(&self, place: usize, found: &mut Vec<Change>) {
        if !(self.is_word(place, "interval") && self.is_word(place + 2, "day")) {
            return;
        }
        let span = self.tokens[place + 1].span.clone();
        let days = &self.query[span.clone()];
        for sign in ["-", "+"] {
            let other = format!("({days} {sign} 1)");
            found.push(self.change("interval a day off", span.clone(), &other));
        }
    }

    /// A condition that is joined by AND dropped.
    fn conditions(&self, place: usize, found: &mut Vec<Change>) {
        if !self.is_word(place, "and") || self.is_of_between(place) {
            return;
        }
        let mut depth = 0_i32;
        let mut end = place + 1;
        while let Some(next) = self.tokens.get(end) {
            match next.token {
                Token::LParen => depth += 1,
                Token::RParen if depth == 0 => break,
                Token::RParen => depth -= 1,
                _ if depth == 0 && self.ends_condition(end, place) => break,
                _ => {}
            }
            end += 1;
        }
        let dropped = self.begin(place)..self.tokens[end - 1].span.end;
        found.push(self.change("condition dropped", dropped, ""));
    }

    fn ends_condition(&self, place: usize, from: usize) -> bool {
        const WORDS: [&str; 14] = [
            "or", "then", "when", "else", "end", "group", "order", "qualify", "union", "join",
            "left", "cross", "where", "having",
        ];
        let is_word = |words: &[&str]| words.iter().any(|word| self.is_word(place, word));
        let is_and = self.is_word(place, "and") && place > from && !self.is_of_between(place);
        is_and || is_word(&WORDS) || self.tokens[place].token == Token::Comma
    }

    /// Whether this AND is that of `x between a and b`.
    fn is_of_between(&self, place: usize) -> bool {
        let mut depth = 0_i32;
        for before in (0..place).rev() {
            match self.tokens[before].token {
                Token::RParen => depth += 1,
                Token::LParen if depth == 0 => return false,
                Token::LParen => depth -= 1,
                _ if depth > 0 => {}
                _ if self.is_word(before, "between") => return true,
                _ if ["and", "where", "on", "qualify", "when", "or"]
                    .iter()
                    .any(|word| self.is_word(before, word)) =>
                {
                    return false;
                }
                _ => {}
            }
        }
        false
    }

    /// The expressions of a list that begins here, as ranges of tokens.
    fn list(&self, begin: usize) -> Vec<Range<usize>> {
        let mut parts = Vec::new();
        let (mut start, mut end, mut depth) = (begin, begin, 0_i32);
        while let Some(next) = self.tokens.get(end) {
            match next.token {
                Token::LParen => depth += 1,
                Token::RParen if depth == 0 => break,
                Token::RParen => depth -= 1,
                Token::Comma if depth == 0 => {
                    parts.push(start..end);
                    start = end + 1;
                }
                _ if depth == 0 && ENDS.iter().any(|word| self.is_word(end, word)) => break,
                _ => {}
            }
            end += 1;
        }
        parts.push(start..end);
        parts.retain(|part| !part.is_empty());
        parts
    }

    fn is_word(&self, place: usize, wanted: &str) -> bool {
        self.tokens.get(place).is_some_and(|found| match &found.token {
            Token::Word(word) => {
                word.quote_style.is_none() && word.value.eq_ignore_ascii_case(wanted)
            }
            _ => false,
        })
    }

    fn begin(&self, place: usize) -> usize {
        self.tokens[place].span.start
    }

    fn end(&self, part: &Range<usize>) -> usize {
        self.tokens[part.end - 1].span.end
    }

    fn change(&self, operator: &'static str, range: Range<usize>, becomes: &str) -> Change {
        let line_begin = self.query[..range.start].rfind('\n').map_or(0, |at| at + 1);
        let line_end =
            self.query[range.end..].find('\n').map_or(self.query.len(), |at| range.end + at);
        let line = &self.query[line_begin..line_end];
        let changed =
            [&self.query[line_begin..range.start], becomes, &self.query[range.end..line_end]];
        let one_line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        Change {
            operator,
            line: one_line(line),
            becomes: one_line(&changed.concat()),
            query: [&self.query[..range.start], becomes, &self.query[range.end..]].concat(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::changes;

    fn of(operator: &str, query: &str) -> Vec<String> {
        let all = changes(query).into_iter().filter(|change| change.operator == operator);
        all.map(|change| change.becomes).collect()
    }

    #[test]
    fn an_order_loses_its_tiebreak() {
        let query = "select row_number() over (partition by a, f(b, c) order by d, e desc) from t";
        assert_eq!(
            of("tiebreak dropped", query),
            ["select row_number() over (partition by a, f(b, c) order by d) from t"]
        );
        assert_eq!(
            of("partition key widened", query),
            [
                "select row_number() over (partition by f(b, c) order by d, e desc) from t",
                "select row_number() over (partition by a order by d, e desc) from t",
            ]
        );
        assert_eq!(of("order turned", query).len(), 2);
    }

    #[test]
    fn a_condition_goes_and_a_between_stays_whole() {
        assert_eq!(
            of(
                "condition dropped",
                "select a from t where b between 1 and 2 and (c or d) and e < 3"
            ),
            [
                "select a from t where b between 1 and 2 and e < 3",
                "select a from t where b between 1 and 2 and (c or d)",
            ]
        );
    }

    #[test]
    fn strings_and_comments_are_not_touched() {
        assert_eq!(of("edge moved", "select '<' -- a < b\nfrom t"), Vec::<String>::new());
        assert_eq!(
            of("join's side changed", "select a from t left join u"),
            ["select a from t join u"]
        );
    }
}
