# What people type. Each line calls cargo; the logic is there.

# Show the recipes
default:
    @just --list

# Simulate, ingest, build and grade the scenario `baseline`
run *ARGS:
    cargo xtask run {{ARGS}}

# Every test
test *ARGS:
    cargo xtask test {{ARGS}}

# What must pass before a change lands
ci:
    cargo xtask ci

# Rewrite golden/ and the expected errors with what the tests find
bless:
    cargo xtask bless

# The same SQL on DuckDB, GoogleSQL and Spark: every case (`just ci` compares fewer)
conformance *ARGS:
    cargo xtask conformance {{ARGS}}

# Benchmarks, each against its yardstick
bench *ARGS:
    cargo xtask bench {{ARGS}}

# The promised ratios over days of a real size, in a release build; appended to benches/ratios.csv (half an hour)
ratios *ARGS:
    cargo xtask ratios {{ARGS}}

# What five years of growth come to; the figures go to benches/growth.csv, whose difference a review reads (minutes)
growth:
    cargo xtask growth

# Kill 300 runs at any moment, resume each, compare the tables (half an hour)
soak-kills:
    LAKEBED_KILLS=300 cargo xtask test kills::killed_at_any_moment_of_a_run -- --nocapture

# A thousand random cases of each property (hours)
soak-properties:
    LAKEBED_PROPERTY_CASES=1000 cargo xtask test properties:: -- --nocapture

# 200 schedules of a bus, a store and a warehouse that do whatever their ports allow (minutes)
soak-schedules:
    LAKEBED_TEST_SCHEDULES=200 cargo xtask test by_any_schedule -- --nocapture

# Phones that come and go, a bus that fails and comes back: what was acknowledged is in raw (a minute)
soak-gateway:
    cargo xtask test every_acknowledged_message_is_in_the_raw_layer -- --ignored --nocapture

# The adapters for Google Cloud, on emulators that it starts
google *ARGS:
    cargo xtask google {{ARGS}}

# The same, with the laws of the bus, for which the emulator of Pub/Sub may take minutes
google-bus:
    cargo xtask google -- --include-ignored

# The larger scenarios over a warehouse that refuses what BigQuery refuses (minutes)
soak-strict:
    cargo xtask test larger_scenarios_are_built -- --ignored --nocapture

# What kills each new mutant by hand (a minute each), then docs/mutants.md and docs/mechanical-mutants.md
mutants:
    cargo xtask test what_kills_each_mutant -- --ignored --nocapture
    LAKEBED_BLESS=1 cargo xtask test mutants:: -- --include-ignored --nocapture

# Format the code
fmt:
    cargo fmt --all

# rustfmt, clippy, rustdoc; all warnings are errors
lint:
    cargo xtask lint

# Licences, advisories and duplicates of the dependencies (needs cargo-deny)
deny:
    cargo deny check

# One binary with DuckDB compiled in, which needs only the C and C++ runtimes (75 minutes of one core)
dist:
    cargo xtask dist
