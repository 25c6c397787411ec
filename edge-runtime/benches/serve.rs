//! Load on `edge-runtime serve`: answers a second and how long each took, beside the generator alone, as a table.
//!
//! `cargo bench -p edge-runtime --bench serve -- [--model FILE] [--clients N,...] [--threads N] [--rounds N] [--seconds N]`.
//! Each client has a connection and asks for the next picture when it has the one before: always the same picture, which the server
//! keeps, or always a new one. Clients, server and generator share this machine's cores.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use clap::Parser;
use edge_runtime::encode::{self, Format};
use edge_runtime::{EngineSpec, Generator};

#[derive(Debug, Parser)]
struct Options {
    /// Model file
    #[arg(long, value_name = "FILE", default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../models/gen.onnx"))]
    model: PathBuf,
    /// Numbers of clients
    #[arg(long, value_name = "N,...", default_value = "1,8,64", value_delimiter = ',')]
    clients: Vec<usize>,
    /// Threads of the generator
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: u16,
    /// Rounds
    #[arg(long, value_name = "N", default_value = "5", value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
    /// Time of each turn in a round
    #[arg(long, value_name = "N", default_value = "2", value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
    /// What cargo bench adds
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> Result<()> {
    let options = Options::parse();
    let turn = Duration::from_secs(options.seconds);
    let most = options.clients.iter().copied().max().unwrap_or(1);
    let server = Server::start(&options, most)?;
    let spec = EngineSpec { threads: Some(options.threads.into()), ..EngineSpec::default() };
    let mut generator = Generator::open(&options.model, &spec)?;
    let label = generator.metadata().labels.name(0).context("the model has no label")?.to_owned();
    let kept = format!("/v1/generate?label={}&seed=0", percent_encoded(&label));
    let seed = AtomicU64::new(1);
    let fresh =
        || format!("/v1/generate?label={}&seed={}", percent_encoded(&label), seed.fetch_add(1, Ordering::Relaxed));
    let mut alone = Load::default();
    let mut rows: Vec<(usize, Load, Load)> =
        options.clients.iter().map(|clients| (*clients, Load::default(), Load::default())).collect();
    for _ in 0..options.rounds {
        alone.add(made_alone(&mut generator, turn)?, turn);
        for (clients, from_cache, made) in &mut rows {
            from_cache.add(asked(server.address, *clients, turn, &|| kept.clone())?, turn);
            made.add(asked(server.address, *clients, turn, &fresh)?, turn);
        }
    }
    println!("{} thread(s), generator and PNG alone: {:.1} pictures/s\n", options.threads, alone.rate());
    println!("| clients | kept/s | median ms | p95 ms | made/s | to alone | median ms | p95 ms |");
    println!("| --- | --- | --- | --- | --- | --- | --- | --- |");
    for (clients, from_cache, made) in &rows {
        println!(
            "| {clients} | {:.0} | {:.2} | {:.2} | {:.1} | {:.2} | {:.1} | {:.1} |",
            from_cache.rate(),
            from_cache.percentile(50),
            from_cache.percentile(95),
            made.rate(),
            made.ratio(&alone),
            made.percentile(50),
            made.percentile(95)
        );
    }
    Ok(())
}

/// What was counted in all rounds.
#[derive(Default)]
struct Load {
    /// Answers a second, a number a round.
    rates: Vec<f64>,
    times: Vec<Duration>,
}

impl Load {
    fn add(&mut self, times: Vec<Duration>, turn: Duration) {
        self.rates.push(times.len() as f64 / turn.as_secs_f64());
        self.times.extend(times);
    }

    fn rate(&self) -> f64 {
        median(self.rates.clone())
    }

    /// The median of each round's ratio.
    fn ratio(&self, other: &Self) -> f64 {
        median(self.rates.iter().zip(&other.rates).map(|(own, other)| own / other).collect())
    }

    /// In milliseconds.
    fn percentile(&self, share: usize) -> f64 {
        let mut times = self.times.clone();
        times.sort_unstable();
        let place = (times.len() * share / 100).min(times.len().saturating_sub(1));
        times.get(place).map_or(f64::NAN, |time| time.as_secs_f64() * 1e3)
    }
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or(f64::NAN)
}

/// How long each picture took that was made and encoded in a time without a server.
fn made_alone(generator: &mut Generator, turn: Duration) -> Result<Vec<Duration>> {
    let start = Instant::now();
    let mut times = Vec::new();
    for seed in 0.. {
        let began = Instant::now();
        let frame = generator.frame(0, seed, 0)?;
        encode::encode(&frame.picture, &encode::texts(&frame, &generator.origin()), Format::Png)?;
        if start.elapsed() > turn {
            break;
        }
        times.push(began.elapsed());
    }
    Ok(times)
}

/// How long each answer took that clients got in a time.
fn asked(
    address: SocketAddr,
    clients: usize,
    turn: Duration,
    target: &(impl Fn() -> String + Sync),
) -> Result<Vec<Duration>> {
    let client = || -> Result<Vec<Duration>> {
        let stream = TcpStream::connect(address).context("connect")?;
        stream.set_nodelay(true)?;
        let mut reader = BufReader::new(stream);
        let start = Instant::now();
        let mut times = Vec::new();
        loop {
            let request = format!("GET {} HTTP/1.1\r\nHost: {address}\r\n\r\n", target());
            let began = Instant::now();
            reader.get_mut().write_all(request.as_bytes())?;
            read_answer(&mut reader)?;
            if start.elapsed() > turn {
                return Ok(times);
            }
            times.push(began.elapsed());
        }
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..clients).map(|_| scope.spawn(client)).collect();
        let mut times = Vec::new();
        for thread in threads {
            match thread.join() {
                Ok(result) => times.extend(result?),
                Err(_) => bail!("a client panicked"),
            }
        }
        Ok(times)
    })
}

/// Reads a picture whole.
fn read_answer(reader: &mut impl BufRead) -> Result<()> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    ensure!(line.starts_with("HTTP/1.1 200 "), "expected a picture, found {line:?}");
    let mut length = None;
    loop {
        line.clear();
        ensure!(reader.read_line(&mut line)? > 0, "the answer ended in its head");
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        if name.eq_ignore_ascii_case("content-length") {
            length = Some(value.trim().parse()?);
        }
    }
    let mut body = vec![0; length.context("an answer without a length")?];
    reader.read_exact(&mut body).context("read a picture")
}

fn percent_encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// The built server, ended with this.
struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    /// One whose queue has a place for every client.
    fn start(options: &Options, clients: usize) -> Result<Self> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_edge-runtime"));
        command.args(["serve", "--listen", "127.0.0.1:0", "--quiet", "--queue", &clients.max(1).to_string()]);
        command.args(["--threads", &options.threads.to_string(), "--model"]);
        let mut child = command.arg(&options.model).stdout(Stdio::piped()).spawn().context("start the server")?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("its output")?).read_line(&mut line)?;
        let address = line.trim().strip_prefix("http://").and_then(|rest| rest.strip_suffix('/'));
        let address = address.and_then(|address| address.parse().ok());
        let address = address.with_context(|| format!("expected an address, found {line:?}"))?;
        Ok(Self { child, address })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}
