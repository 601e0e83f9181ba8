//! `load` judges without input, output, threads or errors, and its own folders are ordered, too.

use super::facts::Mention;
use super::rules::outside;
use super::source::{House, Source};
use super::{assert_found, assert_none};

/// The files that run the stages.
const SCHEDULER: [&str; 3] = ["load/machine.rs", "load/pipeline.rs", "load/merge.rs"];

fn is_scheduler(source: &Source) -> bool {
    SCHEDULER.contains(&source.path.as_str())
}

fn is_stage(source: &Source) -> bool {
    source.is_below("load/stages")
}

/// What stages use: they know neither stages nor the scheduler.
fn is_tool(source: &Source) -> bool {
    ["load/cache", "load/signature", "load/relocate"].iter().any(|folder| source.is_below(folder))
}

/// Imports of the files `is_from` that lead to the files `is_to`.
fn imports(house: &House, is_from: impl Fn(&Source) -> bool, is_to: impl Fn(&Source) -> bool) -> Vec<String> {
    let from = house.mentions().filter(|(source, _)| is_from(source));
    let broken = from.filter_map(|(source, mention)| {
        let to = house.source_of(mention).filter(|to| is_to(to))?;
        Some(format!("src/{}:{}: {} is in src/{}", source.path, mention.line, mention.path.join("::"), to.path))
    });
    broken.collect()
}

fn stages_that_know_the_scheduler(house: &House) -> Vec<String> {
    imports(house, is_stage, is_scheduler)
}

fn tools_that_know_stages(house: &House) -> Vec<String> {
    imports(house, is_tool, |source| is_stage(source) || is_scheduler(source))
}

/// Crates and modules that read, write, wait or start something.
const ACTS: [&str; 9] =
    ["rayon", "tempfile", "std::env", "std::fs", "std::io", "std::net", "std::os", "std::process", "std::thread"];

/// Paths and calls in `load` that act on the world outside, or reach a function of an earlier room that reads files.
fn acts(house: &House) -> Vec<String> {
    let is_load = |source: &Source| source.room() == "load";
    let mut broken = outside(house, is_load, &ACTS);
    let reads = |mention: &Mention| {
        let opens = |pair: &[String]| ["Image", "Kernel"].contains(&pair[0].as_str()) && pair[1].starts_with("open");
        mention.path.windows(2).any(opens) || mention.path.iter().any(|name| name == "File" || name == "open_module")
    };
    for source in house.sources.iter().filter(|source| is_load(source)) {
        let paths = source.facts.mentions.iter().filter(|mention| reads(mention));
        broken.extend(paths.map(|path| format!("src/{}:{}: {}", source.path, path.line, path.path.join("::"))));
        let calls = source.facts.calls.iter().filter(|call| {
            call.method == "open_module" || call.method == "image" && call.receiver.as_deref() == Some("kernel")
        });
        broken.extend(calls.map(|call| format!("src/{}:{}: .{}()", source.path, call.line, call.method)));
    }
    broken
}

#[test]
fn stages_do_not_know_the_scheduler() {
    assert_none(&stages_that_know_the_scheduler(House::this()), "a stage does not know what runs it");
}

/// Calls in stages of the accessors that record no premise.
fn unrecorded_reads(house: &House) -> Vec<String> {
    let stages = house.sources.iter().filter(|source| is_stage(source));
    stages
        .flat_map(|source| {
            let calls = source.facts.calls.iter().filter(|call| call.method.starts_with("unrecorded_"));
            calls.map(|call| format!("src/{}:{}: .{}()", source.path, call.line, call.method))
        })
        .collect()
}

#[test]
fn stages_read_only_what_is_recorded() {
    assert_none(&unrecorded_reads(House::this()), "a cache must know what a stage read");
}

#[test]
fn a_stage_that_reads_without_a_record_is_found() {
    let stage = "fn f(run: &Run) { run.unrecorded_world(); }";
    assert_found(unrecorded_reads, &[("load/stages/taints.rs", stage)], ".unrecorded_world()");
    assert_none(&unrecorded_reads(&House::of(&[("load/pipeline.rs", stage)])), "only stages are meant");
}

#[test]
fn caches_signatures_and_relocations_do_not_know_the_stages() {
    assert_none(&tools_that_know_stages(House::this()), "what stages use knows no stage and no scheduler");
}

#[test]
fn the_judge_does_not_act() {
    assert_none(&acts(House::this()), "load reads no file, starts no thread and waits for nothing");
}

#[test]
fn a_stage_that_knows_the_scheduler_is_found() {
    let load = ("load/mod.rs", "pub use machine::Machine; mod machine; mod stages; mod run;");
    let machine = ("load/machine.rs", "pub struct Machine;");
    let seed = |code: &str| {
        let files = [load, machine, ("load/stages/mod.rs", "pub mod taints;"), ("load/stages/taints.rs", code)];
        assert_found(stages_that_know_the_scheduler, &files, "src/load/machine.rs");
    };
    seed("use crate::load::Machine;");
    seed("use super::super::machine::Machine;");
    seed("fn f() { crate::load::machine::Machine::boot() }");
    let run = [load, machine, ("load/run.rs", "use super::Machine;")];
    assert_none(&stages_that_know_the_scheduler(&House::of(&run)), "only stages are meant");
}

#[test]
fn a_cache_that_knows_a_stage_is_found() {
    let load = [
        ("load/mod.rs", "pub use pipeline::load_module; mod pipeline; mod stages;"),
        ("load/pipeline.rs", "pub fn load_module() {}"),
        ("load/stages/mod.rs", "pub mod taints; pub const COUNT: u8 = 1;"),
        ("load/stages/taints.rs", "pub fn taint() {}"),
    ];
    let seed = |path: &str, code: &str| {
        assert_found(tools_that_know_stages, &[&load[..], &[(path, code)]].concat(), path);
    };
    seed("load/cache/memo.rs", "use crate::load::stages::taints::taint;");
    seed("load/cache/mod.rs", "use super::stages::COUNT;");
    seed("load/signature/verify_pkcs7/mod.rs", "use crate::load::load_module;");
    seed("load/relocate/apply.rs", "fn f() { super::super::stages::taints::taint() }");
}

#[test]
fn a_judge_that_acts_is_found() {
    let kernel = "pub struct Kernel; pub struct Image; pub fn open_module() {}";
    let seed = |code: &str, text: &str| {
        assert_found(acts, &[("kernel/mod.rs", kernel), ("load/stages/taints.rs", code)], text);
    };
    seed("use std::fs;", "std::fs");
    seed("use std::{collections::HashMap, thread as t};", "std::thread");
    seed("use std::*;", "std");
    seed("fn f() { ::std::process::exit(1) }", "std::process::exit");
    seed("fn f() -> std::io::ErrorKind { todo!() }", "std::io::ErrorKind");
    seed("use rayon::prelude::*;", "rayon::prelude");
    seed("fn f() { tempfile::tempfile() }", "tempfile::tempfile");
    seed("fn f() { format!(\"{:?}\", std::env::args()); }", "std::env::args");
    seed("use crate::kernel::Kernel; fn f() { Kernel::open_with(1) }", "Kernel::open_with");
    seed("fn f() { crate::kernel::Image::open(1) }", "Image::open");
    seed("fn f(&self) { self.kernel.image(1) }", ".image()");
    seed("use crate::kernel::open_module;", "open_module");
    seed("fn f(file: &File) {}", "File");
    let elsewhere = [("kernel/mod.rs", "use std::fs; fn f() { rayon::join() }")];
    assert_none(&acts(&House::of(&elsewhere)), "only load is meant");
}
