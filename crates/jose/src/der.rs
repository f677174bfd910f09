//! The little of DER (X.690) that names need: the TLS library shows relative names no set they belong to.

/// `SEQUENCE`.
pub(crate) const SEQUENCE: u8 = 0x30;
/// `SET`.
pub(crate) const SET: u8 = 0x31;
/// `OBJECT IDENTIFIER`.
pub(crate) const OBJECT_IDENTIFIER: u8 = 0x06;

/// A tag and its content.
#[derive(Clone, Copy)]
pub(crate) struct Element<'a> {
    tag: u8,
    content: &'a [u8],
}

impl<'a> Element<'a> {
    /// Its tag and its content.
    pub(crate) const fn parts(self) -> (u8, &'a [u8]) {
        (self.tag, self.content)
    }

    /// The content, if the tag is `tag`.
    pub(crate) fn of(self, tag: u8) -> Option<&'a [u8]> {
        (self.tag == tag).then_some(self.content)
    }
}

/// The first element of `bytes`, and what follows it.
fn element(bytes: &[u8]) -> Option<(Element<'_>, &[u8])> {
    let [tag, length, rest @ ..] = bytes else { return None };
    let (length, rest) = match usize::from(*length) {
        short @ 0..=0x7f => (short, rest),
        long @ 0x81..=0x83 => {
            let (size, rest) = rest.split_at_checked(long & 0x7f)?;
            (size.iter().fold(0, |length: usize, byte| (length << 8) | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((Element { tag: *tag, content }, rest))
}

/// All the elements of `bytes`; `None` when something is left over.
pub(crate) fn elements(mut bytes: &[u8]) -> Option<Vec<Element<'_>>> {
    let mut elements = Vec::new();
    while !bytes.is_empty() {
        let (next, rest) = element(bytes)?;
        elements.push(next);
        bytes = rest;
    }
    Some(elements)
}

/// The content of the one element, of tag `tag`, that `bytes` are.
pub(crate) fn only(bytes: &[u8], tag: u8) -> Option<&[u8]> {
    element(bytes).filter(|(_, rest)| rest.is_empty())?.0.of(tag)
}

/// An object identifier as dotted text (X.690 §8.19).
pub(crate) fn dotted(content: &[u8]) -> Option<String> {
    let mut numbers: Vec<u64> = Vec::new();
    let mut number: u64 = 0;
    for byte in content {
        number = number.checked_mul(128)?.checked_add(u64::from(byte & 0x7f))?;
        if byte & 0x80 == 0 {
            if numbers.is_empty() {
                let first = (number / 40).min(2);
                numbers.push(first);
                number = number.saturating_sub(first.saturating_mul(40));
            }
            numbers.push(number);
            number = 0;
        }
    }
    let whole = content.last().is_some_and(|byte| byte & 0x80 == 0);
    whole.then(|| numbers.iter().map(u64::to_string).collect::<Vec<_>>().join("."))
}

/// The text of a string type (X.680 §41): UTF8, Printable, IA5, Numeric, Teletex as Latin-1, BMP, Universal.
pub(crate) fn text(element: Element<'_>) -> Option<String> {
    let bytes = element.content;
    match element.tag {
        0x0c | 0x12 | 0x13 | 0x16 => std::str::from_utf8(bytes).ok().map(str::to_owned),
        0x14 => Some(bytes.iter().map(|byte| char::from(*byte)).collect()),
        0x1e => {
            let units = bytes.chunks(2).map(|pair| <[u8; 2]>::try_from(pair).ok().map(u16::from_be_bytes));
            String::from_utf16(&units.collect::<Option<Vec<_>>>()?).ok()
        }
        0x1c => {
            let unit = |four: &[u8]| char::from_u32(u32::from_be_bytes(four.try_into().ok()?));
            bytes.chunks(4).map(unit).collect()
        }
        _ => None,
    }
}
