//! What was decided for a source, and what speaks for it, in sentences.

use super::{Scaffold, columns::Column, evidence::Candidate};
use crate::payload::path;

impl Scaffold {
    /// What was decided, a sentence each.
    pub fn decisions(&self) -> Vec<String> {
        let path = |column: &Column| path::written(&column.path);
        let columns = &self.columns;
        let mut said = vec![self.id_decision()];
        said.push(match &columns.time {
            Some(time) => format!(
                "`{}` says when it happened{}.",
                path(time),
                reasons(&self.time_candidates, &time.path)
            ),
            None => "No field says when it happened, so its arrival does.".to_owned(),
        });
        said.push(match &columns.entity {
            Some(entity) => {
                format!("`{}` says of which {} it is: the hub.", path(entity), self.entity())
            }
            None => "No field says of whom or what it is: the hub is of the events.".to_owned(),
        });
        if let Some(category) = &self.category {
            said.push(format!("`{category}` is the sort of event: a mart by it."));
        }
        if !self.measures.is_empty() {
            let names: Vec<String> =
                self.measures.iter().map(|(name, _)| format!("`{name}`")).collect();
            said.push(format!("{} in the mart by day.", names.join(", ")));
        }
        if let Some(first) = self.quoted_numbers.first() {
            said.push(format!(
                "`{}`: numbers in quotes, kept as text; `udf.safe_float64({first})` is one to add up.",
                self.quoted_numbers.join("`, `")
            ));
        }
        if !columns.left_out.is_empty() {
            let (count, are) = match columns.left_out.len() {
                1 => ("One field".to_owned(), "is"),
                count => (format!("{count} fields"), "are"),
            };
            said.push(format!("{count} {are} left out; the contract says which."));
        }
        said
    }

    fn id_decision(&self) -> String {
        let columns = &self.columns;
        if let Some(id) = &columns.id {
            return format!(
                "`{}` names an event{}; one that comes again is counted once.",
                path::written(&id.path),
                reasons(&self.id_candidates, &id.path)
            );
        }
        if !columns.id_parts.is_empty() {
            return format!(
                "`{}` together name an event; one that comes again is counted once.",
                columns.id_parts.join("`, `")
            );
        }
        let possible: Vec<String> =
            self.possible_ids().iter().map(|path| format!("`{}`", path::written(path))).collect();
        let begin = "No field surely names an event, so its whole payload does: an equal payload \
                     that comes again is counted once.";
        if possible.is_empty() {
            return format!("{begin} `--id FIELD`, or `--id FIELD,FIELD`, says what names it.");
        }
        format!(
            "{begin} No value of {} comes twice with other content: begin again with `--id FIELD` if \
             it names an event.",
            possible.join(" or ")
        )
    }
}

/// The points of what was chosen, and the runner-up; nothing of what a person chose against them.
fn reasons(candidates: &[Candidate], chosen: &[String]) -> String {
    let Some((first, others)) = candidates.split_first().filter(|(first, _)| first.path == chosen)
    else {
        return String::new();
    };
    let next = others.first().map_or_else(String::new, |next| {
        format!("; next is `{}` with {}", path::written(&next.path), next.score)
    });
    format!(" ({} points: {}{next})", first.score, first.why.join(", "))
}
