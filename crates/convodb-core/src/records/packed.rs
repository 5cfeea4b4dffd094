//! Fields one after another: the layout of the records that pages and histories consist of. Reading
//! them by a general format took a third of a page's time.
//!
//! Reading is bounded by the bytes that are there. Each value has one form, so that what can be read
//! is written the same again.

/// What is left to read. A read returns `None` where the bytes are no such value.
#[derive(Debug)]
pub struct Fields<'a>(&'a [u8]);

/// The seven bits of a number that a byte carries, and the one that announces another byte.
const LOW_BITS: u8 = 0x7F;
const MORE: u8 = 0x80;

impl<'a> Fields<'a> {
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*array)
    }

    pub fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*byte)
    }

    /// Four bytes, the low one first.
    pub fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    /// Eight bytes, the low one first.
    pub fn i64(&mut self) -> Option<i64> {
        self.array().map(i64::from_le_bytes)
    }

    /// A number that is mostly small: seven bits a byte, the low ones first, without a last byte of
    /// zero.
    #[inline]
    pub fn number(&mut self) -> Option<u64> {
        match self.byte()? {
            small @ ..MORE => Some(small.into()),
            first => self.large_number(first),
        }
    }

    fn large_number(&mut self, first: u8) -> Option<u64> {
        let mut number = u64::from(first & LOW_BITS);
        for shift in (7..u64::BITS).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & LOW_BITS);
            if bits << shift >> shift != bits {
                return None;
            }
            number |= bits << shift;
            if byte < MORE {
                return (byte > 0).then_some(number);
            }
        }
        None
    }

    /// A text after its length.
    pub fn text(&mut self) -> Option<&'a str> {
        let len = usize::try_from(self.u32()?).ok()?;
        let (text, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        std::str::from_utf8(text).ok()
    }

    /// The text that reaches to the end.
    pub fn last_text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.rest()).ok()
    }

    pub fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }
}

/// Appends a number as [`Fields::number`] reads it.
pub fn put_number(bytes: &mut Vec<u8>, mut number: u64) {
    loop {
        let low = (number as u8) & LOW_BITS;
        number >>= 7;
        if number == 0 {
            bytes.push(low);
            return;
        }
        bytes.push(low | MORE);
    }
}

/// Appends a text as [`Fields::text`] reads it.
pub fn put_text(bytes: &mut Vec<u8>, text: &str) {
    // Commands refuse texts that are near this length.
    let len = u32::try_from(text.len()).unwrap_or(u32::MAX);
    bytes.extend_from_slice(&len.to_le_bytes());
    bytes.extend_from_slice(text.as_bytes());
}
