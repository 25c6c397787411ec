//! What a built program needs of the system that it runs on, read from its ELF file (System V ABI; symbol versions by the
//! Linux Standard Base).

use std::path::Path;

use anyhow::{Context, Result, bail};

const MAGIC: &[u8] = b"\x7FELF";
/// Class and byte order after the magic number: 32 or 64 bits, little-endian.
const NARROW: [u8; 2] = [1, 1];
const WIDE: [u8; 2] = [2, 1];
const SECTION_VERSIONS_NEEDED: u32 = 0x6FFF_FFFE;
const SEGMENT_INTERPRETER: u32 = 3;
/// More entries than a linker writes.
const MOST_ENTRIES: usize = 10_000;

/// What a program asks for.
#[derive(Debug, PartialEq, Eq)]
pub struct Elf {
    /// `e_machine`: 40 is 32-bit ARM, 62 is x86-64, 183 is aarch64.
    pub machine: u16,
    /// Whether a dynamic loader has to start it.
    pub dynamic: bool,
    /// The highest version of glibc that a symbol needs: major and minor.
    pub glibc: Option<(u32, u32)>,
}

impl Elf {
    /// Reads a little-endian file of 32 or 64 bits.
    ///
    /// # Errors
    /// It can't be read, or is no such file.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path).with_context(|| format!("read {}", path.display()))?;
        Self::parse(&bytes).with_context(|| format!("{}: expected a whole ELF file", path.display()))
    }

    fn parse(bytes: &[u8]) -> Result<Self> {
        let is_wide = match bytes.strip_prefix(MAGIC).and_then(|rest| rest.first_chunk()) {
            Some(&NARROW) => false,
            Some(&WIDE) => true,
            _ => bail!("no little-endian ELF header"),
        };
        let file = File { bytes, is_wide };
        let place = |narrow: usize, wide: usize| if is_wide { wide } else { narrow };
        let segments = file.table(place(0x1C, 0x20), place(0x2A, 0x36))?;
        let mut dynamic = false;
        for segment in segments {
            dynamic |= file.u32(segment)? == SEGMENT_INTERPRETER;
        }
        let mut glibc = None;
        let sections = file.table(place(0x20, 0x28), place(0x2E, 0x3A))?;
        let (offset, link_place) = (place(0x10, 0x18), place(0x18, 0x28));
        for section in &sections {
            if file.u32(section + 4)? == SECTION_VERSIONS_NEEDED {
                let link = file.u32(section + link_place)? as usize;
                let names = *sections.get(link).context("a section of names")?;
                let (start, names) = (file.offset(section + offset)?, file.offset(names + offset)?);
                glibc = glibc.max(file.highest(start, names)?);
            }
        }
        Ok(Self { machine: file.u16(0x12)?, dynamic, glibc })
    }
}

struct File<'a> {
    bytes: &'a [u8],
    is_wide: bool,
}

impl File<'_> {
    fn bytes<const N: usize>(&self, place: usize) -> Result<[u8; N]> {
        let end = place.checked_add(N).context("a place beyond the file")?;
        let bytes = self.bytes.get(place..end).with_context(|| format!("{N} bytes at {place}"))?;
        Ok(bytes.try_into()?)
    }

    fn u16(&self, place: usize) -> Result<u16> {
        Ok(u16::from_le_bytes(self.bytes(place)?))
    }

    fn u32(&self, place: usize) -> Result<u32> {
        Ok(u32::from_le_bytes(self.bytes(place)?))
    }

    /// A place in the file: as wide as the file's class.
    fn offset(&self, place: usize) -> Result<usize> {
        if self.is_wide {
            Ok(usize::try_from(u64::from_le_bytes(self.bytes(place)?))?)
        } else {
            Ok(self.u32(place)? as usize)
        }
    }

    /// Where the entries of a table of the header lie, from the places of its offset and entry size, which its count follows.
    fn table(&self, offset: usize, size: usize) -> Result<Vec<usize>> {
        let (start, size, count) = (self.offset(offset)?, usize::from(self.u16(size)?), self.u16(size + 2)?);
        let entries = (0..usize::from(count)).map(|index| start.checked_add(index * size));
        entries.collect::<Option<_>>().context("a table inside of the file")
    }

    /// The highest glibc among the versions needed: a list of libraries, each with a list of versions.
    fn highest(&self, start: usize, names: usize) -> Result<Option<(u32, u32)>> {
        let (mut library, mut highest, mut entries) = (start, None, 0);
        loop {
            one_more(&mut entries)?;
            let mut version = library.checked_add(self.u32(library + 8)? as usize).context("a list of versions")?;
            for _ in 0..self.u16(library + 2)? {
                one_more(&mut entries)?;
                let name = names.checked_add(self.u32(version + 8)? as usize).context("a name")?;
                highest = highest.max(glibc_version(self.bytes.get(name..).context("a name")?));
                version = version.checked_add(self.u32(version + 12)? as usize).context("a version")?;
            }
            match self.u32(library + 12)? as usize {
                0 => return Ok(highest),
                next => library = library.checked_add(next).context("a library")?,
            }
        }
    }
}

/// Counts an entry of a list that might lead back to itself.
fn one_more(entries: &mut usize) -> Result<()> {
    *entries += 1;
    if *entries > MOST_ENTRIES {
        bail!("expected at most {MOST_ENTRIES} versions of symbols");
    }
    Ok(())
}

/// The version in `GLIBC_2.35` or `GLIBC_2.2.5`, which ends with a zero.
fn glibc_version(name: &[u8]) -> Option<(u32, u32)> {
    let name = name.split(|byte| *byte == 0).next()?;
    let mut numbers = std::str::from_utf8(name).ok()?.strip_prefix("GLIBC_")?.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        struct Case(&'static [u8], Option<(u32, u32)>);
        for Case(name, expected) in [
            Case(b"GLIBC_2.35\0GLIBC_9.9\0", Some((2, 35))),
            Case(b"GLIBC_2.2.5\0", Some((2, 2))),
            Case(b"GCC_3.0\0", None),
            Case(b"GLIBC_PRIVATE\0", None),
        ] {
            assert_eq!(glibc_version(name), expected);
        }
        assert!(Some((2, 4)) < Some((2, 35)) && None < Some((2, 0)));
    }

    #[cfg(all(target_os = "linux", target_env = "gnu", target_pointer_width = "64"))]
    #[test]
    fn this_test_itself_is_dynamic_and_needs_some_glibc() {
        let own = std::env::current_exe().expect("a path");
        let elf = Elf::read(&own).expect("an ELF file");
        assert!(elf.dynamic && elf.machine > 0, "{elf:?}");
        assert!(elf.glibc > Some((2, 1)), "{elf:?}");
        let bytes = std::fs::read(&own).expect("readable");
        for len in [0, 7, 63, 64, 1000, bytes.len() / 2] {
            Elf::parse(&bytes[..len]).expect_err("cut off");
        }
    }

    #[test]
    fn damaged_files_are_refused_without_a_panic() {
        let mut bytes = vec![0xFF; 4096];
        bytes[..6].copy_from_slice(b"\x7FELF\x02\x01");
        Elf::parse(&bytes).expect_err("tables beyond the file");
        // One section of versions: none at first, then more than there are bytes.
        let mut bytes = vec![0; 256];
        bytes[..6].copy_from_slice(b"\x7FELF\x02\x01");
        let mut put = |place: usize, value: u16| bytes[place..place + 2].copy_from_slice(&value.to_le_bytes());
        let header = [(0x28, 64), (0x3A, 64), (0x3C, 1)];
        let section = [(64 + 4, 0xFFFE), (64 + 6, 0x6FFF), (64 + 0x18, 128)];
        header.into_iter().chain(section).chain([(128 + 8, 16)]).for_each(|(place, value)| put(place, value));
        assert_eq!(Elf::parse(&bytes).expect("no versions").glibc, None);
        bytes[130..132].copy_from_slice(&60_000_u16.to_le_bytes());
        Elf::parse(&bytes).expect_err("too many versions");
    }
}
