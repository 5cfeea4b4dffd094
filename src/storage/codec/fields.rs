//! Fields that lie one behind another: the records that pages and histories are made of, as reading
//! them by a general format took a third of a page's time.
//!
//! Reading is bounded by the bytes that are there, and each value has one form, so that what can be
//! read is written the same again.

/// What is left to read. A read answers nothing where the bytes can be no such value.
pub(in crate::storage) struct Fields<'a>(&'a [u8]);

/// The seven bits of a number that a byte carries, and the one that says that more follow.
const LOW_BITS: u8 = 0x7F;
const MORE: u8 = 0x80;

impl<'a> Fields<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(in crate::storage) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*array)
    }

    pub(in crate::storage) fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*byte)
    }

    pub(in crate::storage) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(in crate::storage) fn i64(&mut self) -> Option<i64> {
        self.array().map(i64::from_le_bytes)
    }

    /// A number that is mostly small: seven bits a byte, the low ones first, without a last byte
    /// of zero.
    #[inline]
    pub(in crate::storage) fn number(&mut self) -> Option<u64> {
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

    /// A text behind its length.
    pub(in crate::storage) fn text(&mut self) -> Option<&'a str> {
        let len = usize::try_from(self.u32()?).ok()?;
        let (text, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        std::str::from_utf8(text).ok()
    }

    /// The text that reaches to the end.
    pub(in crate::storage) fn last_text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.rest()).ok()
    }

    pub(in crate::storage) fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }
}

/// Appends a number as [`Fields::number`] reads it.
pub(in crate::storage) fn put_number(bytes: &mut Vec<u8>, mut number: u64) {
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
pub(in crate::storage) fn put_text(bytes: &mut Vec<u8>, text: &str) {
    // No text is longer than what the domain lets pass.
    let len = u32::try_from(text.len()).unwrap_or(u32::MAX);
    bytes.extend_from_slice(&len.to_le_bytes());
    bytes.extend_from_slice(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_one_form() {
        for number in [0, 1, 127, 128, 300, 1 << 35, u64::MAX - 1, u64::MAX] {
            let mut bytes = Vec::new();
            put_number(&mut bytes, number);
            assert_eq!(Fields::new(&bytes).number(), Some(number));
            for cut in 0..bytes.len() {
                let cut = bytes.get(..cut).unwrap_or_default();
                assert_eq!(Fields::new(cut).number(), None);
            }
        }
        for refused in [&[0x80, 0][..], &[0xFF, 0x80, 0], &[0xFF; 10], &[0x80; 11]] {
            assert_eq!(Fields::new(refused).number(), None, "{refused:?}");
        }
        let mut more = [0xFF; 10];
        more[9] = 2;
        assert_eq!(Fields::new(&more).number(), None, "65 bits");
    }

    #[test]
    fn what_can_be_read_as_a_number_is_written_the_same() {
        for seed in 0..1_000 {
            let mut rng = fastrand::Rng::with_seed(seed);
            let mut bytes = vec![0; rng.usize(0..100)];
            rng.fill(&mut bytes);
            let mut fields = Fields::new(&bytes);
            if let Some(number) = fields.number() {
                let mut again = Vec::new();
                put_number(&mut again, number);
                assert_eq!([&again[..], fields.rest()].concat(), bytes);
            }
        }
    }
}
