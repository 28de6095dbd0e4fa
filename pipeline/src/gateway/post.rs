//! `POST /v1/events`: one batch by ordinary HTTP, for backends that speak no websockets.
//!
//! The body is what a binary frame holds; the token is a bearer token. It is answered when the bus has
//! the batch, with the answer that a websocket would get.

use std::sync::Arc;

use axum::{
    Json,
    body::{Body, to_bytes},
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use tokio::time::timeout;

use super::{
    Shared, batch,
    protocol::{CLIENT_BYTES_MAX, ErrorCode, Refusal, RefusalCode, RequestCode, ServerMessage},
};

/// Takes a batch.
pub async fn post(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Body) -> Response {
    let Ok(_permit) = Arc::clone(&shared.connections).try_acquire_owned() else {
        return shared.too_many();
    };
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let token = text(header::AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer "));
    let grant = token.and_then(|token| shared.config.access.grant(token));
    let Some(grant) = grant else {
        let code = ErrorCode::BadToken;
        shared.metrics.refuse(code.as_str());
        let message = "say `Authorization: Bearer TOKEN`, with a token of the gateway's".to_owned();
        let answer = ServerMessage::Error { code, message };
        return (StatusCode::UNAUTHORIZED, Json(answer)).into_response();
    };
    let limits = &shared.config.limits;
    let Ok(read) = timeout(limits.idle_timeout, to_bytes(body, limits.frame_bytes_max)).await
    else {
        shared.metrics.refuse(RequestCode::BodyTimeout.as_str());
        return StatusCode::REQUEST_TIMEOUT.into_response();
    };
    let read = read.map_err(|_| {
        let message = format!("at most {} bytes are taken", limits.frame_bytes_max);
        Refusal { batch: None, code: RefusalCode::TooLarge, message }
    });
    let client = text(header::USER_AGENT).filter(|name| name.len() <= CLIENT_BYTES_MAX);
    match read.and_then(|body| batch::read(&shared, &grant, client, &body)) {
        Err(Refusal { batch, code, message }) => {
            shared.metrics.refuse(code.as_str());
            answer(ServerMessage::Refused { batch, code, message })
        }
        Ok(batch) => {
            let published = batch::publish(Arc::clone(&shared), vec![batch]).await;
            published
                .answers
                .into_iter()
                .next()
                .map_or_else(|| StatusCode::INTERNAL_SERVER_ERROR.into_response(), answer)
        }
    }
}

fn answer(message: ServerMessage) -> Response {
    let status = match &message {
        ServerMessage::Refused { code, .. } => match code {
            RefusalCode::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            RefusalCode::ForbiddenSource => StatusCode::FORBIDDEN,
            RefusalCode::RateExceeded => StatusCode::TOO_MANY_REQUESTS,
            RefusalCode::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::BAD_REQUEST,
        },
        _ => StatusCode::OK,
    };
    (status, Json(message)).into_response()
}
