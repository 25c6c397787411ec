//! Entity tags, and answers without a body for whoever has it already.

use hyper::header::{ETAG, HeaderName, HeaderValue, IF_NONE_MATCH};
use hyper::http::HeaderMap;
use hyper::{Response, StatusCode};

use super::payload::Payload;

/// Weak comparison, as RFC 9110, section 13.1.2, has it.
pub(super) fn matches(headers: &HeaderMap, tag: &str) -> bool {
    let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    let given = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    given.flat_map(|value| value.split(',')).any(|one| one.trim() == "*" || opaque(one) == opaque(tag))
}

pub(super) fn not_modified(tag: &str) -> Response<Payload> {
    let mut response = Response::new(Payload::default());
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    tagged(&mut response, tag);
    response
}

pub(super) fn tagged(response: &mut Response<Payload>, tag: &str) {
    insert(response, ETAG, tag);
}

pub(super) fn insert(response: &mut Response<Payload>, name: HeaderName, text: &str) {
    if let Ok(value) = HeaderValue::from_str(text) {
        response.headers_mut().insert(name, value);
    }
}
