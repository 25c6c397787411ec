//! The page of `edge-runtime serve` in a headless Chromium, where MUDRA_CHROMEDRIVER names a ChromeDriver.

#![cfg(all(feature = "serve", target_os = "linux"))]

#[path = "served/browser.rs"]
mod browser;
mod common;
mod place;
mod served;

use std::fs;
use std::path::Path;

use browser::Browser;
use common::{LABELS, Network};
use place::Place;
use served::Server;
use tempfile::TempDir;

const CHROMEDRIVER: &str = "MUDRA_CHROMEDRIVER";
/// Keys that have no letter (W3C WebDriver, section 17.4.2).
const END: &str = "\u{E010}";
const LEFT: &str = "\u{E012}";

/// The browser, where there is one to test with.
fn browser() -> Option<Browser> {
    match std::env::var(CHROMEDRIVER) {
        Ok(path) => Some(Browser::start(&path)),
        Err(_) => {
            eprintln!("SKIPPED: set {CHROMEDRIVER} to a ChromeDriver; `cargo xtask test --only page` does");
            None
        }
    }
}

/// The model of this repository, whose pictures are worth a look; a made-up one where it is missing.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/gen.onnx");
    if fs::copy(&model, folder.path().join("model.onnx")).is_err() {
        Network::new(&LABELS, 3).write(folder.path());
    }
    folder
}

const PICTURE: &str = "document.getElementById('picture')";

#[test]
fn the_page_shows_what_its_controls_say_and_talks_to_nobody_else() {
    let Some(browser) = browser() else { return };
    let folder = folder();
    let server = Server::start(folder.path(), &[]);
    let base = format!("http://{}/", server.address);
    browser.look([1200, 800], 1, "light");
    browser.open(&base);
    browser.wait("document.getElementById('title').textContent.trim()");

    click_each_label(&browser, &server);
    move_the_pad(&browser);
    move_a_slider(&browser);
    check_seed_and_names(&browser, &server);
    take_screenshots(&browser);

    let mut console = browser.log("browser");
    // That the canvas is read again and again is this test's own doing.
    console.retain(|entry| !entry["message"].as_str().is_some_and(|text| text.contains("willReadFrequently")));
    assert!(console.is_empty(), "{console:#?}");
    let network = browser.log("performance");
    let messages: Vec<serde_json::Value> = network
        .iter()
        .filter_map(|entry| serde_json::from_str(entry["message"].as_str()?).ok())
        .map(|mut entry: serde_json::Value| entry["message"].take())
        .collect();
    let mut asked = 0;
    for message in messages.iter().filter(|message| message["method"] == "Network.requestWillBeSent") {
        let url = message["params"]["request"]["url"].as_str().expect("an address");
        // The browser's own start page, and what the page already has: neither leaves the browser.
        if ["chrome:", "chrome-untrusted:", "data:", "blob:"].iter().any(|scheme| url.starts_with(scheme)) {
            continue;
        }
        asked += 1;
        assert!(url.starts_with(&base), "{url}");
    }
    assert!(asked > 20, "{asked} requests");
    assert!(most_under_way(&messages) <= 2, "one picture and one of the map may be under way");
}

fn click_each_label(browser: &Browser, server: &Server) {
    let labels = server.get("/v1/labels").json();
    let names =
        labels["labels"].as_array().expect("labels").iter().map(|label| label["name"].as_str().expect("a name"));
    let buttons = browser.find_all("#labels label span");
    assert_eq!(buttons.len(), names.len());
    let mut pictures = Vec::new();
    for (button, name) in buttons.iter().zip(names) {
        assert_eq!(button.get("text"), name);
        button.click();
        browser.wait(&format!("{PICTURE}.getAttribute('aria-label') === {:?} + ', seed 7'", name));
        pictures.push(browser.run(&format!("return {PICTURE}.toDataURL()")));
        let address = browser.find("#address").get("text");
        let target = address.split_once("/v1").map(|(_, rest)| format!("/v1{rest}")).expect("an address");
        assert!(server.body(&target).starts_with(b"\x89PNG"), "{address}");
    }
    let count = pictures.len();
    pictures.sort_by_key(ToString::to_string);
    pictures.dedup();
    assert_eq!(pictures.len(), count, "two labels with one picture");
    let scale = browser.run(&format!("return {PICTURE}.getBoundingClientRect().width / {PICTURE}.width"));
    assert_eq!(scale.as_f64().map(f64::fract), Some(0.0), "{scale} pixels for one");
}

fn move_the_pad(browser: &Browser) {
    let place = |browser: &Browser| browser.run("return document.getElementById('pad').getAttribute('aria-valuetext')");
    let before = browser.run(&format!("return {PICTURE}.toDataURL()"));
    browser.drag(&browser.find("#pad"), 0, &[(5, 3); 20]);
    browser.wait(&format!("/place 0\\.\\d+ \\/ -0\\.\\d+/.test({PICTURE}.getAttribute('aria-label'))"));
    assert_ne!(browser.run(&format!("return {PICTURE}.toDataURL()")), before);
    let dragged = place(browser);
    browser.find("#pad").keys(LEFT);
    let stepped = place(browser);
    assert_ne!(stepped, dragged);
    // What is not the pad's: other buttons, and keys with which the browser does something.
    browser.drag(&browser.find("#pad"), 1, &[(5, 3); 20]);
    for held in ["altKey", "ctrlKey", "metaKey"] {
        let is_left = browser.run(&format!(
            "return document.getElementById('pad').dispatchEvent(new KeyboardEvent('keydown', \
             {{ key: 'ArrowLeft', cancelable: true, {held}: true }}))"
        ));
        assert_eq!(is_left, true, "{held}");
    }
    assert_eq!(place(browser), stepped);
    // What is written where readers look is read out: not for each picture.
    browser.run(
        "window.changes = { state: 0, subtitle: 0 }; \
         for (const id of Object.keys(window.changes)) \
           new MutationObserver((found) => { window.changes[id] += found.length; }) \
             .observe(document.getElementById(id), { childList: true, characterData: true, subtree: true })",
    );
    let play = browser.find("#play");
    play.click();
    browser.wait("window.changes.subtitle > 4 && /pictures\\/s/.test(document.getElementById('rate').textContent)");
    assert_eq!(browser.run("return window.changes.state"), 0);
    // Its name says what it does next; a state beside that would say the opposite.
    assert_eq!((play.get("computedlabel").as_str(), play.get("attribute/aria-pressed").as_str()), ("Pause", "null"));
    play.click();
    browser.find("#center").click();
    browser.wait(&format!("/seed 7$/.test({PICTURE}.getAttribute('aria-label'))"));
    // The map behind the pad is complete when its last corner is.
    browser.wait(
        "(() => { const map = document.getElementById('map'); \
         return map.width > 1 && map.getContext('2d').getImageData(map.width - 2, map.height - 2, 1, 1).data[3] === 255 })()",
    );
}

fn move_a_slider(browser: &Browser) {
    browser.find("#weight-0").keys(END);
    browser.wait("/^50 % .+, 50 % /.test(document.getElementById('title').textContent)");
    assert!(browser.find("#address").get("text").contains("mix="));
    assert_eq!(browser.run("return document.querySelectorAll('#labels input:checked').length"), 0);
}

fn check_seed_and_names(browser: &Browser, server: &Server) {
    let seed = browser.find("#seed");
    seed.keys("x");
    assert_eq!(seed.get("attribute/aria-invalid"), "true");
    browser.find("#next").click();
    browser.wait("/^Seed 8$/.test(document.getElementById('subtitle').textContent)");
    assert_eq!(seed.get("attribute/aria-invalid"), "false");
    // Seeds go round.
    browser
        .run("const seed = document.getElementById('seed'); seed.value = '0'; seed.dispatchEvent(new Event('input'))");
    browser.find("#previous").click();
    browser.wait("/^Seed 18446744073709551615$/.test(document.getElementById('subtitle').textContent)");
    // A link to another picture, opened in the same tab.
    browser.run("location.hash = '#label=' + encodeURIComponent(document.querySelector('#labels span').textContent) + '&seed=77'");
    browser.wait("/^Seed 77$/.test(document.getElementById('subtitle').textContent)");
    browser.run(
        "const seed = document.getElementById('seed'); seed.value = '18446744073709551615'; seed.dispatchEvent(new Event('input'))",
    );
    browser.wait("/^Seed 18446744073709551615$/.test(document.getElementById('subtitle').textContent)");
    browser.find("#next").click();
    browser.wait("/^Seed 0$/.test(document.getElementById('subtitle').textContent)");
    browser.wait("document.getElementById('state').textContent === 'Ready'");
    check_download_and_times(browser, server);
    for element in browser.find_all("button, input, #pad, canvas#picture") {
        if element.get("displayed") == "true" {
            assert!(!element.get("computedlabel").trim().is_empty(), "{}", element.get("property/outerHTML"));
        }
    }
}

/// What a download would save is the file that the address names, and each part of its time is told.
fn check_download_and_times(browser: &Browser, server: &Server) {
    browser.run(
        "window.saved = {}; HTMLAnchorElement.prototype.click = function () { window.saved.name = this.download; }; \
         const address = URL.createObjectURL; URL.createObjectURL = (file) => { file.arrayBuffer().then((bytes) => { \
         window.saved.bytes = Array.from(new Uint8Array(bytes)); }); return address.call(URL, file); }",
    );
    browser.find("#download").click();
    browser.wait("window.saved.name && window.saved.bytes !== undefined");
    let saved = browser.run("return window.saved");
    assert!(saved["name"].as_str().is_some_and(|name| name.ends_with(".png")), "{}", saved["name"]);
    let bytes: Vec<u8> =
        saved["bytes"].as_array().expect("bytes").iter().map(|byte| byte.as_u64().expect("a byte") as u8).collect();
    let address = browser.find("#address").get("text");
    let (_, query) = address.split_once("/v1").expect("an address");
    assert!(bytes == server.body(&format!("/v1{query}")), "the download is another file than {address}");
    // A picture that nobody has asked for yet, so that no cache has it.
    browser.find("#next").click();
    browser.wait("/^Seed 1$/.test(document.getElementById('subtitle').textContent)");
    for part in ["queue", "generate", "encode", "round"] {
        let text = browser.find(&format!("#time-{part}")).get("text");
        let is_told = text.strip_suffix(" ms").is_some_and(|number| number.parse::<f64>().is_ok());
        assert!(is_told, "{part}: {text:?}");
    }
}

/// Kept under target/, to be looked at.
fn take_screenshots(browser: &Browser) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let label = &browser.find_all("#labels label span")[0];
    label.click();
    browser.wait(&format!("document.getElementById('title').textContent === {:?}", label.get("text")));
    for (size, ratio) in [([1200, 800], 1), ([390, 844], 2)] {
        for scheme in ["light", "dark"] {
            browser.look(size, ratio, scheme);
            browser.wait(&format!("innerWidth === {} && document.documentElement.scrollWidth <= innerWidth", size[0]));
            browser.wait("document.getElementById('state').textContent === 'Ready'");
            check_borders(browser);
            let picture = browser.screenshot();
            assert!(picture.starts_with(b"\x89PNG"));
            fs::write(folder.join(format!("page-{}-{scheme}.png", size[0])), picture).expect("writable");
        }
    }
}

/// Borders that show where a field is stand out from both of their sides (WCAG 2.2, criterion 1.4.11).
fn check_borders(browser: &Browser) {
    let contrasts = browser.run(
        "const linear = (level) => (level <= 0.04045 ? level / 12.92 : ((level + 0.055) / 1.055) ** 2.4); \
         const light = (color) => { \
           const [red, green, blue] = color.match(/[\\d.]+/g).map((level) => linear(level / 255)); \
           return 0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05; }; \
         const contrast = (one, other) => Math.max(light(one) / light(other), light(other) / light(one)); \
         return ['seed', 'token'].flatMap((id) => { \
           const field = document.getElementById(id); \
           const { borderTopColor, backgroundColor } = getComputedStyle(field); \
           const around = getComputedStyle(field.closest('section, dialog')).backgroundColor; \
           return [contrast(borderTopColor, backgroundColor), contrast(borderTopColor, around)]; })",
    );
    let contrasts: Vec<f64> = contrasts.as_array().expect("a list").iter().filter_map(|found| found.as_f64()).collect();
    assert!(contrasts.len() == 4 && contrasts.iter().all(|contrast| *contrast >= 3.0), "{contrasts:?}");
}

/// The most pictures that were asked for at once.
fn most_under_way(messages: &[serde_json::Value]) -> usize {
    let mut open = std::collections::BTreeSet::new();
    let mut most = 0;
    for message in messages {
        let id = message["params"]["requestId"].to_string();
        match message["method"].as_str() {
            Some("Network.requestWillBeSent")
                if message["params"]["request"]["url"].as_str().is_some_and(|url| url.contains("v1/generate")) =>
            {
                open.insert(id);
                most = most.max(open.len());
            }
            Some("Network.loadingFinished" | "Network.loadingFailed") => {
                open.remove(&id);
            }
            _ => {}
        }
    }
    most
}

#[test]
fn what_goes_wrong_is_told_until_it_is_over() {
    let Some(browser) = browser() else { return };
    let folder = folder();
    let server = Server::start(folder.path(), &[]);
    browser.look([1200, 800], 1, "light");
    browser.open(&format!("http://{}/", server.address));
    browser.wait("document.getElementById('title').textContent.trim()");
    lose_cells_of_the_map(&browser);
    take_all_weight_away(&browser);
}

/// The first of 25 pictures is refused once, and then can't be asked for once; only the map's requests can be aborted.
fn lose_cells_of_the_map(browser: &Browser) {
    browser.run(
        "const ask = window.fetch; window.asked = 0; window.said = []; \
         window.fetch = (path, options) => { \
           if (!options.signal || !path.includes('seed=8')) return ask(path, options); \
           window.asked += 1; \
           if (window.asked === 1) return Promise.resolve(new Response('', { status: 429, headers: { 'Retry-After': '0' } })); \
           if (window.asked < 4) window.said.push(document.getElementById('state').innerText); \
           return window.asked === 2 ? Promise.reject(new TypeError('out of reach')) : ask(path, options); }",
    );
    browser.find("#next").click();
    browser.wait("window.asked === 27");
    assert_eq!(browser.run("return window.said"), serde_json::json!(["Busy, waiting", "No connection, trying again"]));
    browser.wait("document.querySelector('#state:not(.alarm)')?.textContent === 'Ready'");
}

/// Until a label has weight again, nothing is asked for, and the address of the page stays one that works.
fn take_all_weight_away(browser: &Browser) {
    browser.run(
        "const slider = document.getElementById('weight-0'); \
         for (const weight of [0.5, 0]) { slider.value = weight; slider.dispatchEvent(new Event('input')); }",
    );
    let state = browser.find("#state");
    assert_eq!(state.get("text"), "Give a label some weight");
    browser.find("#next").click();
    // A timer that is set after the page's own ends after it.
    browser.run("return new Promise((done) => setTimeout(done, 300))");
    let address = browser.run("return location.hash").to_string();
    assert!(address.contains("label=") && address.contains("seed=8"), "{address}");
    assert_eq!(
        (state.get("text").as_str(), browser.find("#subtitle").get("text").as_str()),
        ("Give a label some weight", "Seed 8")
    );
    browser.find("#previous").click();
    browser.find_all("#labels label span")[0].click();
    // The picture is there already.
    assert_eq!(state.get("text"), "Ready");
    browser.find("#next").click();
    browser.wait("/^Seed 9$/.test(document.getElementById('subtitle').textContent)");
}

#[test]
fn many_labels_and_low_windows_have_room() {
    let Some(browser) = browser() else { return };
    let names: Vec<String> = (0..200).map(|label| format!("label {label}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let folder = Place::with(&Network::new(&names, 3)).folder;
    let server = Server::start(folder.path(), &[]);
    browser.look([1200, 800], 1, "light");
    browser.open(&format!("http://{}/", server.address));
    browser.wait("document.getElementById('title').textContent.trim()");
    // The last label is scrolled to in its list, and none makes the page longer.
    browser.run("document.querySelector('#label-199').focus()");
    browser.wait("document.getElementById('labels').scrollTop > 0");
    assert_eq!(browser.run("return [scrollY, scrollX]"), serde_json::json!([0, 0]));
    let beyond = "return document.documentElement.scrollHeight - document.body.getBoundingClientRect().bottom";
    assert!(browser.run(beyond).as_f64().is_some_and(|beyond| beyond <= 1.0), "{}", browser.run(beyond));
    // A picture of 32 pixels in a space of 23.
    browser.look([390, 60], 1, "light");
    browser.wait(&format!("{PICTURE}.clientWidth === document.getElementById('frame').clientHeight"));
    assert_eq!(browser.run(&format!("return {PICTURE}.clientWidth < {PICTURE}.width")), true);
}

#[test]
fn a_token_is_asked_for_once() {
    let Some(browser) = browser() else { return };
    let folder = folder();
    fs::write(folder.path().join("token"), "0123456789abcdef").expect("writable");
    let server = Server::start(folder.path(), &["--token-file", "token"]);
    browser.open(&format!("http://{}/", server.address));
    browser.wait("document.getElementById('login').open");
    let refused = browser.find("#refused");
    assert_eq!(refused.get("displayed"), "false");
    // Another token, and one that no header can carry.
    for wrong in ["0123456789abcdeX", "ä"] {
        browser.find("#token").keys(&format!("{wrong}\n"));
        browser.wait("document.getElementById('login').open && !document.getElementById('refused').hidden");
        assert_eq!((refused.get("displayed").as_str(), refused.get("computedrole").as_str()), ("true", "alert"));
    }
    browser.find("#token").keys("0123456789abcdef\n");
    browser.wait("document.getElementById('title').textContent.trim()");
    let links = browser.find_all("footer a");
    let seen = links.iter().filter(|link| link.get("displayed") == "true").count();
    assert!(links.len() == 3 && seen == 1, "links that would need the token: {seen} of {} are seen", links.len());
    browser.run("location.reload()");
    browser.wait("document.readyState === 'complete' && document.getElementById('title').textContent.trim()");
    assert_eq!(browser.run("return document.getElementById('login').open"), false);
}
