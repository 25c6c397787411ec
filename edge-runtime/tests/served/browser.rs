//! A headless Chromium, driven through ChromeDriver by plain W3C WebDriver.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::served::exchange;

/// Nothing of the browser's own may go out; what a page asks of another host could not be answered.
const FLAGS: [&str; 12] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-default-apps",
    "--hide-scrollbars",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
];
/// The key under which WebDriver has elements (W3C WebDriver, section 12).
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

pub struct Browser {
    driver: Child,
    address: SocketAddr,
    session: String,
    _profile: TempDir,
}

/// An element of the page.
pub struct Element<'a> {
    browser: &'a Browser,
    id: String,
}

impl Browser {
    /// Starts ChromeDriver on a free port, and a browser with an empty profile.
    pub fn start(chromedriver: &str) -> Self {
        let mut command = Command::new(chromedriver);
        let mut driver = command.arg("--port=0").stdout(Stdio::piped()).spawn().expect("ChromeDriver starts");
        let lines = BufReader::new(driver.stdout.take().expect("piped")).lines();
        let port = lines.map_while(Result::ok).find_map(|line| {
            line.split_once("started successfully on port ")?.1.trim_end_matches('.').parse::<u16>().ok()
        });
        let address = SocketAddr::from(([127, 0, 0, 1], port.expect("ChromeDriver tells its port")));
        let profile = tempfile::tempdir().expect("a folder");
        let mut flags: Vec<String> = FLAGS.map(str::to_owned).to_vec();
        flags.push(format!("--user-data-dir={}", profile.path().display()));
        let mut browser = Self { driver, address, session: String::new(), _profile: profile };
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "goog:chromeOptions": { "args": flags },
            "goog:loggingPrefs": { "browser": "ALL", "performance": "ALL" },
        } } });
        let session = browser.call("POST", "/session", Some(&wanted));
        let session = session["sessionId"].as_str().expect("a session").to_owned();
        browser.session = format!("/session/{session}");
        browser
    }

    pub fn open(&self, url: &str) {
        self.post("/url", &json!({ "url": url }));
    }

    /// What a script returns, of a promise what it comes to.
    pub fn run(&self, script: &str) -> Value {
        self.post("/execute/sync", &json!({ "script": script, "args": [] }))
    }

    /// Waits until an expression is true, looking at it before every frame.
    pub fn wait(&self, expression: &str) {
        let script = format!(
            "return new Promise((done) => {{ const end = performance.now() + 25000; const look = () => {{ \
             if ({expression}) done(true); else if (performance.now() > end) done(false); else requestAnimationFrame(look); \
             }}; look(); }})"
        );
        assert_eq!(
            self.run(&script),
            true,
            "never true: {expression}; the page says {}",
            self.run("return document.body.innerText")
        );
    }

    pub fn find(&self, selector: &str) -> Element<'_> {
        let found = self.post("/element", &json!({ "using": "css selector", "value": selector }));
        Element {
            browser: self,
            id: found[ELEMENT].as_str().unwrap_or_else(|| panic!("{selector}: {found}")).to_owned(),
        }
    }

    pub fn find_all(&self, selector: &str) -> Vec<Element<'_>> {
        let found = self.post("/elements", &json!({ "using": "css selector", "value": selector }));
        let ids = found.as_array().expect("a list").iter().filter_map(|found| found[ELEMENT].as_str());
        ids.map(|id| Element { browser: self, id: id.to_owned() }).collect()
    }

    /// Presses a button of the mouse (0 is the main one) on an element's middle, moves by steps in pixels, and lets go.
    pub fn drag(&self, element: &Element<'_>, button: u32, steps: &[(i32, i32)]) {
        let origin = json!({ ELEMENT: element.id });
        let mut moves = vec![
            json!({ "type": "pointerMove", "duration": 0, "x": 0, "y": 0, "origin": origin }),
            json!({ "type": "pointerDown", "button": button }),
        ];
        moves.extend(
            steps
                .iter()
                .map(|(x, y)| json!({ "type": "pointerMove", "duration": 16, "x": x, "y": y, "origin": "pointer" })),
        );
        moves.push(json!({ "type": "pointerUp", "button": button }));
        let pointer =
            json!({ "type": "pointer", "id": "mouse", "parameters": { "pointerType": "mouse" }, "actions": moves });
        self.post("/actions", &json!({ "actions": [pointer] }));
    }

    /// A window of a size in CSS pixels, with so many device pixels for each, in a color scheme.
    pub fn look(&self, size: [u32; 2], ratio: u32, scheme: &str) {
        let [width, height] = size;
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": ratio, "mobile": false });
        self.command("Emulation.setDeviceMetricsOverride", &metrics);
        let scheme = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.command("Emulation.setEmulatedMedia", &scheme);
    }

    /// A PNG of the window.
    pub fn screenshot(&self) -> Vec<u8> {
        let picture = self.call("GET", &format!("{}/screenshot", self.session), None);
        STANDARD.decode(picture.as_str().expect("base64")).expect("base64")
    }

    /// Entries since the last call: `browser` is the console, `performance` the network.
    pub fn log(&self, kind: &str) -> Vec<Value> {
        let entries = self.post("/se/log", &json!({ "type": kind }));
        entries.as_array().expect("a list").clone()
    }

    fn command(&self, name: &str, parameters: &Value) {
        self.post("/goog/cdp/execute", &json!({ "cmd": name, "params": parameters }));
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        self.call("POST", &format!("{}{path}", self.session), Some(body))
    }

    fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        let body = body.map(ToString::to_string).unwrap_or_default();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            self.address,
            body.len()
        );
        let answer = exchange(self.address, request.as_bytes());
        assert_eq!(answer.status, 200, "{method} {path}: {}", answer.text());
        answer.json()["value"].take()
    }
}

impl Element<'_> {
    pub fn click(&self) {
        self.browser.post(&format!("/element/{}/click", self.id), &json!({}));
    }

    pub fn keys(&self, text: &str) {
        self.browser.post(&format!("/element/{}/value", self.id), &json!({ "text": text }));
    }

    /// Text, computed label or another property that WebDriver can read.
    pub fn get(&self, what: &str) -> String {
        let path = format!("{}/element/{}/{what}", self.browser.session, self.id);
        let value = self.browser.call("GET", &path, None);
        value.as_str().map_or_else(|| value.to_string(), str::to_owned)
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.call("DELETE", &self.session, None);
        }
        _ = self.driver.kill();
        _ = self.driver.wait();
    }
}
