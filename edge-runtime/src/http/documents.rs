//! Answers that stay the same: made once, so that any number of askers takes the memory of one.

use hyper::Response;
use hyper::body::Bytes;
use hyper::header::{CONTENT_SECURITY_POLICY, HeaderValue};
use hyper::http::HeaderMap;
use serde_json::json;

use super::conditional::{matches, not_modified, tagged};
use super::parameters::Bounds;
use super::payload::Payload;
use super::route::{ROUTES, Route};
use super::{openapi, page};
use crate::model::sha256_hex;

const JSON: &str = "application/json";

/// What is said about model and engine.
#[derive(Debug)]
pub(super) struct ModelText {
    pub sha256: String,
    /// Name and version.
    pub engine: String,
    /// Whether two engines of this name make the same bytes, in every run and on every machine.
    pub is_repeatable: bool,
    pub latent_dim: usize,
    pub can_mix: bool,
}

/// The labels, the description of the routes, and the page's files.
pub(super) struct Documents(Vec<(Route, Document)>);

struct Document {
    media_type: &'static str,
    body: Bytes,
    /// Made of the bytes.
    tag: String,
    policy: Option<HeaderValue>,
}

impl Documents {
    pub fn new(bounds: &Bounds, model: &ModelText) -> Self {
        let made = |route| Some((route, document(route, bounds, model)?));
        Self(ROUTES.into_iter().filter_map(|(_, route)| made(route)).collect())
    }

    /// The answer of a route that has a document, without its bytes where the asker has them.
    pub fn answer(&self, route: Route, headers: &HeaderMap) -> Option<Response<Payload>> {
        let (_, document) = self.0.iter().find(|(known, _)| *known == route)?;
        let mut response = if matches(headers, &document.tag) {
            not_modified(&document.tag)
        } else {
            let mut response = Payload::response(document.media_type, document.body.clone());
            tagged(&mut response, &document.tag);
            response
        };
        if let Some(policy) = &document.policy {
            response.headers_mut().insert(CONTENT_SECURITY_POLICY, policy.clone());
        }
        Some(response)
    }
}

fn document(route: Route, bounds: &Bounds, model: &ModelText) -> Option<Document> {
    let (media_type, body, policy): (_, Bytes, _) = match route {
        Route::OpenApi => (JSON, openapi::document(bounds).to_string().into(), None),
        Route::Labels => (JSON, labels(bounds, model).into(), None),
        _ => {
            let (media_type, text) = page::file(route)?;
            (media_type, text.into(), Some(HeaderValue::from_static(page::POLICY)))
        }
    };
    let tag = format!("\"{}\"", &sha256_hex(&body)[..32]);
    Some(Document { media_type, body, tag, policy })
}

fn labels(bounds: &Bounds, model: &ModelText) -> String {
    let Bounds { labels, side, channels } = bounds;
    let names: Vec<_> =
        labels.names().iter().enumerate().map(|(index, name)| json!({ "index": index, "name": name })).collect();
    let document = json!({
        "labels": names,
        "can_mix": model.can_mix,
        "picture": { "width": side, "height": side, "channels": channels, "max_scale": bounds.max_scale() },
        "latent_dim": model.latent_dim,
        "model_sha256": model.sha256,
        "engine": model.engine,
    });
    format!("{document}\n")
}
