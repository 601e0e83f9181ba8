//! The fuzz target of one reader. Every binary of this package is this file; the name of the binary says which reader it runs.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| gplok_fuzz::read(env!("CARGO_BIN_NAME"), bytes));
