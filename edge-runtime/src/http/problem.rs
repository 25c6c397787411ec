//! Errors as RFC 9457 problem details: which parameter, what was expected, what was found.

use hyper::header::{ALLOW, CONNECTION, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use hyper::{Response, StatusCode};
use serde_json::json;

use super::payload::Payload;
use super::route;

/// The most characters of a request that are repeated in an answer.
const MOST_REPEATED: usize = 200;

/// An answer that is an error.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    detail: String,
    /// Parameter, what was expected of it, what was found.
    parameter: Option<Box<[String; 3]>>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Problem {
    /// An error without a parameter.
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), parameter: None, headers: Vec::new() }
    }

    /// A parameter with a wrong value: status 400.
    pub fn parameter(name: &str, expected: &str, found: &str) -> Self {
        let [name, found] = [name, found].map(|text| text.chars().take(MOST_REPEATED).collect::<String>());
        let detail = format!("parameter {name}: expected {expected}, found {found:?}");
        let parameter = Some(Box::new([name, expected.to_owned(), found]));
        Self { parameter, ..Self::new(StatusCode::BAD_REQUEST, detail) }
    }

    /// A parameter that must be there: status 400.
    pub fn missing(name: &str, expected: &str) -> Self {
        let detail = format!("parameter {name}: expected {expected}, found none");
        let parameter = Some(Box::new([name.to_owned(), expected.to_owned(), String::new()]));
        Self { parameter, ..Self::new(StatusCode::BAD_REQUEST, detail) }
    }

    /// A method other than GET and HEAD.
    pub fn method(found: &str) -> Self {
        let detail = format!("method: expected {}, found {found}", route::METHODS);
        Self::new(StatusCode::METHOD_NOT_ALLOWED, detail).with(ALLOW, HeaderValue::from_static(route::METHODS))
    }

    /// A request with a body; the rest of it is not read.
    pub fn body() -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "body: expected none, found one")
            .with(CONNECTION, HeaderValue::from_static("close"))
    }

    /// A token that is missing or another one.
    pub fn unauthorized() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "authorization: expected a bearer token, found none or another one")
            .with(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"edge-runtime\""))
    }

    /// More work than fits; it may fit in some seconds.
    pub fn overload(what: &str, seconds: u64) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, format!("{what}; try again in {seconds} s"))
            .with(RETRY_AFTER, HeaderValue::from(seconds))
    }

    fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The parameter that is wrong.
    #[cfg(test)]
    pub fn parameter_name(&self) -> Option<&str> {
        self.parameter.as_deref().map(|[name, _, _]| name.as_str())
    }

    /// The answer.
    pub fn into_response(self) -> Response<Payload> {
        let mut members = json!({
            "type": "about:blank",
            "title": self.status.canonical_reason().unwrap_or("Error"),
            "status": self.status.as_u16(),
            "detail": self.detail,
        });
        if let Some([name, expected, found]) = self.parameter.map(|parts| *parts) {
            members["parameter"] = name.into();
            members["expected"] = expected.into();
            members["found"] = found.into();
        }
        let mut response = Payload::response("application/problem+json", format!("{members}\n"));
        *response.status_mut() = self.status;
        response.headers_mut().extend(self.headers);
        response
    }
}
