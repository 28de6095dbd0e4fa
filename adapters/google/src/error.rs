//! Errors of Google's clients as errors of the ports.

use google_cloud_gax::{
    client_builder,
    error::{Error, rpc::Code},
};
use lakebed_core::error_kind::ErrorKind;
use lakebed_ports::port_error::PortError;

/// What a person does where the cloud does not know who asks.
const LOGIN: &str = "run `gcloud auth application-default login`, or let the service run as an account \
     that may; GOOGLE_APPLICATION_CREDENTIALS names a file of credentials";
/// What a person does where the cloud knows who asks, and says no.
const ROLE: &str = "give the account the role: `lakebed target check` says which";

/// A call failed: `action` says what was wanted, on what.
pub fn call(action: String, error: Error) -> PortError {
    let (kind, hint) = if error.is_authentication() {
        (ErrorKind::FixInput, Some(LOGIN))
    } else {
        judged(error.status().map(|status| status.code), error.http_status_code())
    };
    let failed = PortError::new(kind, action).with_source(error);
    match hint {
        Some(hint) => failed.with_hint(hint),
        None => failed,
    }
}

/// A client could not be made.
pub fn client(service: &str, error: client_builder::Error) -> PortError {
    PortError::new(ErrorKind::FixInput, format!("cannot use {service}"))
        .with_source(error)
        .with_hint(LOGIN)
}

/// What can be done about an answer. Emulators say by the HTTP status what the code does not.
fn judged(code: Option<Code>, status: Option<u16>) -> (ErrorKind, Option<&'static str>) {
    match (code, status) {
        (Some(Code::Unauthenticated), _) | (_, Some(401)) => (ErrorKind::FixInput, Some(LOGIN)),
        (Some(Code::PermissionDenied), _) | (_, Some(403)) => (ErrorKind::FixInput, Some(ROLE)),
        (Some(Code::InvalidArgument | Code::Unimplemented | Code::OutOfRange), _)
        | (_, Some(400)) => (ErrorKind::Bug, None),
        (Some(Code::NotFound | Code::FailedPrecondition), _) | (_, Some(404)) => {
            (ErrorKind::FixInput, None)
        }
        _ => (ErrorKind::Retry, None),
    }
}

/// Whether the thing is not there.
pub fn is_not_found(error: &Error) -> bool {
    error.status().is_some_and(|status| status.code == Code::NotFound)
        || error.http_status_code() == Some(404)
}

/// Whether the thing is there already, or is not as the precondition says.
pub fn is_there(error: &Error) -> bool {
    let is_code = |code| matches!(code, Code::AlreadyExists | Code::FailedPrecondition);
    error.status().is_some_and(|status| is_code(status.code))
        || matches!(error.http_status_code(), Some(409 | 412))
}

/// Whether we may not ask.
pub fn is_forbidden(error: &Error) -> bool {
    error.status().is_some_and(|status| status.code == Code::PermissionDenied)
        || error.http_status_code() == Some(403)
}
