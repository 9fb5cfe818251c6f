//! EBML elements (RFC 8794): an identifier, the body's size, the body.

/// The largest size that four bytes can say, in bytes: all ones means "unknown" (RFC 8794, 6.2).
pub(super) const MAX_SIZE4: u64 = (1 << 28) - 2;

/// The largest size that eight bytes can say, in bytes.
pub(super) const MAX_SIZE8: u64 = (1 << 56) - 2;

/// The size of an element that ends where its parent or the file does.
pub(super) const UNKNOWN_SIZE: [u8; 8] = [0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];

/// Void: bytes that readers skip, at any level (RFC 8794, 11.3.2).
pub(super) const VOID: u8 = 0xec;

/// Bytes of [`void`]'s header.
pub(super) const VOID_HEADER: usize = 9;

/// A size in four bytes; larger ones than [`MAX_SIZE4`] become that.
pub(super) fn size4(size: u64) -> [u8; 4] {
    let [.., a, b, c, d] = size.min(MAX_SIZE4).to_be_bytes();
    [a | 0x10, b, c, d]
}

/// A size in eight bytes; larger ones than [`MAX_SIZE8`] become that.
pub(super) fn size8(size: u64) -> [u8; 8] {
    let [_, rest @ ..] = size.min(MAX_SIZE8).to_be_bytes();
    let [a, b, c, d, e, f, g] = rest;
    [0x01, a, b, c, d, e, f, g]
}

/// The header of a Void that takes `len` bytes with its header, at least [`VOID_HEADER`].
pub(super) fn void(len: usize) -> [u8; VOID_HEADER] {
    let body = len.saturating_sub(VOID_HEADER) as u64;
    let [a, b, c, d, e, f, g, h] = size8(body);
    [VOID, a, b, c, d, e, f, g, h]
}

/// Appends an identifier, which brings its own length along in its first byte.
pub(super) fn id(to: &mut Vec<u8>, id: u32) {
    to.extend(id.to_be_bytes().iter().skip_while(|byte| **byte == 0));
}

/// Appends an element with this body.
pub(super) fn binary(to: &mut Vec<u8>, element: u32, body: &[u8]) {
    id(to, element);
    match u8::try_from(body.len()) {
        // 127 in one byte would mean "unknown"
        Ok(short) if short < 0x7f => to.push(short | 0x80),
        _ => to.extend(size4(body.len() as u64)),
    }
    to.extend(body);
}

/// Appends an unsigned integer in as few bytes as it needs.
pub(super) fn uint(to: &mut Vec<u8>, element: u32, value: u64) {
    let digits = value.to_be_bytes();
    let zeros = digits.iter().take_while(|byte| **byte == 0).count().min(7);
    binary(to, element, digits.get(zeros..).unwrap_or(&digits));
}

/// Appends an element whose body `fill` writes.
pub(super) fn master(to: &mut Vec<u8>, element: u32, fill: impl FnOnce(&mut Vec<u8>)) {
    let mut body = Vec::new();
    fill(&mut body);
    binary(to, element, &body);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_as_in_rfc_8794() {
        assert_eq!(size4(2), [0x10, 0, 0, 2]);
        assert_eq!(size4(u64::MAX), [0x1f, 0xff, 0xff, 0xfe]);
        assert_eq!(size8(0x01_0203), [0x01, 0, 0, 0, 0, 1, 2, 3]);
        assert_eq!(size8(u64::MAX), [0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe]);
    }

    #[test]
    fn elements_take_the_shortest_form() {
        let mut bytes = Vec::new();
        uint(&mut bytes, 0xd7, 0);
        uint(&mut bytes, 0x2ad7b1, 1000);
        master(&mut bytes, 0xae, |to| binary(to, 0x86, b"V"));
        assert_eq!(bytes, [0xd7, 0x81, 0, 0x2a, 0xd7, 0xb1, 0x82, 3, 0xe8, 0xae, 0x83, 0x86, 0x81, b'V']);
    }

    #[test]
    fn a_body_of_127_bytes_is_not_an_unknown_size() {
        let mut bytes = Vec::new();
        binary(&mut bytes, 0xec, &[0; 127]);
        assert_eq!(bytes[..5], [0xec, 0x10, 0, 0, 127]);
    }
}
