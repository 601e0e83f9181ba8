//! `gplok diff` and `gplok upgrade`: what another kernel does to exports, and to modules.

mod diff;
mod headers;
mod modules;
mod policy;

use crate::cli::Desk;
use crate::ko::Ko;
use crate::made::Made;

/// Two kernels, `a` and `b`, and modules built for the first.
struct Two {
    desk: Desk,
    from: Made,
}

impl Two {
    fn new(from: Made, to: Made) -> Self {
        let desk = Desk::new();
        desk.kernel("a", &from).kernel("b", &to);
        Self { desk, from }
    }

    /// A module, built for the earlier kernel.
    fn ko(self, ko: &Ko) -> Self {
        self.desk.file(&format!("{}.ko", ko.name()), ko.build(&self.from.profile));
        self
    }

    /// A header of one of the kernels.
    fn header(self, kernel: &str, text: &str) -> Self {
        self.desk.file(&format!("{kernel}/include/linux/api.h"), text);
        self
    }

    /// The answer for every module, with the exit code.
    #[track_caller]
    fn answers(&self, modules: &str) -> (Vec<String>, Option<i32>) {
        let ran = self.desk.run(&format!("upgrade --from a --to b --format json {modules}"));
        let json = ran.json();
        let modules = json["modules"].as_array().expect("a list");
        let answers = modules.iter().map(|module| module["answer"].as_str().expect("a word").to_owned());
        (answers.collect(), ran.code)
    }

    #[track_caller]
    fn page(&self, modules: &str) -> String {
        let ran = self.desk.run(&format!("upgrade --from a --to b {modules}"));
        assert_eq!(ran.err, "");
        ran.out
    }
}

/// Two releases, both without symbol versions: only symbols and rules of the loader tell them apart.
fn releases() -> (Made, Made) {
    (Made::new("6.1.0"), Made::new("6.12.0"))
}
