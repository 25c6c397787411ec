//! One suite for every sink, then the exact bytes of each on a tiny picture that is neither square nor symmetric.

use std::cell::RefCell;
use std::fs;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use edge_runtime::encode::gif;
use edge_runtime::sink::files::{Encoding, Folder, OneFile, Stream};
use edge_runtime::sink::terminal::{Protocol, Terminal};
use edge_runtime::{Frame, Origin, Picture, RuntimeError, Sink};

/// Three columns and two rows, every pixel another color.
const LEVELS: [u8; 18] = [255, 0, 0, 0, 255, 0, 0, 0, 255, 18, 52, 86, 0, 0, 0, 250, 240, 9];

fn frame(label: &str, index: u32) -> Frame {
    let mut levels = LEVELS.to_vec();
    levels[12] = index as u8;
    Frame { picture: Picture::new(3, 2, 3, levels).expect("3 x 2 x 3"), label: label.to_owned(), seed: 7, index }
}

fn encoding() -> Encoding {
    Encoding {
        origin: Origin { model_sha256: "ab".repeat(32), engine: "tract 0".to_owned(), ..Origin::default() },
        scale: 1,
    }
}

/// A writer whose content can still be read when a sink owns it.
#[derive(Clone, Default)]
struct Shared(Rc<RefCell<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A writer that always fails.
struct Full;

impl Write for Full {
    fn write(&mut self, _bytes: &[u8]) -> std::io::Result<usize> {
        Err(std::io::Error::other("no space left"))
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A sink with its name and what shows its output.
type Named = (&'static str, Box<dyn Sink>, Box<dyn Fn() -> Vec<u8>>);

/// Opens every sink that this system has, each with what shows its output.
fn sinks(folder: &Path) -> Vec<Named> {
    let mut sinks: Vec<Named> = Vec::new();
    for name in ["one.png", "one.jpg", "one.webp"] {
        let path = folder.join(name);
        let sink = OneFile::create(&path, encoding()).expect("writable");
        sinks.push((name, Box::new(sink), Box::new(move || fs::read(&path).expect("written"))));
    }
    let path = folder.join("many");
    let sink = Folder::create(&path, encoding()).expect("writable");
    sinks.push(("folder", Box::new(sink), Box::new(move || listing(&path).into_bytes())));
    let shared = Shared::default();
    let sink = Stream::new(shared.clone(), "a stream", encoding());
    sinks.push(("stream", Box::new(sink), Box::new(move || shared.0.borrow().clone())));
    for (name, protocol) in Protocol::NAMES {
        let shared = Shared::default();
        let sink = Terminal::new(shared.clone(), 40).speaking(protocol);
        sinks.push((name, Box::new(sink), Box::new(move || shared.0.borrow().clone())));
    }
    let path = folder.join("preview.png");
    let display: edge_runtime::sink::display::Display =
        format!("png:{}@40x30:rgb888", path.display()).parse().expect("a display");
    let sink = display.open(Vec::new(), 0).expect("a file will do");
    sinks.push(("preview", sink, Box::new(move || fs::read(&path).expect("written"))));
    #[cfg(target_os = "linux")]
    for geometry in
        ["40x30:rgb565:90", "40x30:rgb888", "40x30:xrgb8888", "40x30:bgr565", "40x30:bgr888", "40x30:xbgr8888"]
    {
        let path = folder.join(geometry);
        let sink = framebuffer(&path, geometry);
        sinks.push((geometry, sink, Box::new(move || fs::read(&path).expect("written"))));
    }
    sinks
}

#[cfg(target_os = "linux")]
fn framebuffer(path: &Path, geometry: &str) -> Box<dyn Sink> {
    let text = format!("fb:{}@{geometry}", path.display());
    let display: edge_runtime::sink::display::Display = text.parse().expect("a display");
    display.open(Vec::new(), 0).expect("a file will do")
}

/// Every file below a folder with its content, sorted.
fn listing(folder: &Path) -> String {
    let mut files: Vec<PathBuf> = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    let line = |path: &PathBuf| format!("{} {:?}\n", path.display(), fs::read(path).expect("readable"));
    files.iter().map(line).collect()
}

#[test]
fn a_folder_takes_no_label_that_leaves_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut sink = Folder::create(&folder.path().join("in"), encoding()).expect("writable");
    let outside = folder.path().join("out").display().to_string();
    for label in ["..", "../out", &outside, ""] {
        sink.show(&frame(label, 1)).expect_err(label);
    }
    assert_eq!(listing(folder.path()), "");
}

#[test]
fn every_sink_shows_the_same_frame_the_same_way_and_others_otherwise() {
    let shown = |frames: &[Frame]| -> Vec<(&'static str, Vec<u8>)> {
        // One place for every call: a folder's listing has its path in it.
        let folder = std::env::temp_dir().join(format!("edge-runtime-sinks-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir(&folder).expect("writable");
        let made = sinks(&folder).into_iter().map(|(name, mut sink, output)| {
            for frame in frames {
                sink.show(frame).unwrap_or_else(|error| panic!("{name}: {error}"));
            }
            (name, output())
        });
        let made = made.collect();
        fs::remove_dir_all(&folder).expect("its own folder");
        made
    };
    let gray = Frame { picture: Picture::new(2, 3, 1, vec![0, 9, 80, 99, 200, 255]).expect("2 x 3"), ..frame("g", 0) };
    let first = shown(&[frame("ä b", 1)]);
    assert_eq!(shown(&[frame("ä b", 1)]), first);
    for others in [vec![frame("ä b", 200)], vec![frame("zebra", 1)], vec![gray]] {
        for ((name, one), (_, other)) in first.iter().zip(shown(&others)) {
            assert!(!other.is_empty() && *one != other, "{name} shows {others:?} like the first");
        }
    }
    for ((name, one), (_, two)) in first.iter().zip(shown(&[frame("ä b", 1), frame("ä b", 2)])) {
        // A preview is a PNG of the last frame, which may take fewer bytes.
        let is_enough = *name == "preview" || two.len() >= one.len();
        assert!(is_enough && *one != two, "{name} shows one of two frames");
    }
}

#[test]
fn a_sink_can_be_written_outside_the_crate() {
    struct Brightest(u8);
    impl Sink for Brightest {
        fn show(&mut self, frame: &Frame) -> Result<(), RuntimeError> {
            self.0 = frame.picture.levels().iter().copied().fold(self.0, u8::max);
            Ok(())
        }
    }
    let mut sink = Brightest(0);
    sink.show(&frame("a", 0)).expect("cannot fail");
    assert_eq!(sink.0, 255);
}

#[test]
fn a_png_holds_every_level_and_says_its_origin() {
    let shared = Shared::default();
    Stream::new(shared.clone(), "a stream", encoding()).show(&frame("ä", 3)).expect("writable");
    let bytes = shared.0.borrow().clone();
    let mut reader = png::Decoder::new(Cursor::new(bytes)).read_info().expect("a PNG");
    let mut levels = vec![0; reader.output_buffer_size().expect("a size")];
    reader.next_frame(&mut levels).expect("a picture");
    assert_eq!(levels, frame("ä", 3).picture.levels());
    let info = reader.info();
    assert_eq!((info.width, info.height), (3, 2));
    let latin = info.uncompressed_latin1_text.iter().map(|text| (text.keyword.as_str(), text.text.as_str()));
    let software = concat!("edge-runtime ", env!("CARGO_PKG_VERSION"));
    let sha256 = "ab".repeat(32);
    let expected = [("Seed", "7"), ("Index", "3"), ("Model", &sha256), ("Engine", "tract 0"), ("Software", software)];
    assert_eq!(latin.collect::<Vec<_>>(), expected);
    let label = &info.utf8_text[0];
    assert_eq!((label.keyword.as_str(), label.get_text().expect("text").as_str()), ("Label", "ä"));
}

#[test]
fn jpeg_and_webp_keep_the_picture_and_say_its_origin() {
    let folder = tempfile::tempdir().expect("a folder");
    // Sixteen times larger, so that JPEG's blocks of 8 x 8 and shared colors hold one pixel each.
    let encoding = Encoding { scale: 16, ..encoding() };
    for (name, tolerance) in [("a.jpg", 3), ("a.jpeg", 3), ("a.WEBP", 0)] {
        let path = folder.path().join(name);
        OneFile::create(&path, encoding.clone()).expect("writable").show(&frame("zebra", 0)).expect("writable");
        let bytes = fs::read(&path).expect("written");
        let decoded = image::load_from_memory(&bytes).expect("a picture").to_rgb8();
        assert_eq!(decoded.dimensions(), (48, 32), "{name}");
        for (place, pixel) in LEVELS.chunks(3).enumerate() {
            let found = decoded.get_pixel((place % 3 * 16 + 8) as u32, (place / 3 * 16 + 8) as u32).0;
            let worst = found.iter().zip(pixel).map(|(a, b)| a.abs_diff(*b)).max();
            assert!(worst <= Some(tolerance), "{name}: pixel {place} is {found:?}, not {pixel:?}");
        }
        let text = b"Label: zebra\nSeed: 7\nIndex: 0\nModel: abab";
        assert!(bytes.windows(text.len()).any(|window| window == text), "{name} doesn't say its origin");
    }
}

#[test]
fn a_gif_shows_every_picture_and_repeats() {
    let pictures: Vec<Picture> = (0..3).map(|index| frame("a", index * 80).picture).collect();
    let bytes = gif::encode(pictures.iter().cloned().map(Ok), &vec![("Label", "x".repeat(300))]).expect("fits");
    let mut options = ::gif::DecodeOptions::new();
    options.set_color_output(::gif::ColorOutput::RGBA);
    let mut decoder = options.read_info(Cursor::new(&bytes)).expect("a GIF");
    for picture in &pictures {
        let frame = decoder.read_next_frame().expect("readable").expect("a picture");
        assert_eq!((frame.width, frame.height, frame.delay), (3, 2, 10));
        let rgb: Vec<u8> = frame.buffer.chunks(4).flat_map(|pixel| pixel[..3].to_vec()).collect();
        assert_eq!(rgb, picture.levels());
    }
    assert!(decoder.read_next_frame().expect("readable").is_none());
    assert_eq!(decoder.repeat(), ::gif::Repeat::Infinite);
    let comment = "x".repeat(200);
    assert!(bytes.windows(200).any(|window| window == comment.as_bytes()));
    assert!(gif::encode([], &Vec::new()).is_err());
    let other = Picture::new(1, 1, 1, vec![0]).expect("1 x 1");
    assert!(gif::encode([Ok(pictures[0].clone()), Ok(other)], &Vec::new()).is_err());
}

#[test]
fn a_terminal_shows_two_pixels_a_character_and_the_caption_below() {
    let shown = |columns| {
        let shared = Shared::default();
        Terminal::new(shared.clone(), columns).show(&frame("a", 0)).expect("writable");
        let text = String::from_utf8(shared.0.borrow().clone()).expect("text");
        text.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let cell = |color: &str, times| format!("\x1b[38;2;{color};48;2;{color}m\u{2580}").repeat(times);
    let row = |colors: [&str; 3], times| colors.map(|color| cell(color, times)).concat();
    let (upper, lower) = (["255;0;0", "0;255;0", "0;0;255"], ["18;52;86", "0;0;0", "250;240;9"]);

    let wide = shown(24);
    assert_eq!(wide.len(), 15, "sixteen pixel rows and fourteen of the caption");
    assert_eq!([&wide[0], &wide[4]], [&(row(upper, 8) + "\x1b[0m"), &(row(lower, 8) + "\x1b[0m")]);
    assert!(wide[8..11].iter().any(|line| line.contains("255;255;255")));
    assert!(wide[12..].iter().any(|line| line.contains("255;255;255")));

    // Letters are larger from 120 columns on, and the picture keeps its size.
    let wider = shown(130);
    assert_eq!(wider.len(), 54, "86 pixel rows and 22 of the caption");
    assert_eq!([&wider[0], &wider[42]], [&(row(upper, 43) + "\x1b[0m"), &(row(lower, 43) + "\x1b[0m")]);

    // Less than the least of eight columns; four pixel rows have no place for a caption.
    let narrow = shown(6);
    let black = cell("0;0;0", 1);
    let lines = [upper, lower].map(|colors| format!("{black}{}{black}\x1b[0m", row(colors, 2)));
    assert_eq!(narrow, lines);
}

#[test]
fn a_still_picture_in_a_terminal_follows_the_settings_of_displays() {
    let shown = |settings: &str| {
        let shared = Shared::default();
        let display: edge_runtime::sink::display::Display =
            format!("terminal,protocol={settings}").parse().expect("a display");
        display.open(shared.clone(), 22).expect("a terminal").show(&frame("a", 0)).expect("writable");
        String::from_utf8(shared.0.take()).expect("text")
    };
    // Twenty-one pixels wide and fourteen high, with fourteen rows for two lines below.
    let lines =
        |text: &str| (text.lines().count(), text.lines().next().unwrap_or_default().matches('\u{2580}').count());
    assert_eq!(lines(&shown("blocks")), (14, 21));
    assert_eq!(lines(&shown("blocks,caption=off")), (7, 21));
    for fit in ["fit", "fill"] {
        // Fourteen and two thirds high.
        assert_eq!(lines(&shown(&format!("blocks,caption=off,fit={fit}"))), (8, 22), "{fit}");
    }
    for (protocol, size, fitted) in [("kitty", ",s=87,v=58,", ",s=88,v=59,"), ("sixel", "\"1;1;87;58#", "\"1;1;88;59#")]
    {
        let text = shown(protocol);
        assert!(text.contains(size) && text.ends_with("\na 7-0\n"), "{text:?}");
        let text = shown(&format!("{protocol},caption=off,fit=fit"));
        assert!(text.contains(fitted) && text.ends_with("\x1b\\\n"), "{text:?}");
    }
    let [none, ordered, diffused] = ["none", "ordered", "diffused"].map(|name| shown(&format!("sixel,dither={name}")));
    assert!(none != ordered && ordered != diffused && diffused != none);
    assert_eq!(shown("sixel"), diffused, "it stays, and 216 colors are few");
}

#[cfg(target_os = "linux")]
#[test]
fn a_frame_buffer_has_exact_bytes_and_keeps_what_lies_behind_the_screen() {
    let folder = tempfile::tempdir().expect("a folder");
    let shown = |geometry: &str| {
        let path = folder.path().join(geometry);
        fs::write(&path, [7; 24]).expect("writable");
        framebuffer(&path, geometry).show(&frame("a", 0)).expect("writable");
        fs::read(path).expect("written")
    };
    // 18, 52, 86 are 2, 13, 10 of 31, 63, 31; 250, 240, 9 are 30, 59, 1.
    let low = [0x00, 0xF8, 0xE0, 0x07, 0x1F, 0x00, 0, 0, 0xAA, 0x11, 0, 0, 0x61, 0xF7, 0, 0];
    assert_eq!(shown("3x2:rgb565:8"), [&low[..], &[7; 8]].concat());
    let high = [0, 0, 255, 0, 255, 0, 255, 0, 0, 0, 86, 52, 18, 0, 0, 0, 9, 240, 250, 0];
    assert_eq!(shown("3x2:rgb888:10"), [&high[..], &[7; 4]].concat());
    let wide = [0, 0, 255, 0, 0, 255, 0, 0, 255, 0, 0, 0, 86, 52, 18, 0, 0, 0, 0, 0, 9, 240, 250, 0];
    assert_eq!(shown("3x2:xrgb8888"), wide);
}

#[test]
fn a_place_that_cannot_be_written_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("file");
    fs::write(&file, b"").expect("writable");
    let below = file.join("a.png");
    let message = |result: Result<(), RuntimeError>| result.expect_err("refused").to_string();
    let expected = format!("write {}", below.display());
    assert_eq!(message(OneFile::create(&below, encoding()).map(|_| ())), expected);
    assert_eq!(message(Folder::create(&below, encoding()).map(|_| ())), expected);
    assert_eq!(message(Stream::new(Full, "a stream", encoding()).show(&frame("a", 0))), "write a stream");
    assert_eq!(message(Terminal::new(Full, 40).show(&frame("a", 0))), "write terminal");
    let ending = OneFile::create(&folder.path().join("a.tiff"), encoding()).map(|_| ());
    assert!(message(ending).ends_with("expected a name that ends in .png, .jpg, .jpeg or .webp"));
}
