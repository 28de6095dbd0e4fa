//! Operators between two values, and the predicates: IS, IN, BETWEEN, LIKE.

use sqlparser::ast::{BinaryOperator, Expr, Value as Literal};

use super::{
    expression::whole_lineage, extent::constant, interval::column, relation::Columns, scope::Scope,
    value::Value, walk::Walk,
};
use crate::{
    portable::{
        operators::{self, Operator},
        types::Type,
    },
    rules::{expressions, names},
};

impl Walk<'_> {
    /// The value of `left op right`.
    pub fn binary(
        &mut self,
        expr: &Expr,
        left: &Expr,
        op: &BinaryOperator,
        right: &Expr,
        scope: &Scope<'_>,
    ) -> Value {
        let values = [self.expression(left, scope), self.expression(right, scope)];
        let Some(operator) = operators::operator(op) else {
            let message = format!("engines do not mean `{op}` alike");
            let help = operators::operator_help(op).map(str::to_owned);
            self.report_with(&expressions::OPERATOR, self.source.place(expr), message, help);
            return Value::made_of(Type::Unknown, &values);
        };
        let kind = match operator {
            Operator::Arithmetic => self.arithmetic(expr, op, &values),
            Operator::Divide => self.quotient(expr, right, &values),
            Operator::Concatenate => self.concatenation(expr, &values),
            Operator::Compare => {
                self.comparison(expr, [left, right], op, &values);
                Type::Bool
            }
            Operator::Logic => self.operands(&[left, right], &values, &Type::Bool),
            Operator::Bits => self.operands(&[left, right], &values, &Type::Int64),
        };
        Value::made_of(kind, &values)
    }

    /// Each operand is of the operator's only type, which is the result's too.
    fn operands(&mut self, operands: &[&Expr], values: &[Value], wanted: &Type) -> Type {
        for (operand, value) in operands.iter().zip(values) {
            if !value.fits(wanted) {
                let message = format!("this is {}, and {wanted} is wanted", value.kind);
                self.report(&expressions::TYPES, self.source.place(*operand), message);
            }
        }
        wanted.clone()
    }

    fn arithmetic(&mut self, expr: &Expr, op: &BinaryOperator, values: &[Value; 2]) -> Type {
        let [left, right] = values.each_ref().map(|value| &value.kind);
        let is_sum = *op == BinaryOperator::Plus;
        let is_shift = is_sum || *op == BinaryOperator::Minus;
        match (left, right) {
            (Type::Date, Type::Int64) if is_shift => Type::Date,
            (Type::Int64, Type::Date) if is_sum => Type::Date,
            (Type::Date | Type::Timestamp, Type::Date | Type::Timestamp | Type::Interval)
                if is_shift =>
            {
                let message = format!("engines give {left} {op} {right} other types");
                self.report(&expressions::DATE_ARITHMETIC, self.source.place(expr), message);
                Type::Unknown
            }
            (a, b) if a.is_open() || b.is_open() => Type::Unknown,
            (a, b) if a.is_number() && b.is_number() => a.common(b).unwrap_or(Type::Unknown),
            (a, b) => {
                let message = format!("`{op}` of {a} and {b}");
                self.report(&expressions::TYPES, self.source.place(expr), message);
                Type::Unknown
            }
        }
    }

    fn quotient(&mut self, expr: &Expr, divisor: &Expr, values: &[Value; 2]) -> Type {
        let is_number = |value: &Value| value.kind.is_open() || value.kind.is_number();
        if !values.iter().all(is_number) {
            let message = format!("`/` of {} and {}", values[0].kind, values[1].kind);
            self.report(&expressions::TYPES, self.source.place(expr), message);
        } else if !is_literal_above_zero(divisor) {
            let message = "a divisor that may be 0".to_owned();
            self.report(&expressions::DIVISION, self.source.place(expr), message);
        }
        Type::Float64
    }

    fn concatenation(&mut self, expr: &Expr, values: &[Value; 2]) -> Type {
        let [left, right] = values.each_ref().map(|value| &value.kind);
        let joins = |kind: &Type| {
            kind.is_open() || matches!(kind, Type::String | Type::Bytes | Type::Array(_))
        };
        match left.common(right) {
            Some(kind) if joins(&kind) => kind,
            _ => {
                let message = format!("`||` of {left} and {right}");
                let help = Some("cast the number: `cast(x as STRING)`".to_owned());
                self.report_with(&expressions::TYPES, self.source.place(expr), message, help);
                Type::String
            }
        }
    }

    fn comparison(
        &mut self,
        expr: &Expr,
        sides: [&Expr; 2],
        op: &BinaryOperator,
        values: &[Value; 2],
    ) {
        if sides.into_iter().any(is_null) {
            let message = format!("`{op} null` is never true");
            self.report(&expressions::NULL_COMPARISON, self.source.place(expr), message);
            return;
        }
        let is_equality = matches!(op, BinaryOperator::Eq | BinaryOperator::NotEq);
        if is_equality && values.iter().any(|value| value.kind == Type::Float64) {
            let message = "FLOAT64 compared for equality".to_owned();
            self.report(&expressions::FLOAT_EQUALITY, self.source.place(expr), message);
        }
        self.comparable(&values[0], &values[1], expr);
    }

    /// Reports two values that only some engines compare.
    pub fn comparable(&mut self, left: &Value, right: &Value, at: &Expr) {
        let fits = left.fits(&right.kind) || right.fits(&left.kind);
        let both_numbers = left.kind.is_number() && right.kind.is_number();
        if fits || both_numbers {
            return;
        }
        let message = format!("{} compared with {}", left.kind, right.kind);
        let help = match (&left.kind, &right.kind) {
            (Type::Date, Type::Timestamp) | (Type::Timestamp, Type::Date) => {
                Some("write `date(t)`, or `cast(d as TIMESTAMP)`".to_owned())
            }
            _ => None,
        };
        self.report_with(&expressions::TYPES, self.source.place(at), message, help);
    }

    /// The value of a predicate; `None` if the expression is none of the subset's.
    pub fn predicate(&mut self, expr: &Expr, scope: &Scope<'_>) -> Option<Value> {
        let parts = match expr {
            Expr::IsNull(inner) | Expr::IsNotNull(inner) => vec![self.expression(inner, scope)],
            Expr::IsTrue(inner)
            | Expr::IsNotTrue(inner)
            | Expr::IsFalse(inner)
            | Expr::IsNotFalse(inner) => vec![self.condition(inner, scope)],
            Expr::IsDistinctFrom(left, right) | Expr::IsNotDistinctFrom(left, right) => {
                let values = [self.expression(left, scope), self.expression(right, scope)];
                self.comparable(&values[0], &values[1], expr);
                values.to_vec()
            }
            Expr::Between { expr: inner, low, high, .. } => {
                let value = self.expression(inner, scope);
                let bounds = [self.expression(low, scope), self.expression(high, scope)];
                self.comparable(&value, &bounds[0], low);
                self.comparable(&value, &bounds[1], high);
                let [low, high] = bounds;
                return Some(Value::made_of(Type::Bool, &[value, low, high]));
            }
            Expr::InList { expr: inner, list, .. } => {
                let mut values = vec![self.expression(inner, scope)];
                for item in list {
                    let value = self.expression(item, scope);
                    self.comparable(&values[0], &value, item);
                    values.push(value);
                }
                return Some(Value::made_of(Type::Bool, &values));
            }
            Expr::InSubquery { expr: inner, subquery, .. } => {
                let value = self.expression(inner, scope);
                let rows = self.subquery(subquery, scope);
                if let [column] = rows.columns.as_slice() {
                    self.comparable(&value, &Value::constant(column.kind.clone()), inner);
                }
                let mut found = Value::made_of(Type::Bool, &[value]);
                found.lineage.add(&whole_lineage(&rows));
                return Some(Value { is_determined: false, ..found });
            }
            Expr::InUnnest { expr: inner, array_expr, .. } => {
                let values = [self.expression(inner, scope), self.expression(array_expr, scope)];
                let message = "DuckDB makes rows of it".to_owned();
                self.report(&expressions::IN_UNNEST, self.source.place(expr), message);
                values.to_vec()
            }
            Expr::Like { expr: inner, pattern, escape_char, any: false, .. } => {
                self.like(inner, pattern, escape_char.is_some(), scope)
            }
            Expr::Tuple(_) => {
                let message = "a tuple is a struct in GoogleSQL".to_owned();
                self.report(&expressions::EXPRESSION, self.source.place(expr), message);
                vec![Value::unknown()]
            }
            _ => return None,
        };
        let found = Value::made_of(Type::Bool, &parts);
        let is_null_test = !matches!(expr, Expr::Like { .. } | Expr::InUnnest { .. });
        Some(Value { may_be_null: found.may_be_null && !is_null_test, ..found })
    }

    fn like(
        &mut self,
        inner: &Expr,
        pattern: &Expr,
        has_escape: bool,
        scope: &Scope<'_>,
    ) -> Vec<Value> {
        let values = [self.expression(inner, scope), self.expression(pattern, scope)];
        let is_literal = values[1].is_text_literal;
        if !is_literal || has_escape {
            let message = "a pattern that is no plain literal".to_owned();
            self.report(&expressions::LIKE_PATTERN, self.source.place(pattern), message);
        }
        let _ = self.operands(&[inner, pattern], &values, &Type::String);
        values.to_vec()
    }

    /// What a condition that holds says of the rows: equal columns determine each other, a compared
    /// column is not NULL, and `row_number() = 1` leaves one row for each partition.
    pub fn assume(&mut self, condition: &Expr, scope: &mut Scope<'_>) {
        let conjuncts = conjuncts(condition);
        for conjunct in &conjuncts {
            self.assume_conjunct(conjunct, scope);
        }
        self.assume_states(&conjuncts, scope);
    }

    fn assume_conjunct(&mut self, conjunct: &Expr, scope: &mut Scope<'_>) {
        let is_null_test = matches!(conjunct, Expr::IsNull(_));
        let value = self.again(conjunct, scope);
        if !is_null_test && !is_disjunction(conjunct) {
            for at in value.columns {
                there_is(scope, at);
            }
        }
        if let Expr::BinaryOp { left, op: BinaryOperator::Eq, right } = conjunct {
            let values = [self.again(left, scope), self.again(right, scope)];
            equate(scope, &values);
            if let Some(partition) = &values[0].numbers
                && is_one(right)
            {
                scope.rows.is_unique_by(partition.clone());
            }
        }
        if let Expr::BinaryOp { left, op, right } = conjunct
            && let Some(bound) = constant(right)
            && let Some(at) = column(&self.again(left, scope))
        {
            let extent = &mut scope.rows.columns[at].extent;
            match op {
                BinaryOperator::GtEq => extent.at_least = Some(bound),
                BinaryOperator::Lt => extent.below = Some(bound),
                _ => {}
            }
        }
    }

    /// Joins by USING: the columns of one name are one.
    pub fn unknown_using(&mut self, place: std::ops::Range<usize>, name: &str) {
        let message = format!("`{name}` is not a column of both tables");
        self.report(&names::UNKNOWN_COLUMN, place, message);
    }
}

/// A column that is compared is not NULL. If an outer join or a window made it NULL, then neither are
/// those beside it, which were made NULL together with it.
fn there_is(scope: &mut Scope<'_>, at: usize) {
    let table = scope.tables.iter().find(|table| table.columns.contains(&at));
    if scope.rows.columns[at].may_be_null {
        for beside in table.map_or(at..at + 1, |table| table.columns.clone()) {
            scope.rows.columns[beside].may_be_null = false;
        }
    }
}

fn equate(scope: &mut Scope<'_>, values: &[Value; 2]) {
    let column = |value: &Value| -> Option<Columns> {
        (value.tells_apart && value.columns.len() == 1).then(|| value.columns.clone())
    };
    for (one, other) in [(&values[0], &values[1]), (&values[1], &values[0])] {
        if let Some(determined) = column(one)
            && other.is_determined
            && !other.has_aggregate
        {
            scope.rows.depends(other.columns.clone(), determined);
        }
    }
}

/// The conditions that hold together when `condition` holds.
pub fn conjuncts(condition: &Expr) -> Vec<&Expr> {
    match condition {
        Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
            let mut all = conjuncts(left);
            all.extend(conjuncts(right));
            all
        }
        Expr::Nested(inner) => conjuncts(inner),
        other => vec![other],
    }
}

fn is_disjunction(condition: &Expr) -> bool {
    match condition {
        Expr::BinaryOp { op: BinaryOperator::Or, .. } => true,
        Expr::Nested(inner) => is_disjunction(inner),
        _ => false,
    }
}

fn is_null(expr: &Expr) -> bool {
    matches!(expr, Expr::Value(value) if value.value == Literal::Null)
}

fn is_one(expr: &Expr) -> bool {
    matches!(expr, Expr::Value(value) if matches!(&value.value, Literal::Number(n, _) if n == "1"))
}

fn is_literal_above_zero(expr: &Expr) -> bool {
    let Expr::Value(value) = expr else { return false };
    let Literal::Number(digits, _) = &value.value else { return false };
    digits.parse::<f64>().is_ok_and(|number| number > 0.0)
}
