//! Hashes as Digest has them: of parts with colons between them, written in hex.

use arrayvec::ArrayString;
use md5::{Digest as _, Md5};
use std::fmt::Write;

/// MD5 of the parts, with colons between them.
pub fn hash(parts: &[&str]) -> [u8; 16] {
    let mut hash = Md5::new();
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            hash.update(b":");
        }
        hash.update(part.as_bytes());
    }
    hash.finalize().into()
}

/// In small letters.
pub fn hex(bytes: [u8; 16]) -> ArrayString<32> {
    let mut text = ArrayString::new();
    for byte in bytes {
        // there is room for two digits a byte
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// What [`hex`] has written, in large letters too.
pub fn unhex(text: &str) -> Option<[u8; 16]> {
    let is_hex = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    u128::from_str_radix(text, 16).ok().filter(|_| is_hex).map(u128::to_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_md5_of_all_parts_together() {
        // RFC 1321, A.5
        assert_eq!(hex(hash(&["message digest"])).as_str(), "f96b697d7cb7938d525a2f31aaf161d0");
        assert_eq!(hash(&["a", "b", ""]), hash(&["a:b:"]));
    }

    #[test]
    fn hex_is_read_back_and_nothing_else_is() {
        let bytes = hash(&["abc"]);
        let text = hex(bytes);
        assert_eq!([unhex(&text), unhex(&text.to_uppercase())], [Some(bytes); 2]);
        for bad in
            ["", &text[1..], &format!("+{}", &text[1..]), &format!("{text}0"), &format!("g{}", &text[1..])]
        {
            assert_eq!(unhex(bad), None, "{bad}");
        }
    }
}
