//! Bytes of one byte order and width, as an assembler lays them out.

use gplok::terms::{Arch, Class, Endian};

/// What is written so far; its first byte lies at `base`.
pub struct Room {
    pub arch: Arch,
    pub base: u64,
    pub bytes: Vec<u8>,
}

impl Room {
    pub const fn new(arch: Arch, base: u64) -> Self {
        Self { arch, base, bytes: Vec::new() }
    }

    /// Bytes of a pointer.
    pub const fn word_size(&self) -> usize {
        match self.arch.class {
            Class::Elf64 => 8,
            Class::Elf32 => 4,
        }
    }

    pub fn here(&self) -> usize {
        self.bytes.len()
    }

    pub fn address(&self, place: usize) -> u64 {
        self.base + place as u64
    }

    pub fn align(&mut self, to: usize) -> usize {
        self.bytes.resize(self.bytes.len().next_multiple_of(to), 0);
        self.here()
    }

    /// Adds bytes and returns their address.
    pub fn put(&mut self, bytes: &[u8]) -> usize {
        self.bytes.extend(bytes);
        self.here() - bytes.len()
    }

    pub fn number(&mut self, value: u64, width: usize) {
        let low = match self.arch.endian {
            Endian::Little => value.to_le_bytes()[..width].to_vec(),
            Endian::Big => value.to_be_bytes()[8 - width..].to_vec(),
        };
        self.put(&low);
    }

    pub fn word(&mut self, value: u64) {
        self.number(value, self.word_size());
    }

    pub fn u32(&mut self, value: u64) {
        self.number(value & 0xffff_ffff, 4);
    }

    /// A 32-bit distance from here.
    pub fn distance(&mut self, place: usize) {
        self.u32((place as u64).wrapping_sub(self.here() as u64));
    }
}
