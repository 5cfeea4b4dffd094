//! The fields of packed records.

use convodb_core::records::packed::{Fields, put_number};

#[test]
fn a_number_has_one_form() {
    for number in [0, 1, 127, 128, 300, 1 << 35, u64::MAX - 1, u64::MAX] {
        let mut bytes = Vec::new();
        put_number(&mut bytes, number);
        assert_eq!(Fields::new(&bytes).number(), Some(number));
        for cut in 0..bytes.len() {
            assert_eq!(Fields::new(&bytes[..cut]).number(), None);
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
    for bits in 0..1_u64 << 16 {
        let bytes = (bits << 8 | 0x81).to_le_bytes();
        let mut fields = Fields::new(&bytes);
        if let Some(number) = fields.number() {
            let mut again = Vec::new();
            put_number(&mut again, number);
            assert_eq!([&again[..], fields.rest()].concat(), bytes);
        }
    }
}
