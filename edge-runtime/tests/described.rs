//! `edge-runtime serve`'s two self-descriptions against the server itself: /openapi.json and /metrics.

#![cfg(all(feature = "serve", target_os = "linux"))]

mod common;
mod place;
mod served;

use std::collections::BTreeMap;
use std::fs;

use place::Place;
use serde_json::Value;
use served::Server;
use tempfile::TempDir;

fn server() -> (Server, TempDir) {
    let folder = Place::new().folder;
    (Server::start(folder.path(), &[]), folder)
}

/// One route of the document.
struct Route<'a> {
    path: &'a str,
    operation: &'a Value,
}

impl Route<'_> {
    fn parameters(&self) -> &[Value] {
        self.operation["parameters"].as_array().map_or(&[], Vec::as_slice)
    }

    /// The path with what it requires, and one parameter with a value of its own.
    fn target(&self, own: Option<(&str, &str)>) -> String {
        let mut pairs: BTreeMap<&str, String> = BTreeMap::new();
        for parameter in self.parameters() {
            let name = parameter["name"].as_str().expect("a name");
            let instead = own.is_some_and(|(own, _)| own == "mix");
            if parameter["required"] == true || name == "label" && !instead {
                pairs.insert(name, parameter["example"].to_string().trim_matches('"').to_owned());
            }
        }
        if let Some((name, value)) = own {
            pairs.insert(name, value.to_owned());
        }
        // The largest pictures fit twice into an answer.
        if own.is_some_and(|(own, _)| own == "scale") && self.path.ends_with("interpolate") && !pairs["scale"].eq("1") {
            pairs.insert("steps", "2".to_owned());
        }
        let pairs: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
        format!("{}?{}", self.path, pairs.join("&"))
    }

    /// Asks, and checks that status and media type are among those that the document has.
    fn asked(&self, server: &Server, target: &str) -> (u16, Vec<u8>) {
        let answer = server.get(target);
        let described = &self.operation["responses"][answer.status.to_string()];
        assert!(described.is_object(), "{target}: status {} is not described", answer.status);
        if answer.status == 200 {
            let media_type = answer.header("content-type").split(';').next().unwrap_or_default();
            assert!(described["content"][media_type].is_object(), "{target}: {media_type:?} is not described");
        }
        (answer.status, answer.body)
    }
}

#[test]
fn the_openapi_document_is_true_of_every_route_and_parameter() {
    let (server, _folder) = server();
    let document = server.get("/openapi.json").json();
    assert_eq!(document["openapi"], "3.1.0");
    let paths = document["paths"].as_object().expect("paths");
    for path in ["/", "/v1/generate", "/v1/interpolate", "/v1/labels", "/v1/health", "/metrics", "/openapi.json"] {
        assert!(paths.contains_key(path), "{path}");
    }
    for (path, item) in paths {
        let route = Route { path, operation: &item["get"] };
        let plain = route.asked(&server, &route.target(None));
        assert_eq!(plain.0, 200, "{path}");
        assert_eq!(route.asked(&server, &route.target(Some(("no-such-parameter", "1")))).0, 400, "{path}");
        for parameter in route.parameters() {
            check_parameter(&server, &route, parameter, &plain.1);
        }
    }
}

fn check_parameter(server: &Server, route: &Route<'_>, parameter: &Value, plain: &[u8]) {
    let (name, schema) = (parameter["name"].as_str().expect("a name"), &parameter["schema"]);
    let ask = |value: &str| route.asked(server, &route.target(Some((name, value))));
    for value in schema["enum"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        assert_eq!(ask(value).0, 200, "{}: {name}={value}", route.path);
    }
    assert_eq!(ask("nonsense!").0, 400, "{}: {name}", route.path);
    if !schema["default"].is_null() {
        let default = schema["default"].to_string();
        assert!(ask(default.trim_matches('"')) == (200, plain.to_vec()), "{}: {name}={default}", route.path);
    }
    let whole = schema["type"] == "integer";
    for (bound, outward) in [("minimum", -1), ("maximum", 1)] {
        let Some(number) = schema[bound].as_number().map(ToString::to_string) else { continue };
        assert_eq!(ask(&number).0, 200, "{}: {name}={number}", route.path);
        let beyond = if whole {
            (number.parse::<i128>().expect("whole") + outward).to_string()
        } else {
            (number.parse::<f64>().expect("a number") + 0.01 * outward as f64).to_string()
        };
        assert_eq!(ask(&beyond).0, 400, "{}: {name}={beyond}", route.path);
    }
    if schema["exclusiveMinimum"].is_number() {
        assert_eq!(ask(&schema["exclusiveMinimum"].to_string()).0, 400, "{}: {name}", route.path);
    }
    if name == "mix" {
        assert_eq!((&parameter["style"], &parameter["explode"]), (&"form".into(), &false.into()));
        let items = parameter["example"].as_array().expect("a list").iter().filter_map(Value::as_str);
        let encoded: Vec<String> = items.map(|item| item.replace(' ', "%20")).collect();
        assert_eq!(ask(&encoded.join(",")).0, 200, "{}: {encoded:?}", route.path);
    }
}

#[test]
fn what_every_route_refuses_is_described() {
    const TOKEN: &str = "0123456789abcdef";
    let folder = Place::new().folder;
    fs::write(folder.path().join("token"), TOKEN).expect("writable");
    let server = Server::start(folder.path(), &["--token-file", "token"]);
    let document = server.get("/openapi.json").json();
    let host = format!("Host: {}\r\nConnection: close\r\n", server.address);
    let token = format!("Authorization: Bearer {TOKEN}\r\n");
    let many: String = (0..200).map(|number| format!("x{number}: 1\r\n")).collect();
    let long = format!("{}=1", "x".repeat(5000));
    for (path, item) in document["paths"].as_object().expect("paths") {
        let route = Route { path, operation: &item["get"] };
        let target = route.target(None);
        let is_protected = route.operation["responses"]["401"].is_object();
        let has_tag = route.operation["responses"]["304"].is_object();
        for (status, method, target, headers) in [
            (200, "HEAD", &target, format!("{host}{token}")),
            (if has_tag { 304 } else { 200 }, "GET", &target, format!("{host}{token}If-None-Match: *\r\n")),
            (400, "GET", &target, format!("Connection: close\r\n{token}")),
            (if is_protected { 401 } else { 200 }, "GET", &target, host.clone()),
            (413, "GET", &target, format!("{host}{token}Content-Length: 1\r\n")),
            (414, "GET", &format!("{path}?{long}"), format!("{host}{token}")),
            (421, "GET", &target, format!("Host: evil.example\r\nConnection: close\r\n{token}")),
            (431, "GET", &target, format!("{host}{token}{many}")),
        ] {
            let answer = server.send(&format!("{method} {target} HTTP/1.1\r\n{headers}\r\n"));
            assert_eq!(answer.status, status, "{method} {path}: {}", answer.text());
            let described = response(&document, &route.operation["responses"][status.to_string()]);
            assert!(described["description"].is_string(), "{path}: status {status} is not described");
            assert_eq!(answer.body.is_empty(), method == "HEAD" || described["content"].is_null(), "{path}: {status}");
            if !answer.body.is_empty() {
                let media_type = answer.header("content-type").split(';').next().unwrap_or_default();
                assert!(described["content"][media_type].is_object(), "{path}, {status}: {media_type:?}");
            }
        }
    }
}

/// A response, or the shared one that it refers to.
fn response<'a>(document: &'a Value, response: &'a Value) -> &'a Value {
    let target = response["$ref"].as_str().and_then(|target| target.strip_prefix('#'));
    target.map_or(response, |target| document.pointer(target).expect("inside the document"))
}

#[test]
fn every_reference_of_the_openapi_document_leads_somewhere() {
    let (server, _folder) = server();
    let document = server.get("/openapi.json").json();
    let mut left = vec![&document];
    let mut found = 0;
    while let Some(value) = left.pop() {
        if let Some(target) = value.get("$ref").and_then(Value::as_str) {
            found += 1;
            let pointer = target.strip_prefix('#').expect("inside the document");
            assert!(document.pointer(pointer).is_some(), "{target}");
        }
        left.extend(value.as_object().into_iter().flat_map(|members| members.values()));
        left.extend(value.as_array().into_iter().flatten());
    }
    assert!(found > 20, "{found}");
}

/// A sample line: name, labels, value.
type Sample = (String, BTreeMap<String, String>, f64);

/// Reads a sample by the grammar of the text format.
fn sample(line: &str) -> Option<Sample> {
    let end = line.find(['{', ' '])?;
    let (name, mut rest) = line.split_at(end);
    let mut labels = BTreeMap::new();
    if let Some(inside) = rest.strip_prefix('{') {
        let mut letters = inside.char_indices();
        let (mut key, mut value, mut quoted) = (String::new(), String::new(), false);
        loop {
            let (place, letter) = letters.next()?;
            match (quoted, letter) {
                (false, '}') => {
                    rest = &inside[place + 1..];
                    break;
                }
                (false, '"') => quoted = true,
                (false, '=' | ',') => {}
                (false, other) => key.push(other),
                (true, '\\') => value.push(match letters.next()?.1 {
                    'n' => '\n',
                    escaped @ ('\\' | '"') => escaped,
                    _ => return None,
                }),
                (true, '"') => {
                    quoted = false;
                    labels.insert(std::mem::take(&mut key), std::mem::take(&mut value));
                }
                (true, other) => value.push(other),
            }
        }
    }
    Some((name.to_owned(), labels, rest.strip_prefix(' ')?.parse().ok()?))
}

/// `[a-zA-Z_:][a-zA-Z0-9_:]*`
fn is_name(text: &str) -> bool {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == ':';
    !text.is_empty() && text.chars().all(fits) && !text.starts_with(|letter: char| letter.is_ascii_digit())
}

#[test]
fn metrics_keep_to_the_text_format() {
    let (server, _folder) = server();
    for target in ["/v1/generate?label=zebra&seed=1", "/v1/generate?label=zebra&seed=1", "/v1/generate", "/nothing"] {
        server.get(target);
    }
    let answer = server.get("/metrics");
    assert_eq!(answer.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    let text = answer.text();
    assert!(text.ends_with('\n'));
    let mut kinds: BTreeMap<String, String> = BTreeMap::new();
    let mut family = String::new();
    let mut samples: Vec<Sample> = Vec::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            family = rest.split_once(' ').expect("a name and a text").0.to_owned();
            assert!(is_name(&family), "{line}");
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').expect("a name and a kind");
            assert!(name == family && ["counter", "gauge", "histogram"].contains(&kind), "{line}");
            assert!(kinds.insert(name.to_owned(), kind.to_owned()).is_none(), "{line} stands there twice");
        } else {
            let found = sample(line).unwrap_or_else(|| panic!("no sample: {line}"));
            let kind = kinds.get(&family).expect("a type before its samples");
            let ending = found.0.strip_prefix(family.as_str()).expect("samples of a family stand together");
            assert!(is_name(&found.0) && found.1.keys().all(|label| is_name(label)), "{line}");
            match kind.as_str() {
                "histogram" => assert!(["_bucket", "_sum", "_count"].contains(&ending), "{line}"),
                "counter" => assert!(ending.is_empty() && family.ends_with("_total"), "{line}"),
                _ => assert!(ending.is_empty(), "{line}"),
            }
            samples.push(found);
        }
    }
    check_histograms(&kinds, &samples);
    let requests = |route: &str, code: &str| {
        let is_wanted = |(name, labels, _): &&Sample| {
            name == "edge_runtime_requests_total" && labels["route"] == route && labels["code"] == code
        };
        samples.iter().find(is_wanted).map(|(_, _, value)| *value)
    };
    assert_eq!(requests("/v1/generate", "200"), Some(2.0));
    assert_eq!(requests("/v1/generate", "400"), Some(1.0));
    assert_eq!(requests("other", "404"), Some(1.0));
    assert_eq!(
        [server.metric("edge_runtime_cache_hits_total"), server.metric("edge_runtime_pictures_total")],
        [1.0; 2]
    );
}

fn check_histograms(kinds: &BTreeMap<String, String>, samples: &[Sample]) {
    let histograms: Vec<&String> =
        kinds.iter().filter(|(_, kind)| *kind == "histogram").map(|(name, _)| name).collect();
    assert_eq!(histograms.len(), 3);
    for name in histograms {
        let buckets: Vec<(f64, f64)> = samples
            .iter()
            .filter(|(found, _, _)| *found == format!("{name}_bucket"))
            .map(|(_, labels, value)| (labels["le"].parse().expect("a bound"), *value))
            .collect();
        assert!(buckets.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1), "{name}: {buckets:?}");
        let count = samples.iter().find(|(found, _, _)| *found == format!("{name}_count")).map(|(_, _, value)| *value);
        assert_eq!(buckets.last().copied(), count.map(|count| (f64::INFINITY, count)), "{name}");
    }
}
