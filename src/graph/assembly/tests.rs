use super::*;

/// What each node refers to, as `from -> to to`. Names of data have a star after them.
fn graph(text: &str) -> Vec<String> {
    let program = Program::of_assembly(text).expect("assembly text");
    let name = |target: &Target| match target {
        Target::Node(node) => program.nodes.get(*node).map_or("", |node| &node.name),
        Target::Undefined(symbol) => program.undefined.get(*symbol).map_or("", |symbol| &symbol.name),
    };
    let line = |node: &crate::graph::Node| {
        let to: Vec<&str> = node.edges.iter().map(|edge| name(&edge.to)).collect();
        format!("{}{} -> {}", node.name, if node.function { "" } else { "*" }, to.join(" "))
    };
    program.nodes.iter().map(line).collect()
}

fn function(name: &str, body: &str) -> String {
    format!("\t.text\n\t.type\t{name}, @function\n{name}:\n{body}\n\tret\n\t.size\t{name}, .-{name}\n")
}

fn error(text: &str) -> String {
    Program::of_assembly(text).expect_err("a broken text").to_string()
}

#[test]
fn functions_begin_at_their_labels_and_end_at_their_sizes() {
    let text =
        function("f", "\tcall g\n.L1:\n\tcall x@PLT\nup:\tjmp up") + "\tcall stray\n" + &function("g", "\tcall y");
    assert_eq!(graph(&text), ["f -> g x", ".text* -> stray", "g -> y"]);
}

#[test]
fn without_sizes_the_next_function_ends_one() {
    let text = "\t.type f, @function\n\t.type g,@function\nf:\tcall x\ng:\tcall y\nplain:\tcall z\n";
    assert_eq!(graph(text), ["f -> x", "g -> y z"]);
}

#[test]
fn labels_without_a_type_begin_functions_outside_of_others() {
    let text = function("f", "\tnop") + "plain:\tcall z\n\t.size plain, .-plain\n";
    assert_eq!(graph(&text), ["f -> ", "plain -> z"]);
}

#[test]
fn a_type_may_follow_the_label() {
    assert_eq!(graph("f:\tcall x\ng:\tcall y\n\t.type f, @function\n\t.type g, STT_FUNC\n"), ["f -> x", "g -> y"]);
}

#[test]
fn table_entries_belong_to_the_function_that_writes_them() {
    let text = function(
        "f",
        "1:\tnop\n\t.pushsection __jump_table, \"aw\"\n\t.long 1b - ., .L2 - .\n\t.quad key+1 - .\n\t.popsection\n\
         .L2:\n661:\tnop\n\t.pushsection .altinstructions,\"a\"\n\t.long 661b - .\n\t.word FEATURE\n.popsection\n\
         .pushsection .altinstr_replacement, \"ax\"\n6641:\tcall other\n.popsection\n\
         \t.pushsection \"__ex_table\",\"a\"\n\t.long (1b) - .\n\t.long (handler) - .\n\t.popsection\n\
         \t.section .static_call_sites,\"a\"\n\t.long 1b - ., site - .\n\t.previous\n\
         \t.pushsection __bug_table,\"aw\"\n\t.long file - .\n\t.popsection\n\tcall last",
    );
    assert_eq!(graph(&text), ["f -> key FEATURE other handler site file last"]);
}

#[test]
fn debug_sections_make_no_references() {
    let text = function("f", "\t.pushsection .discard.reachable\n\t.long a - .\n\t.popsection")
        + "\t.section .debug_info,\"\",@progbits\n.Ldebug:\t.quad b\n\t.section .eh_frame,\"a\"\n\t.long c\n\
           \t.section .note.x,\"\"\n\t.long d\n\t.section unflagged\n\t.long e\n";
    assert_eq!(graph(&text), ["f -> "]);
}

#[test]
fn data_makes_references() {
    let text = function("f", "\tmovq $ops+8, %rdi\n\tmovq $.LC0, %rsi")
        + "\t.section .rodata\n\t.type ops, @object\n\t.size ops, 16\nops:\n\t.quad f\n\t.quad inner\n\
           inner:\t.quad x, y-4\n.LC0:\t.string \"z\"\n\t.data\n\t.comm shared,4,4\n";
    assert_eq!(graph(&text), ["f -> ops .LC0", "ops* -> f inner", "inner* -> x y", ".LC0* -> "]);
}

#[test]
fn jump_tables_of_switches_make_no_references() {
    let text = function("f", "\tjmp *.L4(,%rax,8)\n\t.section .rodata\n.L4:\t.quad .L5\n\t.text\n.L5:\tcall x")
        + &function("g", "\tnop");
    assert_eq!(graph(&text), ["f -> .L4 x", ".L4* -> ", "g -> "]);
}

#[test]
fn cold_parts_are_functions_of_their_own() {
    let text = "\t.section .text.f,\"ax\"\n\t.type f, @function\nf:\tjmp .L2\n\
        \t.section .text.unlikely.f,\"ax\"\n\t.type f.cold, @function\nf.cold:\n.L2:\tcall x\n\tjmp .L3\n\
        \t.section .text.f\n.L3:\tcall y\n\t.size f, .-f\n\t.section .text.unlikely.f\n\tcall z\n\t.size f.cold, .-f.cold\n";
    assert_eq!(graph(text), ["f -> f.cold y", "f.cold -> x f z"]);
}

#[test]
fn functions_in_pushed_sections_are_separate() {
    let text = "\t.type tramp, @function\n".to_owned()
        + &function(
            "f",
            "\tcall x\n\t.pushsection .static_call.text, \"ax\"\ntramp:\tjmp y\n\t.size tramp, .-tramp\n\
             \t.popsection\n\tcall tramp",
        );
    assert_eq!(graph(&text), ["f -> x tramp", "tramp -> y"]);
}

#[test]
fn aliases_resolve_to_their_symbols() {
    let text = function("f", "\tcall a\n\tcall b\n\tcall n\n\tcall loop\n\tcall w")
        + "\t.set a, g\n\tb = a\n\t.set n, 4\n\t.equ loop, pool\n\tpool = loop\n\t.weakref w, outside\n"
        + &function("g", "\tnop");
    assert_eq!(graph(&text), ["f -> g outside", "g -> "]);
}

#[test]
fn two_labels_at_one_place_name_one_node() {
    let text = "\t.type a, @function\n\t.type b, @function\na:\nb:\tcall x\n\t.size a, .-a\n".to_owned()
        + &function("f", "\tcall b");
    assert_eq!(graph(&text), ["a -> x", "f -> a"]);
}

#[test]
fn anchors_are_places_among_data() {
    let text = "\t.arch armv8-a\n\t.text\n\t.type f, %function\nf:\n\tadrp x0, .LANCHOR0\n\
        \tadd x1, x0, :lo12:.LANCHOR0+12 // second\n\tbl g\n\tret\n\t.size f, .-f\n\
        \t.section .rodata\n\t.align 3\n\t.set .LANCHOR0,. + 0\none:\t.xword x\nhalf:\t.word 1\nsecond:\t.xword y\n";
    assert_eq!(graph(text), ["f -> one second g", "one* -> x", "half* -> ", "second* -> y"]);
}

#[test]
fn symbols_are_local_unless_marked_global() {
    let text = "\t.weak h\n".to_owned()
        + &function("f", "\tcall stop")
        + &function("g", "\tnop")
        + &function("h", "\tnop")
        + "\t.globl g, other\n\t.local f\n\t.internal stop\n";
    let program = Program::of_assembly(&text).expect("assembly text");
    assert_eq!(program.nodes.iter().map(|node| node.local).collect::<Vec<_>>(), [true, false, false]);
    assert_eq!(program.undefined, [Undefined { name: "stop".into(), internal: true }]);
    assert!(!program.is_declared && program.nodes.iter().all(|node| node.declared.is_none()));
}

#[test]
fn functions_are_declared_at_their_first_line() {
    let text = "\t.file\t\"unit.c\"\n\t.file 0 \"/k/headers\" \"/tmp/unit.c\"\n".to_owned()
        + &function("f", "\t.file 1 \"./include/linux/types.h\"\n\t.loc 1 17 3\n\tnop\n\t.loc 2 4 1")
        + &function("g", "\t.file 2 \"/tmp\" \"unit.c\" md5 0x12\n\t.loc 2 4")
        + &function("h", "\tnop");
    let program = Program::of_assembly(&text).expect("assembly text");
    let declared = |file: &str, line, header| Some(NodeDeclaration { file: file.into(), line: Some(line), header });
    let found: Vec<_> = program.nodes.iter().map(|node| node.declared.clone()).collect();
    assert_eq!(found, [declared("include/linux/types.h", 17, true), declared("/tmp/unit.c", 4, false), None]);
    assert!(program.is_declared);
}

#[test]
fn macros_and_conditions_name_no_symbols() {
    let text = function(
        "f",
        ".macro put type:req reg:req\n\tcall inside\n.endm\n.irp rs,rax,rcx\n.ifc \\reg, %\\rs\n.set .Ln, .Ln+1\n.endif\n\
         .equ .Lnumber_\\rs, 1\n.endr\n\tput reg=%edi, type=given\n.if 0 == 1\n\tcall never\n.else\n\tcall ever\n.endif\n\
         \t.long .Lnumber_rax\n\t.purgem put",
    );
    assert_eq!(graph(&text), ["f -> given ever"]);
}

#[test]
fn relocations_that_write_nothing_make_no_references() {
    let text = function("f", "\t.reloc ., R_X86_64_NONE, a\n\t.reloc ., R_X86_64_64, b");
    assert_eq!(graph(&text), ["f -> b"]);
}

#[test]
fn arm64_alternatives_in_subsections_belong_to_their_function() {
    let text = "\t.arch armv8-a\n\t.type f, %function\nf:\n661:\tnop\n.pushsection .altinstructions,\"a\"\n\
        .word 661b - .\n.word callback - .\n.popsection\n\t.subsection 1\n663:\tbl other\n\t.previous\n\tb last\n\
        \t.size f, .-f\n";
    assert_eq!(graph(text), ["f -> callback other last"]);
}

#[test]
fn broken_texts_are_rejected_with_the_line() {
    assert!(error("int main;").contains("nothing in it is marked as a function"));
    assert!(error("\t.option nopic\n\t.type f, @function\n").contains("give the object"));
    assert_eq!(error(&function("f", "\t.popsection")), "line 4: .popsection without a .pushsection");
    assert_eq!(error(&function("f", "\t.macro m")), "line 4: a macro begins here and has no end");
    assert!(error(&function("f", "\t.intel_syntax noprefix")).starts_with("line 4: Intel syntax"));
    assert!(error(&function("f", "\t.include \"a.s\"")).starts_with("line 4: what .include"));
    assert!(error(&function("f", "/* open")).starts_with("line 4: a comment"));
}

/// No text makes the reader panic, nor does any part of a good text.
#[test]
fn hostile_texts_do_not_panic() {
    let good = "\t.file 0 \"/k\" \"u.c\"\n\t.arch armv8-a\n".to_owned()
        + &function(
            "f",
            "1:\tmovq %gs:x+4(%rip), %rax; lock; incl \"q\\\"\"\n\t.pushsection .a,\"ax\"\n\t.quad 'é, é-.\n.popsection",
        )
        + "\t.set a, . + 99999999999999999999\n\t.data\n\t.zero 9223372036854775807\n\t.set b,.+9223372036854775807\n\
           \t.zero 9223372036854775807\n\t.zero 9\n\t.p2align 63\nd:\t.quad b+9223372036854775807, b-9223372036854775807\n";
    for end in 0..=good.len() {
        drop(good.get(..end).map(Program::of_assembly));
        drop(good.get(end..).map(|rest| Program::of_assembly(&(rest.to_owned() + "\t.type f,@function\n ret"))));
    }
    let pieces = [
        "\"",
        "'",
        "'é",
        "\\",
        "/*",
        "*/",
        ":",
        "=",
        ".=",
        "{",
        "%",
        "@",
        "$",
        "-",
        "+",
        ",",
        ";",
        "#",
        "//",
        "\u{0}",
        "é",
        ".set",
        ".set ,",
        ".file",
        ".file 1",
        ".loc",
        ".loc 1",
        ".section",
        ".section \"",
        ".pushsection",
        ".previous",
        ".size",
        ".type",
        ".globl",
        ".if",
        ".else",
        ".endif",
        ".endm",
        ".irp",
        ".long",
        ".ascii \"\\",
        ".comm",
        "=a",
        "a=",
        ":lo12:",
        "bl",
        "rep",
        "{a}{b}",
        ".text\n",
        ".data\n",
        "a:",
        "\"a",
        "\"a\":",
        "1:",
        ".reloc",
    ];
    for one in pieces {
        for two in pieces {
            for text in [format!("f: {one}{two}\n{two} {one}"), format!("{one} {two},{one}")] {
                drop(Program::of_assembly(&format!("\t.type f, @function\n\tret\n{text}\n")));
                drop(Program::of_assembly(&format!("\t.type f, %function\n\tret\n{text}\n")));
            }
        }
    }
}

/// Each of these would take minutes if any part of the reader took quadratic time.
#[test]
fn reading_takes_linear_time() {
    let many = |piece: &str| function("f", &piece.repeat(200_000));
    let chain: String = (0..100_000).map(|n| format!("\t.set a{n}, a{}\n\t.long a{n}\n", n + 1)).collect();
    let texts = [
        many("/* */"),
        many("/*\"*/\""),
        many("{"),
        many("\""),
        many(".type "),
        many("a+"),
        many(";"),
        many("rep "),
        many("\n.if 1"),
        many("\n.pushsection .data"),
        many("a:"),
        many("1:"),
        many("\n.long x"),
        many("'"),
        many("\\"),
        many("\n.macro"),
        many("( "),
        many("/"),
        many("\n.file 1 \"a\""),
        function("f", &chain),
    ];
    let begun = std::time::Instant::now();
    for text in &texts {
        drop(Program::of_assembly(text));
    }
    assert!(begun.elapsed().as_secs() < 60, "{:?}", begun.elapsed());
}
