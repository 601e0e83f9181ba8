//! Results that hold for more than one attempt. Nothing here changes a verdict: see `tests/suite/caches.rs`.

pub(in crate::load) mod memo;
pub(in crate::load) mod passed;
pub(in crate::load) mod plain_relocations;
pub(in crate::load) mod premise;
pub(in crate::load) mod simple_imports;
