//! Names of producers: exactly one spelling each.

use lamplight_wire::Producer;
use lamplight_wire::producer::{PRODUCER_CHARS, WORD_CHARS, push_digits};
use proptest::prelude::*;

const LETTERS: &str = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

proptest! {
    #[test]
    fn a_producer_name_round_trips(bits: u128) {
        let producer = Producer::from_bits(bits);
        prop_assert_eq!(producer.bits(), bits);
        prop_assert_eq!(Producer::parse(&producer.to_string()), Some(producer));
    }

    #[test]
    fn only_canonical_names_parse(text in "[0-9A-Za-z\u{e9}-]{24,28}") {
        if let Some(producer) = Producer::parse(&text) {
            prop_assert_eq!(producer.to_string(), text);
        }
    }

    #[test]
    fn names_of_new_pages_are_in_the_order_of_time(
        earlier in 0..(1_u64 << 48), later in 0..(1_u64 << 48), random: u128, other: u128,
    ) {
        let names = [Producer::begun_at(earlier, random), Producer::begun_at(later, other)];
        if earlier != later {
            prop_assert_eq!(names[0].to_string() < names[1].to_string(), earlier < later);
        }
        prop_assert_eq!(names[0].bits() >> 80, u128::from(earlier));
        prop_assert_eq!(names[0].bits() << 48, random << 48);
    }

    #[test]
    fn the_name_is_the_number_in_base_32(bits: u128) {
        let letter = |place: usize| char::from(LETTERS.as_bytes()[(bits >> (5 * place)) as usize & 31]);
        let name: String = (0..PRODUCER_CHARS).rev().map(letter).collect();
        prop_assert_eq!(Producer::from_bits(bits).to_string(), name);
    }
}

#[test]
fn every_letter_of_the_alphabet_stands_for_five_bits() {
    for (value, letter) in (0u128..).zip(LETTERS.chars()) {
        let name = format!("{}{letter}", "0".repeat(PRODUCER_CHARS - 1));
        assert_eq!(Producer::from_bits(value).to_string(), name);
        assert_eq!(Producer::parse(&name), Some(Producer::from_bits(value)));
    }
    for letter in ['I', 'L', 'O', 'U', 'a', 'z', '-', ' '] {
        let name = format!("{}{letter}", "0".repeat(PRODUCER_CHARS - 1));
        assert_eq!(Producer::parse(&name), None, "{name}");
    }
}

#[test]
fn a_name_of_another_length_is_none() {
    for chars in [0, 1, PRODUCER_CHARS - 1, PRODUCER_CHARS + 1] {
        assert_eq!(Producer::parse(&"0".repeat(chars)), None, "{chars} characters");
    }
    // As many bytes, in fewer characters.
    assert_eq!(Producer::parse(&format!("{}\u{e9}", "0".repeat(PRODUCER_CHARS - 2))), None);
}

#[test]
fn the_first_character_holds_three_bits() {
    let name = |first: &str| format!("{first}{}", "Z".repeat(PRODUCER_CHARS - 1));
    assert_eq!(Producer::parse(&name("7")), Some(Producer::from_bits(u128::MAX)));
    assert_eq!(Producer::parse(&name("6")), Some(Producer::from_bits(u128::MAX ^ (1 << 125))));
    for first in ["8", "9", "A", "Z"] {
        assert_eq!(Producer::parse(&name(first)), None, "{first}");
    }
}

#[test]
fn digits_are_the_lowest_bits_in_exactly_this_many_characters() {
    for (word, chars, want) in [
        (0, 0, ""),
        (31, 0, ""),
        (31, 1, "Z"),
        (32, 1, "0"),
        (33, 2, "11"),
        (1, 3, "001"),
        (u64::MAX, WORD_CHARS, "ZZZZZZZZZZZZ"),
        (1 << 60, WORD_CHARS, "000000000000"),
        (1 << 55, WORD_CHARS, "100000000000"),
    ] {
        let mut out = "-".to_owned();
        push_digits(&mut out, word, chars);
        assert_eq!(out, format!("-{want}"), "{chars} of {word}");
    }
}

#[test]
fn a_failed_assertion_shows_a_producer_by_its_name() {
    assert_eq!(format!("{:?}", Producer::from_bits(1)), "00000000000000000000000001");
}
