//! The cases that are loaded into real kernels: single modules by topic, and groups of modules.
//!
//! Deterministic: the same kernel gives the same bytes, in the same order.

mod crashes;
mod exports;
mod firsts;
mod group;
mod groups;
mod header;
mod modinfo;
mod params;
mod relocs;
mod running;
mod sections;
mod signatures;
mod symbols;
mod versions;

pub use group::Group;

use crate::ko::{Ko, Profile};
use crate::oracle::{Boot, Op, Step};

/// One module and how it is loaded.
#[derive(Clone)]
pub struct Case {
    pub name: String,
    /// Its story, for whoever reads a difference.
    pub what: String,
    pub op: Op,
    pub flags: u32,
    pub args: String,
    pub ko: Ko,
}

pub fn case(name: impl Into<String>, what: impl Into<String>, ko: Ko) -> Case {
    Case { name: name.into(), what: what.into(), op: Op::Insmod, flags: 0, args: String::new(), ko }
}

impl Case {
    pub fn flags(mut self, flags: u32) -> Self {
        self.flags = flags;
        self
    }

    pub fn args(mut self, args: impl Into<String>) -> Self {
        self.args = args.into();
        self
    }

    pub fn op(mut self, op: Op) -> Self {
        self.op = op;
        self
    }

    fn step(&self, profile: &Profile) -> Step {
        let step = Step::insmod(&self.name, &self.ko, profile);
        Step { op: self.op, flags: self.flags, args: self.args.clone(), ..step }
    }
}

/// The module most cases start from: nothing about it is wrong.
pub fn foo() -> Ko {
    Ko::new("foo").needs("kfree")
}

/// Single modules of one boot.
pub struct Topic {
    pub name: &'static str,
    pub cmdline: &'static str,
    pub cases: Vec<Case>,
}

/// All single modules, a boot for each topic.
pub fn topics(profile: &Profile) -> Vec<Topic> {
    let topic = |name, cases| Topic { name, cmdline: "", cases };
    let with = |name, cmdline, cases| Topic { name, cmdline, cases };
    let mut topics = vec![
        topic("header", header::cases(profile)),
        topic("tables", sections::tables(profile)),
        topic("known", sections::known(profile)),
        topic("licenses", modinfo::licenses(profile)),
        topic("vermagic", modinfo::vermagic(profile)),
        topic("tags", modinfo::tags(profile)),
        topic("versions", versions::cases(profile)),
        topic("symbols", symbols::cases(profile)),
        topic("exports", exports::cases(profile)),
        topic("relocs", relocs::cases(profile)),
        topic("params", params::cases(profile)),
        topic("signatures", signatures::cases(profile)),
        topic("init", running::init(profile)),
        topic("calls", running::calls(profile)),
    ];
    topics.extend(firsts::firsts(profile));
    topics.extend([
        with("enforced", "module.sig_enforce=1", firsts::enforced(profile)),
        with("lockdown", "lockdown=integrity", firsts::lockdown(profile)),
        with(
            "lockdown-enforced",
            "lockdown=confidentiality module.sig_enforce=1",
            firsts::locked_and_enforced(profile),
        ),
        with("blacklist", "module_blacklist=foo,bar_baz,lve", firsts::blacklist(profile)),
        with("nomodule", "nomodule", firsts::nomodule(profile)),
        with("disabled", "", firsts::disabled(profile)),
        topic("crashes", crashes::cases(profile)),
    ]);
    topics
}

/// All groups, a boot for each theme.
pub fn groups(profile: &Profile) -> Vec<(&'static str, Vec<Group>)> {
    vec![
        ("groups-exports", groups::exports(profile)),
        ("groups-licences", groups::licences(profile)),
        ("groups-namespaces", groups::namespaces(profile)),
        ("groups-unloading", groups::unloading(profile)),
    ]
}

/// Every boot of a kernel.
pub fn boots(profile: &Profile) -> Vec<Boot> {
    let mut boots = Vec::new();
    for topic in topics(profile) {
        let steps = topic.cases.iter().flat_map(|case| [case.step(profile), Step::unload(Op::Drop, case.ko.name())]);
        boots.push(Boot { name: topic.name.to_owned(), cmdline: topic.cmdline.to_owned(), steps: steps.collect() });
    }
    for (name, groups) in groups(profile) {
        let steps = groups.iter().flat_map(|group| group.steps(profile)).collect();
        boots.push(Boot { name: name.to_owned(), cmdline: String::new(), steps });
    }
    boots
}
