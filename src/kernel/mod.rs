//! One kernel as facts, from whatever describes it.

mod config;

pub use config::{Config, ConfigOption};
