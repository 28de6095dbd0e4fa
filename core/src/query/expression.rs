//! Types of expressions, and what in them engines do not mean alike.

use sqlparser::ast::{
    AccessExpr, Array, CaseWhen, CastKind, DataType, DateTimeField, Expr, Ident, Interval, Query,
    Subscript, TypedString, UnaryOperator, Value as Literal,
};

use super::{
    extent::Extent,
    lineage::Lineage,
    relation::Relation,
    scope::{NameError, Resolved, Scope},
    value::Value,
    walk::Walk,
};
use crate::{
    portable::{operators, types::Type},
    rules::{expressions, literals, names},
    suggest::similar,
};

impl Walk<'_> {
    /// The value of an expression; what is wrong in it is reported.
    pub fn expression(&mut self, expr: &Expr, scope: &Scope<'_>) -> Value {
        match expr {
            Expr::Identifier(ident) => self.name(std::slice::from_ref(ident), scope),
            Expr::CompoundIdentifier(parts) => self.name(parts, scope),
            Expr::CompoundFieldAccess { root, access_chain } => {
                self.access(root, access_chain, scope)
            }
            Expr::Nested(inner) => self.expression(inner, scope),
            Expr::Value(value) => self.literal(&value.value, expr),
            Expr::TypedString(text) => self.typed_text(text, expr),
            Expr::Array(array) => self.array(array, scope),
            Expr::Interval(interval) => self.interval(interval, expr, scope),
            Expr::BinaryOp { left, op, right } => self.binary(expr, left, op, right, scope),
            Expr::UnaryOp { op, expr: inner } => self.unary(*op, inner, expr, scope),
            Expr::Function(function) => self.call(function, expr, scope),
            Expr::Case { .. } => self.case(expr, scope),
            // The token `::` was reported.
            Expr::Cast { kind: CastKind::DoubleColon, expr: inner, .. } => {
                let _ = self.expression(inner, scope);
                Value::unknown()
            }
            Expr::Cast { kind, expr: inner, data_type, format } => {
                let is_plain = *kind == CastKind::Cast && format.is_none();
                self.cast(inner, data_type, is_plain, expr, scope)
            }
            Expr::Extract { field, expr: inner, .. } => self.extract(field, inner, expr, scope),
            Expr::Exists { subquery, .. } => {
                let rows = self.subquery(subquery, scope);
                let mut lineage = Lineage::of_rows(rows.rows_of);
                lineage.decide(&rows.deciding);
                Value { is_determined: false, lineage, ..Value::constant(Type::Bool) }
            }
            Expr::Subquery(query) => self.scalar_subquery(query, scope),
            _ => self.predicate_or_named_call(expr, scope),
        }
    }

    fn predicate_or_named_call(&mut self, expr: &Expr, scope: &Scope<'_>) -> Value {
        match expr {
            Expr::Ceil { expr: inner, .. } => self.named_call("ceil", &[inner], expr, scope),
            Expr::Floor { expr: inner, .. } => self.named_call("floor", &[inner], expr, scope),
            Expr::Substring { expr: inner, substring_from, substring_for, .. } => {
                let rest = substring_from.iter().chain(substring_for).map(AsRef::as_ref);
                let arguments: Vec<&Expr> = std::iter::once(inner.as_ref()).chain(rest).collect();
                self.named_call("substr", &arguments, expr, scope)
            }
            Expr::Trim { trim_where: None, trim_what: None, expr: inner, trim_characters } => {
                let rest = trim_characters.iter().flatten();
                let arguments: Vec<&Expr> = std::iter::once(inner.as_ref()).chain(rest).collect();
                self.named_call("trim", &arguments, expr, scope)
            }
            _ => match self.predicate(expr, scope) {
                Some(value) => value,
                None => self.outside_expression(expr),
            },
        }
    }

    /// A condition; anything else than BOOL is reported.
    pub fn condition(&mut self, expr: &Expr, scope: &Scope<'_>) -> Value {
        let value = self.expression(expr, scope);
        if !value.fits(&Type::Bool) {
            let message = format!("a condition is BOOL, and this is {}", value.kind);
            self.report(&expressions::TYPES, self.source.place(expr), message);
        }
        value
    }

    fn name(&mut self, parts: &[Ident], scope: &Scope<'_>) -> Value {
        if let [parameter] = parts
            && let Some(name) = parameter.value.strip_prefix('@')
        {
            let kind = self.parameters.get(name).cloned().unwrap_or(Type::Unknown);
            return Value::constant(kind);
        }
        if let [alias] = parts
            && let Some(value) = scope.aliases.get(&alias.value.to_lowercase())
        {
            scope.used.borrow_mut().extend(&value.columns);
            return value.clone();
        }
        match scope.resolve(parts) {
            Ok(Resolved::Column(at, kind)) => {
                let column = &scope.rows.columns[at];
                let is_whole = kind == column.kind;
                let mut value = Value { kind, ..Value::of_column(at, column) };
                if let Some(field) = parts.last().filter(|_| !is_whole) {
                    value.tells_apart = false;
                    value.lineage = value.lineage.of_field(&field.value.to_lowercase());
                }
                value
            }
            // For each row of this SELECT it is the same.
            Ok(Resolved::Outer(kind, lineage)) => Value { lineage, ..Value::constant(kind) },
            Ok(Resolved::Open) => Value::unknown(),
            Err(error) => self.name_error(parts, error),
        }
    }

    fn name_error(&mut self, parts: &[Ident], error: NameError) -> Value {
        let last = parts.last().expect("a name has a part");
        let whole = parts.iter().map(|part| part.value.as_str()).collect::<Vec<_>>().join(".");
        match error {
            NameError::Unknown(known) => {
                let message = format!("there is no column `{whole}`");
                let help =
                    similar(&last.value, &known).map(|name| format!("did you mean `{name}`?"));
                self.report_with(&names::UNKNOWN_COLUMN, self.source.ident(last), message, help);
            }
            NameError::Ambiguous(tables) => {
                let message = format!("`{whole}` is a column of {}", tables.join(" and "));
                let help = tables.first().map(|table| format!("write `{table}.{whole}`"));
                self.report_with(&names::AMBIGUOUS_COLUMN, self.source.ident(last), message, help);
            }
            NameError::Field(name, known) => {
                let owner = whole.rsplit_once('.').map_or("", |(owner, _)| owner);
                let message = format!("`{owner}` has no field `{name}`");
                let help = similar(&name, &known).map(|name| format!("did you mean `{name}`?"));
                self.report_with(&names::UNKNOWN_COLUMN, self.source.ident(last), message, help);
            }
        }
        Value::unknown()
    }

    fn access(&mut self, root: &Expr, chain: &[AccessExpr], scope: &Scope<'_>) -> Value {
        let mut value = self.expression(root, scope);
        value.tells_apart = false;
        value.lineage = value.lineage.computed();
        for step in chain {
            match step {
                AccessExpr::Dot(Expr::Identifier(field)) => {
                    let name = field.value.to_lowercase();
                    let found = match &value.kind {
                        Type::Struct(fields) => fields.iter().find(|(known, _)| *known == name),
                        _ => None,
                    };
                    value.kind = found.map_or(Type::Unknown, |(_, kind)| kind.clone());
                }
                AccessExpr::Subscript(Subscript::Index { index: Expr::Function(index) })
                    if operators::ARRAY_POSITIONS
                        .contains(&index.name.to_string().to_lowercase().as_str()) =>
                {
                    let position = self.call(index, &Expr::Function(index.clone()), scope);
                    value.absorb(&position);
                    value.kind = match value.kind {
                        Type::Array(element) => *element,
                        _ => Type::Unknown,
                    };
                }
                AccessExpr::Dot(_) | AccessExpr::Subscript(_) => {
                    let message = "an element is taken by `[safe_offset(n)]`".to_owned();
                    self.report(&expressions::ARRAY_POSITION, self.source.place(root), message);
                    return Value::unknown();
                }
            }
        }
        value
    }

    fn literal(&mut self, literal: &Literal, expr: &Expr) -> Value {
        match literal {
            Literal::Number(digits, _) if digits.contains(['.', 'e', 'E']) => {
                Value::constant(Type::Float64)
            }
            Literal::Number(digits, _) => {
                let extent = Extent::of_integer(digits);
                Value { extent, ..Value::constant(Type::Int64) }
            }
            // Its token was reported.
            Literal::HexStringLiteral(_) => Value::constant(Type::Int64),
            Literal::Boolean(_) => Value::constant(Type::Bool),
            Literal::Null => Value { may_be_null: true, ..Value::constant(Type::Null) },
            Literal::SingleQuotedString(_) | Literal::DoubleQuotedString(_) => {
                Value { is_text_literal: true, ..Value::constant(Type::String) }
            }
            Literal::Placeholder(name) => {
                let kind = name.strip_prefix('@').and_then(|name| self.parameters.get(name));
                Value::constant(kind.cloned().unwrap_or(Type::Unknown))
            }
            _ => {
                let message = "this form of a literal is GoogleSQL's alone".to_owned();
                self.report(&literals::LITERAL_FORM, self.source.place(expr), message);
                Value::unknown()
            }
        }
    }

    fn typed_text(&mut self, text: &TypedString, expr: &Expr) -> Value {
        let written = text.value.value.clone().into_string().unwrap_or_default();
        match &text.data_type {
            DataType::Date => Value::constant(Type::Date),
            DataType::Timestamp(..) => {
                if !operators::is_utc_timestamp(&written) {
                    let message = format!("the offset of `{written}` is ignored by DuckDB");
                    let place = self.source.with_keyword("timestamp", expr);
                    self.report(&literals::TIMESTAMP_OFFSET, place, message);
                }
                Value::constant(Type::Timestamp)
            }
            other => {
                let message = format!("a literal of type {other} is not portable");
                self.report(&literals::LITERAL_FORM, self.source.place(expr), message);
                Value::unknown()
            }
        }
    }

    fn array(&mut self, array: &Array, scope: &Scope<'_>) -> Value {
        let elements: Vec<Value> = array.elem.iter().map(|e| self.expression(e, scope)).collect();
        if let Some(first) = array.elem.first() {
            self.not_in_spark(self.source.place(first), "a list of elements");
        }
        let common = |kind: Option<Type>, value: &Value| kind.and_then(|k| k.common(&value.kind));
        let kind = elements.iter().fold(Some(Type::Null), common);
        if kind.is_none()
            && let (Some(first), Some(last)) = (array.elem.first(), array.elem.last())
        {
            let place = self.source.place(first).start..self.source.place(last).end;
            self.report(&expressions::TYPES, place, "elements of several types".to_owned());
        }
        let kind = Type::Array(Box::new(kind.unwrap_or(Type::Unknown)));
        Value::made_of(kind, &elements)
    }

    fn interval(&mut self, interval: &Interval, expr: &Expr, scope: &Scope<'_>) -> Value {
        let value = self.expression(&interval.value, scope);
        let unit = interval.leading_field.as_ref().map(|unit| unit.to_string().to_lowercase());
        let is_known = unit.is_some_and(|unit| operators::INTERVAL_UNITS.contains(&unit.as_str()));
        let is_signed = matches!(&*interval.value, Expr::UnaryOp { .. });
        if !is_known || is_signed || !value.fits(&Type::Int64) || interval.last_field.is_some() {
            let message = "an interval is a whole number and one unit".to_owned();
            let place = self.source.with_keyword("interval", expr);
            self.report(&expressions::INTERVAL, place, message);
        }
        Value::made_of(Type::Interval, &[value])
    }

    fn unary(&mut self, op: UnaryOperator, inner: &Expr, expr: &Expr, scope: &Scope<'_>) -> Value {
        let value = self.expression(inner, scope);
        let wanted: &[Type] = match op {
            UnaryOperator::Not => &[Type::Bool],
            UnaryOperator::Minus | UnaryOperator::Plus => {
                &[Type::Int64, Type::Float64, Type::Numeric]
            }
            UnaryOperator::BitwiseNot => &[Type::Int64],
            _ => {
                let message = format!("the operator `{op}` is not portable");
                self.report(&expressions::OPERATOR, self.source.place(expr), message);
                return Value::unknown();
            }
        };
        let is_null = matches!(inner, Expr::Value(v) if v.value == Literal::Null);
        if is_null || !wanted.iter().any(|kind| value.fits(kind)) {
            let message = format!("`{op}` takes {}, and this is {}", wanted[0], value.kind);
            self.report(&expressions::TYPES, self.source.place(inner), message);
            return Value::unknown();
        }
        let kind = if op == UnaryOperator::Not { Type::Bool } else { value.kind.clone() };
        Value::made_of(kind, &[value])
    }

    fn case(&mut self, expr: &Expr, scope: &Scope<'_>) -> Value {
        let Expr::Case { operand, conditions, else_result, .. } = expr else {
            return Value::unknown();
        };
        let operand_value = operand.as_ref().map(|operand| self.expression(operand, scope));
        let mut result = Value::constant(Type::Null);
        for CaseWhen { condition, result: branch } in conditions {
            let when = match &operand_value {
                None => self.condition(condition, scope),
                Some(operand_value) => {
                    let when = self.expression(condition, scope);
                    self.comparable(operand_value, &when, condition);
                    when
                }
            };
            result.absorb_condition(&when);
            self.branch(&mut result, branch, scope);
        }
        match else_result {
            Some(branch) => self.branch(&mut result, branch, scope),
            None => result.may_be_null = true,
        }
        if let Some(operand) = operand_value {
            result.absorb_condition(&operand);
        }
        result
    }

    fn branch(&mut self, result: &mut Value, branch: &Expr, scope: &Scope<'_>) {
        let value = self.expression(branch, scope);
        if let Some(kind) = result.kind.common(&value.kind) {
            result.kind = kind;
        } else {
            let message = format!("other branches are {}, and this is {}", result.kind, value.kind);
            self.report(&expressions::TYPES, self.source.place(branch), message);
            result.kind = Type::Unknown;
        }
        result.absorb(&value);
    }

    fn cast(
        &mut self,
        inner: &Expr,
        data_type: &DataType,
        is_plain: bool,
        expr: &Expr,
        scope: &Scope<'_>,
    ) -> Value {
        let value = self.expression(inner, scope);
        let place = self.source.with_keyword("cast", expr);
        let wanted = operators::cast_type(data_type);
        if !is_plain || wanted.is_none() {
            let written =
                if is_plain { format!("cast to {data_type}") } else { "this cast".to_owned() };
            let message = format!("{written} is not portable");
            let place = if is_plain { place } else { self.source.with_keyword("safe_cast", expr) };
            self.report(&expressions::CAST, place, message);
            return Value::made_of(Type::Unknown, &[value]);
        }
        let kind = wanted.unwrap_or(Type::Unknown);
        if matches!(kind, Type::Int64 | Type::Float64) || value.kind == Type::Float64 {
            // Spark has other names for these types, and writes FLOAT64 in another way.
            self.not_in_spark(place.clone(), &format!("a cast of {} to {kind}", value.kind));
        }
        if !operators::may_cast(&value.kind, &kind, operators::is_whole(inner)) {
            let message = format!("engines do not cast {} to {kind} alike", value.kind);
            let help = operators::cast_help(&value.kind, &kind);
            self.report_with(&expressions::CAST, place, message, help);
        }
        let tells_apart = value.tells_apart && operators::keeps_values_apart(&value.kind, &kind);
        Value { tells_apart, ..Value::made_of(kind, &[value]) }
    }

    fn extract(
        &mut self,
        field: &DateTimeField,
        inner: &Expr,
        expr: &Expr,
        scope: &Scope<'_>,
    ) -> Value {
        let value = self.expression(inner, scope);
        let part = field.to_string().to_lowercase();
        self.not_in_spark(self.source.with_keyword("extract", expr), "EXTRACT");
        let Some(takes) = operators::extract_part(&part) else {
            let message = format!("engines do not extract `{part}` alike");
            let place = self.source.with_keyword("extract", expr);
            let help = operators::extract_help(&part);
            self.report_with(&expressions::EXTRACT, place, message, help);
            return Value::made_of(Type::Int64, &[value]);
        };
        if !takes.iter().any(|kind| value.kind.fits(kind)) {
            let message =
                format!("`{part}` is extracted from {}, and this is {}", takes[0], value.kind);
            self.report(&expressions::TYPES, self.source.place(inner), message);
        }
        Value::made_of(Type::Int64, &[value])
    }

    fn scalar_subquery(&mut self, query: &Query, scope: &Scope<'_>) -> Value {
        let rows = self.subquery(query, scope);
        let kind = match rows.columns.as_slice() {
            [column] => column.kind.clone(),
            _ => Type::Unknown,
        };
        Value { is_determined: false, lineage: whole_lineage(&rows), ..Value::constant(kind) }
    }

    fn outside_expression(&mut self, expr: &Expr) -> Value {
        let message = "this expression is outside of the portable subset".to_owned();
        self.report(&expressions::EXPRESSION, self.source.place(expr), message);
        Value::unknown()
    }
}

/// What the values of a subquery come from: its columns, and what decides which rows there are.
pub fn whole_lineage(rows: &Relation) -> Lineage {
    let mut lineage = Lineage::default();
    for column in &rows.columns {
        lineage.compute(&column.lineage);
    }
    lineage.decide(&rows.deciding);
    lineage
}
