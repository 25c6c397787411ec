//! PyTorch state dicts: real ones, and hostile ones.

mod common;

use std::io::{Cursor, Read, Write};
use std::path::{Path, PathBuf};

use common::{Checkpoint, LABELS, Numbers, message};
use exporter::export::{Precision, export};
use exporter::source::{self, Source, Wanted};
use exporter::{ExportError, checkpoint, state_dict, unfolded, verify};
use model_spec::weights::generator as names;
use safetensors::SafeTensors;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

/// How far plain f64 may be from PyTorch's f32.
const TOLERANCE: f32 = 1e-5;

fn fixture(ending: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/generator_epoch_1.{ending}"))
}

fn opened(labels: Option<&[String]>) -> Result<Source, ExportError> {
    source::open(&Wanted { run: Some(&fixture("pth")), labels, ..Default::default() })
}

fn labels() -> Vec<String> {
    LABELS.map(str::to_owned).to_vec()
}

/// What PyTorch made; see fixtures/make_state_dict.py.
fn pytorch_pictures() -> checkpoint::Reference {
    let bytes = std::fs::read(fixture("safetensors")).expect("a fixture");
    let tensors = SafeTensors::deserialize(&bytes).expect("a fixture");
    let data = |name: &str| tensors.tensor(name).expect("a tensor of this name").data();
    let floats = |name: &str| data(name).as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    checkpoint::Reference {
        latents: floats("latent"),
        labels: data("label").as_chunks().0.iter().map(|bytes| i64::from_le_bytes(*bytes)).collect(),
        images: floats("image"),
    }
}

#[test]
fn a_state_dict_of_pytorch_makes_pytorchs_pictures() {
    let expected = pytorch_pictures();
    assert!(common::deviation(&expected.images) >= 0.3);
    let (architecture, weights) = state_dict::read(&fixture("pth"), 3).expect("a good state dict");
    let mut unfolded = Vec::new();
    for (latent, label) in expected.latents.chunks_exact(architecture.latent_dim).zip(&expected.labels) {
        unfolded.extend(unfolded::forward(&weights, &architecture, latent, *label as usize));
    }
    let source = opened(Some(&labels())).expect("a good state dict");
    let made = export(&source, Precision::F32).expect("exported");
    let exported = verify::pictures(made.bytes, &expected).expect("tract runs it");
    for (name, found) in [("unfolded", unfolded), ("exported", exported)] {
        assert_eq!(found.len(), expected.images.len(), "{name}");
        assert!(found.iter().all(|x| x.is_finite()), "numbers");
        let worst = found.iter().zip(&expected.images).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst <= TOLERANCE, "{name}: {worst}");
    }
}

#[test]
fn a_state_dict_exports_with_its_labels_in_either_precision() {
    let source = opened(Some(&labels())).expect("a good state dict");
    assert_eq!(source.labels.names(), LABELS);
    for (weights, hops) in [(Precision::F32, 1), (Precision::F16, 3)] {
        assert_eq!(export(&source, weights).expect("exported").hops.len(), hops);
    }
}

#[test]
fn labels_must_be_given_and_as_many_as_the_embedding_has() {
    let refusal = |labels: Option<&[String]>| message(opened(labels).expect_err("refused"));
    assert!(refusal(None).contains("--labels"));
    let two = refusal(Some(&labels()[..2]));
    assert!(two.contains("--labels") && two.contains('2') && two.contains('3'), "{two}");
}

/// A tensor of a state dict, and how its storage is described.
#[derive(Clone)]
struct Entry {
    name: String,
    numbers: Vec<f32>,
    storage_type: &'static str,
    key: String,
    offset: i32,
    shape: Vec<i32>,
    strides: Vec<i32>,
}

/// The small made-up generator, tensor by tensor.
fn entries() -> Vec<Entry> {
    let weights = Checkpoint::small().weights;
    let entry = |(place, (name, tensor)): (usize, (String, common::Tensor))| {
        let Numbers::F32(numbers) = tensor.numbers else { panic!("a weight of floats") };
        let shape: Vec<i32> = tensor.shape.iter().map(|side| *side as i32).collect();
        let strides = (1..=shape.len()).map(|from| shape[from..].iter().product()).collect();
        Entry { name, numbers, storage_type: "FloatStorage", key: place.to_string(), offset: 0, shape, strides }
    };
    weights.into_iter().enumerate().map(entry).collect()
}

/// The pickle that torch.save writes, without its memo.
fn pickle(entries: &[Entry]) -> Vec<u8> {
    let mut program = b"\x80\x02ccollections\nOrderedDict\n)R(".to_vec();
    for entry in entries {
        text(&mut program, &entry.name);
        program.extend(b"ctorch._utils\n_rebuild_tensor_v2\n((");
        text(&mut program, "storage");
        program.extend(format!("ctorch\n{}\n", entry.storage_type).bytes());
        text(&mut program, &entry.key);
        text(&mut program, "cpu");
        integer(&mut program, entry.numbers.len() as i32);
        program.extend(b"tQ");
        integer(&mut program, entry.offset);
        for sides in [&entry.shape, &entry.strides] {
            program.push(b'(');
            sides.iter().for_each(|side| integer(&mut program, *side));
            program.push(b't');
        }
        program.extend(b"\x89ccollections\nOrderedDict\n)RtR");
    }
    program.extend(b"u.");
    program
}

fn text(program: &mut Vec<u8>, text: &str) {
    program.push(b'X');
    program.extend((text.len() as u32).to_le_bytes());
    program.extend(text.bytes());
}

fn integer(program: &mut Vec<u8>, number: i32) {
    program.push(b'J');
    program.extend(number.to_le_bytes());
}

fn zipped(files: &[(String, Vec<u8>)], method: CompressionMethod) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(method);
    for (name, bytes) in files {
        writer.start_file(name.clone(), options).expect("a zip in memory");
        writer.write_all(bytes).expect("a zip in memory");
    }
    writer.finish().expect("a zip in memory").into_inner()
}

fn files(program: Vec<u8>, entries: &[Entry]) -> Vec<(String, Vec<u8>)> {
    let mut files = vec![("g/data.pkl".to_owned(), program), ("g/byteorder".to_owned(), b"little".to_vec())];
    for entry in entries {
        let bytes = entry.numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        files.push((format!("g/data/{}", entry.key), bytes));
    }
    files
}

fn read(bytes: &[u8]) -> Result<(model_spec::Architecture, exporter::weights::Weights), exporter::ExportError> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("generator.pth");
    std::fs::write(&path, bytes).expect("writable");
    state_dict::read(&path, 3)
}

fn refusal(bytes: &[u8]) -> String {
    match read(bytes) {
        Ok(_) => panic!("was accepted"),
        Err(error) => message(error),
    }
}

#[test]
fn an_archive_made_by_hand_is_read_with_the_architecture_of_its_shapes() {
    let entries = entries();
    let (architecture, weights) =
        read(&zipped(&files(pickle(&entries), &entries), CompressionMethod::Stored)).expect("read");
    let expected = Checkpoint::small().manifest.architecture;
    assert_eq!((architecture.image_size, &architecture.widths), (32, &expected.widths));
    assert_eq!((architecture.channels, architecture.stem_channels), (3, 6));
    assert_eq!((architecture.latent_dim, architecture.embedding_dim), (7, 5));
    for entry in &entries {
        assert_eq!(weights.get(&entry.name), entry.numbers, "{}", entry.name);
    }
}

#[test]
fn strides_and_offsets_are_followed() {
    let mut changed = entries();
    let entry = changed.iter_mut().find(|entry| entry.name == names::LATENT_WEIGHT).expect("there");
    let straight = entry.numbers.clone();
    let (rows, columns) = (entry.shape[0] as usize, entry.shape[1] as usize);
    let transposed = (0..columns).flat_map(|column| (0..rows).map(move |row| (row, column)));
    entry.numbers =
        [9.0; 5].into_iter().chain(transposed.map(|(row, column)| straight[row * columns + column])).collect();
    (entry.offset, entry.strides) = (5, vec![1, rows as i32]);
    let (_, weights) = read(&zipped(&files(pickle(&changed), &changed), CompressionMethod::Stored)).expect("read");
    assert_eq!(weights.get(names::LATENT_WEIGHT), straight);
}

#[test]
fn tensors_that_do_not_fit_are_named() {
    struct Case(&'static str, &'static str, fn(&mut Entry));
    let weight = "model.3.weight"; // [8, 5, 4, 4]
    let cases = [
        Case("offset beyond the storage", "model.3.weight", |entry| entry.offset = 1),
        Case("negative offset", "-1", |entry| entry.offset = -1),
        Case("stride beyond the storage", "model.3.weight", |entry| entry.strides[0] = 81),
        Case("huge stride", "model.3.weight", |entry| entry.strides = vec![i32::MAX; 4]),
        Case("negative stride", "-16", |entry| entry.strides[1] = -16),
        Case("too few strides", "model.3.weight", |entry| entry.strides.truncate(3)),
        Case("repeated numbers", "model.3.weight", |entry| {
            entry.numbers.truncate(1);
            entry.strides = vec![0; 4];
        }),
        Case("huge shape", "2147483647", |entry| entry.shape = vec![i32::MAX; 4]),
        Case("negative shape", "-8", |entry| entry.shape[0] = -8),
        Case("empty", "model.3.weight", |entry| entry.shape[0] = 0),
        Case("shorter storage", "model.3.weight", |entry| entry.numbers.truncate(639)),
        Case("other kernel", "[8, 5, 2, 8]", |entry| entry.shape = vec![8, 5, 2, 8]),
        Case("half precision", "HalfStorage", |entry| entry.storage_type = "HalfStorage"),
        Case("integers", "LongStorage", |entry| entry.storage_type = "LongStorage"),
        Case("not a number", "NaN", |entry| entry.numbers[7] = f32::NAN),
        Case("a path for a key", "../", |entry| entry.key = "../data.pkl".to_owned()),
        Case("another name", "model.3.weight", |entry| entry.name = "model.99.weight".to_owned()),
    ];
    for Case(name, expected, change) in cases {
        let mut changed = entries();
        change(changed.iter_mut().find(|entry| entry.name == weight).expect("there"));
        let message = refusal(&zipped(&files(pickle(&changed), &changed), CompressionMethod::Stored));
        assert!(message.contains(expected), "{name}: {message}");
    }
}

#[test]
fn missing_and_extra_tensors_are_named() {
    for entry in entries() {
        let rest: Vec<_> = entries().into_iter().filter(|other| other.name != entry.name).collect();
        let message = refusal(&zipped(&files(pickle(&rest), &rest), CompressionMethod::Stored));
        // Without one of its convolutions it is another network, which misses something else.
        let makes_the_architecture = entry.shape.len() == 4;
        let name = if makes_the_architecture { "model." } else { &entry.name };
        assert!(message.contains(name), "{}: {message}", entry.name);
    }
    let mut more = entries();
    more.push(Entry { name: "model.1.extra".to_owned(), key: "99".to_owned(), ..more[0].clone() });
    let message = refusal(&zipped(&files(pickle(&more), &more), CompressionMethod::Stored));
    assert!(message.contains("model.1.extra"), "{message}");
}

#[test]
fn a_pickle_that_is_no_state_dict_is_refused_by_what_it_wants() {
    let nested = [b"\x80\x02)".to_vec(), vec![0x85; 500_000], b".".to_vec()].concat();
    let long = [b"\x80\x02X\xff\xff\xff\x7f".to_vec(), vec![b'a'; 100]].concat();
    let short = [b"\x80\x02X\xff\x00\x00\x00".to_vec(), vec![b'a'; 100]].concat();
    let cases: [(&str, Vec<u8>); 17] = [
        ("os.system", b"\x80\x02cos\nsystem\nX\x04\x00\x00\x00echo\x85R.".to_vec()),
        ("posix.system", b"\x80\x02cposix\nsystem\n.".to_vec()),
        ("builtins.eval", b"\x80\x02cbuiltins\neval\n(X\x01\x00\x00\x001tR.".to_vec()),
        ("torch.load", b"\x80\x02ctorch\nload\n.".to_vec()),
        ("torch.storage._load_from_bytes", b"\x80\x02ctorch.storage\n_load_from_bytes\n.".to_vec()),
        ("torch._utils._rebuild_parameter", b"\x80\x02ctorch._utils\n_rebuild_parameter\n.".to_vec()),
        ("collections.OrderedDict", b"\x80\x02ccollections\nOrderedDict\nK\x01\x85R.".to_vec()),
        ("protocol 4", b"\x80\x04\x8c\x02os\x8c\x06system\x93.".to_vec()),
        ("0x69", b"\x80\x02(ios\nsystem\n.".to_vec()),
        ("0x81", b"\x80\x02ccollections\nOrderedDict\n)\x81.".to_vec()),
        ("ends too early", b"\x80\x02}".to_vec()),
        ("2147483647 bytes", long),
        ("ends too early", short),
        ("dictionary", b"\x80\x02K\x01.".to_vec()),
        ("dictionary", nested),
        ("stack", b"\x80\x02R.".to_vec()),
        ("mark", b"\x80\x02}u.".to_vec()),
    ];
    for (expected, program) in cases {
        let message = refusal(&zipped(&files(program, &[]), CompressionMethod::Stored));
        assert!(message.contains(expected), "{expected}: {message}");
    }
}

#[test]
fn a_pickle_that_would_fill_the_memory_is_refused() {
    // A long text that is remembered, to be repeated again and again.
    let mut program = b"\x80\x02}(".to_vec();
    text(&mut program, &"a".repeat(1 << 16));
    program.extend(b"q\x00");
    program.extend(b"Nh\x00".repeat(1 << 16));
    program.extend(b"Nu.");
    let message = refusal(&zipped(&files(program, &[]), CompressionMethod::Stored));
    assert!(message.contains("65536 bytes"), "{message}");
}

/// Each of its instructions would make a value.
#[test]
fn a_pickle_of_more_bytes_than_a_state_dict_needs_is_refused() {
    let of = |bytes: usize| {
        let program = [b"\x80\x02".to_vec(), vec![b'N'; bytes - 2]].concat();
        refusal(&zipped(&files(program, &[]), CompressionMethod::Stored))
    };
    let (most, more) = (of(1 << 20), of((1 << 20) + 1));
    assert!(most.contains("ends too early"), "{most}");
    assert!(more.contains("\"g/data.pkl\": 1048577 bytes, over the limit of 1048576"), "{more}");
}

#[test]
fn archives_that_are_damaged_or_of_another_kind_are_refused() {
    let good = std::fs::read(fixture("pth")).expect("a fixture");
    let entries = entries();
    let plain = files(pickle(&entries), &entries);
    let with = |name: &str, bytes: &[u8]| {
        let mut changed = plain.clone();
        changed.iter_mut().filter(|file| file.0 == name).for_each(|file| file.1 = bytes.to_vec());
        zipped(&changed, CompressionMethod::Stored)
    };
    let cases: [(&str, Vec<u8>); 7] = [
        ("invalid Zip archive", Vec::new()),
        ("invalid Zip archive", b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.".to_vec()), // the format before PyTorch 1.6
        ("invalid Zip archive", good[..good.len() / 2].to_vec()),
        ("a zip archive without data.pkl", zipped(&plain[1..], CompressionMethod::Stored)),
        ("byte order \"big\"", with("g/byteorder", b"big")),
        ("\"g/byteorder\": compressed", zipped(&plain, CompressionMethod::Deflated)),
        ("\"g/data/3\": ", zipped(&[&plain[..5], &plain[6..]].concat(), CompressionMethod::Stored)),
    ];
    for (expected, bytes) in cases {
        let message = refusal(&bytes);
        // What was expected is the same in all of them.
        let (_, found) = message.split_once(", found ").expect("what was found");
        assert!(found.starts_with(expected), "{expected}: {message}");
    }
}

/// Cuts and changed bytes of a real file end in an error or in weights, never in a panic.
#[test]
fn no_damage_panics() {
    let good = std::fs::read(fixture("pth")).expect("a fixture");
    let mut archive = ZipArchive::new(Cursor::new(&good)).expect("a fixture");
    let mut program = Vec::new();
    archive.by_name("generator_epoch_1/data.pkl").expect("there").read_to_end(&mut program).expect("readable");
    for end in (0..program.len()).step_by(5) {
        assert!(!refusal(&zipped(&files(program[..end].to_vec(), &[]), CompressionMethod::Stored)).is_empty());
    }
    for (place, change) in (0..program.len()).step_by(3).zip([0x01, 0x80, 0x55, 0xff].into_iter().cycle()) {
        let mut damaged = program.clone();
        damaged[place] ^= change;
        let _ = read(&zipped(&files(damaged, &[]), CompressionMethod::Stored));
    }
    for place in (0..good.len()).step_by(37) {
        let mut damaged = good.clone();
        damaged[place] ^= 0xff;
        let _ = read(&damaged);
    }
}
