//! How the time grows with the number of one thing in the input: `cargo bench --bench growth`, or with the words of some kinds behind `--`.
//!
//! Each kind is measured with n, 4n and 16n things. Where the time is proportional to their number it grows by 4 each time, where
//! something is compared with everything by 16. The figures are CPU-bound but noisy: a kind is in order if its growth is nearer to
//! 4 than to 8. Inputs with little work show a growth below 4, because the rest takes as long for all of them.

use std::hint::black_box;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gplok::check::{Check, depmod};
use gplok::image::{Image, KmodLinks};
use gplok::kernel::{Exports, Kernel};
use gplok::load::{Cmdline, Machine};
use gplok::report::{Entry, KernelSummary, Op, Palette, human};
use gplok::why::inlines::InlineMap;

#[path = "../suite/chain.rs"]
mod chain;
#[allow(dead_code, unused_imports, reason = "shared with the suite, which uses more of it")]
#[path = "../suite/ko/mod.rs"]
mod ko;
#[allow(dead_code, reason = "shared with the suite, which uses more of it")]
#[path = "../suite/made.rs"]
mod made;

use chain::Chain;
use ko::{Ko, Profile, Section, Symbol};
use made::Made;

/// How often each size is measured. The fastest run counts.
const RUNS: usize = 3;

struct Bench {
    /// Which kinds are wanted; all if none are named.
    wanted: Vec<String>,
    profile: Profile,
    kernel: Arc<Kernel>,
}

fn fastest(mut run: impl FnMut()) -> Duration {
    let time = |_| {
        let begun = Instant::now();
        run();
        begun.elapsed()
    };
    (0..RUNS).map(time).min().unwrap_or_default()
}

impl Bench {
    /// Measures one kind. `prepare` makes an input with so many things, and what is measured on it.
    fn kind<R: FnMut()>(&self, name: &str, first: usize, prepare: impl Fn(usize) -> R) {
        if !self.wanted.is_empty() && !self.wanted.iter().any(|wanted| name.contains(wanted.as_str())) {
            return;
        }
        let times = [first, 4 * first, 16 * first].map(|things| fastest(prepare(things)));
        let growth = |at: usize| times[at].as_secs_f64() / times[at - 1].as_secs_f64();
        println!(
            "{name:<52} n {first:>6}  {:>9.1?} {:>9.1?} {:>9.1?}  grows by {:>4.1} and {:>4.1}",
            times[0],
            times[1],
            times[2],
            growth(1),
            growth(2)
        );
    }

    /// Modules that each export one symbol and need those of others, judged together.
    fn modules(&self, modules: usize, needs: &dyn Fn(usize) -> Vec<usize>) -> impl FnMut() + use<> {
        let ko = |number: usize| {
            let ko = Ko::new(&format!("m{number}")).export(&format!("f{number}"));
            needs(number).into_iter().fold(ko, |ko, other| ko.needs(&format!("f{other}")))
        };
        let images = self.images((0..modules).map(ko));
        let kernel = Arc::clone(&self.kernel);
        move || _ = black_box(Check::new(&kernel).images(&images).expect("no file is read"))
    }

    /// One module, judged on its own.
    fn module(&self, ko: &Ko, kernel: &Arc<Kernel>) -> impl FnMut() + use<> {
        let bytes = ko.build(&self.profile);
        let kernel = Arc::clone(kernel);
        move || {
            let image = Image::from_bytes_raw("m.ko", bytes.clone());
            _ = black_box(Check::new(&kernel).images(&[image]).expect("no file is read"));
        }
    }

    fn images(&self, kos: impl Iterator<Item = Ko>) -> Vec<Image> {
        kos.map(|ko| Image::from_bytes_raw(format!("{}.ko", ko.name()), ko.build(&self.profile))).collect()
    }

    fn of_modules(&self) {
        self.kind("modules of which each needs the one before", 300, |modules| {
            self.modules(modules, &|number| Vec::from_iter(number.checked_sub(1)))
        });
        self.kind("such modules of which the first is refused", 300, |modules| {
            self.modules(modules, &|number| vec![number.checked_sub(1).unwrap_or(usize::MAX)])
        });
        self.kind("modules in a circle", 300, |modules| self.modules(modules, &|number| vec![(number + 1) % modules]));
        self.kind("such modules, and two of them export one symbol", 300, |modules| {
            let kos = (0..modules).map(|number| {
                let ko = Ko::new(&format!("m{number}")).export(&format!("f{number}"));
                let ko = if number < 2 { ko.export("twice") } else { ko };
                ko.needs(&format!("f{}", (number + 1) % modules))
            });
            let images = self.images(kos);
            let kernel = Arc::clone(&self.kernel);
            move || _ = black_box(Check::new(&kernel).images(&images).expect("no file is read"))
        });
        // The things are the needs: twice the modules have four times as many.
        self.kind("needs of modules that all need each other", 1 << 12, |needs| {
            let modules = needs.isqrt();
            self.modules(modules, &|number| (0..modules).filter(|other| *other != number).collect())
        });
        self.kind("needs of modules that need all before them", 1 << 12, |needs| {
            self.modules(needs.isqrt(), &|number| (0..number).collect())
        });
        self.kind("needs between two rows of modules", 1 << 12, |needs| {
            let modules = needs.isqrt();
            self.modules(2 * modules, &|number| if number < modules { Vec::new() } else { (0..modules).collect() })
        });
        self.kind("modules that modprobe loads before one", 30, |modules| {
            let folder = tempfile::tempdir().expect("a folder");
            for number in 0..modules {
                let ko = Ko::new(&format!("m{number}")).intree().export(&format!("f{number}"));
                let ko = number.checked_sub(1).iter().fold(ko, |ko, other| ko.needs(&format!("f{other}")));
                std::fs::write(folder.path().join(format!("m{number}.ko")), ko.build(&self.profile)).expect("written");
            }
            let kernel = [Profile::folder("6.12"), folder.path().to_owned()];
            let kernel = Arc::new(Kernel::open(&kernel).expect("a kernel with a tree"));
            move || {
                let mut machine = Machine::boot(Arc::clone(&kernel), Cmdline::default());
                let last = machine.modprobe(&format!("m{}", modules - 1)).expect("the tree has it");
                assert_eq!((last.len(), folder.path().exists()), (modules, true));
            }
        });
    }

    fn of_one_module(&self) {
        let many = |number: usize, add: &dyn Fn(Ko, usize) -> Ko| (0..number).fold(Ko::new("m"), add);
        let known = &self.kernel;
        // Without a configuration there are several answers, which are compared.
        let open = [Profile::folder("6.12").join("Module.symvers"), Profile::folder("6.12").join("release")];
        let open = Arc::new(Kernel::open(&open).expect("the files are there"));
        self.kind("missing symbols", 1_000, |number| {
            self.module(&many(number, &|ko, number| ko.needs(&format!("gone{number}"))), known)
        });
        self.kind("missing symbols, on a kernel that is known in part", 1_000, |number| {
            self.module(&many(number, &|ko, number| ko.needs(&format!("gone{number}"))), &open)
        });
        self.kind("exports", 1_000, |number| {
            self.module(&many(number, &|ko, number| ko.export(&format!("f{number}"))), known)
        });
        self.kind("tags of .modinfo", 1_000, |number| {
            self.module(&many(number, &|ko, number| ko.more("alias", &format!("a{number}"))), known)
        });
        self.kind("imported namespaces", 1_000, |number| {
            self.module(&many(number, &|ko, number| ko.import_ns(&format!("N{number}"))), known)
        });
        self.kind("parameters", 1_000, |number| {
            self.module(&many(number, &|ko, number| ko.param(&format!("p{number}"), "param_ops_int")), known)
        });
        self.kind("sections", 1_000, |number| {
            let section = |number: usize| Section::new(&format!(".s{number}"), 2, 1, [0; 8]);
            self.module(&many(number, &|ko, number| ko.section(section(number))), known)
        });
        self.kind("sections of one name", 1_000, |number| {
            self.module(&many(number, &|ko, _| ko.section(Section::new(".s", 2, 1, [0; 8]))), known)
        });
        self.kind("relocations", 10_000, |number| {
            let section = Section::new(".data.s", 3, 8, vec![0; 8 * number]);
            let reloc = |section: Section, at: usize| section.reloc(8 * at as u64, "printk", 1, 0);
            self.module(&Ko::new("m").needs("printk").section((0..number).fold(section, reloc)), known)
        });
        self.kind("sections with relocations", 1_000, |number| {
            let section =
                |number: usize| Section::new(&format!(".data.s{number}"), 3, 8, [0; 8]).reloc(0, "printk", 1, 0);
            self.module(&many(number, &|ko, number| ko.section(section(number))).needs("printk"), known)
        });
        self.kind("symbols of one name", 1_000, |number| {
            self.module(&many(number, &|ko, _| ko.symbol(Symbol::undefined("gone", 1))), known)
        });
    }

    /// Modules on kernels that list very many of something.
    fn of_kernels(&self) {
        let symbols = |number: usize| (0..number).fold(Ko::new("m"), |ko, _| ko.symbol(Symbol::undefined("same", 1)));
        self.kind("symbols and hidden rows of one name", 1_000, |number| {
            let made = (0..number).fold(Made::new("6.12.0"), |made, _| made.export_gpl("same"));
            Self::judged_on(&made, &symbols(number).license("Proprietary"))
        });
        self.kind("symbols and rows of one name that differ", 1_000, |number| {
            let row = |made: Made, row: usize| made.row("same", "vmlinux", "EXPORT_SYMBOL", &format!("N{row}"));
            Self::judged_on(&(0..number).fold(Made::new("6.12.0"), row), &symbols(number))
        });
        self.kind("symbols and rows of one name, of modules", 1_000, |number| {
            let row = |made: Made, row: usize| made.row("same", &format!("m{row}"), "EXPORT_SYMBOL_GPL", "");
            Self::judged_on(
                &(0..number).fold(Made::new("6.12.0").no_tree(), row),
                &symbols(number).license("Proprietary"),
            )
        });
        self.kind("symbols that as many modules of the kernel export", 1_000, |number| {
            let row = |made: Made, row: usize| made.row(&format!("f{row}"), &format!("m{row}"), "EXPORT_SYMBOL", "");
            let made = (0..number).fold(Made::new("6.12.0").no_tree(), row);
            Self::judged_on(&made, &(0..number).fold(Ko::new("m"), |ko, row| ko.needs(&format!("f{row}"))))
        });
        let missing = |number: usize| (0..number).fold(Ko::new("m"), |ko, row| ko.needs(&format!("gone{row}")));
        self.kind("missing symbols and files that cannot be read", 250, |number| {
            let made = Made::new("6.12.0");
            let (kernel, folder) = made.open();
            for at in 0..number {
                std::os::unix::fs::symlink("nowhere", folder.path().join(format!("kernel/m{at}.ko"))).expect("a link");
            }
            drop(kernel);
            Self::judged_in(&made, &missing(number), folder)
        });
        self.kind("missing symbols, and a taint that is not known", 1_000, |number| {
            let made = Made::new("6.12.0");
            let (_, folder) = made.open();
            std::fs::write(folder.path().join("config"), "CONFIG_MODULES=y\n").expect("written");
            Self::judged_in(&made, &missing(number), folder)
        });
        self.kind("missing symbols, and a release that is not known", 1_000, |number| {
            let made = Made::new("6.12.0").no_tree();
            let (_, folder) = made.open();
            for name in ["release", "config"] {
                std::fs::remove_file(folder.path().join(name)).expect("it was written");
            }
            Self::judged_in(&made, &missing(number).no_tag("vermagic"), folder)
        });
        self.kind("missing symbols and damaged files", 250, |number| {
            let made = Made::new("6.12.0");
            let (kernel, folder) = made.open();
            for at in 0..number {
                std::fs::write(folder.path().join(format!("kernel/m{at}.ko")), "no module").expect("written");
            }
            drop(kernel);
            Self::judged_in(&made, &missing(number), folder)
        });
        self.kind("missing symbols and damaged files that list them", 250, |number| {
            let row = |made: Made, row: usize| {
                made.row(&format!("gone{row}"), &format!("kernel/m{row}"), "EXPORT_SYMBOL", "")
            };
            let made = (0..number).fold(Made::new("6.12.0"), row);
            let (kernel, folder) = made.open();
            for at in 0..number {
                std::fs::write(folder.path().join(format!("kernel/m{at}.ko")), "no module").expect("written");
            }
            drop(kernel);
            Self::judged_in(&made, &missing(number), folder)
        });
        self.kind("modules of which two files may count", 16, |number| {
            let made = Made::new("6.12.0");
            let (kernel, folder) = made.open();
            for at in 0..number {
                for (place, symbol) in [("a", "f"), ("b", "g")] {
                    let path = folder.path().join("kernel").join(place);
                    std::fs::create_dir_all(&path).expect("a folder");
                    let ko = Ko::new(&format!("m{at}")).intree().export(&format!("{symbol}{at}"));
                    std::fs::write(path.join(format!("m{at}.ko")), ko.build(&made.profile)).expect("written");
                }
            }
            drop(kernel);
            Self::judged_in(&made, &(0..number).fold(Ko::new("x"), |ko, at| ko.needs(&format!("f{at}"))), folder)
        });
    }

    fn of_signatures(&self) {
        self.kind("certificates that sign each other, and signers", 8, |number| {
            let chain = Chain::new(number);
            let made = ["MODULE_SIG", "CRYPTO_SHA256", "CRYPTO_ECDSA"];
            let made = made.into_iter().fold(Made::new("6.12.0"), Made::config).trusts(&chain.root());
            let message = chain.message(&Ko::new("m").build(&made.profile), number);
            Self::judged_on(&made, &Ko::new("m").signed(&message))
        });
    }

    /// One module, judged on a kernel of its own.
    fn judged_on(made: &Made, ko: &Ko) -> impl FnMut() + use<> {
        let (_, folder) = made.open();
        Self::judged_in(made, ko, folder)
    }

    /// One module, judged on the kernel in a folder, which is read each time.
    fn judged_in(made: &Made, ko: &Ko, folder: tempfile::TempDir) -> impl FnMut() + use<> {
        let bytes = ko.build(&made.profile);
        move || {
            let kernel = Arc::new(Kernel::open(&[folder.path()]).expect("a kernel"));
            let image = Image::from_bytes_raw("m.ko", bytes.clone());
            let verdicts = Check::new(&kernel).images(&[image]).expect("files that are there");
            let text = human(
                &[Entry { op: Op::Insmod, path: None, verdict: &verdicts[0] }],
                &KernelSummary::from(&*kernel),
                &Palette::default(),
            );
            _ = black_box(text);
        }
    }

    fn of_lists(&self) {
        let rows = |number: usize| (0..number).map(|row| format!("{row:#010x}\tsame\tm{row}\tEXPORT_SYMBOL\t\n"));
        self.kind("rows of one symbol", 10_000, |number| {
            let text: String = rows(number).collect();
            move || {
                let exports = Exports::parse(text.as_str()).expect("good rows");
                assert_eq!(exports.named("same").count(), number);
            }
        });
        self.kind("rows of one symbol in each of two lists", 1_000, |number| {
            let folder = tempfile::tempdir().expect("a folder");
            let paths = [("one", 0), ("other", 1)].map(|(name, more)| {
                let path = folder.path().join(name).with_extension("symvers");
                let row = "0x00000001\town\tvmlinux\tEXPORT_SYMBOL\t\n".to_owned();
                std::fs::write(&path, row + &rows(number + more).collect::<String>()).expect("written");
                path
            });
            move || _ = black_box((Kernel::open(&paths).expect("two lists"), folder.path()))
        });
        self.kind("inline functions that call the next one", 2_000, |number| {
            let function = |at: usize| {
                let next = at + 1;
                format!("\t.type f{at},@function\nf{at}:\n\tcall f{next}\n\t.size f{at},.-f{at}\n")
            };
            let text = "\t.text\n".to_owned() + &(0..number).map(function).collect::<String>();
            move || _ = black_box(InlineMap::of_assembly(&text, &Exports::default()).expect("assembly"))
        });
        self.kind("inline functions that all call all after them", 1 << 12, |calls| {
            let functions = calls.isqrt();
            let call = |at: usize| format!("\tcall f{at}\n");
            let function = |at: usize| {
                let calls: String = (at + 1..=functions).map(call).collect();
                format!("\t.type f{at},@function\nf{at}:\n{calls}\t.size f{at},.-f{at}\n")
            };
            let text = "\t.text\n".to_owned() + &(0..functions).map(function).collect::<String>();
            move || _ = black_box(InlineMap::of_assembly(&text, &Exports::default()).expect("assembly"))
        });
    }

    /// Modules of a tree, linked as depmod does.
    fn linked(&self, modules: usize, needs: &dyn Fn(usize) -> Vec<usize>) -> impl FnMut() + use<> {
        let links = |at: usize| {
            let ko = Ko::new(&format!("m{at}")).export(&format!("f{at}"));
            let ko = needs(at).into_iter().fold(ko, |ko, other| ko.needs(&format!("f{other}")));
            let path = PathBuf::from(format!("m{at}.ko"));
            let links = KmodLinks::of(&Image::from_bytes_raw(&path, ko.build(&self.profile)));
            (path, links)
        };
        let links: Vec<_> = (0..modules).map(links).collect();
        let kernel = Arc::clone(&self.kernel);
        move || _ = black_box(depmod(&kernel, &[], &links, true))
    }

    fn of_depmod(&self) {
        self.kind("modules in a circle, for depmod", 300, |modules| {
            self.linked(modules, &|at| vec![(at + 1) % modules])
        });
        self.kind("modules in a row, for depmod", 1_000, |modules| self.linked(modules, &|at| vec![at + 1]));
        self.kind("modules in circles of two, for depmod", 1_000, |modules| self.linked(modules, &|at| vec![at ^ 1]));
        self.kind("needs of modules that all need each other, for depmod", 1 << 12, |needs| {
            let modules = needs.isqrt();
            self.linked(modules, &|at| (0..modules).filter(|other| *other != at).collect())
        });
        self.kind("needs of one module, for depmod", 1_000, |needs| {
            self.linked(needs, &|at| if at == 0 { (1..needs).collect() } else { Vec::new() })
        });
    }
}

fn main() {
    let wanted = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let kernel = Arc::new(Kernel::open(&[Profile::folder("6.12")]).expect("a recorded kernel"));
    let bench = Bench { wanted, profile: Profile::load("6.12"), kernel };
    bench.of_modules();
    bench.of_one_module();
    bench.of_kernels();
    bench.of_signatures();
    bench.of_lists();
    bench.of_depmod();
}
