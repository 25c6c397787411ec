//! The built server on a free port of loopback, and HTTP as plain as it gets.

#![allow(dead_code, reason = "every test uses its own part")]

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::place;

/// After this a server that should answer has failed.
const PATIENCE: Duration = Duration::from_secs(180);

/// A running server; it is killed where the test ends first.
pub struct Server {
    child: Child,
    pub address: SocketAddr,
}

impl Server {
    /// Starts it in a folder that has model.onnx, and waits for its address.
    pub fn start(folder: &Path, words: &[&str]) -> Self {
        let mut command = place::command(folder);
        command.args(["serve", "--listen", "127.0.0.1:0", "--model", "model.onnx", "--threads", "1", "--quiet"]);
        let mut child = command.args(words).stdout(Stdio::piped()).spawn().expect("the command starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("readable");
        let address = line.trim().strip_prefix("http://").and_then(|rest| rest.strip_suffix('/'));
        let address = address.and_then(|address| address.parse().ok());
        Self { child, address: address.unwrap_or_else(|| panic!("expected an address, found {line:?}")) }
    }

    pub fn connect(&self) -> TcpStream {
        connect(self.address)
    }

    pub fn get(&self, target: &str) -> Answer {
        self.get_with(target, "")
    }

    /// Headers end with a line break each.
    pub fn get_with(&self, target: &str, headers: &str) -> Answer {
        self.send(&format!("GET {target} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{headers}\r\n", self.address))
    }

    /// Sends a request as it is; the answer must end the connection.
    pub fn send(&self, request: &str) -> Answer {
        exchange(self.address, request.as_bytes())
    }

    /// A picture or a document that must be there.
    pub fn body(&self, target: &str) -> Vec<u8> {
        let answer = self.get(target);
        assert_eq!(answer.status, 200, "{target}: {}", answer.text());
        answer.body
    }

    /// A sample of /metrics without labels.
    pub fn metric(&self, name: &str) -> f64 {
        let text = String::from_utf8(self.body("/metrics")).expect("text");
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')).expect("a sample");
        value.parse().expect("a number")
    }

    /// The most memory that the process has held, in kB.
    pub fn peak_kb(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("Linux");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
        line.split_whitespace().next().and_then(|number| number.parse().ok()).expect("a number")
    }

    /// Sends a signal by its name.
    pub fn signal(&self, name: &str) {
        place::signal(&self.child, name);
        // Two of one name that come together are one.
        place::deliver_signals(&self.child);
    }

    /// Waits until a metric has a value that is waited for.
    pub fn until(&self, name: &str, is_reached: impl Fn(f64) -> bool) {
        until(name, || is_reached(self.metric(name)));
    }

    pub fn wait(&mut self) -> ExitStatus {
        self.child.wait().expect("it ends")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// An HTTP answer; header names in lower case.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }
}

pub fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream
}

/// Waits for something that comes soon, unless it is broken.
pub fn until(what: &str, is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "{what}: waited for in vain");
        thread::yield_now();
    }
}

/// One request and its answer, up to the end of the connection or of the body.
pub fn exchange(address: SocketAddr, request: &[u8]) -> Answer {
    let mut stream = connect(address);
    // A server that refuses a long request may answer before all of it is sent.
    _ = stream.write_all(request);
    answer(&mut BufReader::new(stream))
}

/// Reads an answer with a length, or up to the end.
pub fn answer(reader: &mut impl BufRead) -> Answer {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        let read = reader.read_line(&mut line).expect("readable");
        let line = line.trim_end();
        if read == 0 || line.is_empty() {
            break;
        }
        lines.push(line.to_owned());
    }
    let first = lines.first().expect("a status line");
    let status = first.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    // ChromeDriver writes no space after the colon.
    let pairs = lines[1..].iter().filter_map(|line| line.split_once(':'));
    let headers: BTreeMap<String, String> =
        pairs.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned())).collect();
    let mut body = Vec::new();
    let length = headers.get("content-length").map(|length| length.parse().expect("a number"));
    reader.take(length.unwrap_or(u64::MAX)).read_to_end(&mut body).expect("readable");
    Answer { status, headers, body }
}
