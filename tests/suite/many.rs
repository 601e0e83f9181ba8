//! Files with very many of one thing: the work grows with their number, not with its square. Each test ends within seconds, and would
//! take minutes if something were compared with everything.

use gplok::kernel::Exports;
use gplok::why::inlines::InlineMap;

use crate::hostile::ends;

/// A `Module.symvers` that lists one symbol again and again: the last row comes first.
#[test]
fn a_symbol_is_listed_many_times() {
    const ROWS: usize = 500_000;
    let rows = (0..ROWS).map(|row| format!("0x{row:08x}\tsame\tvmlinux\tEXPORT_SYMBOL\t\n"));
    let exports = ends(move || Exports::parse(rows.collect::<String>()).expect("good rows"));
    assert!(exports.find("same").is_some());
    assert_eq!(exports.positions("same").next(), Some(ROWS - 1));
    assert_eq!(exports.named("same").count(), exports.rows().len());
}

/// Functions of which each calls the next, and the last a symbol: each has a path, and long ones are cut.
#[test]
fn inline_functions_call_each_other_in_a_row() {
    const FUNCTIONS: usize = 40_000;
    let function = |at: usize| {
        let next = at + 1;
        format!("\t.type f{at},@function\nf{at}:\n\tcall f{next}\n\t.size f{at},.-f{at}\n")
    };
    let text = "\t.text\n".to_owned() + &(0..FUNCTIONS).map(function).collect::<String>();
    let map = ends(move || InlineMap::of_assembly(&text, &Exports::default()).expect("assembly"));
    let symbol = format!("f{FUNCTIONS}");
    assert_eq!(map.inlines.len(), FUNCTIONS);
    for inline in &map.inlines {
        let begins = inline.path.first() == Some(&inline.name);
        assert!(begins && inline.path.last() == Some(&symbol) && inline.unexported == [symbol.clone()]);
        assert!(inline.path.len() <= 32 && inline.in_part == inline.path.contains(&"…".to_owned()));
    }
    assert_eq!(map.inlines.iter().filter(|inline| !inline.in_part).count(), 31);
}

/// Functions of which each needs a symbol of its own, and the functions after it: their lists are cut.
#[test]
fn inline_functions_need_very_many_symbols() {
    let function = |at: usize| {
        let next = at + 1;
        format!("\t.type f{at},@function\nf{at}:\n\tcall s{at}\n\tcall f{next}\n\t.size f{at},.-f{at}\n")
    };
    let text = "\t.text\n".to_owned() + &(0..5_000).map(function).collect::<String>();
    let map = ends(move || InlineMap::of_assembly(&text, &Exports::default()).expect("assembly"));
    assert!(map.inlines.iter().all(|inline| inline.unexported.len() <= 64 && inline.needs.len() <= 256));
    let last = map.inlines.iter().find(|inline| inline.name == "f4999").expect("the last function");
    assert_eq!((last.unexported.as_slice(), last.in_part), (&["f5000".to_owned(), "s4999".to_owned()][..], false));
}
