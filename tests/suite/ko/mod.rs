//! Kernel modules built in memory, good enough for a real kernel to load.
//!
//! [`Ko`] says what a module is; [`Ko::build`] lays it out for one kernel, as kbuild would. Two hooks serve all
//! that kbuild would never do: [`Ko::tweak`] changes sections and symbols before they are written, [`Ko::patch`]
//! changes the bytes afterwards.

mod dwarf;
mod elf;
mod layout;
mod patch;
mod profile;
mod source;

pub use elf::{Elf, Place, Section, Symbol};
pub use patch::{Eh, Image, Re, Sh, St};
pub use profile::{CrcTable, KERNELS, Profile, fnv};
pub use source::{Does, Frame, Function, JumpTable, Source, Type, Unit, Variable, refer, section_symbol};

use std::rc::Rc;

use object::elf::{STB_GLOBAL, STB_WEAK};

/// The end of a signed module.
pub const SIGNATURE_MARKER: &[u8] = b"~Module signature appended~\n";

/// One exported function.
#[derive(Clone, Debug)]
pub struct Export {
    pub name: String,
    /// The table that it is in, for example `_gpl` of `__ksymtab_gpl`; empty for the plain one.
    pub table: String,
    pub namespace: String,
}

/// What a function of the module does.
#[derive(Clone, Copy, Debug)]
pub enum Body {
    Returns(i32),
    /// Runs into an invalid instruction.
    Traps,
    /// Reads address zero.
    ReadsNull,
}

/// A parameter of the module.
#[derive(Clone, Debug)]
pub struct Param {
    pub name: String,
    /// The kernel's parser, for example `param_ops_int`.
    pub ops: String,
    /// `KERNEL_PARAM_FL_*`: 1 unsafe, 2 hardware.
    pub flags: u8,
}

/// A symbol of the kernel or of another module.
#[derive(Clone, Debug)]
struct Need {
    symbol: String,
    bind: u8,
    /// Does a pointer in `.data` refer to it?
    pointer: bool,
}

type Tweak = Rc<dyn Fn(&mut Elf, &Profile)>;
type Patch = Rc<dyn Fn(&mut Image)>;
type Pack = Rc<dyn Fn(&[u8]) -> Vec<u8>>;

/// A module to be.
#[derive(Clone)]
pub struct Ko {
    name: String,
    /// modinfo in order; `vermagic` and `name` are filled in when built.
    tags: Vec<(String, String)>,
    no_tags: Vec<String>,
    needs: Vec<Need>,
    exports: Vec<Export>,
    params: Vec<Param>,
    init: Option<Body>,
    exit: bool,
    /// Is a `__versions` table wanted even where the kernel has none?
    versions: Option<bool>,
    crcs: Vec<(String, Option<u64>)>,
    ext_versions: bool,
    tweaks: Vec<Tweak>,
    patches: Vec<Patch>,
    /// What happens to the bytes at last, in order.
    tail: Vec<Tail>,
}

/// A change to the file as a whole.
#[derive(Clone)]
enum Tail {
    Append(Vec<u8>),
    Pack(Pack),
}

impl Ko {
    /// A module that loads: GPL, out of tree, with an init function that returns 0 and an exit function.
    pub fn new(name: &str) -> Self {
        let tags = [("license", "GPL"), ("depends", ""), ("retpoline", "Y"), ("name", name), ("vermagic", "")];
        Self {
            name: name.to_owned(),
            tags: tags.map(|(key, value)| (key.to_owned(), value.to_owned())).to_vec(),
            no_tags: Vec::new(),
            needs: Vec::new(),
            exports: Vec::new(),
            params: Vec::new(),
            init: Some(Body::Returns(0)),
            exit: true,
            versions: None,
            crcs: Vec::new(),
            ext_versions: false,
            tweaks: Vec::new(),
            patches: Vec::new(),
            tail: Vec::new(),
        }
    }

    /// The name in `struct module`, which is also the name to unload it by.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Sets a modinfo tag, in its place if it is there already.
    pub fn tag(mut self, key: &str, value: &str) -> Self {
        match self.tags.iter_mut().find(|(tag, _)| tag == key) {
            Some((_, old)) => value.clone_into(old),
            None => self.tags.push((key.to_owned(), value.to_owned())),
        }
        self
    }

    /// Adds a modinfo tag after the others, even if it is there already.
    pub fn more(mut self, key: &str, value: &str) -> Self {
        self.tags.push((key.to_owned(), value.to_owned()));
        self
    }

    /// Adds a modinfo tag in front of the others.
    pub fn first(mut self, key: &str, value: &str) -> Self {
        self.tags.insert(0, (key.to_owned(), value.to_owned()));
        self
    }

    pub fn no_tag(mut self, key: &str) -> Self {
        self.no_tags.push(key.to_owned());
        self
    }

    pub fn license(self, license: &str) -> Self {
        self.tag("license", license)
    }

    pub fn intree(self) -> Self {
        self.tag("intree", "Y")
    }

    pub fn import_ns(self, namespace: &str) -> Self {
        self.more("import_ns", namespace)
    }

    /// Refers to a symbol of the kernel or of another module. The symbol table has them in the order of these calls.
    pub fn needs(mut self, symbol: &str) -> Self {
        self.needs.push(Need { symbol: symbol.to_owned(), bind: STB_GLOBAL, pointer: true });
        self
    }

    pub fn needs_weak(mut self, symbol: &str) -> Self {
        self.needs.push(Need { symbol: symbol.to_owned(), bind: STB_WEAK, pointer: true });
        self
    }

    /// As [`Ko::needs`], but it is code, or a variable of [`Ko::code`], that refers to it.
    pub fn uses(mut self, symbol: &str) -> Self {
        self.needs.push(Need { symbol: symbol.to_owned(), bind: STB_GLOBAL, pointer: false });
        self
    }

    pub fn export(self, symbol: &str) -> Self {
        self.export_in("", symbol, "")
    }

    pub fn export_gpl(self, symbol: &str) -> Self {
        self.export_in("_gpl", symbol, "")
    }

    /// Exports in any table: `""`, `_gpl`, `_gpl_future`, `_unused`, `_unused_gpl`; with a namespace or `""`.
    pub fn export_in(mut self, table: &str, symbol: &str, namespace: &str) -> Self {
        self.exports.push(Export { name: symbol.to_owned(), table: table.to_owned(), namespace: namespace.to_owned() });
        self
    }

    /// Puts all exports made so far into a namespace.
    pub fn namespace(mut self, namespace: &str) -> Self {
        self.exports.iter_mut().for_each(|export| namespace.clone_into(&mut export.namespace));
        self
    }

    pub fn param(self, name: &str, ops: &str) -> Self {
        self.param_with(name, ops, 0)
    }

    pub fn param_with(mut self, name: &str, ops: &str, flags: u8) -> Self {
        self.params.push(Param { name: name.to_owned(), ops: ops.to_owned(), flags });
        self.needs(ops)
    }

    /// What the init function returns, 0 without one; `None` if it never does.
    pub fn init_returns(&self) -> Option<i32> {
        match self.init {
            None => Some(0),
            Some(Body::Returns(value)) => Some(value),
            Some(Body::Traps | Body::ReadsNull) => None,
        }
    }

    pub fn init(mut self, body: Body) -> Self {
        self.init = Some(body);
        self
    }

    pub fn no_init(mut self) -> Self {
        self.init = None;
        self
    }

    pub fn no_exit(mut self) -> Self {
        self.exit = false;
        self
    }

    /// Carries no `__versions`.
    pub fn no_versions(mut self) -> Self {
        self.versions = Some(false);
        self
    }

    /// Carries `__versions` even for a kernel without `CONFIG_MODVERSIONS`.
    pub fn versions(mut self) -> Self {
        self.versions = Some(true);
        self
    }

    /// Carries the extended tables (6.14) too.
    pub fn ext_versions(mut self) -> Self {
        self.ext_versions = true;
        self
    }

    /// States another version for a symbol.
    pub fn crc(mut self, symbol: &str, crc: u64) -> Self {
        self.crcs.push((symbol.to_owned(), Some(crc)));
        self.versions()
    }

    /// Leaves a symbol out of `__versions`.
    pub fn no_crc(mut self, symbol: &str) -> Self {
        self.crcs.push((symbol.to_owned(), None));
        self.versions()
    }

    /// Changes sections and symbols before they are written.
    pub fn tweak(self, tweak: impl Fn(&mut Elf) + 'static) -> Self {
        self.tweak_for(move |elf, _| tweak(elf))
    }

    pub fn tweak_for(mut self, tweak: impl Fn(&mut Elf, &Profile) + 'static) -> Self {
        self.tweaks.push(Rc::new(tweak));
        self
    }

    pub fn section(self, section: Section) -> Self {
        self.tweak(move |elf| elf.sections.push(section.clone()))
    }

    pub fn symbol(self, symbol: Symbol) -> Self {
        self.tweak(move |elf| elf.symbols.push(symbol.clone()))
    }

    /// Changes the finished bytes.
    pub fn patch(mut self, patch: impl Fn(&mut Image) + 'static) -> Self {
        self.patches.push(Rc::new(patch));
        self
    }

    /// Appends bytes to the finished file.
    pub fn append(mut self, bytes: &[u8]) -> Self {
        self.tail.push(Tail::Append(bytes.to_vec()));
        self
    }

    /// Compresses the file as it is so far.
    pub fn pack(mut self, pack: impl Fn(&[u8]) -> Vec<u8> + 'static) -> Self {
        self.tail.push(Tail::Pack(Rc::new(pack)));
        self
    }

    /// Appends what the kernel takes for a signature: the message, the twelve bytes that describe it, the marker.
    pub fn signed(self, message: &[u8]) -> Self {
        self.signed_with(message, [0, 0, 2, 0, 0, 0, 0, 0], message.len() as u32)
    }

    pub fn signed_with(self, message: &[u8], info: [u8; 8], length: u32) -> Self {
        self.append(message).append(&info).append(&length.to_be_bytes()).append(SIGNATURE_MARKER)
    }

    /// Whether the file is as the writer made it.
    pub fn is_well_formed(&self) -> bool {
        self.patches.is_empty() && self.tail.is_empty()
    }

    /// The file.
    pub fn build(&self, profile: &Profile) -> Vec<u8> {
        let mut elf = self.layout(profile);
        for tweak in &self.tweaks {
            tweak(&mut elf, profile);
        }
        let mut image = Image::new(elf.write(profile), profile.arch);
        for patch in &self.patches {
            patch(&mut image);
        }
        let mut bytes = image.bytes;
        for tail in &self.tail {
            match tail {
                Tail::Append(more) => bytes.extend_from_slice(more),
                Tail::Pack(pack) => bytes = pack(&bytes),
            }
        }
        bytes
    }
}
