/* Two wrappers as the compiler leaves them before modpost: what is exported stands in .export_symbol, as since Linux 6.5. */
        .text
        .globl  wraps_plainly
        .type   wraps_plainly, @function
wraps_plainly:
        jmp     gpl_start
        .size   wraps_plainly, .-wraps_plainly
        .globl  wraps_for_gpl
        .type   wraps_for_gpl, @function
wraps_for_gpl:
        jmp     gpl_start
        .size   wraps_for_gpl, .-wraps_for_gpl

        .section .export_symbol, "a"
__export_symbol_wraps_plainly:
        .asciz  ""
        .ascii  "\0"
        .balign 8
        .quad   wraps_plainly
__export_symbol_wraps_for_gpl:
        .asciz  "GPL"
        .ascii  "SOME_SPACE\0"
        .balign 8
        .quad   wraps_for_gpl
