use super::*;

const START: u64 = 0x1000;

fn bytes(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// What one instruction at [`START`] does.
fn one(word: u32) -> Vec<Action> {
    actions(&[word], &[])
}

fn actions(words: &[u32], relocated: &[Relocated]) -> Vec<Action> {
    steps(&bytes(words), START, relocated).iter().map(|step| step.action).collect()
}

/// What an instruction at [`START`] with a relocation does.
fn relocated(word: u32, symbol: Spot, addend: i64) -> Vec<Action> {
    actions(&[word], &[Relocated { at: START, symbol, addend, relative: true }])
}

const fn copy(to: u8, from: u8, offset: i64) -> Action {
    Action::Copy { to: Register(to), from: Register(from), offset }
}

const fn constant(to: u8, value: i64) -> Action {
    Action::Constant { to: Register(to), value }
}

const fn address(to: u8, address: u64) -> Action {
    Action::Address { to: Register(to), of: Spot::Address(address) }
}

const fn load(to: u8, base: u8, offset: i64) -> Action {
    Action::Load { to: Register(to), base: Register(base), offset }
}

const fn load_at(to: u8, from: u64) -> Action {
    Action::LoadAt { to: Register(to), from: Spot::Address(from) }
}

const fn store(base: u8, offset: i64, value: u8) -> Action {
    Action::Store { base: Register(base), offset, value: Some(Register(value)) }
}

const fn store_zero(base: u8, offset: i64) -> Action {
    Action::Store { base: Register(base), offset, value: None }
}

const fn compute(to: u8) -> Action {
    Action::Compute { to: Some(Register(to)) }
}

fn element(to: u8, base: u8) -> Action {
    Action::Element { to: Register(to), of: Table::In(Register(base)) }
}

fn derive(to: u8, from: u8) -> Action {
    Action::Derive { to: Register(to), from: Register(from) }
}

const ELSE: Action = Action::Compute { to: None };

const fn to(address: u64) -> Way {
    Way::To(Spot::Address(address))
}

const fn branch(address: u64) -> Action {
    Action::Branch(Spot::Address(address))
}

#[test]
fn moves_are_copies() {
    assert_eq!(one(0xaa01_03e0), [copy(0, 1, 0)], "mov x0, x1");
    assert_eq!(one(0x2a01_03e0), [copy(0, 1, 0)], "mov w0, w1");
    assert_eq!(one(0x9100_03e0), [copy(0, 31, 0)], "mov x0, sp");
    assert_eq!(one(0x9100_1020), [copy(0, 1, 4)], "add x0, x1, #4");
    assert_eq!(one(0x9140_0420), [copy(0, 1, 0x1000)], "add x0, x1, #1, lsl #12");
    assert_eq!(one(0xd100_83ff), [copy(31, 31, -32)], "sub sp, sp, #32");
    assert_eq!(one(0xd140_0420), [copy(0, 1, -0x1000)], "sub x0, x1, #1, lsl #12");
    assert_eq!(one(0x1100_003f), [copy(31, 1, 0)], "mov wsp, w1");
}

#[test]
fn an_argument_that_is_made_narrower_is_the_same_argument() {
    assert_eq!(one(0x9340_7c20), [copy(0, 1, 0)], "sxtw x0, w1");
    assert_eq!(one(0x1300_1c20), [copy(0, 1, 0)], "sxtb w0, w1");
    assert_eq!(one(0x9340_3c20), [copy(0, 1, 0)], "sxth x0, w1");
    assert_eq!(one(0x5300_1c20), [copy(0, 1, 0)], "uxtb w0, w1");
    assert_eq!(one(0x5300_3c20), [copy(0, 1, 0)], "uxth w0, w1");
    assert_eq!(one(0xd340_7c20), [copy(0, 1, 0)], "ubfx x0, x1, #0, #32");
    assert_eq!(one(0x9240_1c20), [copy(0, 1, 0)], "and x0, x1, #0xff");
    assert_eq!(one(0x1200_3c20), [copy(0, 1, 0)], "and w0, w1, #0xffff");
    assert_eq!(one(0x9240_0020), [copy(0, 1, 0)], "and x0, x1, #1");
    assert_eq!(one(0x9240_1420), [derive(0, 1)], "and x0, x1, #0x3f");
    assert_eq!(one(0xd343_fc20), [derive(0, 1)], "lsr x0, x1, #3");
    assert_eq!(one(0xd37d_f020), [derive(0, 1)], "lsl x0, x1, #3");
    assert_eq!(one(0x5100_0420), [derive(0, 1)], "sub w0, w1, #1: it overflows in half a register");
}

#[test]
fn numbers_are_constants() {
    assert_eq!(one(0xaa1f_03e0), [constant(0, 0)], "mov x0, xzr");
    assert_eq!(one(0x2a1f_03e0), [constant(0, 0)], "mov w0, wzr");
    assert_eq!(one(0xd2a2_4680), [constant(0, 0x1234_0000)], "movz x0, #0x1234, lsl #16");
    assert_eq!(one(0x52a2_4680), [constant(0, 0x1234_0000)], "movz w0, #0x1234, lsl #16");
    assert_eq!(one(0x9280_0020), [constant(0, -2)], "movn x0, #1");
    assert_eq!(one(0x1280_0020), [constant(0, 0xffff_fffe)], "movn w0, #1");
    assert_eq!(one(0xb200_9fe0), [constant(0, 0x00ff_00ff_00ff_00ff)], "orr x0, xzr, #0xff00ff00ff00ff");
    assert_eq!(one(0x3200_9fe0), [constant(0, 0x00ff_00ff)], "orr w0, wzr, #0xff00ff");
}

#[test]
fn movk_extends_the_constant_before_it() {
    let (movz, movk, other) = (0x52a2_4680, 0xf297_dde0, 0xf2e2_2441);
    assert_eq!(actions(&[movz, movk], &[]), [constant(0, 0x1234_0000), constant(0, 0x1234_beef)]);
    let wide = [0x9280_0021, other];
    assert_eq!(actions(&wide, &[]), [constant(1, -2), constant(1, 0x1122_ffff_ffff_fffe)]);
    assert_eq!(actions(&[movz, other, movk], &[]), [constant(0, 0x1234_0000), compute(1), compute(0)]);
    assert_eq!(one(movk), [compute(0)]);
    assert_eq!(relocated(movz, Spot::Undefined(1), 0), [compute(0)], "a part of an address");
}

#[test]
fn addresses_are_relative_to_the_instruction() {
    assert_eq!(one(0x10ff_ffe0), [address(0, 0xffc)], "adr x0, -4");
    assert_eq!(one(0x3000_0003), [address(3, 0x1001)], "adr x3, +1");
    let adrp = steps(&bytes(&[0xf000_0000]), 0x1abc, &[]);
    assert_eq!(adrp, [Step { at: 0x1abc, action: address(0, 0x4000) }], "adrp x0, +0x3000");
    assert_eq!(one(0x5800_0080), [load_at(0, 0x1010)], "ldr x0, +16");
    assert_eq!(one(0x98ff_ffc9), [load_at(9, 0xff8)], "ldrsw x9, -8");
    assert_eq!(one(0x5c00_0080), [ELSE], "ldr d0, +16");
    assert_eq!(one(0x5800_005f), [ELSE], "ldr xzr, +8");
    assert_eq!(one(0xd800_0080), [Action::Nothing], "prfm pldl1keep, +16");
}

#[test]
fn relocations_name_what_operands_refer_to() {
    let (here, undefined) = (Spot::Address(0x8000), Spot::Undefined(7));
    assert_eq!(relocated(0x9000_0000, here, 0x18), [address(0, 0x8018)], "adrp");
    assert_eq!(relocated(0x1000_0000, here, -8), [address(0, 0x7ff8)], "adr");
    assert_eq!(relocated(0x9100_0000, here, 0x18), [address(0, 0x8018)], "add x0, x0, :lo12:");
    let of_undefined = Action::Address { to: Register(0), of: undefined };
    assert_eq!(relocated(0x9000_0000, undefined, 0x18), [of_undefined], "adrp");
    assert_eq!(relocated(0x9100_0000, undefined, 0), [of_undefined], "add x0, x0, :lo12:");
    assert_eq!(relocated(0xf940_0020, here, 8), [load_at(0, 0x8008)], "ldr x0, [x1, :lo12:]");
    assert_eq!(relocated(0x5800_0000, here, 0), [load_at(0, 0x8000)], "ldr x0, literal");
    assert_eq!(relocated(0xf900_0020, here, 8), [ELSE], "str x0, [x1, :lo12:]");
    assert_eq!(relocated(0x9400_0000, here, 4), [Action::Call(to(0x8004))], "bl");
    assert_eq!(relocated(0x9400_0000, undefined, 0), [Action::Call(Way::To(undefined))], "bl");
    assert_eq!(relocated(0x1400_0000, undefined, 0), [Action::Jump(Way::To(undefined))], "b");
    assert_eq!(relocated(0x5400_0001, undefined, 0), [Action::Branch(undefined)], "b.ne");
    assert_eq!(relocated(0x3600_0000, here, 0), [branch(0x8000)], "tbz");
}

#[test]
fn a_relocation_belongs_to_its_own_instruction() {
    let at = |at| Relocated { at, symbol: Spot::Undefined(0), addend: 0, relative: true };
    let calls = actions(&[0x9400_0002; 3], &[at(0), at(START + 4), at(START + 0x100)]);
    let undefined = Way::To(Spot::Undefined(0));
    assert_eq!(calls, [Action::Call(to(0x1008)), Action::Call(undefined), Action::Call(to(0x1010))]);
}

#[test]
fn loads_read_at_a_distance() {
    assert_eq!(one(0xf940_0420), [load(0, 1, 8)], "ldr x0, [x1, #8]");
    assert_eq!(one(0xb85f_8020), [load(0, 1, -8)], "ldur w0, [x1, #-8]");
    assert_eq!(one(0xf940_07e0), [load(0, 31, 8)], "ldr x0, [sp, #8]");
    assert_eq!(one(0x39c0_0420), [load(0, 1, 1)], "ldrsb w0, [x1, #1]");
    assert_eq!(one(0xf840_8820), [load(0, 1, 8)], "ldtr x0, [x1, #8]");
    assert_eq!(one(0xf840_8420), [load(0, 1, 0), copy(1, 1, 8)], "ldr x0, [x1], #8");
    assert_eq!(one(0xf840_8c20), [copy(1, 1, 8), load(0, 1, 0)], "ldr x0, [x1, #8]!");
    assert_eq!(one(0xf862_6820), [element(0, 1)], "ldr x0, [x1, x2]");
    assert_eq!(one(0xf862_d820), [element(0, 1)], "ldr x0, [x1, w2, sxtw #3]");
    assert_eq!(one(0xf940_003f), [ELSE], "ldr xzr, [x1]");
    assert_eq!(one(0xc8df_fc20), [load(0, 1, 0)], "ldar x0, [x1]");
    assert_eq!(one(0xc85f_7c20), [load(0, 1, 0)], "ldxr x0, [x1]");
    assert_eq!(one(0xf820_1c20), [copy(1, 1, 8), load(0, 1, 0)], "ldraa x0, [x1, #8]!");
}

#[test]
fn pairs_are_two_steps() {
    assert_eq!(one(0xa941_0440), [load(0, 2, 16), load(1, 2, 24)], "ldp x0, x1, [x2, #16]");
    assert_eq!(one(0x6942_0440), [load(0, 2, 16), load(1, 2, 20)], "ldpsw x0, x1, [x2, #16]");
    assert_eq!(one(0x29ff_0440), [copy(2, 2, -8), load(0, 2, 0), load(1, 2, 4)], "ldp w0, w1, [x2, #-8]!");
    assert_eq!(one(0xa8c2_7bfd), [load(29, 31, 0), load(30, 31, 8), copy(31, 31, 32)], "ldp x29, x30, [sp], #32");
    assert_eq!(
        one(0xa941_0442),
        [load(1, 2, 24), load(2, 2, 16)],
        "ldp x2, x1, [x2, #16]: the base is overwritten last"
    );
    assert_eq!(one(0xa940_041f), [ELSE, load(1, 0, 8)], "ldp xzr, x1, [x0]");
    assert_eq!(one(0xc87f_0440), [load(0, 2, 0), load(1, 2, 8)], "ldxp x0, x1, [x2]");
    assert_eq!(one(0xa9be_7bfd), [copy(31, 31, -32), store(31, 0, 29), store(31, 8, 30)], "stp x29, x30, [sp, #-32]!");
    assert_eq!(one(0xa900_7c1f), [store_zero(0, 0), store_zero(0, 8)], "stp xzr, xzr, [x0]");
    assert_eq!(one(0x2901_0440), [store(2, 8, 0), store(2, 12, 1)], "stp w0, w1, [x2, #8]");
}

#[test]
fn stores_write_at_a_distance() {
    assert_eq!(one(0xf900_0420), [store(1, 8, 0)], "str x0, [x1, #8]");
    assert_eq!(one(0x3900_0420), [store(1, 1, 0)], "strb w0, [x1, #1]");
    assert_eq!(one(0xf900_003f), [store_zero(1, 0)], "str xzr, [x1]");
    assert_eq!(one(0xc89f_fc20), [store(1, 0, 0)], "stlr x0, [x1]");
    assert_eq!(one(0xf81f_0fe0), [copy(31, 31, -16), store(31, 0, 0)], "str x0, [sp, #-16]!");
    assert_eq!(one(0xb81f_c420), [store(1, 0, 0), copy(1, 1, -4)], "str w0, [x1], #-4");
    assert_eq!(one(0xf822_6820), [ELSE], "str x0, [x1, x2]");
}

#[test]
fn vectors_are_not_general_purpose_registers() {
    assert_eq!(one(0x3dc0_0420), [ELSE], "ldr q0, [x1, #16]");
    assert_eq!(one(0xfc01_0c20), [copy(1, 1, 16), ELSE], "str d0, [x1, #16]!");
    assert_eq!(one(0xacc1_0420), [ELSE, copy(1, 1, 32)], "ldp q0, q1, [x1], #32");
    assert_eq!(one(0x4cdf_7000), [ELSE, copy(0, 0, 16)], "ld1 {{v0.16b}}, [x0], #16");
    assert_eq!(one(0x4cc1_7000), [ELSE, compute(0)], "ld1 {{v0.16b}}, [x0], x1");
    assert_eq!(one(0x0e20_5800), [ELSE], "cnt v0.8b, v0.8b");
    assert_eq!(one(0x9e67_0000), [ELSE], "fmov d0, x0");
    assert_eq!(one(0x9e66_0000), [compute(0)], "fmov x0, d0");
    assert_eq!(one(0x1e61_2000), [Action::Compare], "fcmp d0, d1");
}

#[test]
fn atomic_instructions_change_their_results() {
    assert_eq!(one(0xf820_0041), [compute(1)], "ldadd x0, x1, [x2]");
    assert_eq!(one(0xf820_005f), [ELSE], "stadd x0, [x2]");
    assert_eq!(one(0xf820_8041), [compute(1)], "swp x0, x1, [x2]");
    assert_eq!(one(0xc8a0_7c41), [compute(0)], "cas x0, x1, [x2]");
    assert_eq!(one(0x4820_7c82), [compute(0), compute(1)], "casp x0, x1, x2, x3, [x4]");
    assert_eq!(one(0xc800_7c41), [compute(0)], "stxr w0, x1, [x2]");
    assert_eq!(one(0x0803_fc41), [compute(3)], "stlxrb w3, w1, [x2]");
}

#[test]
fn comparisons_change_nothing() {
    // cmp x0, #4; cmp x0, x1; cmp sp, x1; cmn w0, #4; tst x0, #7; tst x0, x1; ccmp x0, #3, #0, eq; bics xzr, x0, x1
    let words =
        [0xf100_101f, 0xeb01_001f, 0xeb21_63ff, 0x3100_101f, 0xf240_081f, 0xea01_001f, 0xfa43_0800, 0xea21_001f];
    assert_eq!(actions(&words, &[]), [Action::Compare; 8]);
}

#[test]
fn other_arithmetic_is_work() {
    // subs, add, orr, csel, madd, udiv, clz, bfi, extr, pacga
    let of_another = [
        0xf100_1020,
        0x8b02_0020,
        0xaa02_0020,
        0x9a82_0020,
        0x9b02_0c20,
        0x9ac2_0820,
        0xdac0_1020,
        0xb37d_0c20,
        0x93c2_0c20,
        0x9ac2_3020,
    ];
    assert_eq!(actions(&of_another, &[]), [derive(0, 1); 10]);
    // mvn, cset, neg, xpaci; mrs x0, sp_el0
    let words = [0xaa21_03e0, 0x1a9f_17e0, 0xcb01_03e0, 0xdac1_43e0, 0xd538_4100];
    assert_eq!(actions(&words, &[]), [compute(0); 5]);
    assert_eq!(one(0x927c_ec3f), [derive(31, 1)], "and sp, x1, #-16");
}

#[test]
fn system_instructions_change_nothing_that_is_followed() {
    // msr sp_el0, x0; msr daifset, #2; dmb ish; dsb sy; isb; tlbi vae1, x7; dc civac, x0; mrs xzr, sp_el0
    let words =
        [0xd518_4100, 0xd503_42df, 0xd503_3bbf, 0xd503_3f9f, 0xd503_3fdf, 0xd508_8727, 0xd50b_7e20, 0xd538_411f];
    assert_eq!(actions(&words, &[]), [ELSE; 8]);
    assert_eq!(one(0xd528_7000), [compute(0)], "sysl x0, #0, c7, c0, #0");
    assert_eq!(one(0xd400_0003), [Action::Call(Way::Unknown)], "smc #0");
}

#[test]
fn hints_are_nothing() {
    // nop; hint #5; bti c; paciasp; autiasp; xpaclri; yield; sb; csdb; prfm; prfm with a register; prfum; wfet x0
    let words = [
        0xd503_201f,
        0xd503_20bf,
        0xd503_245f,
        0xd503_233f,
        0xd503_23bf,
        0xd503_20ff,
        0xd503_203f,
        0xd503_30ff,
        0xd503_229f,
        0xf980_0020,
        0xf8a2_6820,
        0xf89f_d020,
        0xd503_1000,
    ];
    assert_eq!(actions(&words, &[]), [Action::Nothing; 13]);
}

#[test]
fn branches_have_targets_in_both_directions() {
    assert_eq!(one(0x9400_0002), [Action::Call(to(0x1008))], "bl +8");
    assert_eq!(one(0x97ff_fffe), [Action::Call(to(0xff8))], "bl -8");
    assert_eq!(one(0x17ff_fffe), [Action::Jump(to(0xff8))], "b -8");
    assert_eq!(one(0x1400_0000), [Action::Jump(to(0x1000))], "b .");
    assert_eq!(one(0x54ff_ffc1), [branch(0xff8)], "b.ne -8");
    assert_eq!(one(0x5400_0050), [branch(0x1008)], "bc.eq +8");
    assert_eq!(one(0xb400_0040), [branch(0x1008)], "cbz x0, +8");
    assert_eq!(one(0x3500_0040), [branch(0x1008)], "cbnz w0, +8");
    assert_eq!(one(0xb608_0040), [branch(0x1008)], "tbz x0, #33, +8");
    assert_eq!(one(0x371f_ffc0), [branch(0xff8)], "tbnz w0, #3, -8");
    let first = steps(&bytes(&[0x97ff_fffe]), 0, &[]);
    assert_eq!(first, [Step { at: 0, action: Action::Call(to(u64::MAX - 7)) }], "addresses wrap");
}

#[test]
fn targets_in_registers_are_indirect() {
    let through = |number| Way::Through(Register(number));
    assert_eq!(one(0xd63f_0100), [Action::Call(through(8))], "blr x8");
    assert_eq!(one(0xd73f_0801), [Action::Call(through(0))], "blraa x0, x1");
    assert_eq!(one(0xd63f_081f), [Action::Call(through(0))], "blraaz x0");
    assert_eq!(one(0xd61f_0200), [Action::Jump(through(16))], "br x16");
    assert_eq!(one(0xd71f_0801), [Action::Jump(through(0))], "braa x0, x1");
    assert_eq!(one(0xd61f_03e0), [Action::Jump(Way::Unknown)], "br xzr");
    // ret; ret x5; retaa; eret
    assert_eq!(actions(&[0xd65f_03c0, 0xd65f_00a0, 0xd65f_0bff, 0xd69f_03e0], &[]), [Action::Return; 4]);
}

#[test]
fn exceptions_are_traps_but_warnings_continue() {
    assert_eq!(one(0xd421_0000), [ELSE], "brk #0x800");
    // brk #1; hlt #1; udf #0; no instruction; ret
    let words = [0xd420_0020, 0xd440_0020, 0, 0xffff_ffff, 0xd65f_03c0];
    let [trap, ret] = [Action::Trap, Action::Return];
    assert_eq!(actions(&words, &[]), [trap, trap, trap, trap, ret]);
}

#[test]
fn instructions_unknown_to_the_decoder_are_not_traps() {
    assert_eq!(one(0x04e0_e3e3), [compute(3)], "cntd x3");
    assert_eq!(one(0x8580_4001), [ELSE], "ldr z1, [x0]");
    assert_eq!(one(0xc008_00ff), [ELSE], "zero {{za}}");
    assert_eq!(one(0x1901_0440), [compute(0), compute(2), compute(1)], "cpyfp [x0]!, [x1]!, x2!");
    assert_eq!(one(0x19c2_0420), [compute(0), compute(1)], "setp [x0]!, x1!, x2");
}

#[test]
fn trailing_bytes_are_ignored() {
    let mut code = bytes(&[0xd65f_03c0, 0xd65f_03c0]);
    assert_eq!(steps(&code, START, &[]).iter().map(|step| step.at).collect::<Vec<_>>(), [START, START + 4]);
    for length in 4..8 {
        code.truncate(length);
        code.resize(length, 0);
        assert_eq!(steps(&code, START, &[]).len(), 1);
    }
    assert_eq!(steps(&[0xc0, 3, 0x5f], START, &[]), []);
}

#[test]
fn any_word_can_be_decoded() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut code = Vec::new();
    for _ in 0..200_000 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        code.extend_from_slice(&state.to_be_bytes()[..4]);
    }
    let steps = steps(&code, u64::MAX - 400_003, &[]);
    assert!(steps.len() >= 200_000);
    assert!(steps.iter().any(|step| step.at == 0), "decoding continues past the end of the address space");
}
