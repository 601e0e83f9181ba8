//! Module parameters and their arguments.

use super::{Case, case, foo};
use crate::ko::{Ko, Profile};

fn all() -> Ko {
    foo()
        .param("n", "param_ops_int")
        .param("p", "param_ops_charp")
        .param("on", "param_ops_bool")
        .param("two_words", "param_ops_uint")
}

pub fn cases(_: &Profile) -> Vec<Case> {
    let mut cases = Vec::new();
    let mut add = |name: &str, what: &str, args: &str| cases.push(case(format!("args-{name}"), what, all()).args(args));
    add("none", "no arguments", "");
    add("int", "a number", "n=5");
    add("int-hex", "a hexadecimal number", "n=0x1f");
    add("int-octal", "an octal number", "n=017");
    add("int-negative", "a negative number", "n=-5");
    add("int-plus", "a number with a plus", "n=+5");
    add("int-letters", "no number", "n=abc");
    add("int-empty", "an empty number", "n=");
    add("int-no-value", "a number without a value", "n");
    add("int-trailing", "letters behind a number", "n=5x");
    add("int-max", "the largest number", "n=2147483647");
    add("int-overflow", "one more than the largest number", "n=2147483648");
    add("int-huge", "a number beyond 64 bits", "n=99999999999999999999");
    add("int-twice", "the same parameter twice", "n=1 n=2");
    add("int-good-bad", "the same parameter, first right, then wrong", "n=1 n=x");
    add("int-bad-good", "the same parameter, first wrong, then right", "n=x n=1");
    add("uint-negative", "a negative number where none may be", "two_words=-1");
    add("dash", "a dash for an underscore", "two-words=7");
    add("dash-bad", "a dash for an underscore, with a wrong value", "two-words=x");
    add("bool", "a switch", "on");
    add("bool-y", "a switch with y", "on=y");
    add("bool-0", "a switch with 0", "on=0");
    add("bool-on", "a switch with on", "on=on");
    add("bool-off", "a switch with off", "on=off");
    add("bool-bad", "a switch with maybe", "on=maybe");
    add("bool-empty", "a switch with nothing", "on=");
    add("charp", "a word", "p=word");
    add("charp-quoted", "words in quotes", "p=\"two words\"");
    add("charp-quoted-all", "quotes around name and value", "\"p=two words\"");
    add("charp-no-value", "a word without a value", "p");
    add("charp-1023", "a word of 1023 letters", &format!("p={}", "x".repeat(1023)));
    add("charp-1024", "a word of 1024 letters", &format!("p={}", "x".repeat(1024)));
    add("charp-1025", "a word of 1025 letters", &format!("p={}", "x".repeat(1025)));
    add(
        "charp-2000-bad",
        "a wrong number and a long word: the last error counts",
        &format!("n=abc p={}", "x".repeat(2000)),
    );
    add("charp-bad-2000", "a long word and a wrong number", &format!("p={} n=abc", "x".repeat(2000)));
    add("unknown", "a parameter nobody knows", "unknown=1");
    add("unknown-bare", "a word nobody knows", "unknown");
    add("unknown-two", "two of them and a known one", "what=1 n=4 ever=2");
    add("unknown-bad", "one of them and a wrong value", "what=1 n=x");
    add("unknown-dash", "one with a dash", "no-such=1");
    add("unknown-prefix", "one with the module's name in front", "foo.n=1");
    add("unknown-case", "one in upper case", "N=1");
    add("async-probe", "the parameter every module has", "async_probe");
    add("async-probe-1", "the same with a value", "async_probe=1");
    add("async-probe-bad", "the same with a wrong value", "async_probe=maybe");
    add("async-probe-dash", "the same with a dash", "async-probe=1");
    add("dyndbg", "dynamic debugging", "dyndbg=+p");
    add("dyndbg-bare", "dynamic debugging without a value", "dyndbg");
    add("dyndbg-bad", "dynamic debugging with a wrong value", "dyndbg=what");
    add("ddebug", "its old name", "ddebug_query=\"file foo.c +p\"");
    add("dashes", "everything behind two dashes is ignored", "n=1 -- n=2");
    add("dashes-only", "two dashes", "--");
    add("dashes-first", "two dashes first", "-- n=x");
    add("dashes-word", "two dashes at the end of a word", "n=1--");
    add("spaces", "many blanks", "   n=1    on   ");
    add("equals", "only an equals sign", "=");
    add("quote-open", "an open quote", "p=\"open");
    add("comma", "a list where none may be", "n=1,2");
    let types =
        ["byte", "short", "ushort", "int", "uint", "long", "ulong", "ullong", "hexint", "bool", "invbool", "bint"];
    for ops in types {
        let ko = foo().param("v", &format!("param_ops_{ops}"));
        for (n, value) in ["1", "-1", "256", "65536", "x"].into_iter().enumerate() {
            cases.push(case(format!("{ops}-{n}"), format!("{ops} of {value}"), ko.clone()).args(format!("v={value}")));
        }
        cases.push(case(format!("{ops}-bare"), format!("{ops} without a value"), ko).args("v"));
    }
    cases.extend([
        case("no-params", "a module without parameters gets one", foo()).args("n=1"),
        case("no-params-two", "a module without parameters gets two", foo()).args("n=1 m=2"),
        case("no-params-dashes", "a module without parameters gets dashes", foo()).args("-- n=1"),
        case("bad-params-unknown-symbol", "an unknown symbol comes before a wrong parameter", all().needs("nosuch"))
            .args("n=x"),
        case("bad-params-init-fails", "a wrong parameter comes before init", all().init(crate::ko::Body::Returns(-19)))
            .args("n=x"),
        case("unsafe", "a dangerous parameter", foo().param_with("danger", "param_ops_int", 1)).args("danger=1"),
        case("unsafe-again", "a dangerous parameter, again", foo().param_with("danger", "param_ops_int", 1))
            .args("danger=2"),
        case("unsafe-bad", "a dangerous parameter with a wrong value", foo().param_with("danger", "param_ops_int", 1))
            .args("danger=x"),
        case("unsafe-unused", "a dangerous parameter that is not used", foo().param_with("danger", "param_ops_int", 1)),
        case("hardware", "a parameter that names hardware", foo().param_with("port", "param_ops_int", 2))
            .args("port=0x300"),
        case("long-args", "four thousand letters", all()).args(format!("n=1 p=x {}", "y".repeat(900))),
    ]);
    cases
}
