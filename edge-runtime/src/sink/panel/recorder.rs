//! A bus and lines that write down what they are told, for tests.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard};

use embedded_hal::delay::DelayNs;
use embedded_hal::digital::{self, InputPin, OutputPin};
use embedded_hal::i2c;
use embedded_hal::spi::{self, Operation, SpiDevice};

/// What a driver did.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Event {
    Pin(&'static str, bool),
    Write(Vec<u8>),
}

#[derive(Debug, Clone, Default)]
pub(super) struct Recorder {
    events: Arc<Mutex<Vec<Event>>>,
    input: Arc<Mutex<bool>>,
}

impl Recorder {
    pub(super) fn spi(&self) -> Spi {
        Spi(self.clone())
    }

    pub(super) fn i2c(&self) -> I2c {
        I2c(self.clone())
    }

    pub(super) fn pin(&self, name: &'static str) -> Pin {
        Pin(self.clone(), name)
    }

    pub(super) fn delay(&self) -> NoDelay {
        NoDelay
    }

    /// The level that every line has when it is read.
    pub(super) fn set_input(&self, is_high: bool) {
        *self.input.lock().expect("no test has panicked") = is_high;
    }

    /// Everything since the last call.
    pub(super) fn taken(&self) -> Vec<Event> {
        std::mem::take(&mut self.events())
    }

    fn events(&self) -> MutexGuard<'_, Vec<Event>> {
        self.events.lock().expect("no test has panicked")
    }

    pub(super) fn writes(&self) -> Vec<Vec<u8>> {
        let events = self.events();
        let write = |event: &Event| if let Event::Write(bytes) = event { Some(bytes.clone()) } else { None };
        events.iter().filter_map(write).collect()
    }

    /// All bytes that were written with the line dc high.
    pub(super) fn data(&self) -> Vec<u8> {
        let (mut is_data, mut bytes) = (false, Vec::new());
        for event in self.events().iter() {
            match event {
                Event::Pin("dc", level) => is_data = *level,
                Event::Write(written) if is_data => bytes.extend_from_slice(written),
                _ => {}
            }
        }
        bytes
    }

    /// The data of a command that was sent once.
    pub(super) fn command(&self, command: u8) -> Vec<u8> {
        let start = format!("[{command:02x} ");
        let text = events(&self.events());
        let (_, rest) = text.split_once(&start).expect("that command");
        let (data, _) = rest.split_once(']').expect("its end");
        data.split(' ').map(|byte| u8::from_str_radix(byte, 16).expect("hexadecimal")).collect()
    }
}

/// Commands (written with the line dc low) with their data, in brackets.
pub(super) fn events(events: &[Event]) -> String {
    let (mut text, mut is_data) = (String::new(), false);
    for event in events {
        match event {
            Event::Pin("dc", level) => is_data = *level,
            Event::Pin(..) => {}
            Event::Write(bytes) => {
                let hex = |separator: &str| {
                    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(separator)
                };
                if is_data {
                    text.push_str(&format!(" {}", hex(" ")));
                } else {
                    text.push_str(&format!("{}[{}", if text.is_empty() { "" } else { "]" }, hex(" ")));
                }
            }
        }
    }
    if !text.is_empty() {
        text.push(']');
    }
    text
}

pub(super) struct Spi(Recorder);

impl spi::ErrorType for Spi {
    type Error = Infallible;
}

impl SpiDevice for Spi {
    fn transaction(&mut self, operations: &mut [Operation<'_, u8>]) -> Result<(), Infallible> {
        for operation in operations {
            match operation {
                Operation::Write(bytes) => self.0.events().push(Event::Write(bytes.to_vec())),
                other => panic!("panels are only written to: {other:?}"),
            }
        }
        Ok(())
    }
}

pub(super) struct I2c(Recorder);

impl i2c::ErrorType for I2c {
    type Error = Infallible;
}

impl i2c::I2c for I2c {
    fn transaction(&mut self, _: u8, operations: &mut [i2c::Operation<'_>]) -> Result<(), Infallible> {
        for operation in operations {
            match operation {
                i2c::Operation::Write(bytes) => self.0.events().push(Event::Write(bytes.to_vec())),
                other => panic!("panels are only written to: {other:?}"),
            }
        }
        Ok(())
    }
}

pub(super) struct Pin(Recorder, &'static str);

impl digital::ErrorType for Pin {
    type Error = Infallible;
}

impl OutputPin for Pin {
    fn set_low(&mut self) -> Result<(), Infallible> {
        self.0.events().push(Event::Pin(self.1, false));
        Ok(())
    }

    fn set_high(&mut self) -> Result<(), Infallible> {
        self.0.events().push(Event::Pin(self.1, true));
        Ok(())
    }
}

impl InputPin for Pin {
    fn is_high(&mut self) -> Result<bool, Infallible> {
        Ok(*self.0.input.lock().expect("no test has panicked"))
    }

    fn is_low(&mut self) -> Result<bool, Infallible> {
        self.is_high().map(|is_high| !is_high)
    }
}

pub(super) struct NoDelay;

impl DelayNs for NoDelay {
    fn delay_ns(&mut self, _: u32) {}
}
