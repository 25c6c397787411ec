//! TensorBoard event files: scalars and pictures.
//!
//! A file is a series of TFRecords (length, masked CRC32C of it, data, masked CRC32C of that), each an `Event` message of
//! TensorFlow's `event.proto` with a `Summary` of `summary.proto`.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use prost::Message;

/// First record of every file (TensorFlow's `EventsWriter`).
const FILE_VERSION: &str = "brain.Event:2";
const MASK_DELTA: u32 = 0xa282_ead8;
const RGB: i32 = 3;

/// An event file that is appended to.
#[derive(Debug)]
pub struct EventFile {
    writer: BufWriter<File>,
}

impl EventFile {
    /// A new file in `folder`, named so that TensorBoard finds it and sorts it by time.
    ///
    /// # Errors
    /// The file can't be made.
    pub fn create(folder: &Path, unix_time: f64) -> std::io::Result<Self> {
        let (seconds, process) = (unix_time as u64, std::process::id());
        let file = File::create(folder.join(format!("events.out.tfevents.{seconds:010}.mudra.{process}")))?;
        let mut events = Self { writer: BufWriter::new(file) };
        events.write(&Event {
            wall_time: unix_time,
            file_version: Some(FILE_VERSION.to_owned()),
            ..Event::default()
        })?;
        Ok(events)
    }

    /// Adds a number.
    ///
    /// # Errors
    /// The file can't be written.
    pub fn scalar(&mut self, tag: &str, at: At, value: f64) -> std::io::Result<()> {
        self.summary(at, SummaryValue { tag: tag.to_owned(), simple_value: Some(value as f32), image: None })
    }

    /// Adds a PNG of an RGB picture.
    ///
    /// # Errors
    /// The file can't be written.
    pub fn picture(&mut self, tag: &str, at: At, png: &[u8], size: (u32, u32)) -> std::io::Result<()> {
        let (width, height) = (size.0 as i32, size.1 as i32);
        let image = SummaryImage { height, width, colorspace: RGB, encoded_image_string: png.to_vec() };
        self.summary(at, SummaryValue { tag: tag.to_owned(), simple_value: None, image: Some(image) })
    }

    /// Hands what was added to the system.
    ///
    /// # Errors
    /// The file can't be written.
    pub fn flush(&mut self) -> std::io::Result<()> {
        self.writer.flush()
    }

    fn summary(&mut self, at: At, value: SummaryValue) -> std::io::Result<()> {
        let summary = Some(Summary { value: vec![value] });
        self.write(&Event { wall_time: at.unix_time, step: at.step as i64, summary, file_version: None })
    }

    fn write(&mut self, event: &Event) -> std::io::Result<()> {
        let data = event.encode_to_vec();
        let length = (data.len() as u64).to_le_bytes();
        for part in [&length[..], &masked_crc(&length).to_le_bytes(), &data, &masked_crc(&data).to_le_bytes()] {
            self.writer.write_all(part)?;
        }
        Ok(())
    }
}

/// Where on the two axes of a plot an event stands.
#[derive(Debug, Clone, Copy)]
pub struct At {
    /// Horizontal axis.
    pub step: u64,
    /// Seconds since 1970.
    pub unix_time: f64,
}

#[derive(Clone, PartialEq, Message)]
struct Event {
    #[prost(double, tag = "1")]
    wall_time: f64,
    #[prost(int64, tag = "2")]
    step: i64,
    #[prost(string, optional, tag = "3")]
    file_version: Option<String>,
    #[prost(message, optional, tag = "5")]
    summary: Option<Summary>,
}

#[derive(Clone, PartialEq, Message)]
struct Summary {
    #[prost(message, repeated, tag = "1")]
    value: Vec<SummaryValue>,
}

#[derive(Clone, PartialEq, Message)]
struct SummaryValue {
    #[prost(string, tag = "1")]
    tag: String,
    #[prost(float, optional, tag = "2")]
    simple_value: Option<f32>,
    #[prost(message, optional, tag = "4")]
    image: Option<SummaryImage>,
}

#[derive(Clone, PartialEq, Message)]
struct SummaryImage {
    #[prost(int32, tag = "1")]
    height: i32,
    #[prost(int32, tag = "2")]
    width: i32,
    #[prost(int32, tag = "3")]
    colorspace: i32,
    #[prost(bytes = "vec", tag = "4")]
    encoded_image_string: Vec<u8>,
}

fn masked_crc(bytes: &[u8]) -> u32 {
    crc32c(bytes).rotate_right(15).wrapping_add(MASK_DELTA)
}

/// CRC-32C (Castagnoli; RFC 3720, appendix B.4).
fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| (crc >> 8) ^ CRC32C[usize::from(crc as u8 ^ byte)])
}

/// What each byte adds to a checksum.
const CRC32C: [u32; 256] = {
    const REVERSED_POLYNOMIAL: u32 = 0x82f6_3b78;
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let (mut crc, mut bit) = (byte as u32, 0);
        while bit < 8 {
            crc = (crc >> 1) ^ (REVERSED_POLYNOMIAL * (crc & 1));
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    /// The answers of RFC 3720, appendix B.4, and the check value of the CRC catalogue.
    #[test]
    fn crc32c_gives_the_published_answers() {
        let rising: Vec<u8> = (0..32).collect();
        let falling: Vec<u8> = (0..32).rev().collect();
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
        assert_eq!(crc32c(&rising), 0x46dd_794e);
        assert_eq!(crc32c(&falling), 0x113f_db5c);
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    }

    /// TensorBoard 2.21's own `Event` and `RecordWriter` wrote these records of the same numbers.
    #[test]
    fn records_are_tensorboards_to_the_byte() {
        let records = [
            "1800000000000000a37f4b2209000000c00b5ad6411a0d627261696e2e4576656e743a324ca9a464",
            "1b000000000000001a0d9e1309000040c00b5ad64110ac022a0d0a0b0a046c6f7373150000803e5dafcce8",
            "200000000000000029eda95009000040c00b5ad64110ac022a120a100a0173220b081e102818032203706e670184e998",
        ];
        let folder = tempfile::tempdir().expect("temporary folder");
        let mut file = EventFile::create(folder.path(), 1.5e9).expect("made");
        let at = At { step: 300, unix_time: 1.5e9 + 1.0 };
        file.scalar("loss", at, 0.25).expect("written");
        file.picture("s", at, b"png", (40, 30)).expect("written");
        file.flush().expect("written");
        let hex: String = written(folder.path()).1.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, records.concat());
    }

    #[test]
    fn what_is_written_reads_back_field_by_field() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let mut file = EventFile::create(folder.path(), 1.5e9).expect("made");
        let at = At { step: 7, unix_time: 1.5e9 + 1.0 };
        file.scalar("loss/discriminator", at, 0.0).expect("written");
        file.picture("samples", at, b"png", (40, 30)).expect("written");
        file.flush().expect("written");
        let (name, bytes) = written(folder.path());
        assert!(name.starts_with("events.out.tfevents.1500000000."), "{name}");
        let [version, scalar, picture] = &records(&bytes)[..] else { panic!("three events") };
        assert_eq!((version.wall_time, version.file_version.as_deref()), (1.5e9, Some(FILE_VERSION)));
        let value = |event: &Event| event.summary.as_ref().expect("a summary").value[0].clone();
        assert_eq!((scalar.step, scalar.wall_time, scalar.file_version.as_ref()), (7, 1.5e9 + 1.0, None));
        let expected = SummaryValue { tag: "loss/discriminator".to_owned(), simple_value: Some(0.0), image: None };
        assert_eq!(value(scalar), expected, "a value of 0 is written too");
        let image = SummaryImage { height: 30, width: 40, colorspace: RGB, encoded_image_string: b"png".to_vec() };
        assert_eq!(value(picture), SummaryValue { tag: "samples".to_owned(), simple_value: None, image: Some(image) });
    }

    /// Name and content of the only file in a folder.
    fn written(folder: &Path) -> (String, Vec<u8>) {
        let path = std::fs::read_dir(folder).expect("listed").next().expect("a file").expect("a file").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        (name, std::fs::read(path).expect("read"))
    }

    /// Events of records whose checksums are right.
    fn records(mut bytes: &[u8]) -> Vec<Event> {
        let mut events = Vec::new();
        while !bytes.is_empty() {
            let length = u64::from_le_bytes(bytes[..8].try_into().expect("8 bytes")) as usize;
            let crc = |place: usize| u32::from_le_bytes(bytes[place..place + 4].try_into().expect("4 bytes"));
            assert_eq!(crc(8), masked_crc(&bytes[..8]));
            let data = &bytes[12..12 + length];
            assert_eq!(crc(12 + length), masked_crc(data));
            events.push(Event::decode(data).expect("an event"));
            bytes = &bytes[16 + length..];
        }
        events
    }
}
