//! Modules that were compiled with another idea of `struct module` than the kernel.

use gplok::image::Image;
use gplok::kernel::Kernel;
use gplok::load::{Insmod, Machine};
use gplok::terms::{Arch, Errno};
use gplok::verdict::{Cause, Missing, Outcome, Verdict};

use super::types::Told;
use crate::ko::{Ko, Profile, Re};
use crate::made::Made;

fn insmod(machine: &mut Machine, image: &Image) -> Verdict {
    machine.insmod(image, &Insmod::default())
}

fn lines(verdict: &Verdict) -> Vec<String> {
    verdict.log.iter().map(|line| line.text.to_string()).collect()
}

fn misplaced(field: &str, module: u64, kernel: u64, refused: bool) -> Cause {
    Cause::StructModuleLayout { field: field.to_owned(), module, kernel: Some(kernel), refused }
}

/// The exit function lies where the kernel has a list, which is not empty: x86-64 refuses the relocation.
#[test]
fn a_place_that_the_loader_has_filled_is_refused() {
    for (release, words, place) in [
        ("6.1.0", "Skipping invalid", "type 1, loc (____ptrval____), val ffffffffc0201020"),
        ("6.12.0", "Invalid", "type 1, loc (____ptrval____), val ffffffffc0201020"),
    ] {
        let told = Told::new(release, Arch::X86_64, &[]);
        let image = told.image(&Ko::new("foo").intree(), |profile| profile.exit -= 8);
        let verdict = insmod(&mut told.boot(), &image);
        assert_eq!(verdict.outcome.errno(), Some(Errno::ENOEXEC), "{verdict:#?}");
        let line = format!("module: x86/modules: {words} relocation target, existing value is nonzero for {place}");
        assert_eq!(lines(&verdict), [line]);
        let exit = told.profile.exit;
        assert_eq!(verdict.findings[0].cause, misplaced("exit", exit - 8, exit, true));
    }
}

/// A list's upper half and a counter make a place not zero, a table that is written later does not.
#[test]
fn what_lies_at_the_place_decides() {
    let told = Told::new("6.12.0", Arch::X86_64, &[]);
    let outcome = |change: fn(&mut Profile)| {
        let verdict = insmod(&mut told.boot(), &told.image(&Ko::new("foo").intree(), change));
        (verdict.outcome, verdict.missing)
    };
    let refused = |change| assert_eq!(outcome(change).0.errno(), Some(Errno::ENOEXEC));
    refused(|profile| profile.exit -= 4);
    refused(|profile| profile.exit += 4);
    refused(|profile| profile.exit += 8);
    refused(|profile| profile.exit = 0);
    assert_eq!(outcome(|profile| profile.exit -= 48), (Outcome::Loads, vec![]));
    assert_eq!(outcome(|profile| profile.exit -= 64), (Outcome::Loads, vec![]));
    let secret = Missing::Memory("secret in struct module".to_owned());
    assert_eq!(outcome(|profile| profile.exit += 16), (Outcome::Undetermined, vec![secret]));
    // The number of parameters, without a table.
    let crash = outcome(|profile| profile.init += 8).0;
    assert!(matches!(crash, Outcome::Crash { .. }), "{crash:?}");
}

/// A relocation that writes nothing leaves the module without an exit function.
#[test]
fn a_relocation_of_no_type_stores_no_function() {
    const EXIT: usize = 1;
    let told = Told::new("6.12.0", Arch::X86_64, &[]);
    let unload = |ko: Ko| {
        let mut machine = told.boot();
        assert_eq!(insmod(&mut machine, &told.image(&ko, |_| {})).outcome, Outcome::Loads);
        machine.rmmod("foo").outcome.errno()
    };
    assert_eq!(unload(Ko::new("foo").intree()), None);
    let section = ".rela.gnu.linkonce.this_module";
    let patched = Ko::new("foo").intree().patch(move |image| image.reloc_set(section, EXIT, Re::Info, 0));
    assert_eq!(unload(patched), Some(Errno::EBUSY));
}

/// A module without an exit function at the kernel's place stays loaded.
#[test]
fn a_function_that_the_kernel_does_not_find_is_not_called() {
    let told = Told::new("6.12.0", Arch::X86_64, &[]);
    let mut machine = told.boot();
    let verdict = insmod(&mut machine, &told.image(&Ko::new("foo").intree(), |profile| profile.exit -= 48));
    let exit = told.profile.exit;
    assert_eq!(verdict.findings[0].cause, misplaced("exit", exit - 48, exit, false));
    assert_eq!(machine.rmmod("foo").outcome.errno(), Some(Errno::EBUSY));
    // Without an init function at the kernel's place, its error is none.
    let image = told.image(&Ko::new("bar").intree(), |profile| profile.init -= 8);
    let verdict = machine.insmod(&image, &Insmod { init_returns: -19, ..Insmod::default() });
    assert_eq!(verdict.outcome, Outcome::Loads);
}

/// Only x86-64 looks whether the place is zero.
#[test]
fn other_architectures_write_over_the_field() {
    let told = Told::new("6.12.0", Arch::ARM64, &[]);
    let load = |change: fn(&mut Profile)| insmod(&mut told.boot(), &told.image(&Ko::new("foo").intree(), change));
    assert_eq!(load(|_| ()).outcome, Outcome::Loads);
    let quiet = load(|profile| profile.exit -= 48);
    assert_eq!((&quiet.outcome, quiet.findings.len()), (&Outcome::Loads, 1));
    let list = load(|profile| profile.exit -= 8);
    let missing = Missing::Memory("target_list.prev in struct module".to_owned());
    assert_eq!((list.outcome, list.missing), (Outcome::Undetermined, vec![missing]));
}

/// A module of the kernel's own tree shows the places of both functions, but not what lies elsewhere.
#[test]
fn a_module_of_the_tree_shows_the_places() {
    let made = Made::new("6.12.0");
    let (kernel, _folder) = made.open();
    let load = |kernel: &std::sync::Arc<Kernel>, profile: &Profile| {
        let image = Image::from_bytes("foo.ko", Ko::new("foo").intree().build(profile)).expect("it can be read");
        insmod(&mut Machine::boot(std::sync::Arc::clone(kernel), gplok::load::Cmdline::default()), &image)
    };
    assert_eq!(load(&kernel, &made.profile).outcome, Outcome::Loads);
    let other = Profile { exit: made.profile.exit - 8, ..made.profile.clone() };
    let verdict = load(&kernel, &other);
    assert_eq!((verdict.outcome, verdict.missing), (Outcome::Undetermined, vec![Missing::StructModuleLayout]));
    // Without any module of the kernel's own, nothing says that the places differ.
    let made = made.no_tree();
    let (kernel, _folder) = made.open();
    assert_eq!(load(&kernel, &other).findings, []);
}
