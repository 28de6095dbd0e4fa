//! What becomes of an order in the backend: rows of `orders`, `order_items` and `payments`, from
//! the transaction that places it to the refund, weeks later, of one that was returned.
//!
//! An order's life is drawn from the order's own seed, so that it can be asked for on any day.
//! First comes what is done to it and when, which is cheap; rows are written only when wanted.

use crate::catalogue::product_id;
use crate::changes::Change;
use crate::faults::PartsPerMillion;
use crate::people::Person;
use crate::purchases::{Purchase, order_id};
use crate::random::{Random, digest};
use crate::rows::{OrderItemRow, OrderRow, PaymentRow, Row};
use crate::scenario::Commerce;
use crate::shop::Line;
use crate::time::{
    MICROS_PER_DAY, MICROS_PER_HOUR, MICROS_PER_MILLISECOND, MICROS_PER_MINUTE, MICROS_PER_SECOND,
    MicrosUtc,
};

/// From the app's request to the commit, and from the commit to the app's knowing of it. Two of
/// them fit between two events of the app.
const NETWORK_MIN: i64 = 30 * MICROS_PER_MILLISECOND;
const NETWORK_MAX: i64 = 400 * MICROS_PER_MILLISECOND;

/// The longest times between the steps of an order's life.
const TRANSFER_MAX: i64 = 2 * MICROS_PER_DAY;
const CANCELLATION_MAX: i64 = 2 * MICROS_PER_DAY;
const EDIT_MAX: i64 = 6 * MICROS_PER_HOUR;
const SHIPPING_MAX: i64 = 3 * MICROS_PER_DAY;
const DELIVERY_MAX: i64 = 5 * MICROS_PER_DAY;
const RETURN_MAX: i64 = 21 * MICROS_PER_DAY;
const REFUND_MAX: i64 = 2 * MICROS_PER_DAY;
const ERASURE_MAX: i64 = 4 * MICROS_PER_DAY;

/// Nothing happens later than that after its session to an order that is not returned, to one that
/// is.
const LIFE_MAX: i64 = MICROS_PER_DAY + TRANSFER_MAX + EDIT_MAX + SHIPPING_MAX + DELIVERY_MAX;
const RETURNED_LIFE_MAX: i64 = LIFE_MAX + RETURN_MAX + REFUND_MAX;
const _: () = assert!(CANCELLATION_MAX + ERASURE_MAX < LIFE_MAX, "erased in the order's life");

/// No order lives for more days than that.
pub(crate) const LIFE_DAYS_MAX: i64 = RETURNED_LIFE_MAX / MICROS_PER_DAY + 2;

/// Who returns an order gets back what shipping cost as well in so many cases, in millionths.
const FULL_REFUND_PARTS: u64 = 600_000;

/// The refund comes in the transaction of the return in so many cases, in millionths.
const REFUND_AT_ONCE_PARTS: u64 = 400_000;

/// The name of the draw that an order is returned.
const RETURNED: u64 = digest("returned");

/// How one pays, in percent.
const METHODS: [(Method, u64); 3] =
    [(Method::Card, 58), (Method::Wallet, 32), (Method::Transfer, 10)];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Method {
    Card,
    Wallet,
    Transfer,
}

/// What is done to an order in one transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    Place,
    /// The attempt of that number to pay is noted, fails or succeeds.
    Submit(usize),
    Fail(usize),
    Capture(usize),
    Cancel,
    /// A line goes, or one piece of it, and is refunded.
    Edit,
    Ship,
    Deliver,
    Return {
        is_refunded: bool,
    },
    Refund,
    /// The order was a test of the shop's people, and is deleted.
    Erase,
}

/// An order with all that ever happens to it.
pub(crate) struct Order<'a> {
    person: &'a Person,
    purchase: &'a Purchase,
    /// In order, no two at the same instant.
    deeds: Vec<(MicrosUtc, Deed)>,
}

/// The rows of an order at some instant.
#[derive(Clone, Debug, Default)]
struct State {
    /// None before the order is placed and after it is erased.
    status: Option<&'static str>,
    lines: Vec<Option<Line>>,
    payments: Vec<PaymentState>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct PaymentState {
    status: &'static str,
    refunded_micros: i64,
}

/// For how many days something may happen to an order, by its seed alone.
pub(crate) const fn life_days(seed: Random, commerce: &Commerce) -> i64 {
    if is_returned(seed, commerce) { LIFE_DAYS_MAX } else { LIFE_MAX / MICROS_PER_DAY + 2 }
}

/// Whether the order comes back, if it is delivered.
const fn is_returned(seed: Random, commerce: &Commerce) -> bool {
    seed.named(RETURNED).chance(commerce.orders_returned.0 as u64)
}

impl<'a> Order<'a> {
    pub(crate) fn new(
        person: &'a Person,
        purchase: &'a Purchase,
        commerce: &Commerce,
    ) -> Order<'a> {
        Order { person, purchase, deeds: deeds(purchase, commerce) }
    }

    /// The instants of the transactions.
    pub(crate) fn instants(&self) -> impl Iterator<Item = MicrosUtc> {
        self.deeds.iter().map(|deed| deed.0)
    }

    /// Every change of every row in the transactions of those instants, in order.
    pub(crate) fn changes(&self, is_wanted: impl Fn(MicrosUtc) -> bool) -> Vec<Change> {
        let mut changes = Vec::new();
        if !self.instants().any(&is_wanted) {
            return changes;
        }
        let mut state = State::default();
        for &(committed_at, deed) in &self.deeds {
            let after = self.apply(deed, &state);
            if is_wanted(committed_at) {
                let rows = self.changed_rows(&state, &after);
                changes.extend(rows.into_iter().zip(0..).map(|((before, after), ordinal)| {
                    Change::between(committed_at, ordinal, before, after)
                }));
            }
            state = after;
        }
        changes
    }

    fn apply(&self, deed: Deed, state: &State) -> State {
        let mut after = state.clone();
        let bill = &self.purchase.bill;
        match deed {
            Deed::Place => {
                after.status = Some("placed");
                after.lines = bill.lines.iter().copied().map(Some).collect();
            }
            Deed::Submit(_) => {
                after.payments.push(PaymentState { status: "pending", refunded_micros: 0 });
            }
            Deed::Fail(attempt) => after.payments[attempt].status = "failed",
            Deed::Capture(attempt) => {
                after.payments[attempt].status = "captured";
                after.status = Some("paid");
            }
            Deed::Cancel => {
                after.status = Some("cancelled");
                after.refund(bill.amount_micros());
            }
            Deed::Edit => {
                let gone_micros = after.take_out();
                after.refund(gone_micros.min(bill.amount_micros()));
            }
            Deed::Ship => after.status = Some("shipped"),
            Deed::Deliver => after.status = Some("delivered"),
            Deed::Return { is_refunded } => {
                after.status = Some("returned");
                if is_refunded {
                    after.refund(self.refund_micros());
                }
            }
            Deed::Refund => after.refund(self.refund_micros()),
            Deed::Erase => {
                after.status = None;
                after.lines.fill(None);
            }
        }
        after
    }

    fn refund_micros(&self) -> i64 {
        let bill = &self.purchase.bill;
        let is_full = self.purchase.random.stream("refund").chance(FULL_REFUND_PARTS);
        bill.amount_micros() - if is_full { 0 } else { bill.shipping_micros }
    }

    /// The rows that differ, as they were and as they are: the order before its lines, those before
    /// its payments.
    fn changed_rows(&self, before: &State, after: &State) -> Vec<(Option<Row>, Option<Row>)> {
        let mut rows = Vec::new();
        let mut note = |[before, after]: [Option<Row>; 2]| rows.push((before, after));
        if before.status != after.status {
            note([before, after].map(|state| state.status.map(|status| self.order_row(status))));
        }
        for index in 0..self.purchase.bill.lines.len() {
            let lines = [before, after].map(|state| state.lines.get(index).copied().flatten());
            if lines[0] != lines[1] {
                note(lines.map(|line| line.map(|line| self.line_row(index, line))));
            }
        }
        for attempt in 0..self.purchase.attempts.len() {
            let payments = [before, after].map(|state| state.payments.get(attempt).copied());
            if payments[0] != payments[1] {
                let row = |payment| self.payment_row(attempt, payment);
                note(payments.map(|payment| payment.map(row)));
            }
        }
        rows
    }

    fn order_row(&self, status: &str) -> Row {
        Row::Order(OrderRow {
            order_id: order_id(self.purchase.order),
            user_id: self.person.user_id(),
            status: status.to_owned(),
            placed_at: self.deeds[0].0,
            country_code: self.person.country.code.to_owned(),
            currency_code: self.person.country.currency_code.to_owned(),
            shipping_micros: self.purchase.bill.shipping_micros,
            discount_micros: self.purchase.bill.discount_micros,
        })
    }

    fn line_row(&self, index: usize, line: Line) -> Row {
        Row::OrderItem(OrderItemRow {
            order_id: order_id(self.purchase.order),
            line_number: index as i64 + 1,
            product_id: product_id(line.product),
            quantity: line.quantity,
            unit_price_micros: line.unit_price_micros,
        })
    }

    fn payment_row(&self, attempt: usize, state: PaymentState) -> Row {
        let random = payment_random(self.purchase, attempt);
        let method = match random.stream("method").weighted(&METHODS) {
            Method::Card => "card",
            Method::Wallet => "wallet",
            Method::Transfer => "transfer",
        };
        Row::Payment(PaymentRow {
            payment_id: format!("y{:016x}", random.bits()),
            order_id: order_id(self.purchase.order),
            user_id: self.person.user_id(),
            status: state.status.to_owned(),
            method: method.to_owned(),
            amount_micros: self.purchase.bill.amount_micros(),
            refunded_micros: state.refunded_micros,
            currency_code: self.person.country.currency_code.to_owned(),
            country_code: self.person.country.code.to_owned(),
            attempted_at: self.purchase.attempts[attempt].submitted_at,
        })
    }
}

impl State {
    /// Gives back so much in all of what was captured, if anything was.
    fn refund(&mut self, refunded_micros: i64) {
        let captured = ["captured", "refunded"];
        let payment = self.payments.iter_mut().find(|payment| captured.contains(&payment.status));
        if let Some(payment) = payment {
            payment.status = "refunded";
            payment.refunded_micros = payment.refunded_micros.max(refunded_micros);
        }
    }

    /// Takes out the last of several lines, or else one piece of the only one, and says what it
    /// was worth.
    fn take_out(&mut self) -> i64 {
        let is_only_line = self.lines.len() == 1;
        let Some(Some(line)) = self.lines.last_mut() else { return 0 };
        if is_only_line {
            line.quantity -= 1;
            return line.unit_price_micros;
        }
        let worth_micros = line.quantity * line.unit_price_micros;
        *self.lines.last_mut().expect("there are several") = None;
        worth_micros
    }
}

fn payment_random(purchase: &Purchase, attempt: usize) -> Random {
    purchase.random.stream("payment").at(attempt as u64)
}

/// What is done to the order, and when.
fn deeds(purchase: &Purchase, commerce: &Commerce) -> Vec<(MicrosUtc, Deed)> {
    let random = purchase.random;
    let network = |name: &str, attempt: usize| {
        random.stream(name).at(attempt as u64).between(NETWORK_MIN, NETWORK_MAX)
    };
    let mut deeds = vec![(purchase.placed_at.plus(-network("placed", 0)), Deed::Place)];
    let mut captured_at = None;
    for (number, attempt) in purchase.attempts.iter().enumerate() {
        let submitted_at = attempt.submitted_at.plus(network("submitted", number));
        deeds.push((submitted_at, Deed::Submit(number)));
        if let Some(failed_at) = attempt.failed_at {
            deeds.push((failed_at.plus(-network("failed", number)), Deed::Fail(number)));
        } else {
            let payment = payment_random(purchase, number);
            let settling = payment.stream("settling");
            let method = payment.stream("method").weighted(&METHODS);
            let pause = if method == Method::Transfer {
                settling.long_tailed(10 * MICROS_PER_MINUTE, TRANSFER_MAX)
            } else {
                settling.long_tailed(MICROS_PER_SECOND, MICROS_PER_MINUTE)
            };
            captured_at = Some(submitted_at.plus(pause));
            deeds.push((submitted_at.plus(pause), Deed::Capture(number)));
        }
    }
    match captured_at {
        Some(captured_at) => fulfil(purchase, commerce, captured_at, &mut deeds),
        None => give_up(random, commerce, &mut deeds),
    }
    deeds
}

/// What follows when nothing was paid.
fn give_up(random: Random, commerce: &Commerce, deeds: &mut Vec<(MicrosUtc, Deed)>) {
    let last_at = deeds.last().map_or(MicrosUtc(0), |deed| deed.0);
    let pause = random.stream("cancelled").long_tailed(20 * MICROS_PER_MINUTE, CANCELLATION_MAX);
    let cancelled_at = last_at.plus(pause);
    deeds.push((cancelled_at, Deed::Cancel));
    let erased = random.stream("erased");
    if erased.chance(u64::from(commerce.orders_erased.0)) {
        let pause = erased.at(0).long_tailed(MICROS_PER_HOUR, ERASURE_MAX);
        deeds.push((cancelled_at.plus(pause), Deed::Erase));
    }
}

/// What follows when the order is paid.
fn fulfil(
    purchase: &Purchase,
    commerce: &Commerce,
    captured_at: MicrosUtc,
    deeds: &mut Vec<(MicrosUtc, Deed)>,
) {
    let random = purchase.random;
    let later = |name: &str, from: MicrosUtc, least: i64, greatest: i64| {
        from.plus(random.stream(name).at(0).long_tailed(least, greatest))
    };
    let happens = |name: &str, rate: PartsPerMillion| random.stream(name).chance(rate.0.into());
    let mut at = captured_at;
    if happens("changed mind", commerce.orders_cancelled) {
        at = later("changed mind", at, MICROS_PER_MINUTE, CANCELLATION_MAX);
        deeds.push((at, Deed::Cancel));
        return;
    }
    let lines = &purchase.bill.lines;
    let can_be_edited = lines.len() > 1 || lines[0].quantity > 1;
    if can_be_edited && happens("edited", commerce.orders_edited) {
        at = later("edited", at, MICROS_PER_MINUTE, EDIT_MAX);
        deeds.push((at, Deed::Edit));
    }
    at = later("shipped", at, 20 * MICROS_PER_MINUTE, SHIPPING_MAX);
    deeds.push((at, Deed::Ship));
    at = later("delivered", at, 90 * MICROS_PER_MINUTE, DELIVERY_MAX);
    deeds.push((at, Deed::Deliver));
    if is_returned(random, commerce) {
        at = later("returned", at, 3 * MICROS_PER_HOUR, RETURN_MAX);
        let is_refunded = random.stream("at once").chance(REFUND_AT_ONCE_PARTS);
        deeds.push((at, Deed::Return { is_refunded }));
        if !is_refunded {
            at = later("refunded", at, MICROS_PER_HOUR, REFUND_MAX);
            deeds.push((at, Deed::Refund));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Deed, deeds, life_days};
    use crate::faults::PartsPerMillion;
    use crate::purchases::{Attempt, Purchase};
    use crate::random::Random;
    use crate::scenario::Commerce;
    use crate::shop::{Bill, Line};
    use crate::time::{MICROS_PER_DAY, MICROS_PER_SECOND, MicrosUtc};
    use std::collections::BTreeSet;

    /// Orders placed at a second of a day, some never paid, some paid at the second attempt.
    fn purchase(seed: u64) -> Purchase {
        let placed_at = MicrosUtc::start_of(10).plus(MICROS_PER_DAY - 1);
        let at = |seconds: i64| placed_at.plus(seconds * MICROS_PER_SECOND);
        let fails = Attempt { submitted_at: at(1), failed_at: Some(at(2)) };
        let succeeds = Attempt { submitted_at: at(3), failed_at: None };
        let attempts = [vec![], vec![fails], vec![fails, succeeds], vec![succeeds]];
        let line = Line { product: 1, quantity: 2, unit_price_micros: 10_000 };
        Purchase {
            order: seed,
            bill: Bill { lines: vec![line], ..Bill::default() },
            placed_at,
            attempts: Random::new(seed).stream("attempts").pick(&attempts).clone(),
            random: Random::new(seed),
        }
    }

    #[test]
    fn a_life_goes_forward_and_ends_in_time() {
        let commerce = Commerce {
            orders_returned: PartsPerMillion(500_000),
            orders_erased: PartsPerMillion(500_000),
            ..Commerce::default()
        };
        let (mut last_days, mut ends) = (BTreeSet::new(), [0; 3]);
        for seed in 0..20_000 {
            let purchase = purchase(seed);
            let deeds = deeds(&purchase, &commerce);
            assert!(deeds.windows(2).all(|pair| pair[0].0 < pair[1].0), "{deeds:?}");
            let (last_at, last) = deeds[deeds.len() - 1];
            // The session may have begun on the day before.
            let session_day = purchase.placed_at.day() - 1;
            assert!(last_at.day() <= session_day + life_days(purchase.random, &commerce));
            last_days.insert(last_at.day() - session_day);
            match last {
                Deed::Erase => ends[0] += 1,
                Deed::Refund => ends[1] += 1,
                Deed::Deliver => ends[2] += 1,
                _ => {}
            }
        }
        assert!(last_days.last().is_some_and(|day| *day > 25), "{last_days:?}");
        assert!(ends.iter().all(|count| *count > 1_000), "{ends:?}");
    }
}
