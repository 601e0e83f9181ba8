//! The folders that the kernel makes in `/sys/module` for code that is built in.
//!
//! - `param_sysfs_builtin()` (kernel/params.c) makes one for every name before the dot of a parameter that sysfs shows, and
//!   `kernel` for parameters without a dot.
//! - `version_sysfs_builtin()` makes one for every built-in module with a version.
//! - `module_add_driver()` (drivers/base/module.c) makes one for the module of every driver that is registered with one, on kernels
//!   where it calls `lookup_or_create_module_kobject()` (since 6.15, commit f95bbfe18512, and in 6.12.y). Only the code tells which
//!   drivers those are, and whether each is registered depends on the machine.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use iced_x86::{Code, Decoder, DecoderOptions, FlowControl, Register};

use super::kallsyms::{Kallsyms, KernelSymbol};
use super::memory::KernelMemory;
use crate::terms::ElfMachine;

/// Whether the kernel has made a folder in `/sys/module` before a module is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SysfsFolder {
    /// It has.
    Made,
    /// It has, if it registered a built-in driver.
    IfRegistered,
    /// It has not.
    Absent,
    /// The image does not tell.
    Unknown,
}

/// The folders of one kernel.
#[derive(Debug)]
pub(super) struct SysfsFolders {
    made: HashSet<String>,
    drivers: Drivers,
}

/// The folders made for drivers that are built in.
#[derive(Debug)]
enum Drivers {
    /// The kernel makes none.
    None,
    /// Those for which a name is handed to a function that registers drivers.
    Named(HashSet<String>),
    /// The kernel makes some. Which, the image does not tell.
    Unknown,
}

/// The function that makes a folder.
const MAKE: &str = "lookup_or_create_module_kobject";
/// The most bytes of a table of parameters. A kernel with everything built in has a few thousand entries of 40 bytes.
const MAX_TABLE: usize = 1 << 22;
/// The longest name that a module may have: `MODULE_NAME_LEN` is 56 or 64.
const MAX_NAME: usize = 64;
/// How many instructions after the one that loads a name the call is looked for.
const NEAR: usize = 16;
/// How many instructions of an initcall are looked at.
const MOST: usize = 64;

impl SysfsFolders {
    /// Reads them from a kernel at its address; `None` if its table of parameters cannot be read.
    pub fn read(memory: &KernelMemory, symbols: Option<&Kallsyms>) -> Option<Self> {
        let mut made = parameters(memory, &table(memory, symbols, "__param")?)?;
        let versions = table(memory, symbols, "__modver").unwrap_or_default();
        made.extend(versioned(memory, &versions)?);
        let drivers = Drivers::of(memory, symbols);
        if let (Drivers::Named(_), Some(symbols)) = (&drivers, symbols) {
            made.extend(registered(memory, symbols));
        }
        Some(Self { made, drivers })
    }

    /// Whether there is a folder with a name.
    pub fn folder(&self, name: &str) -> SysfsFolder {
        if self.made.contains(name) {
            return SysfsFolder::Made;
        }
        match &self.drivers {
            Drivers::None => SysfsFolder::Absent,
            Drivers::Named(names) if names.contains(name) => SysfsFolder::IfRegistered,
            Drivers::Named(_) => SysfsFolder::Absent,
            Drivers::Unknown => SysfsFolder::Unknown,
        }
    }
}

/// The range of a table in the file: its section, otherwise what the symbols of the linker script enclose.
fn table(memory: &KernelMemory, symbols: Option<&Kallsyms>, name: &str) -> Option<Range<usize>> {
    let by_symbols = || enclosed(memory, symbols?, [&format!("__start_{name}"), &format!("__stop_{name}")]);
    memory.section(name).or_else(by_symbols).filter(|range| range.len() <= MAX_TABLE)
}

/// The range in the file from one symbol to another.
fn enclosed(memory: &KernelMemory, symbols: &Kallsyms, ends: [&str; 2]) -> Option<Range<usize>> {
    let [start, stop] = ends.map(|name| memory.offset_of(symbols.address_of(name)?));
    Some(start?..stop?).filter(|range| range.start <= range.end)
}

/// The names before the dots in a table of `struct kernel_param` (include/linux/moduleparam.h): name, module and operations are
/// pointers, followed by the mode in two bytes, the level and the flags in one each, and a pointer. `None` if it is no such table.
fn parameters(memory: &KernelMemory, table: &Range<usize>) -> Option<HashSet<String>> {
    let word = memory.word();
    let size = 4 * word + 4_usize.next_multiple_of(word);
    if table.is_empty() || !table.len().is_multiple_of(size) {
        return None;
    }
    let mut names = HashSet::new();
    for at in table.clone().step_by(size) {
        let name = text_at(memory, at)?;
        let mode = memory.number(at + 3 * word, 2)?;
        if memory.number(at + word, word)? != 0 || mode > 0o777 {
            return None;
        }
        // A parameter that sysfs does not show.
        if mode != 0 {
            names.insert(name.split_once('.').map_or("kernel", |(folder, _)| folder).to_owned());
        }
    }
    Some(names)
}

/// The modules in a table of `struct module_version_attribute` (include/linux/module.h), or up to 5.10 of pointers to them. Nine
/// words make one: an attribute of seven, the module's name and its version.
fn versioned(memory: &KernelMemory, table: &Range<usize>) -> Option<HashSet<String>> {
    const WORDS: usize = 9;
    const NAME: usize = 7;
    let word = memory.word();
    let name = |start: usize| text_at(memory, start + NAME * word);
    let whole = table.clone().step_by(WORDS * word).map(name);
    if table.len().is_multiple_of(WORDS * word)
        && let Some(names) = whole.collect()
    {
        return Some(names);
    }
    table.clone().step_by(word).map(|at| name(memory.pointer(at)?)).collect()
}

/// The text that the pointer at an offset points to; `None` unless it is printable and not empty.
fn text_at(memory: &KernelMemory, at: usize) -> Option<String> {
    let text = std::str::from_utf8(memory.string(memory.pointer(at)?)?).ok()?;
    (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())).then(|| text.to_owned())
}

impl Drivers {
    fn of(memory: &KernelMemory, symbols: Option<&Kallsyms>) -> Self {
        let Some(symbols) = symbols else { return Self::Unknown };
        let Some(make) = symbols.address_of(MAKE) else { return Self::None };
        if memory.machine() != Some(ElfMachine::X86_64) {
            return Self::Unknown;
        }
        // 6.1.y has the function, but does not call it for drivers.
        if !symbols
            .iter()
            .filter(|symbol| symbol.name == "module_add_driver")
            .any(|symbol| calls(memory, &symbol, make))
        {
            return Self::None;
        }
        let register: HashSet<u64> =
            symbols.iter().filter(|symbol| registers(symbol.name)).map(|symbol| symbol.address).collect();
        let mut names = HashSet::new();
        for section in [".text", ".init.text"] {
            let Some(range) = memory.section(section) else { return Self::Unknown };
            let Some(start) = memory.address_of(range.start) else { return Self::Unknown };
            let Some(code) = memory.bytes().get(range) else { return Self::Unknown };
            names.extend(named_in(memory, code, start, &register));
        }
        Self::Named(names)
    }
}

/// Returns whether a function may register a driver, by its name.
fn registers(name: &str) -> bool {
    ["driver", "bundle", "frontend", "backend", "function_handler"].iter().any(|part| name.contains(part))
}

/// Returns whether x86-64 code calls a function, or jumps to it.
fn calls(memory: &KernelMemory, caller: &KernelSymbol<'_>, target: u64) -> bool {
    let code = memory
        .offset_of(caller.address)
        .and_then(|start| memory.bytes().get(start..)?.get(..usize::try_from(caller.size).ok()?));
    let mut decoder = Decoder::with_ip(64, code.unwrap_or_default(), caller.address, DecoderOptions::NONE);
    decoder.iter().any(|instruction| instruction.near_branch_target() == target)
}

/// The modules whose drivers every x86-64 machine registers: an initcall does so without a condition (include/linux/device/driver.h,
/// `builtin_driver()`).
fn registered(memory: &KernelMemory, symbols: &Kallsyms) -> HashSet<String> {
    // Those that register whatever the machine is.
    const ALWAYS: [&str; 3] = ["__pci_register_driver", "__platform_driver_register", "__serio_register_driver"];
    let register: HashSet<u64> = ALWAYS.iter().filter_map(|name| symbols.address_of(name)).collect();
    initcalls(memory, symbols)
        .unwrap_or_default()
        .into_iter()
        .filter_map(|start| registers_first(memory, start, &register))
        .collect()
}

/// The addresses of the initcalls. Their table holds 32-bit references relative to themselves (include/linux/init.h).
fn initcalls(memory: &KernelMemory, symbols: &Kallsyms) -> Option<Vec<u64>> {
    let table = enclosed(memory, symbols, ["__initcall_start", "__initcall_end"])?;
    let table = Some(table).filter(|table| table.len() <= MAX_TABLE)?;
    Some(table.step_by(4).filter_map(|at| memory.address_of(memory.relative(at)?)).collect())
}

/// The name that a function hands to one of those that register drivers, before its first condition.
fn registers_first(memory: &KernelMemory, start: u64, register: &HashSet<u64>) -> Option<String> {
    let code = memory.bytes().get(memory.offset_of(start)?..)?;
    let mut third = None;
    for instruction in Decoder::with_ip(64, code, start, DecoderOptions::NONE).iter().take(MOST) {
        match instruction.flow_control() {
            FlowControl::Next => {
                if instruction.code() == Code::Mov_rm64_imm32 && instruction.op0_register() == Register::RDX {
                    third = u32::try_from(instruction.immediate64() & u64::from(u32::MAX)).ok();
                }
            }
            FlowControl::Call | FlowControl::UnconditionalBranch => {
                if register.contains(&instruction.near_branch_target()) {
                    return module_name(memory, third?).map(str::to_owned);
                }
                if instruction.flow_control() == FlowControl::UnconditionalBranch {
                    return None;
                }
                third = None;
            }
            _ => return None,
        }
    }
    None
}

/// The names that x86-64 code loads as the third or fourth argument (`mov $name, %rdx` or `%rcx`) of a function that registers a
/// driver. The name of the module is the third argument of all but one of them.
fn named_in(memory: &KernelMemory, code: &[u8], start: u64, register: &HashSet<u64>) -> HashSet<String> {
    const THIRD: &[u8] = &[0x48, 0xc7, 0xc2];
    const FOURTH: &[u8] = &[0x48, 0xc7, 0xc1];
    let mut known: HashMap<u32, Option<&str>> = HashMap::new();
    let mut names = HashSet::new();
    let loads = [THIRD, FOURTH].into_iter().flat_map(|load| memchr::memmem::find_iter(code, load));
    for at in loads {
        let Some((field, rest)) = code.get(at + THIRD.len()..).and_then(|rest| rest.split_first_chunk()) else {
            continue;
        };
        let low = u32::from_le_bytes(*field);
        let name = *known.entry(low).or_insert_with(|| module_name(memory, low));
        let Some(name) = name.filter(|name| !names.contains(*name)) else { continue };
        let next = start.wrapping_add(u64::try_from(at + THIRD.len() + field.len()).unwrap_or_default());
        if target(rest, next).is_some_and(|target| register.contains(&target)) {
            names.insert(name.to_owned());
        }
    }
    names
}

/// The text at an address that is given by its lower half, if a module can have that name.
fn module_name(memory: &KernelMemory, low: u32) -> Option<&str> {
    let address = i64::from(low.cast_signed()).cast_unsigned();
    let text = memory.string(memory.offset_of(address)?)?;
    let is_name = !text.is_empty()
        && text.len() < MAX_NAME
        && text.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    std::str::from_utf8(text).ok().filter(|_| is_name)
}

/// What the next call or jump goes to, past conditional branches.
fn target(code: &[u8], address: u64) -> Option<u64> {
    for instruction in Decoder::with_ip(64, code, address, DecoderOptions::NONE).iter().take(NEAR) {
        match instruction.flow_control() {
            FlowControl::Call | FlowControl::UnconditionalBranch => return Some(instruction.near_branch_target()),
            FlowControl::Next | FlowControl::ConditionalBranch => {}
            _ => return None,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terms::Arch;

    /// The address of the first byte.
    const BASE: u64 = 0xffff_ffff_8100_0000;

    /// A bare kernel that grows piece by piece, and its symbols.
    #[derive(Default)]
    struct Kernel {
        bytes: Vec<u8>,
        symbols: Vec<(u64, &'static str)>,
    }

    impl Kernel {
        fn here(&self) -> u64 {
            BASE + self.bytes.len() as u64
        }

        fn mark(&mut self, name: &'static str) {
            self.symbols.push((self.here(), name));
        }

        fn words(&mut self, words: &[u64]) {
            words.iter().for_each(|word| self.bytes.extend(word.to_le_bytes()));
        }

        /// Adds texts, and returns their addresses.
        fn texts<const N: usize>(&mut self, texts: [&str; N]) -> [u64; N] {
            let places = texts.map(|text| {
                let place = self.here();
                self.bytes.extend(text.bytes().chain([0]));
                place
            });
            self.bytes.resize(self.bytes.len().next_multiple_of(8), 0);
            places
        }

        fn symbols(&self) -> Kallsyms {
            let mut symbols = Kallsyms::default();
            self.symbols.iter().for_each(|(address, name)| _ = symbols.push(*address, 'T', name));
            symbols
        }

        /// The kernel, with a byte behind its last table.
        fn memory(&self) -> KernelMemory {
            let bytes = [&self.bytes[..], &[0]].concat();
            KernelMemory::flat(bytes.into(), Arch::X86_64).rebase(BASE)
        }

        fn folders(&self) -> Option<SysfsFolders> {
            SysfsFolders::read(&self.memory(), Some(&self.symbols()))
        }
    }

    /// A parameter that sysfs does not show makes no directory, and one without a dot belongs to `kernel`.
    #[test]
    fn names_come_from_parameters_and_versions() {
        let mut kernel = Kernel::default();
        let [shown, hidden, own, versioned] = kernel.texts(["foo.debug", "bar.debug", "panic", "baz"]);
        kernel.mark("__start___param");
        for (name, mode) in [(shown, 0o644), (hidden, 0), (own, 0o444)] {
            kernel.words(&[name, 0, 0, mode, 0]);
        }
        kernel.mark("__stop___param");
        kernel.mark("__start___modver");
        kernel.words(&[0, 0, 0, 0, 0, 0, 0, versioned, 0]);
        kernel.mark("__stop___modver");
        let folders = kernel.folders().unwrap();
        let made = ["foo", "bar", "kernel", "baz", "other"].map(|name| folders.folder(name) == SysfsFolder::Made);
        assert_eq!(made, [true, false, true, true, false]);
        assert_eq!(folders.folder("bar"), SysfsFolder::Absent);
    }

    /// Up to 5.10 the table of versions holds pointers.
    #[test]
    fn versions_may_be_pointers() {
        let mut kernel = Kernel::default();
        let [name, versioned] = kernel.texts(["foo.debug", "baz"]);
        let attribute = kernel.here();
        kernel.words(&[0, 0, 0, 0, 0, 0, 0, versioned, 0]);
        kernel.mark("__start___param");
        kernel.words(&[name, 0, 0, 0o444, 0]);
        kernel.mark("__stop___param");
        kernel.mark("__start___modver");
        kernel.words(&[attribute]);
        kernel.mark("__stop___modver");
        assert_eq!(kernel.folders().unwrap().folder("baz"), SysfsFolder::Made);
    }

    #[test]
    fn a_table_of_something_else_tells_nothing() {
        let mut kernel = Kernel::default();
        let [name] = kernel.texts(["foo.debug"]);
        kernel.mark("__start___param");
        kernel.words(&[name, 0, 0, 0o444, 0, 1, 2, 3, 4, 5]);
        kernel.mark("__stop___param");
        assert!(kernel.folders().is_none());
    }

    /// `mov $name, %rdx; jmp register`, at an address.
    fn registering(name: u64, from: u64, register: u64) -> Vec<u8> {
        let low = u32::try_from(name & 0xffff_ffff).unwrap();
        let mut code = vec![0x48, 0xc7, 0xc2];
        code.extend(low.to_le_bytes());
        code.push(0xe9);
        let distance = register.wrapping_sub(from + 12);
        code.extend(u32::try_from(distance & 0xffff_ffff).unwrap().to_le_bytes());
        code
    }

    /// An initcall that registers a driver before any condition surely makes a directory.
    #[test]
    fn initcalls_register_drivers() {
        let mut kernel = Kernel::default();
        let [name, sure, unsure] = kernel.texts(["foo.debug", "sure_driver", "unsure_driver"]);
        kernel.mark("__start___param");
        kernel.words(&[name, 0, 0, 0o444, 0]);
        kernel.mark("__stop___param");
        let register = kernel.here();
        kernel.mark("__pci_register_driver");
        kernel.bytes.push(0xc3);
        let start = kernel.here();
        kernel.bytes.extend(registering(sure, start, register));
        let conditional = kernel.here();
        // jne +0
        kernel.bytes.extend([0x75, 0]);
        kernel.bytes.extend(registering(unsure, conditional + 2, register));
        kernel.mark("__initcall_start");
        for initcall in [start, conditional] {
            let distance = initcall.wrapping_sub(kernel.here());
            kernel.bytes.extend(u32::try_from(distance & 0xffff_ffff).unwrap().to_le_bytes());
        }
        kernel.mark("__initcall_end");
        let memory = kernel.memory();
        assert_eq!(registered(&memory, &kernel.symbols()), HashSet::from(["sure_driver".to_owned()]));
        let named = named_in(&memory, &kernel.bytes, BASE, &HashSet::from([register]));
        assert_eq!(named, HashSet::from(["sure_driver".to_owned(), "unsure_driver".to_owned()]));
    }
}
