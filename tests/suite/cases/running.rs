//! The end of the way: init and exit, the system calls themselves, compressed files.

use std::io::Write as _;

use super::{Case, case, foo};
use crate::ko::{Body, Ko, Profile};
use crate::oracle::Op;

/// The return value of init and its consequences.
pub fn init(_: &Profile) -> Vec<Case> {
    let mut cases = vec![
        case("init-none", "no init", foo().no_init()),
        case("init-exit-none", "neither init nor exit", foo().no_init().no_exit()),
        case("exit-none", "init without exit: stays for ever", Ko::new("stays").no_exit()),
        case("exit-none-again", "the same name again", Ko::new("stays").no_exit()),
        case(
            "exit-none-again-unknown",
            "the same name again, with an unknown symbol",
            Ko::new("stays").needs("nosuch"),
        ),
        case(
            "exit-none-again-proprietary",
            "the same name again, proprietary",
            Ko::new("stays").license("Proprietary"),
        ),
        case(
            "exit-none-again-layout",
            "the same name again, for another kernel",
            Ko::new("stays").crc("module_layout", 1),
        ),
        case(
            "exit-none-again-vermagic",
            "the same name again, of a wrong vermagic",
            Ko::new("stays").tag("vermagic", "1.2.3 wrong "),
        ),
        case("exit-none-again-info", "only modinfo's name is taken", foo().tag("name", "stays")),
        case("exit-none-again-this", "only this_module's name is taken", Ko::new("stays").tag("name", "other")),
        case(
            "exit-none-again-wx",
            "the same name again, writable and executable",
            Ko::new("stays").patch(|file| {
                file.patch(".text", crate::ko::Sh::Flags, 7);
            }),
        ),
        case("exit-none-again-staging", "the same name again, staging", Ko::new("stays").tag("staging", "Y")),
        case("exit-none-again-forced", "the same name again, forced", Ko::new("stays")).flags(3),
        case("after-again", "another module", foo()),
    ];
    for value in [-1, -2, -8, -11, -12, -14, -16, -17, -19, -22, -28, -95] {
        cases.push(case(format!("init{value}"), format!("init returns {value}"), foo().init(Body::Returns(value))));
    }
    for value in [1, 2, 17, 4096, 32767] {
        cases.push(case(format!("init+{value}"), format!("init returns {value}"), foo().init(Body::Returns(value))));
    }
    cases.push(case(
        "init-19-exports",
        "exports of a module whose init fails are gone",
        foo().export("foo_a").init(Body::Returns(-19)),
    ));
    cases.push(case(
        "init-19-proprietary",
        "a proprietary module whose init fails has tainted the kernel",
        foo().license("Proprietary").init(Body::Returns(-19)),
    ));
    cases
}

/// Flags and system calls.
pub fn calls(_: &Profile) -> Vec<Case> {
    let mut cases = vec![
        case("call-plain", "finit_module()", foo()),
        case("call-init", "init_module()", foo()).op(Op::InsmodInit),
        case("call-init-unknown", "init_module() and an unknown symbol", foo().needs("nosuch")).op(Op::InsmodInit),
        case("call-init-args", "init_module() with a parameter", foo().param("n", "param_ops_int"))
            .op(Op::InsmodInit)
            .args("n=x"),
        case("call-init-empty", "init_module() of nothing", foo().patch(|file| file.bytes.clear())).op(Op::InsmodInit),
        case("call-init-10", "init_module() of ten bytes", foo().patch(|file| file.bytes.truncate(10)))
            .op(Op::InsmodInit),
        case("call-init-63", "init_module() of 63 bytes", foo().patch(|file| file.bytes.truncate(63)))
            .op(Op::InsmodInit),
        case("call-init-64", "init_module() of 64 bytes", foo().patch(|file| file.bytes.truncate(64)))
            .op(Op::InsmodInit),
        case("call-init-magic", "init_module() of a wrong magic number", foo().patch(|file| file.bytes[0] = 0))
            .op(Op::InsmodInit),
        case("call-init-wrong", "init_module() of a wrong vermagic", foo().tag("vermagic", "1.2.3 wrong "))
            .op(Op::InsmodInit),
        case("call-init-signed", "init_module() of a file with a bad signature", foo().signed(&[0x5a; 100]))
            .op(Op::InsmodInit),
        case("call-short-0", "init_module() of length 0", foo()).op(Op::InsmodShort),
        case("call-short-1000", "init_module() of the first thousand bytes", foo()).op(Op::InsmodShort).flags(1000),
        case("call-nofile", "finit_module() of no file", foo()).op(Op::InsmodNofile),
        case("call-writeonly", "finit_module() of a file open for writing", foo()).op(Op::InsmodWriteonly),
        case("call-folder", "finit_module() of a folder", foo()).op(Op::InsmodFolder),
        case("call-badargs", "parameters at an address that is none", foo()).op(Op::InsmodBadargs),
        case("call-badargs-unknown", "unknown symbols come before that", foo().needs("nosuch")).op(Op::InsmodBadargs),
        case("call-unprivileged", "a user without the right", foo()).op(Op::InsmodUnprivileged),
    ];
    for flags in [1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 16, 0x8000_0000, 0xffff_ffff] {
        cases.push(case(format!("call-flags-{flags:x}"), format!("flags {flags:#x}"), foo()).flags(flags));
    }
    for flags in [1, 2, 3, 8] {
        cases.push(
            case(
                format!("call-flags-{flags}-unknown"),
                format!("flags {flags} and an unknown symbol"),
                foo().needs("nosuch"),
            )
            .flags(flags),
        );
        cases.push(
            case(
                format!("call-flags-{flags}-magic"),
                format!("flags {flags} and a wrong magic number"),
                foo().patch(|file| file.bytes[0] = 0),
            )
            .flags(flags),
        );
    }
    for flags in 0..8 {
        cases.push(
            case(format!("call-xz-{flags}"), format!("a compressed file with flags {flags}"), compressed(foo(), xz))
                .flags(flags),
        );
    }
    cases.extend([
        case("call-xz-crc64", "compressed with a checksum the kernel does not do", compressed(foo(), xz_crc64))
            .flags(4),
        case(
            "call-xz-cut",
            "a compressed file cut short",
            compressed(foo(), |bytes| {
                let mut packed = xz(bytes);
                packed.truncate(packed.len() / 2);
                packed
            }),
        )
        .flags(4),
        case(
            "call-xz-tail",
            "bytes behind a compressed file",
            compressed(foo(), |bytes| [xz(bytes), b"tail".to_vec()].concat()),
        )
        .flags(4),
        case(
            "call-xz-magic",
            "only the magic number of a compressed file",
            compressed(foo(), |bytes| xz(bytes)[..6].to_vec()),
        )
        .flags(4),
        case("call-xz-unknown", "compressed, with an unknown symbol", compressed(foo().needs("nosuch"), xz)).flags(4),
        case("call-xz-signed", "a signature within the compression", compressed(foo().signed(&[0x5a; 100]), xz))
            .flags(4),
        case(
            "call-xz-signed-outside",
            "a signature around the compression",
            compressed(foo(), xz).signed(&[0x5a; 100]),
        )
        .flags(4),
        case("call-xz-init", "init_module() of a compressed file", compressed(foo(), xz)).op(Op::InsmodInit),
        case("call-gz", "compressed by another program", compressed(foo(), gz)).flags(4),
        case("call-gz-plain", "the same without the flag", compressed(foo(), gz)),
        case("call-short-file", "flag 4 on four bytes", foo().patch(|file| file.bytes.truncate(4))).flags(4),
        case("call-last", "still well", foo()),
    ]);
    cases
}

/// The module compressed as a whole: its own signature within.
fn compressed(ko: Ko, pack: impl Fn(&[u8]) -> Vec<u8> + 'static) -> Ko {
    ko.pack(pack)
}

fn xz_with(bytes: &[u8], check: liblzma::stream::Check) -> Vec<u8> {
    let mut options = liblzma::stream::LzmaOptions::new_preset(6).expect("the preset exists");
    options.dict_size(1 << 20);
    let mut filters = liblzma::stream::Filters::new();
    filters.lzma2(&options);
    let stream = liblzma::stream::Stream::new_stream_encoder(&filters, check).expect("the options are right");
    let mut encoder = liblzma::write::XzEncoder::new_stream(Vec::new(), stream);
    encoder.write_all(bytes).expect("a vector can grow");
    encoder.finish().expect("a vector can grow")
}

fn xz(bytes: &[u8]) -> Vec<u8> {
    xz_with(bytes, liblzma::stream::Check::Crc32)
}

fn xz_crc64(bytes: &[u8]) -> Vec<u8> {
    xz_with(bytes, liblzma::stream::Check::Crc64)
}

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).expect("a vector can grow");
    encoder.finish().expect("a vector can grow")
}
