//! The command line program.
mod plan;
use std::path::Path;
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let mut kernel = vec![];
    let mut cmdline = String::new();
    let mut planp = String::new();
    let mut i = 2;
    while i < a.len() {
        match a[i].as_str() {
            "--kernel" | "-k" => {
                kernel.push(a[i + 1].clone());
                i += 1
            }
            "--format" => i += 1,
            "--cmdline" => {
                cmdline = a[i + 1].clone();
                i += 1
            }
            p => planp = p.into(),
        }
        i += 1
    }
    let k = gplok::kernel::Kernel::open(&kernel).unwrap_or_else(|e| {
        eprintln!("{e}");
        std::process::exit(2)
    });
    let mut m = gplok::load::Machine::boot(std::sync::Arc::new(k), gplok::load::Cmdline::parse(&cmdline));
    let text = std::fs::read_to_string(&planp).unwrap();
    let steps = plan::parse(Path::new(&planp), &text, Path::new(&planp).parent().unwrap()).unwrap();
    let mut out = vec![];
    for s in steps {
        let v = match s {
            plan::Step::Insmod { path, insmod } => m.insmod(&gplok::image::Image::open(&path).unwrap(), &insmod),
            plan::Step::Rmmod(n) => m.rmmod(&n),
            plan::Step::Modprobe(n) => m.modprobe(&n).unwrap().pop().unwrap(),
        };
        out.push(serde_json::json!({"name": v.name, "outcome": v.outcome.word(), "errno": v.outcome.errno(), "stage": v.outcome.stage(), "log": v.log, "module_taints": v.module_taints, "kernel_tainted": v.kernel_tainted.number(), "missing": v.missing}));
    }
    println!("{}", serde_json::json!({"steps": out}));
}
