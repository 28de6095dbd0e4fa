//! Arguments that are portable in a restricted form only: patterns, formats, paths, literals.

use sqlparser::ast::{Expr, Value as Literal};

use super::walk::Walk;
use crate::{
    portable::{
        forms::{self, Form},
        functions::Signature,
        operators::{DATE_UNITS, DAY_UNITS, TIMESTAMP_UNITS},
    },
    rules::expressions,
};

impl Walk<'_> {
    /// Reports arguments that are not in the form that their signature asks for.
    pub fn forms(&mut self, signature: &Signature, arguments: &[&Expr]) {
        for (position, expr) in arguments.iter().enumerate() {
            let Some(argument) = signature.argument(position) else { continue };
            let wrong = |form: &Option<String>| {
                check_form(form.as_deref().and_then(Form::parse)?, expr).err()
            };
            let (on_spark, message) = (wrong(&argument.spark_form), wrong(&argument.form));
            // What is said of Spark goes before: of two findings at a place the first is shown.
            if let Some(on_spark) = on_spark {
                self.report_of_spark(&expressions::FORM, self.source.place(*expr), on_spark);
            }
            if let Some(message) = message {
                self.report(&expressions::FORM, self.source.place(*expr), message);
            }
        }
    }
}

fn check_form(form: Form, expr: &Expr) -> Result<(), String> {
    match form {
        Form::DateInterval => unit_is_one_of(expr, &DATE_UNITS, "DATE"),
        Form::DayInterval => unit_is_one_of(expr, &DAY_UNITS, "DATE on Spark"),
        Form::TimestampInterval => unit_is_one_of(expr, &TIMESTAMP_UNITS, "TIMESTAMP"),
        Form::Count | Form::Positive => match integer(expr) {
            Some(0) if form == Form::Positive => Err("it is to be above 0".to_owned()),
            Some(_) => Ok(()),
            None => Err("it is to be a literal that is not negative".to_owned()),
        },
        _ => match text(expr) {
            Some(text) => forms::check_text(form, &text),
            None => Err("it is to be a text literal".to_owned()),
        },
    }
}

/// A literal, or a parameter that is one once the query is bound.
fn integer(expr: &Expr) -> Option<u64> {
    match expr {
        Expr::Nested(inner) => integer(inner),
        Expr::Value(value) => match &value.value {
            Literal::Number(digits, _) => digits.parse().ok(),
            Literal::Placeholder(_) => Some(1),
            _ => None,
        },
        Expr::Identifier(name) => name.value.starts_with('@').then_some(1),
        _ => None,
    }
}

fn text(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Nested(inner) => text(inner),
        Expr::Value(value) => match &value.value {
            Literal::SingleQuotedString(text) => Some(text.clone()),
            _ => None,
        },
        _ => None,
    }
}

fn unit_is_one_of(expr: &Expr, units: &[&str], kind: &str) -> Result<(), String> {
    let Expr::Interval(interval) = expr else {
        return Err("it is to be written as `interval n unit`".to_owned());
    };
    let unit = interval.leading_field.as_ref().map(|unit| unit.to_string().to_lowercase());
    match unit {
        Some(unit) if !units.contains(&unit.as_str()) => {
            Err(format!("a {kind} takes an interval of {}", units.join(", ")))
        }
        _ => Ok(()),
    }
}
