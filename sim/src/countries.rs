//! Where users live. A country has one fixed offset here: summer time would change nothing that a
//! pipeline in UTC can see.

/// A country that the app is used in.
#[derive(Debug)]
pub(crate) struct Country {
    /// ISO 3166-1 alpha-2.
    pub(crate) code: &'static str,
    /// ISO 4217.
    pub(crate) currency_code: &'static str,
    /// What local clocks show more than UTC.
    pub(crate) offset_minutes: i64,
    /// What the same thing costs there, for a price of 100 in the United States.
    pub(crate) price_percent: i64,
    /// Prefix of telephone numbers.
    pub(crate) calling_code: &'static str,
}

const fn country(
    code: &'static str,
    currency_code: &'static str,
    offset_minutes: i64,
    price_percent: i64,
    calling_code: &'static str,
) -> Country {
    Country { code, currency_code, offset_minutes, price_percent, calling_code }
}

const IN: Country = country("IN", "INR", 330, 8_500, "+91");
const US: Country = country("US", "USD", -360, 100, "+1");
const BR: Country = country("BR", "BRL", -180, 550, "+55");
const ID: Country = country("ID", "IDR", 420, 1_600_000, "+62");
const MX: Country = country("MX", "MXN", -360, 1_850, "+52");
const NG: Country = country("NG", "NGN", 60, 150_000, "+234");
const DE: Country = country("DE", "EUR", 60, 95, "+49");
const FR: Country = country("FR", "EUR", 60, 95, "+33");
const GB: Country = country("GB", "GBP", 0, 80, "+44");
const JP: Country = country("JP", "JPY", 540, 15_000, "+81");
const ES: Country = country("ES", "EUR", 60, 95, "+34");
const PL: Country = country("PL", "PLN", 60, 400, "+48");
const NL: Country = country("NL", "EUR", 60, 95, "+31");
const ZA: Country = country("ZA", "ZAR", 120, 1_850, "+27");
const AU: Country = country("AU", "AUD", 600, 155, "+61");

/// Every country with its share of the users, in thousandths.
pub(crate) const COUNTRIES: [(&Country, u64); 15] = [
    (&IN, 210),
    (&US, 190),
    (&BR, 110),
    (&ID, 90),
    (&MX, 60),
    (&NG, 50),
    (&DE, 45),
    (&FR, 40),
    (&GB, 45),
    (&JP, 45),
    (&ES, 30),
    (&PL, 25),
    (&NL, 20),
    (&ZA, 20),
    (&AU, 20),
];
