//! The relocations of live patches. They may refer to any symbol of the kernel or of a loaded module, exported or not.

use std::sync::Arc;

use crate::elf::{Relocation, Section, SectionFlags, SymbolPlace};
use crate::history::Behaviour;
use crate::image::{ModuleElf, escaped};
use crate::kernel::{ConfigOption, Kallsyms, VMLINUX};
use crate::load::relocate::SymbolValue;
use crate::load::run::Run;
use crate::load::state::{Info, StageResult, Stop};
use crate::terms::{Class, Errno};
use crate::verdict::{Cause, LogLevel, Missing};

/// The longest name of an object, `%55[^.]` in the kernel's formats.
const OBJECT_WIDTH: usize = 55;
/// The longest name of a symbol: `KSYM_NAME_LEN` less the NUL, before and since 6.1 (b8a94bfb3395).
const OLD_SYMBOL_WIDTH: usize = 127;
const SYMBOL_WIDTH: usize = 511;

/// A value below this is that of an absolute or per-CPU symbol, not an address in the kernel's image.
const LOWEST_ADDRESS: u64 = 1 << 32;

/// The name of a livepatch symbol, `.klp.sym.OBJECT.NAME,POSITION`.
#[derive(Debug, PartialEq, Eq)]
struct KlpSymbol<'a> {
    object: &'a [u8],
    name: &'a [u8],
    /// Counted from 1 among the symbols of that name; 0 says that there is one only.
    position: u64,
}

/// What `klp_find_object_symbol()` finds.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    /// The address; `None` if the addresses are not known.
    At(Option<u64>),
    Nothing,
    Ambiguous,
    NoSuchPosition,
}

/// Mirrors `klp_write_section_relocs()` (kernel/livepatch/core.c) when the live patch itself is loaded: returns whether its
/// relocations are applied now. Those for another object wait until that object is loaded, and before 5.8 (7c8e2bdd5f0d) all wait
/// until the patch is enabled.
pub(in crate::load) fn is_applied_now(run: &mut Run<'_>, elf: &ModuleElf, section: &Section) -> StageResult<bool> {
    if !run.config("LIVEPATCH")? || !run.has(Behaviour::KlpEarlyRelocations)? {
        return Ok(false);
    }
    let name = elf.section_text(section);
    let Some(object) = section_object(name.as_bytes()) else {
        let line = format!("livepatch: section {name} has an incorrectly formatted name");
        let what = "marked for livepatch, but its name does not begin with .klp.rela.OBJECT".to_owned();
        run.say(Cause::BadRelocation { section: name, what }, LogLevel::Err, line);
        return Err(Stop::Refused(Errno::EINVAL));
    };
    Ok(object == VMLINUX.as_bytes())
}

/// Mirrors `klp_resolve_symbols()` (kernel/livepatch/core.c). Returns the value of the symbol of each relocation.
pub(in crate::load) fn klp_resolve_symbols(
    run: &mut Run<'_>,
    elf: &ModuleElf,
    section: &Section,
    entries: &[Relocation],
) -> StageResult<Vec<(usize, SymbolValue)>> {
    let mut resolved = Vec::new();
    for (position, entry) in entries.iter().enumerate() {
        let index = usize::try_from(entry.symbol).unwrap_or(usize::MAX);
        let Some(symbol) = elf.symbols().get(index) else {
            run.read_around("the symbol table", "reads a symbol far from the symbol table")?;
            continue;
        };
        if resolved.iter().any(|(known, _)| *known == index) {
            continue;
        }
        let Some(raw) = elf.symbol_name(symbol) else {
            run.read_around("the symbol string table", "reads a symbol's name far from the symbol string table")?;
            continue;
        };
        if symbol.shndx != SymbolPlace::LIVEPATCH {
            // The commit that names the section in messages about the target changed this line, too.
            let place = if run.has(Behaviour::X86TargetNamesSection)? {
                let symtab = elf.symtab().map_or(0, |symtab| symtab.index);
                format!(" at rela sec {symtab} idx {position}")
            } else {
                String::new()
            };
            let name = escaped(raw);
            let line = format!("livepatch: symbol {name}{place} is not marked as a livepatch symbol");
            return refuse_name(run, elf, section, &name, "is not marked SHN_LIVEPATCH", line);
        }
        let name = match KlpSymbol::parse(raw, SYMBOL_WIDTH) {
            Some(name) if name.name.len() > OLD_SYMBOL_WIDTH && !run.has(Behaviour::KsymNameLen512)? => None,
            name => name,
        };
        let Some(mut name) = name else {
            let name = escaped(raw);
            let line = format!("livepatch: symbol {name} has an incorrectly formatted name");
            return refuse_name(run, elf, section, &name, "is not named .klp.sym.OBJECT.NAME,POSITION", line);
        };
        if run.info()?.arch.class == Class::Elf32 {
            name.position &= u64::from(u32::MAX);
        }
        resolved.push((index, klp_find_object_symbol(run, &name)?));
    }
    Ok(resolved)
}

fn refuse_name<T>(
    run: &mut Run<'_>,
    elf: &ModuleElf,
    section: &Section,
    symbol: &str,
    what: &str,
    line: String,
) -> StageResult<T> {
    let what = format!("its symbol \"{symbol}\" {what}");
    run.say(Cause::BadRelocation { section: elf.section_text(section), what }, LogLevel::Err, line);
    Err(Stop::Refused(Errno::EINVAL))
}

/// Mirrors `klp_find_object_symbol()` (kernel/livepatch/core.c).
fn klp_find_object_symbol(run: &mut Run<'_>, symbol: &KlpSymbol<'_>) -> StageResult<SymbolValue> {
    let object = escaped(symbol.object);
    let Some(addresses) = addresses(run, symbol, &object)? else {
        return if run.ask(Missing::Symbols(object))? {
            Ok(SymbolValue::Exported)
        } else {
            Err(Stop::Refused(Errno::EINVAL))
        };
    };
    let name = escaped(symbol.name);
    let position = symbol.position;
    let line = match find(&addresses, position) {
        Found::At(Some(address)) if address < LOWEST_ADDRESS && run.info()?.arch.class == Class::Elf64 => {
            return Ok(SymbolValue::Absolute(address));
        }
        Found::At(Some(_)) => return Ok(SymbolValue::InImage),
        Found::At(None) => return Ok(SymbolValue::Exported),
        Found::Nothing => format!("livepatch: symbol '{name}' not found in symbol table"),
        Found::Ambiguous => {
            // The kernel itself has no name there: it prints a null pointer.
            let object = if object == VMLINUX { "(null)" } else { &object };
            format!("livepatch: unresolvable ambiguity for symbol '{name}' in object '{object}'")
        }
        Found::NoSuchPosition => {
            format!("livepatch: symbol position {position} for symbol '{name}' in object '{object}' not found")
        }
    };
    let is_loaded = object == VMLINUX || run.modules().iter().any(|module| *module.name == *object);
    let found = is_loaded.then_some(addresses.len());
    run.say(Cause::LivepatchSymbol { symbol: name, object, position, found }, LogLevel::Err, line);
    Err(Stop::Refused(Errno::EINVAL))
}

/// The addresses of the symbols of that name in the object, in the order in which the kernel counts them; `None` if no file tells
/// its symbols. An object that is not loaded has none.
fn addresses(run: &Run<'_>, symbol: &KlpSymbol<'_>, object: &str) -> StageResult<Option<Vec<Option<u64>>>> {
    if object == VMLINUX {
        let Some(all) = run.call.kernel.kallsyms() else { return Ok(None) };
        let Ok(name) = std::str::from_utf8(symbol.name) else { return Ok(Some(Vec::new())) };
        if may_be_shortened(run, all, name) {
            return Ok(None);
        }
        let known = |address| (!all.hides_addresses()).then_some(address);
        return Ok(Some(all.addresses_of(name).map(known).collect()));
    }
    if let Some(module) = run.modules().iter().find(|module| *module.name == *object) {
        return Ok(module.symbols.as_ref().map(|symbols| {
            let same = symbols.split(|byte| *byte == 0).filter(|name| *name == symbol.name);
            same.map(|_| None).collect()
        }));
    }
    let is_needed = || -> StageResult<bool> {
        let info = run.info()?;
        let depends = info.modinfo.get("depends").unwrap_or_default();
        Ok(depends.split(',').any(|name| name == object) || info.uses.has(object))
    };
    // It counts as loaded, but its file was not read.
    Ok(if run.call.dependencies_loaded && is_needed()? { None } else { Some(Vec::new()) })
}

/// Returns whether the kernel may compare a name without the suffix of another symbol, or not find it for its own: if it was built
/// with link-time optimization by Clang, some releases drop what `cleanup_symbol_name()` (kernel/kallsyms.c) takes for a suffix.
fn may_be_shortened(run: &Run<'_>, all: &Kallsyms, name: &str) -> bool {
    const LTO_CLANG: ConfigOption = ConfigOption("LTO_CLANG");
    let has_suffix = |name: &str| name.contains(['.', '$']);
    if !has_suffix(name) && !all.has_longer(name, b".$") {
        return false;
    }
    match run.call.kernel.config() {
        Some(config) => config.is_set(LTO_CLANG),
        None => all.iter().any(|symbol| symbol.name.contains(".llvm.")),
    }
}

/// Mirrors `klp_match_callback()` and what `klp_find_object_symbol()` makes of its count.
fn find(addresses: &[Option<u64>], position: u64) -> Found {
    let mut last = Some(0);
    let mut count = 0;
    for address in addresses {
        last = *address;
        count += 1;
        if (position > 0 && count == position) || (position == 0 && count > 1) {
            break;
        }
    }
    if last == Some(0) {
        Found::Nothing
    } else if count > 1 && position == 0 {
        Found::Ambiguous
    } else if position > 0 && count != position {
        Found::NoSuchPosition
    } else {
        Found::At(last)
    }
}

/// The object in the name of a relocation section, as `sscanf()` reads it with `.klp.rela.%55[^.]`.
fn section_object(name: &[u8]) -> Option<&[u8]> {
    let (object, _) = word(name.strip_prefix(b".klp.rela.")?, b'.', OBJECT_WIDTH)?;
    Some(object)
}

impl<'a> KlpSymbol<'a> {
    /// Reads a name as `sscanf()` does with `.klp.sym.%55[^.].%511[^,],%lu` (lib/vsprintf.c). Anything may follow the digits, and a
    /// number that is too large wraps around.
    fn parse(name: &'a [u8], width: usize) -> Option<Self> {
        let (object, rest) = word(name.strip_prefix(b".klp.sym.")?, b'.', OBJECT_WIDTH)?;
        let (name, rest) = word(rest.strip_prefix(b".")?, b',', width)?;
        let rest = rest.strip_prefix(b",")?;
        let is_space = |byte: &u8| matches!(byte, b'\t'..=b'\r' | b' ' | 0xa0);
        let digits = rest.iter().skip_while(|byte| is_space(byte)).take_while(|byte| byte.is_ascii_digit());
        let mut position = None;
        for digit in digits {
            let number: u64 = position.unwrap_or_default();
            position = Some(number.wrapping_mul(10).wrapping_add(u64::from(digit - b'0')));
        }
        Some(Self { object, name, position: position? })
    }
}

/// A word of at most `width` bytes up to `end`, and the rest; `None` if it is empty.
fn word(text: &[u8], end: u8, width: usize) -> Option<(&[u8], &[u8])> {
    let length = text.iter().take(width).position(|byte| *byte == end).unwrap_or_else(|| text.len().min(width));
    text.split_at_checked(length).filter(|(word, _)| !word.is_empty())
}

/// The names of the symbols that stay in memory with a module (`add_kallsyms()`, kernel/module/kallsyms.c), each with a NUL behind
/// it. `None` for a live patch, which keeps its whole symbol table, and for a file of which only parts are in memory: only live
/// patches ask for the names, and no other module of a tree is worth reading again for them.
pub(in crate::load) fn kept_symbols(info: &Info) -> Option<Arc<[u8]>> {
    if info.modinfo.has("livepatch") || !info.elf.bytes().is_whole() {
        return None;
    }
    let mut names = Vec::new();
    for symbol in info.elf.symbols().iter().filter(|symbol| super::layout::is_core_symbol(info, symbol)) {
        names.extend_from_slice(info.elf.symbol_name(symbol)?);
        names.push(0);
    }
    Some(names.into())
}

/// Returns whether a module refers to `klp_enable_patch()`, or up to 5.0 to `klp_register_patch()`, also by a livepatch symbol.
fn registers_patch(elf: &ModuleElf) -> bool {
    let registers = |name: &[u8]| {
        [&b"klp_enable_patch"[..], b"klp_register_patch"]
            .iter()
            .any(|function| memchr::memmem::find(name, function).is_some())
    };
    elf.symbols().iter().any(|symbol| elf.symbol_name(symbol).is_none_or(registers))
}

/// The names of the modules that a live patch may patch, each with a NUL behind it; `None` for any other module. It names them
/// in `struct klp_object`, so in strings of its data. Which strings these are, only its code shows. A module that is marked as a
/// live patch, but does not refer to the function that registers one, patches nothing.
pub(in crate::load) fn patched_modules(info: &Info) -> Option<Arc<[u8]>> {
    if !info.modinfo.has("livepatch") || !registers_patch(&info.elf) {
        return None;
    }
    let mut names = Vec::new();
    let is_part_of_name = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    for section in info.elf.sections() {
        let name = info.elf.section_text(section);
        if let Some(object) = section_object(name.as_bytes()) {
            names.extend_from_slice(object);
            names.push(0);
        }
        if !info.keeps_alloc(section) || section.flags & SectionFlags::EXECINSTR != 0 {
            continue;
        }
        for text in info.elf.contents(section).split(|byte| *byte == 0) {
            if !text.is_empty() && text.len() <= OBJECT_WIDTH && text.iter().all(is_part_of_name) {
                names.extend_from_slice(text);
                names.push(0);
            }
        }
    }
    Some(names.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(name: &str) -> Option<(String, String, u64)> {
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        KlpSymbol::parse(name.as_bytes(), SYMBOL_WIDTH).map(|it| (text(it.object), text(it.name), it.position))
    }

    #[test]
    fn names_are_read_as_sscanf_does() {
        let some = |object: &str, name: &str, position| Some((object.to_owned(), name.to_owned(), position));
        assert_eq!(parsed(".klp.sym.vmlinux.printk,0"), some("vmlinux", "printk", 0));
        assert_eq!(parsed(".klp.sym.ext4.a.isra.0,12 junk"), some("ext4", "a.isra.0", 12));
        assert_eq!(parsed(".klp.sym.vmlinux.a, 2"), some("vmlinux", "a", 2));
        assert_eq!(parsed(".klp.sym.vmlinux.a,18446744073709551617"), some("vmlinux", "a", 1));
        for bad in [
            "printk",
            ".klp.sym.",
            ".klp.sym.vmlinux",
            ".klp.sym.vmlinux.",
            ".klp.sym..a,0",
            ".klp.sym.vmlinux.a",
            ".klp.sym.vmlinux.a,",
            ".klp.sym.vmlinux.a,-1",
            ".klp.sym.vmlinux.,1",
        ] {
            assert_eq!(parsed(bad), None, "{bad}");
        }
        let long = "o".repeat(56);
        assert_eq!(parsed(&format!(".klp.sym.{long}.a,0")), None);
        assert_eq!(section_object(format!(".klp.rela.{long}.text").as_bytes()).map(<[u8]>::len), Some(55));
        assert_eq!(section_object(b".klp.rela.vmlinux..data"), Some(&b"vmlinux"[..]));
        assert_eq!(section_object(b".klp.rela."), None);
    }

    #[test]
    fn positions_are_counted_as_the_kernel_counts() {
        let three = [Some(16), Some(32), Some(48)];
        assert_eq!(find(&three, 0), Found::Ambiguous);
        assert_eq!(find(&three, 2), Found::At(Some(32)));
        assert_eq!(find(&three, 4), Found::NoSuchPosition);
        assert_eq!(find(&three[..1], 0), Found::At(Some(16)));
        assert_eq!(find(&[], 0), Found::Nothing);
        assert_eq!(find(&[], 3), Found::Nothing);
        // A symbol at address 0 counts as not found.
        assert_eq!(find(&[Some(0)], 0), Found::Nothing);
        assert_eq!(find(&[None], 1), Found::At(None));
    }
}
