//! Module signatures: what the kernel can compute, and whether a PKCS#7 message verifies.

pub(in crate::load) mod crypto;
pub(in crate::load) mod public_key;
pub(in crate::load) mod verify_pkcs7;
