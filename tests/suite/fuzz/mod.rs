//! The readers that are fuzzed, run on the committed corpus: what the fuzzer once found stays found, without the fuzzer.

#[path = "../../fuzz/readers.rs"]
mod readers;
pub mod seeds;

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// Where the fuzzer's inputs are kept, in an archive for each reader.
fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus")
}

/// The inputs for a reader.
fn inputs(reader: &str) -> Vec<Vec<u8>> {
    let path = corpus().join(format!("{reader}.tar.xz"));
    let file = File::open(&path).unwrap_or_else(|error| panic!("cannot open {}: {error}", path.display()));
    let mut archive = tar::Archive::new(liblzma::read::XzDecoder::new(file));
    let mut inputs = Vec::new();
    for entry in archive.entries().expect("an archive") {
        let mut entry = entry.expect("an entry");
        if entry.header().entry_type().is_file() {
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).expect("an input");
            inputs.push(bytes);
        }
    }
    inputs
}

/// How many inputs of a reader are read in every run; the fuzzer reads them all.
const INPUTS: usize = 48;

/// No input of the corpus makes a reader panic or hang.
#[test]
fn the_corpus_is_read() {
    for (name, reader) in readers::READERS {
        let inputs = inputs(name);
        assert!(!inputs.is_empty(), "{name} has no corpus");
        let step = inputs.len().div_ceil(INPUTS);
        crate::hostile::ends(move || inputs.iter().step_by(step).for_each(|bytes| reader(bytes)));
    }
}

/// Every reader is a fuzz target with a corpus, and there is no other.
#[test]
fn every_reader_is_a_fuzz_target() {
    let readers: BTreeSet<String> = readers::READERS.iter().map(|(name, _)| (*name).to_owned()).collect();
    let manifest = std::fs::read_to_string(corpus().with_file_name("Cargo.toml")).expect("the package of the fuzzer");
    let (_, targets) = manifest.split_once("[[bin]]").expect("targets");
    let targets: BTreeSet<String> = targets
        .lines()
        .filter_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'))
        .map(str::to_owned)
        .collect();
    assert_eq!(targets, readers);
    let archives = std::fs::read_dir(corpus()).expect("the corpus").map(|entry| entry.expect("an entry").file_name());
    let archives: BTreeSet<String> =
        archives.map(|name| name.into_string().expect("UTF-8").trim_end_matches(".tar.xz").to_owned()).collect();
    assert_eq!(archives, readers);
    // Seeds are files that their readers like: without them, the fuzzer has nothing to begin with.
    assert_eq!(seeds::all().into_iter().map(|seed| seed.reader.to_owned()).collect::<BTreeSet<_>>(), readers);
}

/// Writes the seeds for `tests/fuzz/run.sh` below the folder that `GPLOK_SEEDS` names, in a folder for each reader.
#[test]
#[ignore = "it is run by tests/fuzz/run.sh"]
fn write_seeds() {
    let to = PathBuf::from(std::env::var_os("GPLOK_SEEDS").expect("GPLOK_SEEDS names a folder"));
    for (index, seed) in seeds::all().into_iter().enumerate() {
        let folder = to.join(seed.reader);
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::write(folder.join(format!("seed-{index}")), seed.bytes).expect("a file");
    }
}
