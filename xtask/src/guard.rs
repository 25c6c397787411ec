//! Rules of the code base that the compiler does not check.

pub mod dependencies;
pub mod devices;
pub mod features;
