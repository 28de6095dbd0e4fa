//! What services log: to stderr, as text or as one JSON object a line. Never a payload, nor a token.

use tracing_subscriber::EnvFilter;

use crate::cli::LogFormat;

/// What is logged if `LAKEBED_LOG` does not say: of others only what is wrong.
const FILTER: &str = "warn,lakebed=info,lakebed_pipeline=info";

/// Begins to log.
pub fn begin(format: LogFormat) {
    let filter = EnvFilter::try_from_env("LAKEBED_LOG").unwrap_or_else(|_| EnvFilter::new(FILTER));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // Who reads the log may be gone, which is no reason to fail.
    let builder = builder.log_internal_errors(false);
    match format {
        LogFormat::Text => builder.with_ansi(false).init(),
        LogFormat::Json => builder.json().flatten_event(true).init(),
    }
}
