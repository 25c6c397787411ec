//! The image folder: formats, conversions, order, and everything that can be wrong with it.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use image::{DynamicImage, GrayAlphaImage, GrayImage, ImageBuffer, ImageFormat, LumaA, Rgb, RgbImage, RgbaImage};
use tempfile::TempDir;
use trainer::dataset::{self, DataSet, FolderOptions, Storage};
use trainer::device::{self, DeviceChoice};
use trainer::error::DataError;

const SIZE: usize = 8;
const FILL: [u8; 3] = [200, 100, 50];

fn options() -> FolderOptions<'static> {
    FolderOptions { size: SIZE, channels: 3, strict: false, cache: None }
}

fn load(folder: &Path, options: FolderOptions<'_>) -> Result<DataSet, DataError> {
    dataset::load(folder, &options, &|_, _| {})
}

fn filled(width: u32, height: u32) -> RgbImage {
    RgbImage::from_pixel(width, height, Rgb(FILL))
}

/// Two classes with one picture each, to add to.
fn two_classes() -> TempDir {
    let folder = tempfile::tempdir().expect("temporary folder");
    for label in ["a", "b"] {
        std::fs::create_dir(folder.path().join(label)).expect("made");
        filled(8, 8).save(folder.path().join(label).join("0.png")).expect("saved");
    }
    folder
}

fn planes(data: &DataSet, index: usize) -> &[u8] {
    let values = SIZE * SIZE * 3;
    &data.pictures[index * values..][..values]
}

fn assert_filled(data: &DataSet, index: usize, expected: [u8; 3], tolerance: u8, what: &str) {
    for (plane, expected) in planes(data, index).chunks_exact(SIZE * SIZE).zip(expected) {
        let worst = plane.iter().map(|level| level.abs_diff(expected)).max().unwrap_or(0);
        assert!(worst <= tolerance, "{what}: expected {expected}, found levels {worst} away");
    }
}

#[test]
fn every_format_and_color_type_becomes_8_bit_rgb() {
    let [r, g, b] = FILL;
    let wide = |level: u8| u16::from(level) * 257;
    let rgba = RgbaImage::from_pixel(8, 8, image::Rgba([r, g, b, 10]));
    let rgb16 = ImageBuffer::<Rgb<u16>, _>::from_pixel(8, 8, Rgb([wide(r), wide(g), wide(b)]));
    let gray16 = ImageBuffer::<image::Luma<u16>, _>::from_pixel(8, 8, image::Luma([wide(g)]));
    struct Case(&'static str, DynamicImage, ImageFormat, [u8; 3], u8);
    let cases = [
        Case("1.png", filled(8, 8).into(), ImageFormat::Png, FILL, 0),
        Case("2.JPG", filled(8, 8).into(), ImageFormat::Jpeg, FILL, 4),
        Case("3.jpeg", filled(8, 8).into(), ImageFormat::Jpeg, FILL, 4),
        Case("4.webp", filled(8, 8).into(), ImageFormat::WebP, FILL, 0),
        Case("5.bmp", filled(8, 8).into(), ImageFormat::Bmp, FILL, 0),
        Case("6.png", rgba.into(), ImageFormat::Png, FILL, 0),
        Case("7.png", rgb16.into(), ImageFormat::Png, FILL, 0),
        Case("8.png", gray16.into(), ImageFormat::Png, [g; 3], 0),
        Case("9.png", GrayImage::from_pixel(8, 8, image::Luma([g])).into(), ImageFormat::Png, [g; 3], 0),
        Case("9a.png", GrayAlphaImage::from_pixel(8, 8, LumaA([g, 9])).into(), ImageFormat::Png, [g; 3], 0),
        Case("9b.png", filled(8, 8).into(), ImageFormat::Bmp, FILL, 0), // the content decides
    ];
    let folder = two_classes();
    std::fs::remove_file(folder.path().join("a/0.png")).expect("removed");
    for Case(name, picture, format, ..) in &cases {
        picture.save_with_format(folder.path().join("a").join(name), *format).expect("saved");
    }
    let data = load(folder.path(), options()).expect("loads");
    assert_eq!(data.label_of.len(), cases.len() + 1);
    for (index, Case(name, _, _, expected, tolerance)) in cases.iter().enumerate() {
        assert_filled(&data, index, *expected, *tolerance, name);
    }
}

#[test]
fn palette_pictures_are_read() {
    let folder = two_classes();
    let file = std::fs::File::create(folder.path().join("a/0.png")).expect("made");
    let mut encoder = png::Encoder::new(file, 8, 8);
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_palette([[0, 0, 0], FILL].concat());
    encoder.write_header().and_then(|mut writer| writer.write_image_data(&[1; 64])).expect("written");
    assert_filled(&load(folder.path(), options()).expect("loads"), 0, FILL, 0, "palette");
}

/// A picture that is not square and has a different color in each corner, so that a swapped axis shows.
fn corners() -> RgbImage {
    RgbImage::from_fn(16, 8, |x, y| match (x < 8, y < 4) {
        (true, true) => Rgb([250, 0, 0]),
        (false, true) => Rgb([0, 250, 0]),
        (true, false) => Rgb([0, 0, 250]),
        (false, false) => Rgb([250, 250, 250]),
    })
}

/// A JPEG with an EXIF segment (CIPA DC-008, 4.5.4: tag 0x0112) right after its start marker.
fn jpeg_with_orientation(picture: &RgbImage, orientation: u8) -> Vec<u8> {
    let mut jpeg = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut jpeg, ImageFormat::Jpeg).expect("encoded");
    let jpeg = jpeg.into_inner();
    let exif = [
        b"Exif\0\0MM\0*\0\0\0\x08".as_slice(), // big-endian TIFF header, first directory at 8
        &[0, 1],                               // one entry
        &[0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0],
        &[0, 0, 0, 0], // no next directory
    ]
    .concat();
    let length = (exif.len() as u16 + 2).to_be_bytes();
    [&jpeg[..2], &[0xFF, 0xE1], &length, &exif, &jpeg[2..]].concat()
}

#[test]
fn exif_orientation_is_obeyed() {
    let folder = two_classes();
    // 6: to be turned by 90 degrees clockwise, so the left half (red over blue) becomes the upper half (blue, red).
    std::fs::write(folder.path().join("a/0.png"), jpeg_with_orientation(&corners(), 6)).expect("written");
    let data = load(folder.path(), options()).expect("loads");
    let pixel = |x: usize, y: usize| [0, 1, 2].map(|channel| planes(&data, 0)[channel * 64 + y * SIZE + x] > 125);
    assert_eq!(pixel(1, 1), [false, false, true], "upper left is blue");
    assert_eq!(pixel(6, 1), [true, false, false], "upper right is red");
    assert_eq!(pixel(1, 6), [true, true, true], "lower left is white");
    assert_eq!(pixel(6, 6), [false, true, false], "lower right is green");
}

#[test]
fn resizing_gives_pillows_bytes_on_a_picture_that_is_not_square() {
    let folder = two_classes();
    let picture = RgbImage::from_fn(37, 23, |x, y| {
        Rgb([(x * 7 + y * 3) as u8, (x * x + 5 * y) as u8, 255 * ((x / 4 + y / 3) % 2) as u8])
    });
    picture.save(folder.path().join("a/0.png")).expect("saved");
    for size in [16, 64] {
        let data = load(folder.path(), FolderOptions { size, ..options() }).expect("loads");
        let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/resize_golden_{size}.png"));
        let golden = image::open(fixture).expect("the fixture is committed").to_rgb8();
        let found = &data.pictures[..3 * size * size];
        let expected = model_spec::pixels::chw8_from_hwc8(golden.as_raw(), 3);
        let different = found.iter().zip(&expected).filter(|(found, expected)| found != expected).count();
        assert_eq!(different, 0, "{different} of {} bytes differ at {size} pixels", expected.len());
    }
}

/// Resized whole, the longer side of these would take gigabytes.
#[test]
fn very_long_pictures_give_their_middle() {
    let folder = two_classes();
    let long = 1_000_000;
    let striped = |place: u32| Rgb(if place.abs_diff(long / 2) < 20 { FILL } else { [0; 3] });
    RgbImage::from_fn(1, long, |_, y| striped(y)).save(folder.path().join("a/0.png")).expect("saved");
    RgbImage::from_fn(long, 1, |x, _| striped(x)).save(folder.path().join("a/1.png")).expect("saved");
    let data = load(folder.path(), options()).expect("loads");
    assert_filled(&data, 0, FILL, 0, "tall");
    assert_filled(&data, 1, FILL, 0, "wide");
}

#[test]
fn a_picture_of_the_right_size_keeps_its_bytes() {
    let folder = two_classes();
    let picture = RgbImage::from_fn(8, 8, |x, y| Rgb([x as u8, y as u8, (x * y) as u8]));
    picture.save(folder.path().join("a/0.png")).expect("saved");
    let data = load(folder.path(), options()).expect("loads");
    assert_eq!(planes(&data, 0), model_spec::pixels::chw8_from_hwc8(picture.as_raw(), 3));
}

#[test]
fn a_picture_of_the_right_height_is_only_cut() {
    let folder = two_classes();
    let picture = RgbImage::from_fn(12, 8, |x, y| Rgb([(x * 20) as u8, (y * 30) as u8, (x * y) as u8]));
    picture.save(folder.path().join("a/0.png")).expect("saved");
    let middle = image::imageops::crop_imm(&picture, 2, 0, 8, 8).to_image();
    let data = load(folder.path(), options()).expect("loads");
    assert_eq!(planes(&data, 0), model_spec::pixels::chw8_from_hwc8(middle.as_raw(), 3));
}

#[test]
fn gray_training_pictures_are_pillows_luma() {
    let data = load(two_classes().path(), FolderOptions { channels: 1, ..options() }).expect("loads");
    assert_eq!(data.pictures.len(), 2 * SIZE * SIZE);
    // Image.new("RGB", (1, 1), (200, 100, 50)).convert("L") gives 124.
    assert!(data.pictures.iter().all(|level| *level == 124), "{:?}", &data.pictures[..4]);
}

#[test]
fn classes_and_files_come_in_sorted_order_and_other_files_are_ignored() {
    let folder = two_classes();
    let root = folder.path();
    for part in ["Z", "a/deep/er", "a/deep-er", ".hidden"] {
        std::fs::create_dir_all(root.join(part)).expect("made");
    }
    let files = [
        ("Z/1.png", 1),
        ("a/deep/er/x.png", 2),
        ("a/deep-er/x.png", 6),
        ("a/deep/z.png", 7),
        ("a/00.png", 3),
        ("a/z.png", 8),
        (".hidden/x.png", 4),
        ("a/.x.png", 5),
    ];
    for (name, level) in files {
        GrayImage::from_pixel(8, 8, image::Luma([level])).save(root.join(name)).expect("saved");
    }
    std::fs::write(root.join("a/notes.txt"), "no picture").expect("written");
    std::fs::write(root.join("LICENCE.txt"), "CC BY 2.0\n by somebody").expect("written");
    let data = load(root, options()).expect("loads");
    assert_eq!(data.labels.names(), ["Z", "a", "b"]);
    assert_eq!(data.label_of, [0, 1, 1, 1, 1, 1, 1, 2]);
    let first_levels: Vec<u8> = (0..8).map(|index| planes(&data, index)[0]).collect();
    // As torchvision walks: a folder's files before its folders, and "deep-er" before "deep/er".
    assert_eq!(first_levels, [1, 200, 3, 8, 7, 6, 2, 200]);
    assert_eq!(data.licence.as_deref(), Some("CC BY 2.0 by somebody"));
    assert_eq!(data.card().pictures, 8);
}

#[test]
fn broken_files_are_named_and_skipped_or_with_strict_an_error() {
    let folder = two_classes();
    let root = folder.path();
    let mut jpeg = std::io::Cursor::new(Vec::new());
    filled(64, 64).write_to(&mut jpeg, ImageFormat::Jpeg).expect("encoded");
    let jpeg = jpeg.into_inner();
    std::fs::write(root.join("a/empty.png"), []).expect("written");
    std::fs::write(root.join("a/text.jpg"), "not a picture").expect("written");
    std::fs::write(root.join("b/cut.jpg"), &jpeg[..20]).expect("written");
    std::fs::write(root.join("b/half.jpg"), &jpeg[..jpeg.len() - 20]).expect("written");
    std::fs::write(root.join("b/bomb.bmp"), bmp_of_sides(60_000)).expect("written");
    std::fs::write(root.join("b/bomb15k.bmp"), bmp_of_sides(15_000)).expect("written");
    std::fs::write(root.join("b/none.bmp"), bmp_of_sides(0)).expect("written");
    let sparse = std::fs::File::create(root.join("b/sparse.jpg")).expect("made");
    sparse.set_len(1 << 30).expect("a file may be sparse");
    let data = load(root, options()).expect("loads");
    let skipped: Vec<_> = data.skipped.iter().map(|skipped| skipped.path.clone()).collect();
    let expected = [
        ("a/empty.png", "is empty"),
        ("a/text.jpg", "can't be decoded"),
        ("b/bomb.bmp", "too large"),
        ("b/bomb15k.bmp", "too large: expected at most 536870912 bytes, found 675000000"),
        ("b/cut.jpg", "is cut off"),
        ("b/half.jpg", "is cut off"),
        ("b/none.bmp", "can't be decoded"),
        ("b/sparse.jpg", "too large"),
    ];
    assert_eq!(skipped, expected.map(|(name, _)| root.join(name)));
    for (skipped, (name, reason)) in data.skipped.iter().zip(expected) {
        assert!(skipped.reason.contains(reason), "{name}: {}", skipped.reason);
    }
    assert_eq!(data.label_of, [0, 1]);
    let error = load(root, FolderOptions { strict: true, ..options() }).expect_err("strict");
    assert!(matches!(&error, DataError::Picture { path, .. } if path.ends_with("a/empty.png")), "{error}");
}

/// A BMP header that asks for so many pixels each way.
fn bmp_of_sides(side: i32) -> Vec<u8> {
    let side = side.to_le_bytes();
    let info = [&40u32.to_le_bytes()[..], &side, &side, &[1, 0, 24, 0], &[0; 24]].concat();
    [b"BM".as_slice(), &100u32.to_le_bytes(), &[0; 4], &54u32.to_le_bytes(), &info].concat()
}

#[test]
fn folders_that_are_no_data_set_are_clear_errors() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let root = folder.path();
    let message = |wanted: &Path| load(wanted, options()).expect_err("refused").to_string();
    assert!(message(&root.join("nowhere")).contains("nowhere"));
    assert!(message(root).contains("found none"), "{}", message(root));
    std::fs::create_dir(root.join("only")).expect("made");
    filled(8, 8).save(root.join("only/0.png")).expect("saved");
    assert!(message(root).contains("only \"only\""), "{}", message(root));
    std::fs::create_dir(root.join("void")).expect("made");
    let text = message(root);
    assert!(text.contains("void") && text.contains("no readable picture"), "{text}");
    std::fs::write(root.join("void/0.png"), "broken").expect("written");
    let text = message(root);
    assert!(text.contains("void") && text.contains("1 picture files"), "{text}");
    let text = message(&root.join("only/0.png"));
    assert!(text.contains("read") && text.contains("0.png"), "a file: {text}");
}

// Other systems make no such names.
#[cfg(target_os = "linux")]
#[test]
fn names_that_are_no_labels_are_refused() {
    use std::os::unix::ffi::OsStrExt;
    for (name, expected) in [(b"bell\x07".as_slice(), "label"), (b"latin-\xe9", "UTF-8")] {
        let folder = two_classes();
        let path = folder.path().join(std::ffi::OsStr::from_bytes(name));
        std::fs::create_dir(&path).expect("made");
        filled(8, 8).save_with_format(path.join("0.png"), ImageFormat::Png).expect("saved");
        let error = load(folder.path(), options()).expect_err("refused");
        let source = std::error::Error::source(&error).map_or_else(String::new, ToString::to_string);
        let text = format!("{error}: {source}");
        assert!(text.contains(expected) && text.contains(&*folder.path().to_string_lossy()), "{text}");
    }
}

#[cfg(unix)]
#[test]
fn a_file_of_another_kind_is_skipped() {
    let folder = two_classes();
    std::os::unix::fs::symlink("/dev/zero", folder.path().join("a/1.png")).expect("linked");
    let data = load(folder.path(), options()).expect("loads");
    assert_eq!(data.skipped[0].reason, "is no regular file");
}

#[cfg(unix)]
#[test]
fn linked_folders_are_followed_but_not_around_in_circles() {
    let folder = two_classes();
    for (target, link) in [(".", "a/again"), ("..", "a/up"), ("../b", "a/other")] {
        std::os::unix::fs::symlink(target, folder.path().join(link)).expect("linked");
    }
    let data = load(folder.path(), options()).expect("loads");
    // a/0.png, a/other/0.png, the class b by way of a/up/b, b/0.png.
    assert_eq!(data.label_of, [0, 0, 0, 1]);
}

#[test]
fn the_hash_follows_labels_and_pixels() {
    let hash = |folder: &TempDir| load(folder.path(), options()).expect("loads").sha256;
    let folder = two_classes();
    let first = hash(&folder);
    assert_eq!(first, hash(&two_classes()));
    std::fs::rename(folder.path().join("a"), folder.path().join("c")).expect("renamed");
    assert_ne!(first, hash(&folder), "another label");
    let folder = two_classes();
    RgbImage::from_pixel(8, 8, Rgb([200, 100, 51])).save(folder.path().join("a/0.png")).expect("saved");
    assert_ne!(first, hash(&folder), "another pixel");
}

#[test]
fn pictures_in_a_file_are_those_in_memory_and_are_decoded_once() {
    let folder = two_classes();
    let root = folder.path();
    std::fs::write(root.join("b/text.jpg"), "not a picture").expect("written");
    filled(5, 9).save(root.join("b/9.png")).expect("saved");
    let cache = root.join(".kept");
    let in_file = FolderOptions { cache: Some((&cache, Storage::File)), ..options() };
    let decoded = AtomicUsize::new(0);
    let counted = |options: FolderOptions<'_>| {
        let before = decoded.load(Ordering::Relaxed);
        let data = dataset::load(root, &options, &|done, _| {
            decoded.fetch_max(before + done, Ordering::Relaxed);
        });
        (data, decoded.load(Ordering::Relaxed) - before)
    };
    let (memory, _) = counted(options());
    let memory = memory.expect("loads");
    for expected in [4, 0] {
        let (data, decoded) = counted(in_file);
        let data = data.expect("loads");
        assert!(data.pictures.is_mapped() && !memory.pictures.is_mapped());
        assert_eq!((&data, decoded), (&memory, expected));
    }
    let (device, _) = device::open(DeviceChoice::Cpu).expect("the CPU is always there");
    let tensor = counted(in_file).0.expect("loads").pictures.tensor(3, SIZE, device);
    assert_eq!(tensor.size(), [3, 3, 8, 8]);
    assert_eq!(Vec::<u8>::try_from(tensor.get(2).flatten(0, -1)).expect("bytes"), planes(&memory, 2));

    let (strict, _) = counted(FolderOptions { strict: true, ..in_file });
    assert!(matches!(strict.expect_err("strict"), DataError::Picture { .. }));
    assert_eq!(counted(in_file).1, 0, "a strict failure leaves the file as it was");

    filled(30, 30).save(root.join("a/1.png")).expect("saved");
    let (data, decoded) = counted(in_file);
    assert_eq!((data.expect("loads").label_of.len(), decoded), (4, 5), "another picture is seen");
}

#[test]
fn a_damaged_file_of_pictures_is_made_again() {
    let folder = two_classes();
    let cache = folder.path().join(".kept");
    let in_file = FolderOptions { cache: Some((&cache, Storage::File)), ..options() };
    let whole = load(folder.path(), in_file).expect("loads");
    let path = std::fs::read_dir(&cache).expect("listed").next().expect("one file").expect("listed").path();
    let bytes = std::fs::read(&path).expect("read");
    let cases = [0, 7, bytes.len() / 2, bytes.len() - 1].map(|length| bytes[..length].to_vec());
    let huge = [&bytes[..bytes.len() - 16], &u64::MAX.to_le_bytes(), &bytes[bytes.len() - 8..]].concat();
    for (case, damaged) in cases.into_iter().chain([huge]).enumerate() {
        std::fs::remove_file(&path).expect("removed"); // `whole` still maps it
        std::fs::write(&path, damaged).expect("written");
        assert_eq!(load(folder.path(), in_file).expect("loads"), whole, "case {case}");
        assert_eq!(std::fs::read(&path).expect("read"), bytes, "case {case}");
    }
    let blocked = folder.path().join("file");
    std::fs::write(&blocked, "").expect("written");
    let error = load(folder.path(), FolderOptions { cache: Some((&blocked, Storage::File)), ..options() });
    let error = error.expect_err("a file is no folder");
    let cause = std::error::Error::source(&error).expect("a cause").to_string();
    assert!(error.to_string().contains("--pictures memory") && cause.contains("file"), "{error}: {cause}");
}
