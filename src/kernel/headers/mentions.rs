//! Where the public headers mention a set of names.

use std::collections::BTreeSet;

use crate::headers::{HeaderFact, Mention, Mentions, WantedNames, scan};
use crate::kernel::description::Kernel;
use crate::terms::parallel;

impl Kernel {
    /// Where the headers declare, define and use the given names; `None` if no headers were given.
    ///
    /// Reads every public header on each call, on all cores; a header that cannot be read mentions nothing. A name that a macro
    /// builds is not found, except for the names of static calls and tracepoints.
    #[cfg_attr(not(feature = "unstable"), doc(hidden))]
    pub fn mentions(&self, names: &BTreeSet<&str>) -> Option<Mentions> {
        if !self.has_headers() {
            return None;
        }
        let names = WantedNames::new(names);
        let files: Vec<_> = self.public_headers().into_iter().collect();
        let said = parallel::map(&files, |(name, root)| {
            let bytes = root.read(name).filter(|bytes| names.stand_in(bytes))?;
            Some(scan(name, &String::from_utf8_lossy(&bytes), &names))
        });
        let mut mentions = Mentions::default();
        for (name, said) in said.into_iter().flatten().flatten() {
            let mention: &mut Mention = mentions.0.entry(name).or_default();
            match said {
                HeaderFact::Declared(declaration) => mention.declared.push(declaration),
                HeaderFact::Defined(place) => mention.defined.push(place),
                HeaderFact::Used(place) => mention.used_by.push(place),
            }
        }
        mentions.0.values_mut().for_each(Mention::settle);
        Some(mentions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mentions_are_collected_over_all_headers() {
        let folder = tempfile::tempdir().expect("there is room");
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().expect("it has one")).expect("it can be made");
            std::fs::write(path, text).expect("it can be written");
        };
        write("include/linux/b.h", "void f(int a);\n#define g() f(1)\n");
        write("include/linux/a.h", "void f(int);\n");
        let mut kernel = Kernel::default();
        kernel.add_headers(folder.path());
        let names = BTreeSet::from(["f", "missing"]);
        assert_eq!(kernel.mentions(&names), None);
        write("include/linux/init.h", "");
        let mentions = kernel.mentions(&names).expect("they are at hand");
        assert!(mentions.of("missing").is_none());
        let mention = mentions.of("f").expect("it is there");
        let [first, second] = mention.declared.as_slice() else { panic!("{mention:?}") };
        assert_eq!((first.file.as_str(), second.file.as_str()), ("include/linux/a.h", "include/linux/b.h"));
        assert!(first.same_shape(second) && first.text != second.text);
        assert_eq!(mention.used_by.first().map(|place| place.name.as_str()), Some("g"));
    }
}
