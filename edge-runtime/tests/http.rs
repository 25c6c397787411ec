//! `edge-runtime serve` over real HTTP: what is answered, what is refused, and how it ends.

#![cfg(all(feature = "serve", target_os = "linux"))]

mod common;
mod place;
mod served;

use std::fs;
use std::io::{BufReader, Cursor, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::{Arc, Barrier, Mutex};
use std::thread;
use std::time::Duration;

use common::{LABELS, Network};
use edge_runtime::http::{self, Access};
use edge_runtime::{Batch, BatchLabels, Engine, EngineSpec, Generator, Model, Opened, RuntimeError, decode, engine};
use place::{Place, command};
use served::{Answer, Server, answer, connect, exchange, until};
use tempfile::TempDir;

fn folder() -> TempDir {
    Place::new().folder
}

/// A server with pictures of 32 x 32 pixels, and its folder.
fn server(words: &[&str]) -> (Server, TempDir) {
    let folder = folder();
    (Server::start(folder.path(), words), folder)
}

/// Runs the command and reads the file that it wrote.
fn written(folder: &Path, words: &[&str], file: &str) -> Vec<u8> {
    let output = command(folder).args(words).args(["--threads", "1", "--model", "model.onnx"]).output();
    let output = output.expect("the command starts");
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    fs::read(folder.join(file)).expect("written")
}

#[test]
fn answers_are_the_bytes_that_the_command_writes() {
    let (server, folder) = server(&[]);
    struct Case(&'static str, &'static [&'static str], &'static str, &'static str);
    let cases = [
        Case(
            "/v1/generate?label=zebra&seed=7",
            &["--label", "zebra", "--seed", "7", "--out", "a.png"],
            "a.png",
            "image/png",
        ),
        Case(
            "/v1/generate?label=%C3%A4&seed=7&format=webp&scale=3",
            &["--label", "ä", "--seed", "7", "--scale", "3", "--out", "b.webp"],
            "b.webp",
            "image/webp",
        ),
        Case(
            "/v1/generate?label=a+b&seed=18446744073709551615&truncation=0.7",
            &["--label", "a b", "--seed", "18446744073709551615", "--truncation", "0.7", "--out", "c.png"],
            "c.png",
            "image/png",
        ),
        Case(
            "/v1/generate?mix=1:5&seed=7&index=1",
            &["--label", "a b", "--seed", "7", "--count", "2", "--out", "many/"],
            "many/a b/7-1.png",
            "image/png",
        ),
        Case(
            "/v1/interpolate?label=zebra&from=1&to=2&steps=4",
            &["interpolate", "--label", "zebra", "--from", "1", "--to", "2", "--steps", "4", "--out", "d.png"],
            "d.png",
            "image/png",
        ),
        Case(
            "/v1/interpolate?label=0&from=1&to=2&steps=4&curve=slerp&scale=2&format=gif&truncation=0.5",
            &[
                "interpolate",
                "--label",
                "zebra",
                "--from",
                "1",
                "--to",
                "2",
                "--steps",
                "4",
                "--curve",
                "slerp",
                "--truncation",
                "0.5",
                "--scale",
                "2",
                "--out",
                "e.gif",
            ],
            "e.gif",
            "image/gif",
        ),
    ];
    for Case(target, words, file, media_type) in cases {
        let answer = server.get(target);
        assert_eq!((answer.status, answer.header("content-type")), (200, media_type), "{target}: {}", answer.text());
        assert!(answer.body == written(folder.path(), words, file), "{target}: other bytes than {words:?}");
    }
}

#[test]
fn raw_levels_come_with_their_size_and_places_and_mixes_lie_between() {
    let (server, _folder) = server(&[]);
    let raw = |query: &str| server.body(&format!("/v1/generate?format=raw&{query}"));
    let zebra = server.get("/v1/generate?format=raw&label=zebra&seed=7&scale=2");
    let sizes = ["picture-width", "picture-height", "picture-channels"].map(|name| zebra.header(name).to_owned());
    assert_eq!(sizes, ["64", "64", "3"]);
    let png = decode::png(&server.body("/v1/generate?label=zebra&seed=7&scale=2")).expect("a PNG");
    assert_eq!(zebra.body, png.picture.levels());

    // The marks of the plane are seeds, at the end of all numbers too.
    assert_eq!(raw("label=zebra&seed=7&x=1"), raw("label=zebra&seed=8"));
    assert_eq!(raw("label=zebra&seed=18446744073709551615&y=1&index=3"), raw("label=zebra&seed=1&index=3"));
    assert_eq!(raw("label=zebra&seed=7&x=0&y=-0"), raw("label=zebra&seed=7"));
    let between = raw("label=zebra&seed=7&x=0.5&y=-0.25");
    assert!(between != raw("label=zebra&seed=7") && between != raw("label=zebra&seed=7&x=-0.25&y=0.5"));

    assert_eq!(raw("mix=zebra:2,1:0&seed=7"), raw("label=zebra&seed=7"));
    let half = raw("mix=zebra:0.5,1:0.5&seed=7");
    assert_eq!(half, raw("mix=a%20b:20,zebra:20&seed=7"));
    assert!(half != raw("label=0&seed=7") && half != raw("label=1&seed=7"));
    let texts = decode::png(&server.body("/v1/generate?mix=zebra:1,1:3&seed=7&x=0.5")).expect("a PNG").texts;
    assert_eq!(texts.get("Labels").map(String::as_str), Some("zebra 0.25, a b 0.75"));
    assert_eq!((texts["Seeds"].as_str(), texts["Place"].as_str()), ("7, 8, 9", "0.5, 0"));
    assert_eq!(server.get("/v1/interpolate?mix=0:1,2:1&from=1&to=2&steps=3").status, 200);
}

#[test]
fn what_is_wrong_is_named_as_problem_details() {
    let (server, _folder) = server(&[]);
    for (target, parameter, expected, found) in [
        (
            "/v1/generate?label=lizard&seed=1",
            "label",
            "an index from 0 to 2 or one of \"zebra\", \"a b\", \"ä\"",
            "lizard",
        ),
        ("/v1/generate?label=zebra", "seed", "a number from 0 to 18446744073709551615", ""),
        ("/v1/generate?label=zebra&seed=-1", "seed", "a number from 0 to 18446744073709551615", "-1"),
        ("/v1/generate?label=zebra&seed=1&scale=33", "scale", "a number from 1 to 32", "33"),
        (
            "/v1/generate?label=zebra&seed=1&out=/etc/passwd",
            "out",
            "one of label, mix, seed, index, x, y, truncation, scale, format",
            "out",
        ),
        ("/v1/generate?label=zebra&seed=1&seed=2", "seed", "it once", "it twice"),
        ("/v1/generate?label=%FF&seed=1", "label", "percent-encoded UTF-8", "%FF"),
        ("/v1/interpolate?label=zebra&from=1&to=2&format=jpg", "format", "one of png, gif", "jpg"),
        ("/v1/labels?x=1", "x", "no parameter", "x"),
    ] {
        let answer = server.get(target);
        assert_eq!((answer.status, answer.header("content-type")), (400, "application/problem+json"), "{target}");
        let problem = answer.json();
        assert_eq!((&problem["status"], &problem["title"]), (&400.into(), &"Bad Request".into()), "{target}");
        let found = (problem["parameter"].as_str(), problem["expected"].as_str(), problem["found"].as_str())
            == (Some(parameter), Some(expected), Some(found));
        assert!(found, "{target}: {problem}");
    }
    for target in
        ["/v2/generate", "/v1/generate/", "//v1/generate", "/../Cargo.toml", "/page/index.html", "/%2e%2e/etc/passwd"]
    {
        let answer = server.get(target);
        assert_eq!((answer.status, answer.header("content-type")), (404, "application/problem+json"), "{target}");
    }
}

#[test]
fn only_get_and_head_without_a_body_are_answered() {
    let (server, _folder) = server(&[]);
    let host = format!("Host: {}\r\nConnection: close\r\n", server.address);
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "BREW"] {
        let answer = server.send(&format!("{method} /v1/generate?label=zebra&seed=1 HTTP/1.1\r\n{host}\r\n"));
        assert_eq!((answer.status, answer.header("allow")), (405, "GET, HEAD"), "{method}");
    }
    for body in ["Content-Length: 3\r\n\r\nabc", "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"] {
        let answer = server.send(&format!("GET /v1/health HTTP/1.1\r\n{host}{body}"));
        assert_eq!(answer.status, 413, "{body:?}");
    }
    let target = "/v1/generate?label=zebra&seed=1";
    let mut stream = server.connect();
    write!(stream, "HEAD {target} HTTP/1.1\r\n{host}\r\n").expect("writable");
    let mut head = String::new();
    stream.read_to_string(&mut head).expect("readable");
    let (_, length) = head.split_once("content-length: ").expect("a length");
    assert_eq!(length.split("\r\n").next(), Some(server.body(target).len().to_string().as_str()));
    assert!(head.ends_with("\r\n\r\n"), "{head}");
}

#[test]
fn malformed_and_oversized_requests_are_refused_and_the_next_one_is_answered() {
    let (server, _folder) = server(&[]);
    let host = server.address;
    let long = "x".repeat(5000);
    let longer = "x".repeat(100_000);
    let many: String = (0..200).map(|number| format!("x{number}: 1\r\n")).collect();
    for (request, status) in [
        ("\r\n\r\n\r\nnonsense\r\n\r\n".to_owned(), 400),
        ("\x16\x03\x01\x02\x00\x01\x00\x01\r\n\r\n".to_owned(), 400),
        (format!("GET / HTTP/1.1\r\nHost: {host}\r\nbad header\r\n\r\n"), 400),
        (format!("GET / HTTP/9.9\r\nHost: {host}\r\n\r\n"), 400),
        (format!("GET / HTTP/1.1\r\nHost: {host}\r\nContent-Length: -1\r\nConnection: close\r\n\r\n"), 400),
        ("GET / HTTP/1.1\r\nConnection: close\r\n\r\n".to_owned(), 400),
        (format!("GET / HTTP/1.1\r\nHost: {host}\r\nHost: evil\r\nConnection: close\r\n\r\n"), 400),
        (format!("GET /v1/generate?label={long} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"), 414),
        (format!("GET /{longer} HTTP/1.1\r\nHost: {host}\r\n\r\n"), 431),
        (format!("GET / HTTP/1.1\r\nHost: {host}\r\nX: {longer}\r\n\r\n"), 431),
        (format!("GET / HTTP/1.1\r\nHost: {host}\r\n{many}\r\n"), 431),
    ] {
        let answer = exchange(host, request.as_bytes());
        assert_eq!(answer.status, status, "{:?}", request.chars().take(80).collect::<String>());
        assert_eq!(server.get("/v1/health").text(), "{\"status\":\"ok\"}\n");
    }
}

#[test]
fn an_entity_tag_saves_the_picture() {
    let (server, folder) = server(&[]);
    let target = "/v1/generate?label=zebra&seed=7";
    let first = server.get(target);
    let tag = first.header("etag").to_owned();
    assert!(tag.starts_with('"') && tag.len() == 34, "{tag}");
    assert_eq!(first.header("cache-control"), "no-cache");
    assert!(first.header("server-timing").contains("generate;dur="), "{first:?}");
    let second = server.get("/v1/generate?seed=7&mix=zebra:1&scale=1");
    assert_eq!((second.header("etag"), second.header("server-timing")), (tag.as_str(), "cache;desc=hit"));
    assert!(second.body == first.body);
    for given in [tag.clone(), format!("\"other\", {tag}"), format!("W/{tag}"), "*".to_owned()] {
        let answer = server.get_with(target, &format!("If-None-Match: {given}\r\n"));
        assert_eq!((answer.status, answer.header("etag"), answer.body.len()), (304, tag.as_str(), 0), "{given}");
        assert_eq!(answer.header("server-timing"), "cache;desc=hit", "{given}");
    }
    assert_eq!(server.get_with(target, "If-None-Match: \"other\"\r\n").status, 200);
    // Of a picture that was never made, the tag is known too.
    let other = server.get_with("/v1/generate?label=zebra&seed=8", &format!("If-None-Match: {tag}\r\n"));
    assert!(other.status == 200 && other.header("etag") != tag);
    assert_eq!(server.metric("edge_runtime_pictures_total"), 2.0);
    // It is the same after a restart, and another one for another model.
    let tag_of = |server: &Server| server.get(target).header("etag").to_owned();
    assert_eq!(tag_of(&Server::start(folder.path(), &[])), tag);
    let other = Place::with(&Network::new(&LABELS, 3).rounded()).folder;
    let rounded = tag_of(&Server::start(other.path(), &[]));
    assert!(rounded != tag && rounded.len() == tag.len(), "{rounded}");
    for target in ["/", "/page.css", "/page.js", "/icon.svg", "/openapi.json", "/v1/labels"] {
        let tag = server.get(target).header("etag").to_owned();
        assert_eq!(server.get_with(target, &format!("If-None-Match: {tag}\r\n")).status, 304, "{target}");
    }
}

/// Its name doesn't say which kernels it takes, and so not which bytes it makes on another machine.
#[cfg(feature = "tract")]
#[test]
fn an_entity_tag_of_tract_is_a_weak_one() {
    let (server, _folder) = server(&["--engine", "tract"]);
    let target = "/v1/generate?label=zebra&seed=7";
    let tag = server.get(target).header("etag").to_owned();
    assert!(tag.starts_with("W/\"") && tag.len() == 36, "{tag}");
    assert_eq!(server.get_with(target, &format!("If-None-Match: {tag}\r\n")).status, 304);
}

#[test]
fn labels_and_the_page_tell_nothing_but_what_the_model_says() {
    let (server, _folder) = server(&[]);
    let labels = server.get("/v1/labels").json();
    let names: Vec<&str> =
        labels["labels"].as_array().expect("a list").iter().filter_map(|label| label["name"].as_str()).collect();
    assert_eq!(names, LABELS);
    assert_eq!((&labels["can_mix"], &labels["latent_dim"]), (&true.into(), &7.into()));
    let page = server.get("/");
    let policy = page.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'; ") && !policy.contains("unsafe"), "{policy}");
    for target in ["/", "/page.css", "/page.js"] {
        let text = server.get(target).text();
        for word in ["rock", "scissors", "http://", "https://"] {
            assert!(!text.contains(word), "{target} contains {word:?}");
        }
        assert_eq!(server.get(target).header("x-content-type-options"), "nosniff");
    }
}

#[test]
fn names_of_other_sites_are_not_answered_to() {
    let (server, _folder) = server(&["--host", "pictures.example"]);
    let port = server.address.port();
    let asked = |target: &str, host: &str| {
        server.send(&format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")).status
    };
    for host in [&format!("localhost:{port}"), "127.0.0.1", "[::1]:80", "Pictures.example"] {
        assert_eq!(asked("/v1/labels", host), 200, "{host}");
    }
    for host in ["evil.example", "localhost.evil.example:80", "10.0.0.1", "x.pictures.example"] {
        assert_eq!(asked("/v1/labels", host), 421, "{host}");
    }
    assert_eq!(asked("http://evil.example/v1/labels", "localhost"), 421);
}

#[test]
fn a_token_is_asked_for_where_there_is_one() {
    let folder = folder();
    fs::write(folder.path().join("token"), "0123456789abcdef\n").expect("writable");
    let server = Server::start(folder.path(), &["--token-file", "token"]);
    for target in
        ["/v1/labels", "/v1/generate?label=zebra&seed=1", "/v1/interpolate?label=zebra&from=1&to=2", "/metrics"]
    {
        let refused = server.get(target);
        assert_eq!(
            (refused.status, refused.header("www-authenticate")),
            (401, "Bearer realm=\"edge-runtime\""),
            "{target}"
        );
        assert_eq!(server.get_with(target, "Authorization: Bearer 0123456789abcdeX\r\n").status, 401, "{target}");
        assert_eq!(server.get_with(target, "Authorization: Bearer 0123456789abcdef\r\n").status, 200, "{target}");
    }
    for target in ["/", "/page.js", "/v1/health", "/openapi.json"] {
        assert_eq!(server.get(target).status, 200, "{target}");
    }
}

#[test]
fn an_address_for_others_needs_a_token_or_a_word() {
    let folder = folder();
    let run = |words: &[&str], token: &str| {
        let mut command = command(folder.path());
        command.arg("serve").args(words).args(["--model", "model.onnx"]);
        let output = command.env("EDGE_RUNTIME_TOKEN", token).output().expect("the command starts");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let mut bare = command(folder.path());
    let output = bare.args(["serve", "--listen", "0.0.0.0:0", "--model", "model.onnx"]).output().expect("it starts");
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{message}");
    assert!(message.contains("--token-file") && message.contains("--public"), "{message}");
    for (words, expected) in [
        (["--listen", "localhost:8080"], "expected an IP address and a port, as in 127.0.0.1:8080"),
        (
            ["--host", "http://pictures.example:80"],
            "--host: host \"http://pictures.example:80\": expected a name without",
        ),
    ] {
        let (code, message) = run(&words, "0123456789abcdef");
        assert!(code == Some(2) && message.contains(expected), "{message}");
    }
    let (code, message) = run(&["--listen", "127.0.0.1:0"], "short");
    assert!(code == Some(2) && message.contains("EDGE_RUNTIME_TOKEN: token"), "{message}");
    // A variable that is set to nothing is no token.
    let (code, message) = run(&["--listen", "0.0.0.0:0"], "");
    assert!(code == Some(2) && message.contains("--public"), "{message}");
    let (code, message) = run(&["--listen", "0.0.0.0:0", "--public"], "0123456789abcdef");
    assert!(code == Some(2) && message.contains("--public lets everyone in"), "{message}");
    let (code, message) = run(&["--listen", "127.0.0.1:0", "--token-file", "none"], "");
    assert!(code == Some(1) && message.contains("read --token-file none"), "{message}");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let mut second = command(folder.path());
    let output = second.args(["serve", "--listen", &address, "--model", "model.onnx"]).output().expect("it starts");
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(1) && message.contains(&format!("listen on {address}: ")), "{message}");
}

/// A task of many milliseconds, another one for every seed.
fn long_task(seed: usize) -> String {
    format!("/v1/interpolate?label=zebra&from={seed}&to=2&steps=16&scale=8&format=gif")
}

/// An engine that makes nothing while somebody else has its lock.
struct Locked {
    pixels: usize,
    lock: Arc<Mutex<()>>,
}

impl Engine for Locked {
    fn run(&mut self, batch: &Batch<'_>) -> Result<Vec<f32>, RuntimeError> {
        let BatchLabels::Indices(labels) = batch.labels else { return Err(RuntimeError::NoMix { engine: "locked" }) };
        drop(self.lock.lock().expect("the test goes on"));
        Ok(vec![0.0; labels.len() * self.pixels])
    }
}

/// A server in this process.
struct InProcess {
    address: SocketAddr,
    stop: http::Stop,
    running: thread::JoinHandle<Result<(), RuntimeError>>,
}

impl InProcess {
    /// One that listens where `listen` says and makes nothing while `lock` is held.
    fn start(lock: &Arc<Mutex<()>>, settings: http::Settings) -> Self {
        let model = Model::from_bytes(Network::new(&LABELS, 3).bytes()).expect("valid");
        let opened = engine::open(&EngineSpec::default(), &model).expect("opens");
        let locked = Locked { pixels: model.metadata().architecture.pixels(), lock: lock.clone() };
        let opened = Opened { engine: Box::new(locked), can_mix: false, ..opened };
        let server = http::Server::bind(settings, Generator::with(opened, &model)).expect("a free port");
        let (address, stop) = (server.address(), server.stop());
        Self { address, stop, running: thread::spawn(move || server.run()) }
    }

    fn request(&self, target: &str) -> String {
        format!("GET {target} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.address)
    }

    fn get(&self, target: &str) -> Answer {
        exchange(self.address, self.request(target).as_bytes())
    }

    /// Asks and doesn't wait.
    fn ask(&self, target: &str) -> TcpStream {
        let mut stream = connect(self.address);
        stream.write_all(self.request(target).as_bytes()).expect("writable");
        stream
    }

    fn until(&self, metric: &str) {
        until(metric, || self.get("/metrics").text().lines().any(|line| line == metric));
    }

    fn end(self) {
        self.stop.stop();
        self.running.join().expect("no panic").expect("ends");
    }
}

fn settings() -> http::Settings {
    http::Settings {
        listen: "127.0.0.1:0".parse().expect("an address"),
        access: Access { token: None, hosts: Vec::new() },
        queue: 64,
        cache_bytes: 0,
        timeout: Duration::from_secs(60),
    }
}

#[test]
fn a_picture_that_takes_too_long_is_given_up() {
    let lock = Arc::new(Mutex::new(()));
    // A picture has three times that.
    let server = InProcess::start(&lock, http::Settings { timeout: Duration::from_millis(400), ..settings() });
    let locked = lock.lock().expect("free");
    let late = server.get("/v1/generate?label=zebra&seed=1");
    assert_eq!(late.status, 504);
    assert_eq!(late.json()["detail"], "no picture within 1 s");
    drop(locked);
    server.end();
}

#[test]
fn more_than_the_queue_holds_is_told_to_come_again() {
    let lock = Arc::new(Mutex::new(()));
    let server = InProcess::start(&lock, http::Settings { queue: 2, ..settings() });
    let picture = |seed: usize| format!("/v1/generate?label=zebra&seed={seed}");
    let locked = lock.lock().expect("free");
    let mut waiting = vec![server.ask(&picture(0))];
    // One is being made, and two wait.
    server.until("edge_runtime_cache_misses_total 1");
    server.until("edge_runtime_queue_length 0");
    waiting.extend([1, 2].map(|seed| server.ask(&picture(seed))));
    server.until("edge_runtime_queue_length 2");
    let refused = server.get(&picture(3));
    let detail = refused.json()["detail"].to_string();
    assert!(refused.status == 429 && detail.contains("the queue is full"), "{detail}");
    let seconds: u64 = refused.header("retry-after").parse().expect("seconds");
    assert!((1..=60).contains(&seconds), "{refused:?}");
    drop(locked);
    for stream in waiting {
        assert_eq!(answer(&mut BufReader::new(stream)).status, 200);
    }
    assert_eq!(server.get(&picture(3)).status, 200);
    server.end();
}

/// From other machines it goes by any name or address, unless it was told its own.
#[test]
fn a_server_for_other_machines_goes_by_any_name() {
    let lock = Arc::new(Mutex::new(()));
    let listen = "0.0.0.0:0".parse().expect("an address");
    let server = InProcess::start(&lock, http::Settings { listen, ..settings() });
    let address = SocketAddr::from(([127, 0, 0, 1], server.address.port()));
    for host in ["pi.local", "192.168.1.7:8080", "localhost"] {
        let request = format!("GET /v1/health HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        assert_eq!(exchange(address, request.as_bytes()).status, 200, "{host}");
    }
    server.end();
}

#[test]
fn more_bytes_than_may_be_under_way_are_told_to_come_again() {
    // Pictures of 3 MiB, each with room to grow by a part in 32: as many as fit into 64 MiB.
    const FIT: usize = 20;
    let lock = Arc::new(Mutex::new(()));
    let server = InProcess::start(&lock, settings());
    let picture = |seed: usize| format!("/v1/generate?label=zebra&seed={seed}&scale=32&format=raw");
    let locked = lock.lock().expect("free");
    let waiting: Vec<_> = (0..FIT).map(|seed| server.ask(&picture(seed))).collect();
    server.until(&format!("edge_runtime_cache_misses_total {FIT}"));
    let refused = server.get(&picture(FIT));
    let detail = refused.json()["detail"].to_string();
    assert!(refused.status == 429 && detail.contains("more bytes of answers are under way than fit"), "{detail}");
    assert!(!refused.header("retry-after").is_empty());
    drop(locked);
    for stream in waiting {
        let made = answer(&mut BufReader::new(stream));
        assert_eq!((made.status, made.body.len()), (200, 3 << 20));
    }
    // What was sent has made room.
    assert_eq!(server.get(&picture(FIT)).status, 200);
    server.end();
}

#[test]
fn two_hundred_clients_are_answered_in_bounded_memory() {
    const CLIENTS: usize = 200;
    const EACH: usize = 3;
    // A queue for all of them, so that it is the bytes under way that are too many.
    let (server, _folder) = server(&["--cache", "1", "--queue", "1024"]);
    server.body("/v1/generate?label=zebra&seed=1&scale=16&format=raw");
    let before = server.peak_kb();
    let start = Barrier::new(CLIENTS);
    let (made, refused) = thread::scope(|scope| {
        let (server, start) = (&server, &start);
        let threads: Vec<_> = (0..CLIENTS)
            .map(|client| {
                scope.spawn(move || {
                    start.wait();
                    // 786,432 bytes each: together seven times what may be under way.
                    let target =
                        |one| format!("/v1/generate?label=zebra&seed={}&scale=16&format=raw", client * EACH + one);
                    let answers: Vec<Answer> = (0..EACH).map(|one| server.get(&target(one))).collect();
                    for answer in &answers {
                        let whole = answer.status == 200 && answer.body.len() == 512 * 512 * 3;
                        assert!(
                            whole || answer.status == 429 && !answer.header("retry-after").is_empty(),
                            "{}",
                            answer.status
                        );
                    }
                    answers.iter().filter(|answer| answer.status == 200).count()
                })
            })
            .collect();
        let made: usize = threads.into_iter().map(|thread| thread.join().expect("answered")).sum();
        (made, CLIENTS * EACH - made)
    });
    let grown = server.peak_kb() - before;
    assert!(made > 0, "{refused} refused");
    // The budget of 64 MiB, the cache, and what 200 connections have as buffers.
    assert!(grown < 100_000, "{grown} kB more, {made} made, {refused} refused");
    assert_eq!(server.get("/v1/health").status, 200);
}

#[test]
fn any_number_of_clients_takes_the_labels_of_one() {
    const CLIENTS: usize = 40;
    // Names of 190 bytes make answers of more than 8 MB, which no socket takes at once.
    let names: Vec<String> = (0..40_000).map(|label| format!("{label:0190}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let folder = Place::with(&Network::new(&names, 3)).folder;
    let mut server = Server::start(folder.path(), &["--timeout", "60"]);
    assert!(server.body("/v1/labels").len() > 8_000_000);
    let before = server.peak_kb();
    let unread: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let mut stream = server.connect();
            write!(stream, "GET /v1/labels HTTP/1.1\r\nHost: {}\r\n\r\n", server.address).expect("writable");
            stream
        })
        .collect();
    let answers = "edge_runtime_requests_total{route=\"/v1/labels\",code=\"200\"}";
    server.until(answers, |count| count >= (1 + CLIENTS) as f64);
    let grown = server.peak_kb() - before;
    assert!(grown < 50_000, "{grown} kB more for {} clients", unread.len());
    // Answers that nobody takes would be waited for: a second signal ends at once.
    (0..2).for_each(|_| server.signal("INT"));
    assert_eq!(server.wait().code(), Some(130));
}

#[test]
fn clients_that_stall_are_cut_off_and_lock_nobody_out() {
    let (server, _folder) = server(&["--timeout", "1"]);
    let mut stalled: Vec<_> = (0..300).map(|_| server.connect()).collect();
    for stream in &mut stalled {
        stream.write_all(b"GET /v1/health HTTP/1.1\r\nHost: loc").expect("writable");
    }
    assert_eq!(server.get("/v1/health").status, 200);
    for mut stream in stalled {
        let mut rest = Vec::new();
        // Cut off, which a reset is too.
        let end = stream.read_to_end(&mut rest);
        assert!(end.is_ok() || end.is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionReset));
        assert!(!rest.starts_with(b"HTTP/1.1 200"));
    }
}

#[test]
fn a_client_that_does_not_take_its_answer_is_cut_off() {
    const PIPELINED: usize = 12;
    let (server, _folder) = server(&["--timeout", "1"]);
    let mut stream = server.connect();
    for _ in 0..PIPELINED {
        let target = "/v1/generate?label=zebra&seed=1&scale=32&format=raw";
        write!(stream, "GET {target} HTTP/1.1\r\nHost: {}\r\n\r\n", server.address).expect("writable");
    }
    // Nothing is read until the server has given up.
    server.until("edge_runtime_connections", |open| open <= 1.0);
    let mut reader = BufReader::new(stream);
    let mut whole = 0;
    let mut bytes = Vec::new();
    _ = reader.read_to_end(&mut bytes);
    let mut rest = Cursor::new(&bytes);
    while (bytes.len() as u64 - rest.position()) > 1024 * 1024 * 3 {
        whole += usize::from(answer(&mut rest).status == 200);
    }
    assert!(whole < PIPELINED, "all {whole} answers came");
}

/// Ctrl-C, what ends a service, and what a terminal that is closed sends.
#[test]
fn each_signal_to_end_lets_what_is_under_way_finish_and_ends_with_success() {
    for signal in ["INT", "TERM", "HUP"] {
        let (mut server, _folder) = server(&["--timeout", "60"]);
        let mut stream = server.connect();
        let target = long_task(1);
        let idle = server.connect();
        write!(stream, "GET {target} HTTP/1.1\r\nHost: {}\r\n\r\n", server.address).expect("writable");
        server.until("edge_runtime_cache_misses_total", |misses| misses >= 1.0);
        server.signal(signal);
        let finished = answer(&mut BufReader::new(&stream));
        assert_eq!((finished.status, finished.header("content-type")), (200, "image/gif"), "{signal}");
        assert!(finished.body.starts_with(b"GIF89a") && finished.body.ends_with(&[0x3B]), "{signal}");
        assert_eq!(server.wait().code(), Some(0), "{signal}");
        drop(idle);
        assert!(TcpStream::connect(server.address).is_err(), "{signal}");
    }
}

#[test]
fn pictures_that_nobody_waits_for_are_not_made() {
    let (server, _folder) = server(&["--timeout", "60"]);
    let mut working = server.connect();
    write!(working, "GET {} HTTP/1.1\r\nHost: {}\r\n\r\n", long_task(1), server.address).expect("writable");
    server.until("edge_runtime_cache_misses_total", |misses| misses >= 1.0);
    let gone: Vec<_> = (0..8)
        .map(|seed| {
            let mut stream = server.connect();
            write!(stream, "GET {} HTTP/1.1\r\nHost: {}\r\n\r\n", long_task(100 + seed), server.address)
                .expect("writable");
            stream
        })
        .collect();
    server.until("edge_runtime_cache_misses_total", |misses| misses >= 9.0);
    drop(gone);
    assert_eq!(answer(&mut BufReader::new(&working)).status, 200);
    server.until("edge_runtime_queue_length", |waiting| waiting <= 0.0);
    assert!(server.metric("edge_runtime_abandoned_total") >= 1.0);
}
