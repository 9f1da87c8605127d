//! EBML elements (RFC 8794), which a Matroska file consists of.

/// An element whose size takes as few bytes as possible.
pub(crate) fn element(id: u32, content: &[u8]) -> Vec<u8> {
    let mut element = id_bytes(id);
    let length = content.len() as u64;
    // A size of n bytes has 7n bits; all ones would mean an unknown size (section 6.2).
    let width = (1..8).find(|width| length < (1 << (7 * width)) - 1).unwrap_or(8);
    let marked = length | 1 << (7 * width);
    element.extend_from_slice(&marked.to_be_bytes()[8 - width..]);
    element.extend_from_slice(content);
    element
}

/// Id and size of an element, the size in eight bytes so that it can be overwritten later.
pub(crate) fn wide_header(id: u32, length: u64) -> Vec<u8> {
    let mut head = id_bytes(id);
    head.extend_from_slice(&(length | 1 << 56).to_be_bytes());
    head
}

/// An element that consists of others.
pub(crate) fn master(id: u32, children: &[Vec<u8>]) -> Vec<u8> {
    element(id, &children.concat())
}

pub(crate) fn uint(id: u32, number: u64) -> Vec<u8> {
    let bytes = number.to_be_bytes();
    let first = bytes.iter().position(|byte| *byte != 0).unwrap_or(7);
    element(id, &bytes[first..])
}

pub(crate) fn float(id: u32, number: f64) -> Vec<u8> {
    element(id, &number.to_be_bytes())
}

pub(crate) fn string(id: u32, text: &str) -> Vec<u8> {
    element(id, text.as_bytes())
}

fn id_bytes(id: u32) -> Vec<u8> {
    let bytes = id.to_be_bytes();
    let first = bytes.iter().position(|byte| *byte != 0).unwrap_or(3);
    bytes[first..].to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_takes_as_few_bytes_as_possible() {
        assert_eq!(element(0xEC, &[]), [0xEC, 0x80]);
        assert_eq!(element(0xEC, &[0; 126])[..2], [0xEC, 0xFE]);
        assert_eq!(element(0xEC, &[0; 127])[..3], [0xEC, 0x40, 0x7F]);
        assert_eq!(wide_header(0x1853_8067, 5), *b"\x18\x53\x80\x67\x01\0\0\0\0\0\0\x05");
    }

    #[test]
    fn a_number_takes_as_few_bytes_as_possible() {
        assert_eq!(uint(0xD7, 0), [0xD7, 0x81, 0]);
        assert_eq!(uint(0x2A_D7B1, 1_000_000), *b"\x2A\xD7\xB1\x83\x0F\x42\x40");
    }
}
