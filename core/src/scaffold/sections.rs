//! The parts of a proposal's files that depend on the columns.

use std::collections::BTreeMap;

use super::{
    LEFT_OUT_IN_OBJECT_MAX, LEFT_OUT_SHOWN, REJECT_REASONS, Scaffold, alternatives,
    columns::{Column, active_count, new_count},
    contract_lines,
    text::{ContractLine, aliased, call},
};
use crate::{
    contract::{ColumnType, toml_text},
    payload::path,
};

impl Scaffold {
    /// The columns that come from the payload, in the order of the tables.
    pub(super) fn payload_columns(&self) -> Vec<&str> {
        let others = self.columns.entity.iter().chain(&self.columns.attributes);
        ["event_id", "event_at"].into_iter().chain(others.map(|column| &*column.name)).collect()
    }

    pub(super) fn checked_expressions(&self) -> Vec<String> {
        let columns = &self.columns;
        let id = match &columns.id {
            Some(_) => "event.event_id".to_owned(),
            None if !columns.id_parts.is_empty() => {
                let named = |name: &String| columns.all().find(|column| column.name == *name);
                let parts: Vec<String> =
                    columns.id_parts.iter().filter_map(named).map(Column::text).collect();
                call(&format!("udf.hash_key_{}", parts.len()), &parts, 4)
            }
            // Equal payloads are one event, in whatever order their keys stand.
            None => "udf.hash_json(body)".to_owned(),
        };
        let entity = columns.entity.as_ref().map(|column| {
            let (name, value) = (&column.name, column.expression());
            if column.is_required {
                format!("{value} as {name}")
            } else {
                format!("ifnull(nullif({value}, ''), 'unknown') as {name}")
            }
        });
        let attributes =
            columns.attributes.iter().map(|column| aliased(&column.expression(), &column.name, 4));
        [format!("{id} as event_id"), format!("{} as event_at", self.event_time())]
            .into_iter()
            .chain(entity)
            .chain(attributes)
            .collect()
    }

    /// When it happened, in SQL.
    pub(super) fn event_time(&self) -> String {
        self.columns.time.as_ref().map_or_else(|| "published_at".to_owned(), Column::expression)
    }

    /// What is rejected besides what the contract says, which is all that is not JSON.
    pub(super) fn odd_rejections(&self) -> String {
        let odd = &self.columns.odd_values;
        if odd.is_empty() {
            return String::new();
        }
        let conditions: Vec<String> =
            odd.iter().map(|value| format!("{value} is not null")).collect();
        let odd = alternatives(&conditions, "when", "then 'wrong_type'", 6);
        format!(
            "when event.reject_reason in ('not_utf8', 'not_json') then event.reject_reason\n      \
             {odd}\n      "
        )
    }

    pub(super) fn fields(&self) -> String {
        let lines = self.columns.all().map(|column| {
            let path = path::written(&column.path);
            ContractLine {
                name: column.name.clone(),
                kind: column.kind,
                is_required: column.is_required,
                path: (path != column.name).then_some(path),
                form: column.time_form.filter(|_| column.kind == ColumnType::Timestamp),
                about: column.about.clone(),
                more: String::new(),
            }
        });
        contract_lines(&lines.collect::<Vec<_>>())
    }

    pub(super) fn left_out(&self) -> String {
        let left_out = &self.columns.left_out;
        if left_out.is_empty() {
            return String::new();
        }
        let mut lines = vec![
            String::new(),
            "# Left out; `lakebed drift` has a line for each that comes again:".to_owned(),
        ];
        lines.extend(
            left_out
                .iter()
                .take(LEFT_OUT_SHOWN)
                .map(|field| format!("#   {}: {}", path::written(&field.path), field.reason)),
        );
        if left_out.len() > LEFT_OUT_SHOWN {
            lines.push(format!("#   … and {} more", left_out.len() - LEFT_OUT_SHOWN));
        }
        lines.join("\n")
    }

    /// Objects of which so much is left out that reports of it would hide what is new.
    pub(super) fn ignored(&self) -> String {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for field in self.columns.left_out.iter().filter(|field| field.path.len() > 1) {
            *counts.entry(field.path[0].as_str()).or_default() += 1;
        }
        let roots = counts.into_iter().filter(|(_, count)| *count > LEFT_OUT_IN_OBJECT_MAX);
        let quoted: Vec<String> =
            roots.map(|(root, _)| toml_text(&path::written(&[root]))).collect();
        if quoted.is_empty() {
            return String::new();
        }
        format!(
            "ignored = [{}] # ? Too many fields to report each new one as drift.\n",
            quoted.join(", ")
        )
    }

    pub(super) fn checked_columns(&self) -> String {
        let mut lines = message_lines();
        lines.push(ContractLine::new(
            "payload_hash",
            ColumnType::String,
            false,
            "The hash of the payload: tells a copy from another event.",
        ));
        lines.extend(self.event_lines(false));
        lines.extend(self.entity_line(false));
        lines.extend(self.attribute_lines());
        let mut reason = ContractLine::new(
            "reject_reason",
            ColumnType::String,
            false,
            "Why it is rejected; NULL if it is valid.",
        );
        REJECT_REASONS.clone_into(&mut reason.more);
        lines.push(reason);
        contract_lines(&lines)
    }

    pub(super) fn accepted_columns(&self) -> String {
        let mut lines = message_lines();
        lines.extend(self.event_lines(true));
        lines.extend(self.entity_line(true));
        lines.extend(self.attribute_lines());
        contract_lines(&lines)
    }

    pub(super) fn hub_columns(&self) -> String {
        let (entity, key) = (self.entity(), self.key());
        contract_lines(&[
            required(&format!("{entity}_hk"), ColumnType::String, &format!("udf.hash_key({key})")),
            required(key, ColumnType::String, "Business key, as the source sends it."),
            required("first_seen_at", ColumnType::Timestamp, "Earliest time of an event of it."),
            required("record_source", ColumnType::String, "The source that told of that time."),
            required(
                "first_load_date",
                ColumnType::Date,
                "Earliest load date on which it was told of.",
            ),
        ])
    }

    pub(super) fn satellite_columns(&self) -> String {
        let entity = self.entity();
        let mut lines = vec![
            required("load_date", ColumnType::Date, "UTC date of publication."),
            required(&format!("{entity}_hk"), ColumnType::String, "Of which."),
            required("event_id", ColumnType::String, "Tells apart what is said of one."),
            required("effective_at", ColumnType::Timestamp, "When it happened."),
        ];
        lines.extend(self.attribute_lines());
        lines.push(required("record_source", ColumnType::String, "The source."));
        contract_lines(&lines)
    }

    pub(super) fn dimension_columns(&self) -> String {
        let (entity, key) = (self.entity(), self.key());
        contract_lines(&[
            required(&format!("{entity}_hk"), ColumnType::String, "Hash key."),
            required(key, ColumnType::String, "Business key, as the source sends it."),
            required("first_seen_at", ColumnType::Timestamp, "Earliest time of an event of it."),
            required("first_seen_date", ColumnType::Date, "UTC date of it."),
        ])
    }

    pub(super) fn fact_columns(&self) -> String {
        let entity = self.entity();
        let mut lines = vec![
            required("event_date", ColumnType::Date, "UTC date on which it happened."),
            required("load_date", ColumnType::Date, "UTC date on which it was published."),
            required(
                &format!("{entity}_hk"),
                ColumnType::String,
                &format!("Of which; every one is in dim_{entity}."),
            ),
            required("event_id", ColumnType::String, "The event."),
            required("event_at", ColumnType::Timestamp, "When it happened."),
        ];
        lines.extend(self.attribute_lines());
        lines.push(required("record_source", ColumnType::String, "The source."));
        contract_lines(&lines)
    }

    pub(super) fn day_columns(&self) -> String {
        let entity = self.entity();
        let mut lines = vec![
            required("event_date", ColumnType::Date, "UTC date."),
            required("event_count", ColumnType::Int64, "Events on that day."),
            self.active_line(),
            required(
                &new_count(&entity),
                ColumnType::Int64,
                "How many of these were seen for the first time.",
            ),
        ];
        for (name, kind) in &self.measures {
            if *kind == ColumnType::Int64 {
                let about = format!("Sum of `{name}`.");
                lines.push(required(&format!("{name}_total"), ColumnType::Int64, &about));
            } else {
                // A sum of doubles depends on the order in which threads add them up.
                for (end, word) in [("min", "Least"), ("max", "Greatest")] {
                    let about = format!("{word} `{name}`; NULL if there is none.");
                    lines.push(ContractLine::new(&format!("{name}_{end}"), *kind, false, &about));
                }
            }
        }
        contract_lines(&lines)
    }

    pub(super) fn measure_inputs(&self) -> String {
        let names: Vec<&str> = self.measures.iter().map(|(name, _)| &**name).collect();
        [&[""], names.as_slice()].concat().join(", ")
    }

    pub(super) fn measure_outputs(&self) -> String {
        let outputs = self.measures.iter().map(|(name, kind)| match kind {
            ColumnType::Int64 => format!(",\n    ifnull(sum(e.{name}), 0) as {name}_total"),
            _ => format!(",\n    min(e.{name}) as {name}_min,\n    max(e.{name}) as {name}_max"),
        });
        outputs.collect()
    }

    pub(super) fn category_columns(&self) -> String {
        let Some(category) = &self.category else { return String::new() };
        contract_lines(&[
            required("event_date", ColumnType::Date, "UTC date."),
            required(
                category,
                ColumnType::String,
                "The sort of event; `unknown` if it is missing.",
            ),
            required("event_count", ColumnType::Int64, "Events of it on that day."),
            self.active_line(),
        ])
    }

    fn active_line(&self) -> ContractLine {
        let entity = self.entity();
        let is_optional = self.columns.entity.as_ref().is_some_and(|column| !column.is_required);
        let unknown = if is_optional { "; `unknown` counts as one" } else { "" };
        required(
            &active_count(&entity),
            ColumnType::Int64,
            &format!("How many of dim_{entity} they are of{unknown}."),
        )
    }

    fn event_lines(&self, is_required: bool) -> [ContractLine; 2] {
        let id = match self.columns.id {
            Some(_) => "Names the event; kept when it is sent again.",
            None if !self.columns.id_parts.is_empty() => {
                "The hash of what names the event together."
            }
            None => "The hash of the payload, which names the event.",
        };
        let time = match self.columns.time {
            Some(_) => "When it happened.",
            None => "When it arrived; the event does not say when it happened.",
        };
        [
            ContractLine::new("event_id", ColumnType::String, is_required, id),
            ContractLine::new("event_at", ColumnType::Timestamp, is_required, time),
        ]
    }

    fn entity_line(&self, is_required: bool) -> Option<ContractLine> {
        let column = self.columns.entity.as_ref()?;
        Some(ContractLine::new(&column.name, column.kind, is_required, &column.about))
    }

    fn attribute_lines(&self) -> impl Iterator<Item = ContractLine> {
        self.columns
            .attributes
            .iter()
            .map(|column| ContractLine::new(&column.name, column.kind, false, &column.about))
    }
}

fn message_lines() -> Vec<ContractLine> {
    vec![
        required("load_date", ColumnType::Date, "UTC date of publication."),
        required("message_id", ColumnType::String, "Given by the bus, kept by redelivery."),
        required("published_at", ColumnType::Timestamp, "When the bus had the message."),
    ]
}

fn required(name: &str, kind: ColumnType, about: &str) -> ContractLine {
    ContractLine::new(name, kind, true, about)
}
