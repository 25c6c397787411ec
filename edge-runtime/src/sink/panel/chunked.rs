//! An SPI device that refuses long transfers.

use embedded_hal::spi::{ErrorType, Operation, SpiDevice};

/// Cuts writes so that none is longer than the device takes.
///
/// Between the pieces the device is deselected, which panels don't mind: what they are sent goes on where it was. Anything
/// but a long write is passed on whole.
#[derive(Debug)]
pub(super) struct Chunked<S> {
    device: S,
    most: usize,
}

impl<S> Chunked<S> {
    /// `most` is the longest transfer in bytes, at least one.
    pub(super) fn new(device: S, most: usize) -> Self {
        Self { device, most: most.max(1) }
    }
}

impl<S: ErrorType> ErrorType for Chunked<S> {
    type Error = S::Error;
}

impl<S: SpiDevice> SpiDevice for Chunked<S> {
    fn transaction(&mut self, operations: &mut [Operation<'_, u8>]) -> Result<(), S::Error> {
        for operation in operations {
            match operation {
                Operation::Write(bytes) => {
                    for part in bytes.chunks(self.most) {
                        self.device.transaction(&mut [Operation::Write(part)])?;
                    }
                }
                other => self.device.transaction(std::slice::from_mut(other))?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::recorder::Recorder;
    use super::*;

    #[test]
    fn long_writes_are_cut_and_nothing_is_lost() {
        let recorder = Recorder::default();
        let mut device = Chunked::new(recorder.spi(), 4096);
        let bytes: Vec<u8> = (0..10_000u32).map(|place| (place * 7) as u8).collect();
        device.write(&bytes).expect("recorded");
        device.write(&[1, 2]).expect("recorded");
        let writes = recorder.writes();
        assert_eq!(writes.iter().map(Vec::len).collect::<Vec<_>>(), [4096, 4096, 1808, 2]);
        assert_eq!(writes[..3].concat(), bytes);
    }
}
