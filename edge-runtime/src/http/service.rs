//! From a request to an answer.

use std::sync::Arc;
use std::time::Duration;

use hyper::body::Body;
use hyper::header::{CACHE_CONTROL, ETAG, HOST, HeaderName, HeaderValue};
use hyper::http::HeaderMap;
use hyper::{Method, Request, Response, StatusCode};
use tokio::sync::Semaphore;

use super::access::Access;
use super::cache::Cache;
use super::conditional::{insert, matches, not_modified, tagged};
use super::documents::{Documents, ModelText};
use super::made::{Made, Timing};
use super::metrics::{self, Metrics, Now};
use super::parameters::{Bounds, PictureTask, Task, WalkTask};
use super::payload::{Payload, held};
use super::problem::Problem;
use super::query::Query;
use super::route::{self, Route};
use super::worker::{Queue, Refused};
use crate::RuntimeError;
use crate::model::sha256_hex;

/// The most bytes of a path with its query.
const MAX_TARGET: usize = 4096;
/// Bytes of a budget that one of its permits stands for.
const UNIT: usize = 1024;
const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");
/// Server-Timing of an answer that nothing was made for.
const KEPT: &str = "cache;desc=hit";
/// Headers of the answer to `format=raw` and the other pictures.
const SIZES: [HeaderName; 3] = [
    HeaderName::from_static("picture-width"),
    HeaderName::from_static("picture-height"),
    HeaderName::from_static("picture-channels"),
];

/// All that answers are made from.
pub(super) struct Service {
    pub bounds: Bounds,
    pub model: ModelText,
    pub documents: Documents,
    pub access: Access,
    /// Whether the server listens on a loopback address, where a foreign host name is a page's attempt to reach it.
    pub is_loopback: bool,
    pub queue: Queue,
    pub cache: Arc<Cache>,
    pub metrics: Arc<Metrics>,
    /// Permits for bytes of answers that are being made or sent.
    pub budget: Arc<Semaphore>,
    /// The longest that a request waits for its turn and its picture.
    pub patience: Duration,
}

impl Service {
    /// Answers a request and counts the answer.
    pub async fn answer<B: Body>(&self, request: Request<B>) -> Response<Payload> {
        let route = route::of(request.uri().path());
        let name = route.map_or("other", |(path, _)| path);
        let result = match self.check(&request, route) {
            Ok(route) => self.routed(route, &request).await,
            Err(problem) => Err(problem),
        };
        let mut response = result.unwrap_or_else(Problem::into_response);
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("cross-origin-resource-policy", "same-origin"),
            ("referrer-policy", "no-referrer"),
        ] {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        // Another model may stand behind the same URL tomorrow: asking again with the tag costs next to nothing.
        let caching = if response.headers().contains_key(ETAG) { "no-cache" } else { "no-store" };
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static(caching));
        self.metrics.count_request(name, response.status().as_u16());
        response
    }

    fn check<B: Body>(&self, request: &Request<B>, route: Option<(&'static str, Route)>) -> Result<Route, Problem> {
        let (headers, uri) = (request.headers(), request.uri());
        if uri.path_and_query().is_some_and(|target| target.as_str().len() > MAX_TARGET) {
            let detail = format!("target: expected at most {MAX_TARGET} bytes");
            return Err(Problem::new(StatusCode::URI_TOO_LONG, detail));
        }
        self.check_host(uri.authority().map(|authority| authority.as_str()), headers)?;
        let (_, route) = route.ok_or_else(|| {
            let paths: Vec<&str> = route::ROUTES.iter().map(|(path, _)| *path).collect();
            Problem::new(StatusCode::NOT_FOUND, format!("path: expected one of {}", paths.join(", ")))
        })?;
        if request.method() != Method::GET && request.method() != Method::HEAD {
            return Err(Problem::method(request.method().as_str()));
        }
        if !request.body().is_end_stream() {
            return Err(Problem::body());
        }
        if route.is_protected() && !self.access.allows(headers) {
            return Err(Problem::unauthorized());
        }
        Ok(route)
    }

    /// RFC 9112, section 3.2: one host, and that of an absolute target counts before it.
    fn check_host(&self, authority: Option<&str>, headers: &HeaderMap) -> Result<(), Problem> {
        let mut given = headers.get_all(HOST).iter();
        let (Some(host), None) = (given.next(), given.next()) else {
            return Err(Problem::new(StatusCode::BAD_REQUEST, "host: expected one, found none or several"));
        };
        let host = authority.or_else(|| host.to_str().ok()).unwrap_or_default();
        if !self.access.knows(host, self.is_loopback) {
            let detail = format!("host: expected a name of this machine, found {host:?}; allow others with --host");
            return Err(Problem::new(StatusCode::MISDIRECTED_REQUEST, detail));
        }
        Ok(())
    }

    async fn routed<B>(&self, route: Route, request: &Request<B>) -> Result<Response<Payload>, Problem> {
        let mut query = Query::parse(request.uri().query().unwrap_or_default())?;
        let task = match route {
            Route::Generate => Task::Picture(PictureTask::read(query, &self.bounds)?),
            Route::Interpolate => Task::Walk(WalkTask::read(query, &self.bounds)?),
            _ => {
                // Some tools add it to pages and checks to get past caches.
                query.take_raw("_");
                query.finish(&[])?;
                return self.told(route, request.headers());
            }
        };
        self.made(task, request.headers()).await
    }

    /// Answers that need no generator.
    fn told(&self, route: Route, headers: &HeaderMap) -> Result<Response<Payload>, Problem> {
        if let Some(response) = self.documents.answer(route, headers) {
            return Ok(response);
        }
        Ok(match route {
            Route::Metrics => Payload::response(metrics::MEDIA_TYPE, self.metrics_text()),
            _ if self.queue.has_ended() => return Err(ended()),
            _ => Payload::response("application/json", "{\"status\":\"ok\"}\n"),
        })
    }

    fn metrics_text(&self) -> String {
        let (cache_entries, cache_bytes) = self.cache.entries_and_bytes();
        self.metrics.text(&Now {
            engine: &self.model.engine,
            model: &self.model.sha256,
            waiting: self.queue.waiting(),
            most_waiting: self.queue.most(),
            cache_bytes,
            cache_entries,
        })
    }

    /// Answers that a generator makes, or made before.
    async fn made(&self, task: Task, headers: &HeaderMap) -> Result<Response<Payload>, Problem> {
        let (key, media_type) = (task.key(), task.media_type());
        let tag = self.tag(&key);
        if matches(headers, &tag) {
            let mut response = not_modified(&tag);
            // In a cache it takes the place of the time that the picture once took.
            insert(&mut response, SERVER_TIMING, KEPT);
            return Ok(response);
        }
        let known = self.cache.get(&key);
        self.metrics.count_lookup(known.is_some());
        let most = known.as_ref().map_or_else(|| task.most_bytes(&self.bounds), |made| made.bytes.len());
        let share = self.budget.clone().try_acquire_many_owned(most.div_ceil(UNIT) as u32);
        let mut share = share.map_err(|_| self.overload("more bytes of answers are under way than fit"))?;
        let (made, timing) = match known {
            Some(made) => (made, None),
            None => {
                let (made, timing) = self.wait(key, task).await?;
                (made, Some(timing))
            }
        };
        // What was too much is free at once.
        let unused = share.num_permits().saturating_sub(made.bytes.len().div_ceil(UNIT));
        drop(share.split(unused));
        let bytes = held(made.bytes.clone(), share);
        let mut response = Payload::response(media_type, bytes);
        tagged(&mut response, &tag);
        described(&mut response, &made, timing);
        Ok(response)
    }

    async fn wait(&self, key: String, task: Task) -> Result<(Made, Timing), Problem> {
        let reply = self.queue.put(key, task).map_err(|refused| match refused {
            Refused::Full => self.overload("the queue is full"),
            Refused::Ended => ended(),
        })?;
        let waited = tokio::time::timeout(self.patience, reply).await;
        let reply = waited.map_err(|_| {
            Problem::new(StatusCode::GATEWAY_TIMEOUT, format!("no picture within {} s", self.patience.as_secs()))
        })?;
        reply.map_err(|_| ended())?.map_err(|error| match error {
            RuntimeError::NoMix { .. } => Problem::parameter("mix", "label, since engine and model can't mix", "mix"),
            other => {
                let error: &dyn std::error::Error = &other;
                let causes = std::iter::successors(error.source(), |cause| cause.source());
                let text = causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"));
                Problem::new(StatusCode::INTERNAL_SERVER_ERROR, text)
            }
        })
    }

    fn overload(&self, what: &str) -> Problem {
        let left = self.metrics.mean_task() * (self.queue.waiting() as u32 + 1);
        Problem::overload(what, left.as_secs_f64().ceil().clamp(1.0, 60.0) as u64)
    }

    /// The entity tag of a task's answer: a picture is a function of model, engine and task, so it is known before the
    /// picture is.
    fn tag(&self, key: &str) -> String {
        let ModelText { sha256, engine, .. } = &self.model;
        let all = format!("{} {sha256} {engine} {key}", env!("CARGO_PKG_VERSION"));
        let strength = if self.model.is_repeatable { "" } else { "W/" };
        format!("{strength}\"{}\"", &sha256_hex(all.as_bytes())[..32])
    }
}

fn ended() -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the generator has stopped")
}

/// Size of the picture, and where the time went.
fn described(response: &mut Response<Payload>, made: &Made, timing: Option<Timing>) {
    for (name, number) in SIZES.into_iter().zip([made.width, made.height, made.channels]) {
        response.headers_mut().insert(name, HeaderValue::from(number));
    }
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    let text = match timing {
        None => KEPT.to_owned(),
        Some(Timing { queue, generate, encode }) => {
            format!("queue;dur={:.2}, generate;dur={:.2}, encode;dur={:.2}", ms(queue), ms(generate), ms(encode))
        }
    };
    insert(response, SERVER_TIMING, &text);
}
