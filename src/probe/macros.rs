//! Finds headers that change macros for all headers behind them.
//!
//! Such a header belongs to another configuration or compiler (`linux/spinlock_api_up.h`, `linux/compiler-clang.h`), or
//! uses a name that another header uses for something else. Headers behind it would compile to something else than in a
//! module, or not at all.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::source::announced;
use super::tokens::line_marker;

/// The macros that each header changes for headers behind it, by index: those of its own file that were defined before
/// to something else, and those whose names were functions or called members before. `preprocessed` is the text of
/// [`including`](super::source::including) preprocessed with `-dD`, which keeps the definitions.
///
/// Only the file that the include line names counts. What it includes belongs to it in modules, too.
pub(super) fn changes(preprocessed: &str, headers: &[String]) -> BTreeMap<usize, Vec<String>> {
    let mut macros = Macros::default();
    let mut found = BTreeMap::new();
    for line in preprocessed.lines() {
        if let Some(index) = announced(line) {
            macros.end_header(&mut found);
            macros.begin_header(index, headers);
        } else if let Some((name, definition)) = definition(line) {
            macros.set(name, Some(definition));
        } else if let Some(name) = line.strip_prefix("#undef ") {
            macros.set(name.trim(), None);
        } else if let Some(marker) = line_marker(line) {
            macros.is_own_file = is_own(marker.file, &macros.own_file);
        } else {
            macros.note_functions(line);
        }
    }
    macros.end_header(&mut found);
    found
}

/// How the names of functions begin that compilers provide without a declaration.
const OF_COMPILERS: [&str; 3] = ["__builtin_", "__atomic_", "__sync_"];

/// Where some names are used.
pub(super) struct NameUses<'n> {
    /// For each name the last header whose files mention it.
    last: HashMap<&'n str, usize>,
    /// For each name the files with macros that expand to it.
    in_macros: HashMap<&'n str, HashSet<String>>,
}

impl<'n> NameUses<'n> {
    /// Reads the text that [`changes`] reads, and the files that it consists of. `text_of` returns the text of a file.
    pub(super) fn read(
        preprocessed: &str,
        names: impl Iterator<Item = &'n str>,
        text_of: impl Fn(&str) -> String,
    ) -> Self {
        let names: HashSet<&'n str> = names.collect();
        let mut uses = Self { last: HashMap::new(), in_macros: HashMap::new() };
        let mut files: HashMap<&str, usize> = HashMap::new();
        let mut header = 0;
        let mut file = "";
        for line in preprocessed.lines() {
            if let Some(index) = announced(line) {
                header = index;
            } else if let Some((_, definition)) = definition(line) {
                for name in words(definition).filter_map(|word| names.get(word)) {
                    uses.in_macros.entry(name).or_default().insert(file.to_owned());
                }
            } else if let Some(marker) = line_marker(line) {
                file = marker.file;
                files.insert(file, header);
            }
        }
        for (file, header) in files {
            for name in mentioned(&text_of(file)).into_iter().filter_map(|word| names.get(word)) {
                let last = uses.last.entry(name).or_insert(header);
                *last = header.max(*last);
            }
        }
        uses
    }

    /// Returns whether a file behind a header mentions the name, or any other file has a macro that expands to it.
    pub(super) fn is_used_behind(&self, name: &str, index: usize, header: &str) -> bool {
        let own_file = format!("/{header}");
        let mut files = self.in_macros.get(name).into_iter().flatten();
        self.last.get(name).is_some_and(|last| *last > index) || files.any(|file| !is_own(file, &own_file))
    }
}

/// The words of a header outside of comments, without the names in `#define` and `#undef`.
fn mentioned(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut is_comment = false;
    for line in text.lines() {
        let directive = line.trim_start().strip_prefix('#').map(str::trim_start);
        let named = directive.and_then(|rest| rest.strip_prefix("define").or_else(|| rest.strip_prefix("undef")));
        let mut rest = named.map_or(line, |named| named.trim_start().trim_start_matches(is_in_name));
        loop {
            if is_comment {
                let Some((_, after)) = rest.split_once("*/") else { break };
                rest = after;
            }
            let (code, comment) = rest.split_once("/*").map_or((rest, None), |(code, comment)| (code, Some(comment)));
            found.extend(words(code.split("//").next().unwrap_or_default()));
            is_comment = comment.is_some();
            let Some(comment) = comment else { break };
            rest = comment;
        }
    }
    found
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|character: char| !is_in_name(character)).filter(|word| !word.is_empty())
}

/// Reads `#define NAME(parameters) body`: the name and the rest.
fn definition(line: &str) -> Option<(&str, &str)> {
    let definition = line.strip_prefix("#define ")?;
    let end = definition.find(|character: char| !is_in_name(character)).unwrap_or(definition.len());
    let (name, rest) = definition.split_at(end);
    Some((name, rest.trim()))
}

fn is_own(file: &str, own_file: &str) -> bool {
    !own_file.is_empty() && file.ends_with(own_file)
}

/// The macros that are defined at one place of the text.
#[derive(Default)]
struct Macros<'t> {
    /// The definition of each macro after its name.
    defined: HashMap<&'t str, &'t str>,
    /// The names of functions, and the header that has them first.
    functions: HashMap<&'t str, Option<usize>>,
    depth: Depth<'t>,
    /// The macros that the current header's own file sets, with their definitions before the header.
    before: HashMap<&'t str, Option<&'t str>>,
    header: Option<usize>,
    /// The end of the path of the current header's own file.
    own_file: String,
    is_own_file: bool,
}

impl<'t> Macros<'t> {
    fn begin_header(&mut self, index: usize, headers: &[String]) {
        self.header = Some(index);
        self.depth = Depth::default();
        self.own_file = headers.get(index).map_or_else(String::new, |header| format!("/{header}"));
        self.is_own_file = false;
    }

    fn set(&mut self, name: &'t str, definition: Option<&'t str>) {
        let before = match definition {
            Some(definition) => self.defined.insert(name, definition),
            None => self.defined.remove(name),
        };
        if self.is_own_file {
            self.before.entry(name).or_insert(before);
        }
    }

    /// Adds the macros that the header that ends here changed for those behind it.
    fn end_header(&mut self, found: &mut BTreeMap<usize, Vec<String>>) {
        let set = std::mem::take(&mut self.before).into_iter();
        let changed = set.filter(|(name, before)| match (before, self.defined.get(name)) {
            (Some(before), now) => now != Some(before),
            (None, Some(now)) => self.is_function_before(name) && !words(now).any(|word| word == *name),
            (None, None) => false,
        });
        let mut names: Vec<String> = changed.map(|(name, _)| name.to_owned()).collect();
        names.sort_unstable();
        if let Some(header) = self.header.filter(|_| !names.is_empty()) {
            found.insert(header, names);
        }
    }

    fn is_function_before(&self, name: &str) -> bool {
        self.functions.get(name).is_some_and(|header| *header != self.header)
    }

    /// Notes the functions that a line declares, and the members and functions of the compiler that it calls. Another
    /// function that is called without a declaration may be a macro that the text lacks, because its header comes later.
    fn note_functions(&mut self, line: &'t str) {
        let mut start = None;
        for (at, byte) in line.bytes().chain([b'\n']).enumerate() {
            if byte.is_ascii_alphanumeric() || byte == b'_' {
                start = start.or(Some(at));
                continue;
            }
            if let Some(word) = start.take().and_then(|start| line.get(start..at)) {
                self.depth.before = std::mem::replace(&mut self.depth.last, b'w');
                self.depth.word = word;
            }
            if byte.is_ascii_whitespace() {
                continue;
            }
            if byte == b'(' && self.depth.last == b'w' && self.depth.ends_with_function() {
                self.functions.entry(self.depth.word).or_insert(self.header);
            }
            self.depth.take(byte);
        }
    }
}

/// How deep a place of the text is in brackets, and what comes right before it.
#[derive(Default)]
struct Depth<'t> {
    braces: usize,
    brackets: usize,
    /// The last word.
    word: &'t str,
    /// The last character that is no blank; `w` for a word, and `.` for an arrow.
    last: u8,
    /// The one before that.
    before: u8,
}

impl Depth<'_> {
    fn take(&mut self, byte: u8) {
        match byte {
            b'{' => self.braces += 1,
            b'}' => self.braces = self.braces.saturating_sub(1),
            b'(' => self.brackets += 1,
            b')' => self.brackets = self.brackets.saturating_sub(1),
            _ => {}
        }
        let byte = if byte == b'>' && self.last == b'-' { b'.' } else { byte };
        self.before = std::mem::replace(&mut self.last, byte);
    }

    /// Returns whether the word before an opening bracket is a declared function, or a called member or function of the
    /// compiler.
    fn ends_with_function(&self) -> bool {
        let is_declared = self.braces == 0 && self.brackets == 0 && matches!(self.before, b'w' | b'*' | b')');
        is_declared || self.before == b'.' || OF_COMPILERS.iter().any(|prefix| self.word.starts_with(prefix))
    }
}

fn is_in_name(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<usize> {
        let headers = ["linux/a.h", "linux/b.h", "linux/c.h"].map(str::to_owned);
        changes(text, &headers).into_keys().collect()
    }

    /// The second header is that of another configuration: it replaces functions with macros.
    #[test]
    fn a_macro_in_place_of_a_function_changes_what_follows() {
        let text = "gplok_header 0\n# 1 \"/k/include/linux/a.h\" 1\nvoid lock(int *l);\nint on(int *l);\n#define on on\n\
            gplok_header 1\n# 1 \"/k/include/linux/b.h\" 1\n#define lock(l) nothing(l)\ngplok_header 2\n";
        assert_eq!(found(text), [1]);
    }

    #[test]
    fn a_redefinition_counts_where_it_lasts() {
        let text = "#define X 1\n#define Y 1\n#define Z 1\n\
            gplok_header 0\n# 1 \"/k/linux/a.h\" 1\n#undef X\n#define X 2\n\
            gplok_header 1\n# 1 \"/k/linux/b.h\" 1\n#undef Y\n#define Y 2\n#undef Y\n#define Y 1\n#define NEW 1\n\
            gplok_header 2\n# 1 \"/k/linux/c.h\" 1\n#undef Z\n";
        assert_eq!(found(text), [0, 2]);
    }

    /// What a header brings in of others is normal: modules that include it get the others, too.
    #[test]
    fn only_the_own_file_of_a_header_counts() {
        let text = "#define X 1\ngplok_header 0\n# 1 \"/k/linux/a.h\" 1\n# 1 \"/k/other.h\" 1\n#undef X\n# 9 \"/k/linux/a.h\" 2\nint x;\n";
        assert!(found(text).is_empty());
    }

    #[test]
    fn a_name_that_only_the_header_itself_uses_is_no_change() {
        let text = "gplok_header 0\n# 1 \"/k/linux/a.h\" 1\nint get_(int);\nint get(int);\n#define get(x) get_(x)\n#define put(x) put(x, 1)\n\
            gplok_header 1\n# 1 \"/k/linux/b.h\" 1\nvoid f(void) { warn(1); }\n\
            gplok_header 2\n# 1 \"/k/linux/c.h\" 1\n#define warn(x) printk(x)\n";
        assert!(found(text).is_empty());
    }

    #[test]
    fn a_macro_in_place_of_a_called_member_or_builtin_changes_what_follows() {
        let text = "gplok_header 0\n# 1 \"/k/linux/a.h\" 1\nstatic inline void f(struct o *o)\n{\n o->free (__builtin_bswap16(1));\n}\n\
            gplok_header 1\n# 1 \"/k/linux/b.h\" 1\n#define free(x) kfree(x)\n\
            gplok_header 2\n# 1 \"/k/linux/c.h\" 1\n#define __builtin_bswap16 _bswap16\n";
        assert_eq!(found(text), [1, 2]);
    }

    /// A change that nothing behind the header can see is none.
    #[test]
    fn a_name_is_used_behind_in_files_and_through_macros() {
        let text = "gplok_header 0\n# 1 \"/k/linux/a.h\" 1\n#define OUTER(x) lock(x)\n\
            gplok_header 1\n# 1 \"/k/linux/b.h\" 1\n#define lock(x) 0\n#define SIZE 2\n#define free(x) 0\n#define TWICE SIZE\n\
            gplok_header 2\n# 1 \"/k/linux/c.h\" 1\nvoid f(void);\n";
        let files = |file: &str| match file {
            "/k/linux/c.h" => "/* SIZE\n SIZE */\n#define SIZE 3 // SIZE\nvoid f(void) { ops->free(0); }\n".to_owned(),
            _ => "int lock(int);\n".to_owned(),
        };
        let uses = NameUses::read(text, ["lock", "SIZE", "free"].into_iter(), files);
        assert!(uses.is_used_behind("lock", 1, "linux/b.h"));
        assert!(uses.is_used_behind("free", 1, "linux/b.h"));
        assert!(!uses.is_used_behind("SIZE", 1, "linux/b.h"));
    }
}
