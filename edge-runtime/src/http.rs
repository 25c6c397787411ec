//! Pictures over HTTP/1.1, and a page to play with them.
//!
//! One thread serves every connection, another holds the generator; between them is a bounded queue, beside them a bounded
//! cache. Nothing that a request says reaches the file system: a path is one of a table, and all other text becomes a number
//! or one of the model's labels. `/openapi.json` describes the routes.

mod access;
mod cache;
mod conditional;
mod documents;
mod draw;
mod look;
mod made;
mod metrics;
mod openapi;
mod page;
mod parameters;
mod patient;
mod payload;
mod plane;
mod problem;
mod query;
mod route;
mod service;
mod worker;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

pub use self::access::{Access, Token};
use self::cache::Cache;
use self::documents::{Documents, ModelText};
use self::metrics::Metrics;
use self::parameters::Bounds;
use self::patient::Patient;
use self::service::Service;
use self::worker::{Queue, Shared};
use crate::{EngineKind, Generator, RuntimeError};

/// Connections at once; more wait in the kernel.
const MAX_CONNECTIONS: usize = 256;
/// Bytes of a request's head, and of a connection's buffer.
const MAX_HEAD: usize = 16 * 1024;
const MAX_HEADERS: usize = 64;
/// Bytes of answers that are being made or sent at once, in units of 1,024.
const BUDGET_KIB: usize = 64 * 1024;
/// How many timeouts an answer may take to be sent, and a picture to be made.
const PATIENCE: u32 = 3;
/// Pause after an error of the listener, such as too many open files.
const PAUSE: Duration = Duration::from_millis(100);

/// How a server behaves.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Address and port; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Who may ask.
    pub access: Access,
    /// Tasks that may wait for the generator, 1 or more; others are told to come again.
    pub queue: usize,
    /// Bytes of answers that are kept.
    pub cache_bytes: usize,
    /// How long a request's head may take to arrive. An answer may take three times that to be made, and as long again
    /// to be sent.
    pub timeout: Duration,
}

/// Asks a server to end; every copy of it does.
#[derive(Debug, Clone)]
pub struct Stop(watch::Sender<bool>);

impl Stop {
    /// Ends the server after what it is doing; before it runs, it ends at once.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

/// A server that has its address and does not answer yet.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    timeout: Duration,
    service: Arc<Service>,
    generator: JoinHandle<()>,
    stop: Stop,
}

impl Server {
    /// Takes the address and starts the generator's thread.
    ///
    /// # Errors
    /// An address that can't be had, and a thread that can't be started.
    pub fn bind(settings: Settings, generator: Generator) -> Result<Self, RuntimeError> {
        let failed = |source| RuntimeError::Listen { address: settings.listen, source };
        let listener = TcpListener::bind(settings.listen).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let cache = Arc::new(Cache::new(settings.cache_bytes));
        let metrics = Arc::new(Metrics::new());
        let bounds = Bounds::new(generator.metadata());
        let model = model_text(&generator);
        let documents = Documents::new(&bounds, &model);
        let shared = Shared { cache: cache.clone(), metrics: metrics.clone() };
        let (queue, generator) = Queue::open(generator, settings.queue, shared).map_err(failed)?;
        let service = Service {
            bounds,
            model,
            documents,
            access: settings.access,
            is_loopback: address.ip().is_loopback(),
            queue,
            cache,
            metrics,
            budget: Arc::new(Semaphore::new(BUDGET_KIB)),
            patience: settings.timeout.saturating_mul(PATIENCE),
        };
        let (stop, service) = (Stop(watch::Sender::new(false)), Arc::new(service));
        Ok(Self { listener, address, timeout: settings.timeout, service, generator, stop })
    }

    /// The address with its port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What ends [`Server::run`], from any thread.
    pub fn stop(&self) -> Stop {
        self.stop.clone()
    }

    /// Answers until it is told to stop; then finishes what was asked before, for as long as an answer may take. Takes a
    /// thread for itself: it must not be called on one of tokio's.
    ///
    /// # Errors
    /// A runtime that can't be started, and a generator that has ended by itself.
    pub fn run(self) -> Result<(), RuntimeError> {
        let failed = |source| RuntimeError::Listen { address: self.address, source };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        runtime.block_on(self.serve())
    }

    async fn serve(self) -> Result<(), RuntimeError> {
        let failed = |source| RuntimeError::Listen { address: self.address, source };
        let listener = tokio::net::TcpListener::from_std(self.listener).map_err(failed)?;
        let mut stop = self.stop.0.subscribe();
        let mut connections = JoinSet::new();
        let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        let ended = loop {
            let next = async { (slots.clone().acquire_owned().await, listener.accept().await) };
            let (slot, accepted) = tokio::select! {
                _ = stop.wait_for(|stop| *stop) => break false,
                () = self.service.queue.ended() => break true,
                Some(_) = connections.join_next() => continue,
                next = next => next,
            };
            let Ok((stream, _)) = accepted else {
                tokio::time::sleep(PAUSE).await;
                continue;
            };
            self.service.metrics.count_connection();
            // Small answers should not wait for more; without it they are only later.
            stream.set_nodelay(true).ok();
            let (service, stop, timeout) = (self.service.clone(), self.stop.0.subscribe(), self.timeout);
            connections.spawn(async move {
                connection(Patient::new(stream, service.patience), service.clone(), stop, timeout).await;
                service.metrics.count_closed();
                drop(slot);
            });
        };
        drop(listener);
        self.stop.stop();
        let finish = async { while connections.join_next().await.is_some() {} };
        // Who has not taken an answer by then is left.
        tokio::time::timeout(self.service.patience.saturating_mul(2), finish).await.ok();
        connections.shutdown().await;
        if ended { Err(RuntimeError::GeneratorEnded(self.generator.join().is_err())) } else { Ok(()) }
    }
}

/// Serves one connection until either side ends it.
async fn connection(stream: Patient, service: Arc<Service>, mut stop: watch::Receiver<bool>, timeout: Duration) {
    let answer = service_fn(move |request| {
        let service = service.clone();
        async move { Ok::<_, std::convert::Infallible>(service.answer(request).await) }
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(timeout).max_buf_size(MAX_HEAD).max_headers(MAX_HEADERS);
    let mut connection = std::pin::pin!(builder.serve_connection(TokioIo::new(stream), answer));
    // What ends a connection early is the other side's doing, and told to nobody.
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = stop.wait_for(|stop| *stop) => connection.as_mut().graceful_shutdown(),
    }
    _ = connection.await;
}

/// What model and engine are.
fn model_text(generator: &Generator) -> ModelText {
    let origin = generator.origin();
    ModelText {
        sha256: origin.model_sha256,
        // Others don't name the kernels that they take.
        is_repeatable: origin.engine.starts_with(EngineKind::Native.name()),
        engine: origin.engine,
        latent_dim: generator.metadata().architecture.latent_dim,
        can_mix: generator.can_mix(),
    }
}
