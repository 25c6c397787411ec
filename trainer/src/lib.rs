//! Fits Mudra's label-conditioned generator on a folder of pictures.
//!
//! In reading order: [`cli`] parses, [`plan`] resolves flags, a [`recipe`] and [`overrides`] into [`settings`] and a
//! [`dataset`], [`command`] says what will be done, [`session`] trains with [`step`] over [`networks`], [`adam`] and
//! [`weights`], measures [`quality`], is set back by the [`watch`]dog, and writes [`checkpoint`]s and a [`report`];
//! [`evaluate`] measures what is there. Only this crate names libtorch.

pub mod adam;
pub mod atomic;
pub mod augment;
pub mod bench;
pub mod checkpoint;
pub mod cli;
pub mod command;
pub mod dataset;
pub mod device;
pub mod error;
pub mod evaluate;
pub mod flat;
pub mod hands;
pub mod interrupt;
pub mod memory;
pub mod networks;
pub mod order;
pub mod overrides;
pub mod plan;
pub mod plot;
pub mod progress;
pub mod quality;
pub mod recipe;
pub mod report;
pub mod run_folder;
pub mod samples;
pub mod session;
pub mod settings;
pub mod sheet;
pub mod stats;
pub mod step;
pub mod summary;
pub mod tensor_file;
pub mod tensorboard;
pub mod watch;
pub mod weights;
