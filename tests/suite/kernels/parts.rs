//! What a kernel carries besides code: its configuration, its type information, its certificates.

use std::io::Write as _;

use super::room::Room;

/// `kernel_config_data` (kernel/configs.c).
pub fn config(room: &mut Room, text: &str) {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(text.as_bytes()).expect("a vector can grow");
    room.put(b"IKCFG_ST");
    room.put(&gzip.finish().expect("a vector can grow"));
    room.put(b"IKCFG_ED");
}

/// `.BTF` with a type of every kind, and `struct module` of a given size after them.
pub fn btf(room: &mut Room, module: u32) {
    let names = b"\0char\0list_head\0next\0module\0modules\0";
    let mut types: Vec<u32> = Vec::new();
    let mut record = |name: u32, kind: u32, members: u32, size: u32, behind: u32| {
        types.extend([name, kind << 24 | members, size]);
        types.extend((0..behind).map(|number| number + 1));
    };
    // Integer, pointer, array, structure, union, enumeration, forward, typedef, volatile, const, restrict.
    for (kind, members, behind) in [(1, 0, 1), (2, 0, 0), (3, 0, 3), (4, 2, 6), (5, 1, 3), (6, 3, 6), (7, 0, 0)] {
        record(1, kind, members, 16, behind);
    }
    (8..=12).for_each(|kind| record(6, kind, 0, 1, 0));
    // Prototype, variable, section, float, declaration tag, type tag, 64-bit enumeration.
    for (kind, members, behind) in [(13, 2, 4), (14, 0, 1), (15, 2, 6), (16, 0, 0), (17, 0, 1), (18, 0, 0), (19, 2, 6)]
    {
        record(1, kind, members, 8, behind);
    }
    // A forward of the same name is none.
    record(21, 7, 0, 0, 0);
    record(21, 4, 1, module, 3);
    record(28, 4, 0, 8, 0);
    room.number(0xeb9f, 2);
    room.put(&[1, 0]);
    let length = types.len() as u64 * 4;
    for number in [24, 0, length, length, names.len() as u64] {
        room.u32(number);
    }
    types.iter().for_each(|number| room.u32((*number).into()));
    room.put(names);
}

/// The certificate of `testdata/keys/NAME.pem`, in DER.
pub fn certificate(name: &str) -> Vec<u8> {
    let path = format!("{}/testdata/keys/{name}.pem", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).expect("it is kept");
    let (label, der) = der::pem::decode_vec(text.as_bytes()).expect("it is PEM");
    assert_eq!(label, "CERTIFICATE");
    der
}
