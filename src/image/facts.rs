//! Everything a module file says that the loader cares about, in one value: what `gplok inspect` shows.

use serde::Serialize;

use super::{AppendedSignature, Image, LooseSymbol, Modinfo, Parameter, THIS_MODULE, escaped};
use crate::compression::Compression;
use crate::elf::SectionType;
use crate::terms::{Arch, ExportedSymbol};
use crate::x509::distinguished_name::readable_signer;
use crate::x509::{Pkcs7, SignerInfo};

/// The facts of one module file, read as its own header announces it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Facts {
    /// How the file is compressed.
    pub compression: Option<Compression>,
    /// Bytes of the module, decompressed.
    pub size: usize,
    /// Its architecture, if gplok knows it.
    pub arch: Option<Arch>,
    /// `mod->name`, out of `struct module`.
    pub name: Option<String>,
    /// `tag=value` strings, in order.
    pub modinfo: Modinfo,
    /// Undefined symbols, in the order of the symbol table, which is the order of resolution.
    pub imports: Vec<Import>,
    /// What it exports.
    pub exports: Vec<ExportedSymbol>,
    /// Parameters.
    pub parameters: Vec<Parameter>,
    /// The sections the loader looks for, those that are there.
    pub sections: Vec<SectionFacts>,
    /// The appended signature.
    pub signature: SignatureFacts,
}

/// An undefined symbol.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Import {
    /// Its name.
    pub name: String,
    /// The version the module wants; `None` when it names none.
    pub crc: Option<String>,
    /// May it stay unresolved?
    pub weak: bool,
}

/// A section.
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

/// What is appended behind the module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum SignatureFacts {
    /// Nothing.
    Unsigned,
    /// A marker, with something before it that is no signature header.
    Broken,
    /// A PKCS#7 message.
    Signed {
        /// Bytes of the message.
        size: usize,
        /// Who signed.
        signers: Vec<Signer>,
    },
}

/// Who signed, and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Signer {
    /// Issuer and serial number of the certificate.
    pub id: String,
    /// The digest.
    pub digest: Option<String>,
    /// The signature algorithm.
    pub algorithm: Option<String>,
}

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
    /// The facts of the file; `None` when it does not begin as an ELF file does.
    pub fn facts(&self) -> Option<Facts> {
        let signature = self.signature_facts();
        let elf = self.as_announced()?;
        let crc = |name: &str| {
            let long = elf.symbol_versions().and_then(|versions| versions.get(name));
            long.or_else(|| elf.extended_versions()?.get(name)).map(|crc| format!("0x{crc:08x}"))
        };
        let import = |loose: &LooseSymbol| {
            let name = escaped(elf.loose_name(loose).unwrap_or_default());
            Import { crc: crc(&name), weak: loose.is_weak(), name }
        };
        let loader_cares = |section: &&crate::elf::Section| {
            let name = elf.section_text(section);
            section.kind == SectionType::SYMTAB || SECTIONS.contains(&name.as_str()) || name.starts_with(".klp.")
        };
        let section = |section: &crate::elf::Section| SectionFacts {
            index: section.index,
            name: elf.section_text(section),
            kind: section.kind,
            flags: section.flags,
            size: section.size,
        };
        Some(Facts {
            compression: self.compression(),
            size: self.contents().len(),
            arch: self.arch(),
            name: elf.find_sec(THIS_MODULE).and_then(|section| Some(elf.this_module_name(section)?.to_string())),
            modinfo: elf.modinfo().as_ref().clone(),
            imports: elf.undefined_symbols().map(import).collect(),
            exports: elf.exports().to_vec(),
            parameters: elf.parameters(),
            sections: elf.sections().iter().skip(1).filter(loader_cares).map(section).collect(),
            signature,
        })
    }

    fn signature_facts(&self) -> SignatureFacts {
        let AppendedSignature::Marked(marked) = self.signature() else { return SignatureFacts::Unsigned };
        let Some(message) = marked.message.clone().and_then(|range| self.contents().part(range)) else {
            return SignatureFacts::Broken;
        };
        let signer = |signer: &SignerInfo| Signer {
            id: readable_signer(&signer.id),
            digest: signer.digest.as_ref().map(|digest| match digest {
                Ok(digest) => digest.to_string(),
                Err(oid) => oid.clone(),
            }),
            algorithm: signer.signature_algorithm.as_ref().map(ToString::to_string),
        };
        SignatureFacts::Signed {
            size: message.len(),
            signers: Pkcs7::parse(message).signers.iter().map(signer).collect(),
        }
    }
}
