//! The output for people and machines, as snapshots: the facts of a file and the verdict on it separately.

use std::sync::Arc;

use gplok::check::check;
use gplok::image::Image;
use gplok::kernel::Kernel;
use gplok::load::{Cmdline, Insmod};
use gplok::report::{Entry, Op, Palette, human, inspect, modules_document};
use gplok::why::{Lookup, explain};

use crate::founding::{self, AFTER, BEFORE, HMM, OPENAFS};
use crate::ko::{Ko, Profile};
use crate::made::{Made, image, summary};

/// What `gplok inspect` says, for people and for machines.
fn facts(name: &str, image: &Image) {
    let facts = image.facts().expect("it is ELF");
    let human = inspect(&image.path().display().to_string(), &facts);
    let json = serde_json::to_string_pretty(&facts).expect("plain values");
    snapshot(&format!("{name}.facts"), &format!("{human}\n{json}"));
}

/// What `gplok check` says, for people and for machines.
fn verdict(name: &str, kernel: &Arc<Kernel>, cmdline: &str, images: &[Image]) {
    let mut verdicts =
        check(kernel, &Cmdline::parse(cmdline), images, &Insmod::default()).expect("the tree can be read");
    for (verdict, image) in verdicts.iter_mut().zip(images) {
        explain(verdict, image, kernel, &Lookup::default()).expect("no debug file is asked for");
    }
    let paths: Vec<String> = images.iter().map(|image| image.path().display().to_string()).collect();
    let entries: Vec<Entry<'_>> = paths
        .iter()
        .zip(&verdicts)
        .map(|(path, verdict)| Entry { op: Op::Insmod, path: Some(path), verdict })
        .collect();
    let summary = summary(kernel);
    let human = human(&entries, &summary, &Palette::default());
    let json = serde_json::to_string_pretty(&modules_document(&entries, &summary)).expect("plain values");
    snapshot(&format!("{name}.verdict"), &format!("{human}\n{json}"));
}

fn snapshot(name: &str, text: &str) {
    insta::with_settings!({ omit_expression => true }, { insta::assert_snapshot!(name, text) });
}

fn both(name: &str, kernel: &Arc<Kernel>, cmdline: &str, images: &[Image]) {
    images.iter().take(1).for_each(|image| facts(name, image));
    verdict(name, kernel, cmdline, images);
}

/// `Made`, its modules, the boot command line.
fn made(name: &str, made: &Made, cmdline: &str, modules: &[Ko]) {
    let (kernel, _folder) = made.open();
    let images: Vec<Image> = modules.iter().map(|ko| made.image(ko)).collect();
    both(name, &kernel, cmdline, &images);
}

/// Inlined code asks for symbols that only GPL modules see.
#[test]
fn openafs_before() {
    both("openafs_before", &founding::kernel(BEFORE), "", &[founding::module(OPENAFS)]);
}

/// Both symbols are for everybody now.
#[test]
fn openafs_after() {
    verdict("openafs_after", &founding::kernel(AFTER), "", &[founding::module(OPENAFS)]);
}

/// A GPL module that needs a symbol without exporter, and whose plain export wraps GPL-only symbols.
#[test]
fn hmm() {
    both("hmm", &founding::kernel(AFTER), "", &[founding::module(HMM)]);
}

fn chain(release: &str) -> (Made, Ko) {
    (Made::new(release).export_gpl("kick_gpl"), Ko::new("prop").license("Proprietary").export("prop_fn"))
}

/// The symbol of the proprietary module comes first: from then on GPL-only symbols are hidden.
#[test]
fn inherited_taint_then_gpl_only() {
    let (kernel, prop) = chain("5.9.0");
    made("inherited_taint_then_gpl_only", &kernel, "", &[Ko::new("foo").needs("prop_fn").needs("kick_gpl"), prop]);
}

/// The GPL-only symbol comes first: then the proprietary module's is refused.
#[test]
fn gpl_only_then_inherited_taint() {
    let (kernel, prop) = chain("5.9.0");
    made("gpl_only_then_inherited_taint", &kernel, "", &[Ko::new("foo").needs("kick_gpl").needs("prop_fn"), prop]);
}

/// Up to 6.12 the macro takes a bare word.
#[test]
fn namespace_before_6_13() {
    let kernel = Made::new("6.12.0").row("dma_buf_get", "vmlinux", "EXPORT_SYMBOL_GPL", "DMA_BUF");
    made("namespace_before_6_13", &kernel, "", &[Ko::new("foo").needs("dma_buf_get")]);
}

/// From 6.13 it takes a string.
#[test]
fn namespace_from_6_13() {
    let kernel = Made::new("6.13.0").row("dma_buf_get", "vmlinux", "EXPORT_SYMBOL_GPL", "DMA_BUF");
    made("namespace_from_6_13", &kernel, "", &[Ko::new("foo").needs("dma_buf_get")]);
}

/// Nobody can join the list of modules a symbol is for, not even by an import.
#[test]
fn module_namespace() {
    let kernel = Made::new("6.16.0").row("kvm_only", "vmlinux", "EXPORT_SYMBOL_GPL", "module:kvm,kvm-amd");
    made("module_namespace", &kernel, "", &[Ko::new("foo").needs("kvm_only"), Ko::new("kvm_amd").needs("kvm_only")]);
}

/// One type has changed since the module was built.
#[test]
fn crc_mismatch() {
    let kernel = Made::new("6.1.0").modversions().export("alloc_thing");
    made("crc_mismatch", &kernel, "", &[Ko::new("foo").needs("alloc_thing").crc("alloc_thing", 0x0bad_cafe)]);
}

/// A module of the release before.
#[test]
fn wrong_vermagic() {
    let kernel = Made::new("6.1.2");
    made("wrong_vermagic", &kernel, "", &[Ko::new("foo").tag("vermagic", "6.1.1 SMP preempt mod_unload ")]);
}

/// Nobody signed it, and the boot command line asks for that.
#[test]
fn unsigned_with_sig_enforce() {
    let kernel = Made::new("6.1.0").config("MODULE_SIG").trusts(include_bytes!("../../testdata/keys/rsa.pem"));
    made("unsigned_with_sig_enforce", &kernel, "module.sig_enforce=1", &[Ko::new("foo")]);
}

/// It is signed, but no file says whom the kernel trusts.
#[test]
fn certificates_missing() {
    let kernel = Made::new("6.1.0").config("MODULE_SIG").config("MODULE_SIG_FORCE").config("CRYPTO_SHA256");
    let signature = include_bytes!("../../testdata/keys/rsa-sha256.p7s");
    made("certificates_missing", &kernel, "", &[Ko::new("foo").signed(signature)]);
}

/// It was built with another layout of struct module.
#[test]
fn struct_module_size() {
    let kernel = Made::new("6.4.0");
    let (folder_kernel, _folder) = kernel.open();
    let smaller = Profile { this_module: 0x4c0, ..kernel.profile.clone() };
    both("struct_module_size", &folder_kernel, "", &[image("foo.ko", Ko::new("foo").build(&smaller))]);
}

/// A copy that broke off in the middle.
#[test]
fn truncated() {
    let kernel = Made::new("6.1.0");
    let (opened, _folder) = kernel.open();
    let mut bytes = Ko::new("foo").needs("printk").build(&kernel.profile);
    bytes.truncate(bytes.len() / 2);
    verdict("truncated", &opened, "", &[image("foo.ko", bytes)]);
}

/// Several things are wrong at once; the kernel stops at the first.
#[test]
fn several() {
    let kernel = Made::new("6.1.0").export_gpl("kick_gpl").row("far", "helper", "EXPORT_SYMBOL", "");
    let module = Ko::new("foo").license("CDDL").needs("kick_gpl").needs("nowhere").needs("far").export("printk");
    made("several", &kernel.no_tree(), "", &[module]);
}
