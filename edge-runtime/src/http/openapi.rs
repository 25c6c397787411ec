//! The description of the routes, OpenAPI 3.1.

use serde_json::{Map, Value, json};

use super::look::MAX_WEIGHT;
use super::parameters::{Bounds, CURVES, DEFAULT_STEPS, MAX_STEPS, PICTURE_FORMATS, WALK_FORMATS};
use super::plane::REACH;
use super::route::{ROUTES, Route};

/// The document for a model.
pub(super) fn document(bounds: &Bounds) -> Value {
    let paths: Map<String, Value> =
        ROUTES.iter().map(|(path, route)| ((*path).to_owned(), json!({ "get": operation(*route, bounds) }))).collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "edge-runtime",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "Pictures of labels",
            "description": "Pictures carry an entity tag; asking again with If-None-Match costs no picture. Whatever has \
                            the same strong tag has the same bytes, which a weak one (W/) does not promise. HEAD is \
                            answered wherever GET is, with the same status and headers and no body.",
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "servers": [{ "url": "./" }],
        "security": [{}, { "token": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": { "token": {
                "type": "http", "scheme": "bearer", "description": "Where the server was started with a token.",
            } },
            "schemas": { "Problem": problem_schema(), "Labels": labels_schema() },
            "responses": responses(),
        },
    })
}

fn operation(route: Route, bounds: &Bounds) -> Value {
    let (id, summary) = match route {
        Route::Page => ("page", "A page to play with"),
        Route::Style => ("style", "The page's style"),
        Route::Script => ("script", "The page's script"),
        Route::Icon => ("icon", "The page's icon"),
        Route::OpenApi => ("openapi", "This document"),
        Route::Health => ("health", "Whether pictures can be made"),
        Route::Labels => ("labels", "The labels in their order, and what the model is"),
        Route::Generate => ("generate", "One picture"),
        Route::Interpolate => ("interpolate", "The way from one seed to another"),
        Route::Metrics => ("metrics", "Counters for Prometheus"),
    };
    let mut operation = json!({
        "operationId": id,
        "summary": summary,
        "responses": { "200": { "description": "OK", "content": content(route) } },
    });
    for (status, name) in
        [("400", "BadRequest"), ("413", "Body"), ("414", "LongTarget"), ("421", "OtherHost"), ("431", "LargeHead")]
    {
        operation["responses"][status] = reference(name);
    }
    if route.is_protected() {
        operation["responses"]["401"] = reference("Unauthorized");
    } else {
        operation["security"] = json!([]);
    }
    let parameters = match route {
        Route::Generate => generate_parameters(bounds),
        Route::Interpolate => interpolate_parameters(bounds),
        Route::Health => {
            operation["responses"]["503"] = reference("Stopped");
            return operation;
        }
        Route::Metrics => return operation,
        _ => {
            operation["responses"]["304"] = reference("NotModified");
            return operation;
        }
    };
    operation["parameters"] = parameters;
    for (status, name) in
        [("304", "NotModified"), ("429", "Overload"), ("500", "Failed"), ("503", "Stopped"), ("504", "TooLate")]
    {
        operation["responses"][status] = reference(name);
    }
    let names = ["Picture-Width", "Picture-Height", "Picture-Channels"];
    let mut headers: Map<String, Value> =
        names.iter().map(|name| ((*name).to_owned(), json!({ "schema": { "type": "integer" } }))).collect();
    headers.insert("ETag".to_owned(), json!({ "schema": { "type": "string" } }));
    let about = "Milliseconds in the queue, in the engine and in encoding, or `cache;desc=hit`.";
    headers.insert("Server-Timing".to_owned(), json!({ "description": about, "schema": { "type": "string" } }));
    operation["responses"]["200"]["headers"] = headers.into();
    operation
}

fn content(route: Route) -> Value {
    let file = |media_type: &str| json!({ media_type: {} });
    match route {
        Route::Page => file("text/html"),
        Route::Style => file("text/css"),
        Route::Script => file("text/javascript"),
        Route::Icon => file("image/svg+xml"),
        Route::OpenApi => json!({ "application/json": { "schema": { "type": "object" } } }),
        Route::Health => json!({ "application/json": { "schema": {
            "type": "object", "required": ["status"], "properties": { "status": { "const": "ok" } },
        } } }),
        Route::Labels => json!({ "application/json": { "schema": { "$ref": "#/components/schemas/Labels" } } }),
        Route::Generate => json!({ "image/png": {}, "image/webp": {}, "application/octet-stream": {} }),
        Route::Interpolate => json!({ "image/png": {}, "image/gif": {} }),
        Route::Metrics => file("text/plain"),
    }
}

fn generate_parameters(bounds: &Bounds) -> Value {
    let plane = "Place in the plane through the latents of the seed at (0, 0), of the next seed at (1, 0) and of the one \
                 after it at (0, 1): their sum with the shares 1 - x - y, x and y, divided by the root of the shares' squares \
                 added up, so that it is as long everywhere.";
    let coordinate = json!({ "type": "number", "minimum": -REACH, "maximum": REACH, "default": 0 });
    let formats = words(&PICTURE_FORMATS);
    let mut all = look_parameters(bounds);
    all.extend([
        seed("seed", "Seed of the latent."),
        parameter("index", "Index of the latent among those of the seed.", integer(0, u64::from(u32::MAX), Some(0))),
        parameter("x", plane, coordinate.clone()),
        parameter("y", "As x.", coordinate),
    ]);
    all.extend(common_parameters(bounds));
    let about = "`raw` are 8-bit levels in rows, channels interleaved; their numbers stand in the Picture- headers.";
    all.push(parameter("format", about, formats));
    all.into()
}

fn interpolate_parameters(bounds: &Bounds) -> Value {
    let mut all = look_parameters(bounds);
    all.extend([
        seed("from", "Seed of the first picture."),
        seed("to", "Seed of the last picture."),
        parameter("steps", "Pictures, with both ends.", integer(2, MAX_STEPS as u64, Some(DEFAULT_STEPS as u64))),
        parameter("curve", "A line between the latents, or the great circle.", words(&CURVES)),
    ]);
    all.extend(common_parameters(bounds));
    let about = "A sheet with one row as PNG, or an animation there and back as GIF; 4,194,304 pixels at most.";
    all.push(parameter("format", about, words(&WALK_FORMATS)));
    all.into()
}

fn look_parameters(bounds: &Bounds) -> Vec<Value> {
    let mut label = parameter(
        "label",
        "Label by name, or by index. This or mix, where there are several labels.",
        json!({ "type": "string" }),
    );
    // By index: names are for those who have the token.
    label["example"] = "0".into();
    let about = format!(
        "Labels with weights from 0 to {MAX_WEIGHT} that are made to add up to 1. Commas and colons inside a name are \
         percent-encoded."
    );
    let mut mix = parameter("mix", &about, json!({ "type": "array", "minItems": 1, "items": { "type": "string" } }));
    mix["style"] = "form".into();
    mix["explode"] = false.into();
    let weights = (0..bounds.labels.len().min(2)).map(|label| format!("{label}:0.5"));
    mix["example"] = weights.collect::<Vec<_>>().into();
    vec![label, mix]
}

fn common_parameters(bounds: &Bounds) -> [Value; 2] {
    let truncation = json!({ "type": "number", "exclusiveMinimum": 0, "maximum": 2, "default": 1 });
    [
        parameter(
            "truncation",
            "Draws latents to their mean: below 1 pictures are more usual and more alike.",
            truncation,
        ),
        parameter("scale", "How many times larger.", integer(1, bounds.max_scale() as u64, Some(1))),
    ]
}

fn seed(name: &str, about: &str) -> Value {
    let mut seed = parameter(name, about, integer(0, u64::MAX, None));
    seed["required"] = true.into();
    seed["example"] = 7.into();
    seed
}

fn parameter(name: &str, about: &str, schema: Value) -> Value {
    json!({ "name": name, "in": "query", "description": about, "schema": schema })
}

fn integer(minimum: u64, maximum: u64, default: Option<u64>) -> Value {
    let mut schema = json!({ "type": "integer", "minimum": minimum, "maximum": maximum });
    if let Some(default) = default {
        schema["default"] = default.into();
    }
    schema
}

fn words<T>(choices: &[(&str, T)]) -> Value {
    let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
    json!({ "type": "string", "enum": words, "default": words.first() })
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/responses/{name}") })
}

fn responses() -> Value {
    let problem = json!({ "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } });
    let with = |about: &str| json!({ "description": about, "content": problem });
    let mut overload = with("More than the queue or the memory for answers takes.");
    overload["headers"] = json!({ "Retry-After": {
        "description": "Seconds after which it may fit.", "schema": { "type": "integer", "minimum": 1 },
    } });
    json!({
        "BadRequest": with("A parameter is missing, wrong or unknown, or there is not just one Host."),
        "Body": with("The request has a body."),
        "LongTarget": with("Path and query are too long."),
        "OtherHost": with("The host is no name of the server's."),
        // hyper's own answer.
        "LargeHead": { "description": "The head is too large, or has too many headers." },
        "Unauthorized": with("The server wants a token, and this is none or another one."),
        "NotModified": { "description": "The entity tag in If-None-Match is that of the answer." },
        "Overload": overload,
        "Failed": with("The engine or an encoder failed."),
        "Stopped": with("The generator has stopped."),
        "TooLate": with("The picture was not made in time."),
    })
}

fn problem_schema() -> Value {
    let text = json!({ "type": "string" });
    json!({
        "description": "RFC 9457",
        "type": "object",
        "required": ["type", "title", "status", "detail"],
        "properties": {
            "type": text, "title": text, "status": { "type": "integer" }, "detail": text,
            "parameter": text, "expected": text, "found": text,
        },
    })
}

fn labels_schema() -> Value {
    let (text, number) = (json!({ "type": "string" }), json!({ "type": "integer" }));
    json!({
        "type": "object",
        "required": ["labels", "can_mix", "picture", "latent_dim", "model_sha256", "engine"],
        "properties": {
            "labels": { "type": "array", "items": {
                "type": "object", "required": ["index", "name"], "properties": { "index": number, "name": text },
            } },
            "can_mix": { "type": "boolean" },
            "picture": {
                "type": "object",
                "required": ["width", "height", "channels", "max_scale"],
                "properties": { "width": number, "height": number, "channels": number, "max_scale": number },
            },
            "latent_dim": number, "model_sha256": text, "engine": text,
        },
    })
}
