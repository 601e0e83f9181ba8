//! What the headers of both kernels tell of symbols that are gone.

use super::{Two, releases};
use crate::ko::{Does, Function, Ko, Source, Unit};

/// Headers of both kernels: public ones by their mark, `init.h`.
fn with_headers(two: Two, before: &str, after: &str) -> Two {
    for kernel in ["a", "b"] {
        two.desk.file(&format!("{kernel}/include/linux/init.h"), "#define __init\n");
    }
    two.header("a", before).header("b", after)
}

/// A module that needs `f`, which only the earlier kernel exports, and headers of both.
fn gone(before: &str, after: &str) -> Two {
    let (from, to) = releases();
    with_headers(Two::new(from.export("f").export("g"), to.export("g")).ko(&Ko::new("m").needs("f")), before, after)
}

#[track_caller]
fn answer(two: &Two) -> String {
    two.answers("m.ko").0.remove(0)
}

#[test]
fn what_only_the_source_can_have_named_has_to_change() {
    let two = gone("int f(int a);\n", "int g(int a);\n");
    assert_eq!(answer(&two), "needs_source_changes");
    assert!(two.page("m.ko").contains("1 symbol gone [missing-symbol]:\n  f\n"));
}

#[test]
fn what_the_headers_define_now_is_no_loss() {
    let two = gone("int f(int a);\n", "int g(int a);\nstatic inline int f(int a)\n{\n\treturn g(a);\n}\n");
    assert_eq!(answer(&two), "loads_after_rebuild");
    assert!(two.page("m.ko").contains("an inline function in include/linux/api.h:2 now"));
    let two = gone("int f(int a);\n", "int g(int a);\n#define f(a) g(a)\n");
    assert_eq!(answer(&two), "loads_after_rebuild");
    assert!(two.page("m.ko").contains("a macro in include/linux/api.h:2 now"));
}

/// `__f` is never named but by the macro, which is still there.
#[test]
fn what_a_macro_brought_in_goes_with_it() {
    let (from, to) = releases();
    let two = Two::new(from.export("__f"), to.export("__g")).ko(&Ko::new("m").needs("__f"));
    let before = "int __f(int a);\n#define f(a) __f(a)\n";
    let two = with_headers(two, before, "int __g(int a);\n#define f(a) __g(a)\n");
    assert_eq!(answer(&two), "loads_after_rebuild");
    assert!(two.page("m.ko").contains("f() of the headers brought it in, and is still there"));
    // Without the macro, whoever used it has to change.
    let two = two.header("b", "int __g(int a);\n");
    assert_eq!(answer(&two), "needs_source_changes");
}

/// The source may name `f` itself, or use `wrap()`, which does.
#[test]
fn what_may_be_either_is_not_known() {
    let before = "int f(int a);\nstatic inline int wrap(int a)\n{\n\treturn f(a);\n}\n";
    let two = gone(before, "static inline int wrap(int a)\n{\n\treturn a;\n}\n");
    assert_eq!(answer(&two), "unknown");
    let page = two.page("m.ko");
    assert!(page.contains("it may come through wrap() of the kernel's headers"), "{page}");
    assert!(page.contains("whether the source names the symbols that are gone"), "{page}");
}

/// A call with two arguments does not compile any more.
#[test]
fn another_number_of_parameters_needs_another_source() {
    let (from, to) = releases();
    let (from, to) = (from.modversions().export("f"), to.modversions().changed("f"));
    let two = Two::new(from, to).ko(&Ko::new("m").needs("f"));
    let two = with_headers(two, "int f(struct x *x, int a);\n", "int f(struct x *x);\n");
    assert_eq!(answer(&two), "needs_source_changes");
    let page = two.page("m.ko");
    assert!(page.contains("before: int f(struct x *x, int a)\n      now:    int f(struct x *x)\n"), "{page}");
    let two = two.header("b", "int f(struct x *x, long a);\n");
    assert_eq!(answer(&two), "loads_after_rebuild");
    assert!(two.page("m.ko").contains("1 symbol with another prototype: the source may need work"));
    let two = two.header("b", "int f(struct x *other, int named);\n");
    assert!(!two.page("m.ko").contains("prototype"), "names of parameters do not count");
}

/// The headers say nothing of a symbol that macros put together.
#[test]
fn what_no_header_names_is_not_known() {
    assert_eq!(answer(&gone("int h(int a);\n", "int g(int a);\n")), "unknown");
}

/// A module whose own source calls `api()` of a header, which calls `f`.
fn with_lines(before: &str, after: &str) -> Two {
    const HEADER: &str = "/usr/src/linux/include/linux/api.h";
    let chain = [("api", HEADER, 3)];
    let function = Function::new("own", 40).step(44, &chain, Does::Calls("f"));
    let unit = Unit::new("/build/m", "main.c").includes("/usr/src/linux/include/linux/types.h").function(function);
    let (from, to) = releases();
    let two = Two::new(from.export("f").export("g"), to.export("g"));
    let two = two.ko(&Ko::new("m").uses("f").source(Source::new(&[unit]).dwarf(5)));
    with_headers(two, before, after)
}

/// Debug information tells that the source names the inline, and never the symbol: the inline decides.
#[test]
fn debug_information_tells_what_the_source_names() {
    let before = "int f(int a);\nstatic inline int api(int a)\n{\n\treturn f(a);\n}\n";
    let two = with_lines(before, "int g(int a);\nstatic inline int api(int a)\n{\n\treturn g(a);\n}\n");
    assert_eq!(answer(&two), "loads_after_rebuild");
    let page = two.page("m.ko");
    assert!(page.contains("  f\n      api() of the headers brought it in, and is still there\n"), "{page}");
    let two = two.header("b", "int g(int a);\n");
    assert_eq!(answer(&two), "needs_source_changes");
    let page = two.page("m.ko");
    assert!(
        page.contains("      it comes through api() of the kernel's headers\n      used at main.c:44 in own\n"),
        "{page}"
    );
    assert!(page.contains("that the source calls, and that are gone:\n  api()\n"), "{page}");
}
