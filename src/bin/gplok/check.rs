//! `gplok check`: would these modules load?

use std::borrow::Cow;
use std::hash::Hash as _;
use std::path::Path;
use std::sync::Arc;

use gplok::check::{
    Check, Checked, DamagedFiles, DepmodLine, LinkedFile, ModuleFile, depmod as link, is_module_tree, name_absent,
};
use gplok::image::{Image, KmodLinks, metadata, root};
use gplok::kernel::{Kernel, ModuleTree, WalkFault};
use gplok::load::{Insmod, ModuleInitFlags};
use gplok::report::{Entry, KernelSummary, Op, depmod, human, human_many, modules_document, printed_before};
use gplok::terms::{Budget, Shown};
use gplok::verdict::Missing;
use gplok::why::{explain, explain_all};
use rayon::prelude::*;

use crate::answers::{AnswerDigest, Answers, KeptAnswer, Key};
use crate::arguments::{AnswerFormat, CheckArguments, CheckFormat};
use crate::exit::{CommandError, Exit};
use crate::given::Given;
use crate::output::{exit, note, palette, text, write};
use crate::progress::Progress;

pub fn run(arguments: &CheckArguments, budget: &Budget) -> Result<Exit, CommandError> {
    let (mut given, kernel) = match arguments {
        CheckArguments { modules, tree: None, .. } if modules.len() == 1 => {
            (Given::at(&arguments.modules, None, budget)?, arguments.kernel.open(budget)?)
        }
        _ => {
            let given = |arguments: &CheckArguments| {
                // A boxed error cannot move between threads, but its text can.
                Given::at(&arguments.modules, arguments.tree.as_deref(), budget).map_err(|error| error.to_string())
            };
            let (given, kernel) = rayon::join(|| given(arguments), || arguments.kernel.open(budget));
            (given?, kernel?)
        }
    };
    let mut kernel = arguments.loader.tell(kernel);
    given.tell(&mut kernel);
    let whole_tree = !given.trees.is_empty() || given.files.is_empty();
    if given.files.is_empty() && given.trees.is_empty() {
        given.add(kernel.tree().ok_or("no module was given, and the kernel has no module tree: add it with -k")?);
    }
    let page = whole_tree && !arguments.list && arguments.format == CheckFormat::Human;
    // Neither a page of many modules nor the output of depmod shows where modules use symbols, so nothing else has to
    // be read for them.
    let short = page || arguments.format == CheckFormat::Depmod;
    let answers = if whole_tree && short && !arguments.no_cache { Answers::of_user() } else { None };
    let kept = answers.and_then(|answers| Some((answers, key(arguments, &kernel, &given)?)));
    if let Some(answer) = kept.as_ref().and_then(|(answers, key)| answers.find(key))
        && let Some(exit) = Exit::of_code(answer.exit)
        && let Some(text) = printed_before(answer.text, &palette())
    {
        write(&text)?;
        note_silence(arguments.format, &text, exit);
        return Ok(exit);
    }
    let keep = |text: &str, exit: Exit| {
        if let Some((answers, key)) = &kept {
            answers.keep(key, &KeptAnswer { text: text.to_owned(), exit: exit as u8 });
        }
    };
    judge(arguments, kernel, &given, (whole_tree, page, short), &keep)
}

/// The key of the answer for these modules; `None` if the answer must not be kept.
fn key(arguments: &CheckArguments, kernel: &Kernel, modules: &Given) -> Option<Key> {
    let mut digest = AnswerDigest::new();
    let CheckArguments { format, in_order, force_vermagic, force_modversion, kernel: given, .. } = arguments;
    format!("{format:?} {in_order} {force_vermagic} {force_modversion} {}", given.cmdline).hash(&mut digest);
    root().hash(&mut digest);
    for path in kernel.identify(&mut digest) {
        digest.file(path, metadata(path).ok().as_ref());
    }
    if !modules.unlisted.is_empty() || !modules.faults.is_empty() {
        return None;
    }
    modules.shadowed.hash(&mut digest);
    modules.contests.hash(&mut digest);
    kernel.tree().map(ModuleTree::contests).hash(&mut digest);
    // The kernel's own modules may export what the modules of another tree need.
    let own = kernel.tree().filter(|_| !modules.trees.is_empty());
    let own = own.iter().flat_map(|tree| tree.modules()).map(|module| &module.path);
    let paths: Vec<_> = modules.files.iter().map(|file| &file.path).chain(own).collect();
    let found: Vec<_> = paths.par_iter().map(|path| metadata(path)).collect();
    for (path, found) in paths.into_iter().zip(found) {
        digest.file(path, Some(&found.ok()?));
    }
    digest.key()
}

fn judge(
    arguments: &CheckArguments,
    mut kernel: Kernel,
    given: &Given,
    (whole_tree, page, short): (bool, bool, bool),
    keep: &dyn Fn(&str, Exit),
) -> Result<Exit, CommandError> {
    let files = &given.files;
    // A single module is read once, and stays in memory.
    let only = match files.as_slice() {
        [one] if !whole_tree => Some(kernel.open_module_to_judge(&one.path)?),
        [one] if given.unlisted.is_empty() => Some(kernel.module(&one.path)),
        _ => None,
    };
    if kernel.release().is_none() {
        infer_release(&mut kernel, files, only.as_ref());
    }
    let kernel = Arc::new(kernel);
    let force = [
        (arguments.force_vermagic, ModuleInitFlags::IGNORE_VERMAGIC),
        (arguments.force_modversion, ModuleInitFlags::IGNORE_MODVERSIONS),
    ];
    let flags = force.into_iter().filter(|(given, _)| *given).fold(ModuleInitFlags(0), |all, (_, flag)| all.with(flag));
    let insmod = Insmod { flags, look_on: true, ..Insmod::default() };
    let cmdline = arguments.kernel.cmdline(&kernel);
    let mut check =
        Check::new(&kernel).cmdline(cmdline).insmod(insmod).unlisted(&given.unlisted).contests(&given.contests);
    if arguments.uncached {
        check = check.uncached();
    }
    let for_depmod = arguments.format == CheckFormat::Depmod;
    let links = |image: &Image| if for_depmod { KmodLinks::of(image) } else { KmodLinks::default() };
    let (Checked { images, mut verdicts, leftover }, linked) = if arguments.in_order {
        let images = match only {
            Some(image) => vec![image],
            None => files.iter().map(|file| kernel.module(&file.path)).collect(),
        };
        let verdicts = check.in_order(&images)?;
        let linked = images.iter().map(links).collect();
        (Checked { images, verdicts, leftover: Box::new(()) }, linked)
    } else if let Some(image) = only {
        let images = vec![image];
        let verdicts = check.images(&images)?;
        let linked = images.iter().map(links).collect();
        (Checked { images, verdicts, leftover: Box::new(()) }, linked)
    } else {
        let progress = Progress::new("modules read", files.len());
        check.files_and(files, |image| {
            progress.step();
            links(image)
        })?
    };
    given.add_shadowed(&mut verdicts);
    for tree in &given.trees {
        verdicts.par_iter_mut().for_each(|verdict| name_absent(verdict, &kernel, Some(tree), &DamagedFiles::default()));
    }
    let lookup = arguments.source.open(&kernel, images.len())?;
    if !short {
        match (verdicts.as_mut_slice(), images.as_slice()) {
            ([verdict], [image]) => explain(verdict, image, &kernel, &lookup)?,
            (verdicts, images) => explain_all(verdicts, images, &kernel, &lookup)?,
        }
    }
    let paths: Vec<_> = images.iter().map(|image| shown(image.path())).collect();
    let entries: Vec<_> = paths
        .iter()
        .zip(&verdicts)
        .map(|(path, verdict)| Entry { op: Op::Insmod, path: Some(path.as_ref()), verdict })
        .collect();
    let summary = KernelSummary::from(&*kernel);
    let answer = |format| -> Result<_, CommandError> {
        let pages = if page { human_many } else { human };
        Ok((text(&entries, &summary, format, pages, modules_document)?, exit(&entries)))
    };
    let is_unread = |missing: &Missing| matches!(missing, Missing::UnreadModule { .. });
    let has_unread = verdicts.iter().any(|verdict| verdict.missing.iter().any(is_unread));
    let (mut has_notes, mut has_more) = (false, false);
    let (text, exit) = match arguments.format {
        CheckFormat::Depmod => {
            let linked: Vec<LinkedFile> = files.iter().map(|file| file.path.clone()).zip(linked).collect();
            has_notes = note_unread(&linked);
            let whole_tree = arguments.tree.as_deref().is_none_or(is_module_tree) && arguments.modules.is_empty();
            let lines = link(&kernel, &given.faults, &linked, whole_tree);
            has_more = note_more_cycles(&lines);
            let lines = depmod(&lines);
            let exit = if lines.is_empty() { exit(&entries) } else { Exit::Refused };
            (lines, exit)
        }
        CheckFormat::Human => answer(AnswerFormat::Human)?,
        CheckFormat::Json => answer(AnswerFormat::Json)?,
        CheckFormat::Dmesg => answer(AnswerFormat::Dmesg)?,
    };
    write(&text)?;
    if arguments.format == CheckFormat::Depmod && !note_differences(given) && !has_notes {
        note_silence(arguments.format, &text, exit);
    }
    // What could not be read may be readable the next time, although it has not changed. What is said beside the text is not kept.
    if !has_unread && !has_more {
        keep(&text, exit);
    }
    // The program ends here. Freeing the memory of a whole tree piece by piece would take longer than reading a tenth
    // of it.
    std::mem::forget((images, verdicts, kernel, leftover));
    Ok(exit)
}

/// Says on standard error that modules do not load for what depmod does not look at.
fn note_silence(format: CheckFormat, text: &str, exit: Exit) {
    if format != CheckFormat::Depmod || !text.is_empty() {
        return;
    }
    let what = match exit {
        Exit::Refused => "some modules are refused",
        Exit::Undetermined => "whether all modules load is undetermined",
        Exit::Good | Exit::Failed => return,
    };
    note(format_args!("depmod warns of nothing, but {what}: another --format says why"));
}

/// Says on standard error which files were not read, although depmod may read them. Returns whether there are any.
fn note_unread(linked: &[LinkedFile]) -> bool {
    let unread = linked.iter().filter_map(|(path, links)| Some((Shown::path(path), links.unread.as_ref()?)));
    let mut any = false;
    for (path, why) in unread {
        any = true;
        note(format_args!(
            "{path} was not read: {why}. What depmod prints about it is not known, nor what about modules that need its exports"
        ));
    }
    any
}

/// Says on standard error that depmod prints more cycles, and how many modules are in them. Returns whether it does.
fn note_more_cycles(lines: &[DepmodLine]) -> bool {
    let has_more = lines.contains(&DepmodLine::MoreCycles);
    if has_more {
        note(
            "so many modules need each other that gplok stops looking for cycles: depmod goes on, and at the end it prints how \
             many modules are in them",
        );
    }
    has_more
}

/// Says on standard error where the lines of a depmod depend on how it was built or started. Returns whether they do.
fn note_differences(given: &Given) -> bool {
    let is_gzip = |file: &&ModuleFile| file.path.extension().is_some_and(|end| end == "gz");
    let gzip = given.files.iter().find(is_gzip);
    if let Some(first) = gzip {
        let first = Shown::path(&first.path);
        note(format_args!("a depmod without zlib (-ZLIB in depmod --version) passes over gzip files such as {first}"));
    }
    let followed = given.faults.iter().find(|fault| matches!(fault, WalkFault::Loop(_)));
    if let Some(WalkFault::Loop(link)) = followed {
        let link = Shown::path(link);
        note(format_args!(
            "depmod follows {link}, which leads back, as far as ulimit -n lets it, and says so in its own lines"
        ));
    }
    gzip.is_some() || followed.is_some()
}

/// Infers the kernel's release from the first module that shows it. `only` is the single module, which is already open.
fn infer_release(kernel: &mut Kernel, files: &[ModuleFile], only: Option<&Image>) {
    if let Some(image) = only {
        kernel.infer_release(image);
        return;
    }
    let shows_release = |image: &Image| kernel.release_by(image).is_some();
    let opened = |file: &ModuleFile| kernel.open_module(&file.path).ok().filter(shows_release);
    let first = files.par_iter().find_map_first(opened);
    if let Some(image) = first {
        kernel.infer_release(&image);
    }
}

/// A path as text. A valid path is only borrowed; validating it is faster than a lossy conversion.
fn shown(path: &Path) -> Cow<'_, str> {
    path.to_str().map_or_else(|| path.to_string_lossy(), Cow::Borrowed)
}
