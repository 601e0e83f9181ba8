//! Module signatures: the cryptography of a kernel, and the verification of PKCS#7 messages.

pub(in crate::load) mod crypto;
pub(in crate::load) mod public_key;
pub(in crate::load) mod verify_pkcs7;
