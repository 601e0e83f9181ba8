//! Everything in a module file that the loader uses, in one value: what `gplok inspect` shows.

use serde::Serialize;

use super::{AppendedSignature, Image, LooseSymbol, Modinfo, ModuleElf, Parameter, THIS_MODULE, escaped};
use crate::compression::Compression;
use crate::elf::{Section, SectionType};
use crate::terms::{Arch, ExportedSymbol};
use crate::x509::distinguished_name::readable_signer;
use crate::x509::{Pkcs7, SignerInfo};

/// The facts of one module file, read in the class and byte order that its ELF header states.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Facts {
    /// How the file is compressed; `None` if it is not.
    pub compression: Option<Compression>,
    /// The size of the decompressed file in bytes.
    pub size: usize,
    /// Its architecture; `None` if gplok does not know it.
    pub arch: Option<Arch>,
    /// `mod->name`, from `struct module`; `None` without that section.
    pub name: Option<String>,
    /// The `tag=value` strings of `.modinfo`, in order.
    pub modinfo: Modinfo,
    /// Undefined symbols, in the order of the symbol table, which is the order of resolution.
    pub imports: Vec<Import>,
    /// The symbols that it exports.
    pub exports: Vec<ExportedSymbol>,
    /// The parameters that it takes.
    pub parameters: Vec<Parameter>,
    /// Those of its sections that the loader looks for.
    pub sections: Vec<SectionFacts>,
    /// The appended signature.
    pub signature: SignatureFacts,
}

/// An undefined symbol.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Import {
    /// Its name.
    pub name: String,
    /// The version that the module expects, as `0x` and eight digits; `None` if it does not contain one.
    pub crc: Option<String>,
    /// Whether it is weak: a weak reference may stay unresolved.
    pub weak: bool,
}

/// A section that the loader looks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SectionFacts {
    /// Its index.
    pub index: usize,
    /// Its name.
    pub name: String,
    /// `sh_type`.
    pub kind: u32,
    /// `sh_flags`.
    pub flags: u64,
    /// `sh_size`.
    pub size: u64,
}

/// The signature appended to the module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum SignatureFacts {
    /// There is none.
    Unsigned,
    /// The file ends with the signature marker, but no valid signature header precedes it.
    Broken,
    /// There is a PKCS#7 message.
    Signed {
        /// The size of the message in bytes.
        size: usize,
        /// The signers that the message names.
        signers: Vec<Signer>,
    },
}

/// A signer, and the algorithms of the signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Signer {
    /// The issuer and serial number of the signer's certificate.
    pub id: String,
    /// The digest algorithm.
    pub digest: Option<String>,
    /// The signature algorithm.
    pub algorithm: Option<String>,
}

/// The names of the sections that the loader looks for.
const SECTIONS: [&str; 24] = [
    ".modinfo",
    ".gnu.linkonce.this_module",
    "__versions",
    "__version_ext_crcs",
    "__version_ext_names",
    "__ksymtab",
    "__ksymtab_gpl",
    "__ksymtab_gpl_future",
    "__ksymtab_unused",
    "__ksymtab_unused_gpl",
    "__kcrctab",
    "__kcrctab_gpl",
    "__kflagstab",
    "__ksymtab_strings",
    "__param",
    "__obsparm",
    "__jump_table",
    "__ex_table",
    "__mcount_loc",
    ".data..percpu",
    ".ctors",
    ".init_array",
    ".BTF",
    ".plt",
];

impl Image {
    /// The facts of the file; `None` if it does not begin with an ELF identification.
    pub fn facts(&self) -> Option<Facts> {
        let signature = self.signature_facts();
        let elf = self.as_announced()?;
        Some(Facts {
            compression: self.compression(),
            size: self.contents().len(),
            arch: self.arch(),
            name: elf.find_sec(THIS_MODULE).and_then(|section| Some(elf.this_module_name(section)?.to_string())),
            modinfo: elf.modinfo().as_ref().clone(),
            imports: elf.undefined_symbols().map(|loose| Import::new(&elf, loose)).collect(),
            exports: elf.exports().to_vec(),
            parameters: elf.parameters(),
            sections: elf.sections().iter().skip(1).filter_map(|section| SectionFacts::new(&elf, section)).collect(),
            signature,
        })
    }

    fn signature_facts(&self) -> SignatureFacts {
        let AppendedSignature::Marked(marked) = self.signature() else { return SignatureFacts::Unsigned };
        let Some(message) = marked.message.clone().and_then(|range| self.contents().part(range)) else {
            return SignatureFacts::Broken;
        };
        SignatureFacts::Signed {
            size: message.len(),
            signers: Pkcs7::parse(message).signers.iter().map(Signer::new).collect(),
        }
    }
}

impl Import {
    fn new(elf: &ModuleElf, loose: &LooseSymbol) -> Self {
        let name = escaped(elf.loose_name(loose).unwrap_or_default());
        let listed = elf.symbol_versions().and_then(|versions| versions.get(&name));
        let crc = listed.or_else(|| elf.extended_versions()?.get(&name));
        Self { crc: crc.map(|crc| format!("0x{crc:08x}")), weak: loose.is_weak(), name }
    }
}

impl SectionFacts {
    /// The facts of a section; `None` if the loader does not look for it.
    fn new(elf: &ModuleElf, section: &Section) -> Option<Self> {
        let name = elf.section_text(section);
        let is_used =
            section.kind == SectionType::SYMTAB || SECTIONS.contains(&name.as_str()) || name.starts_with(".klp.");
        is_used.then_some(Self {
            index: section.index,
            name,
            kind: section.kind,
            flags: section.flags,
            size: section.size,
        })
    }
}

impl Signer {
    fn new(signer: &SignerInfo) -> Self {
        Self {
            id: readable_signer(&signer.id),
            digest: signer.digest.as_ref().map(|digest| match digest {
                Ok(digest) => digest.to_string(),
                Err(oid) => oid.clone(),
            }),
            algorithm: signer.signature_algorithm.as_ref().map(ToString::to_string),
        }
    }
}
