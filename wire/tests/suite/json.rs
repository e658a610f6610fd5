//! JSON as the browser module writes it: pure ASCII, and in the fewest bytes.

use lamplight_wire::json;
use proptest::prelude::*;

fn string(text: &str) -> String {
    let mut out = String::new();
    json::push_string(&mut out, text);
    out
}

fn integer(value: u64) -> String {
    let mut out = String::new();
    json::push_integer(&mut out, value);
    out
}

proptest! {
    #[test]
    fn a_string_round_trips_as_ascii(text in ".*") {
        let json = string(&text);
        prop_assert!(json.is_ascii());
        prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
    }

    #[test]
    fn an_integer_is_written_in_decimal(value: u64, shift in 0u32..64) {
        prop_assert_eq!(integer(value >> shift), (value >> shift).to_string());
    }
}

#[test]
fn only_what_needs_it_is_escaped() {
    for (text, want) in [
        ("", r#""""#),
        (" azAZ09~", r#"" azAZ09~""#),
        (r#"""#, r#""\"""#),
        (r"\", r#""\\""#),
        (r#"a"b\c"#, r#""a\"b\\c""#),
        ("\0", r#""\u0000""#),
        ("a\nb", r#""a\u000ab""#),
        ("\u{1f} ", r#""\u001f ""#),
        ("~\u{7f}", r#""~\u007f""#),
        ("caf\u{e9} \"1\"", r#""caf\u00e9 \"1\"""#),
        ("\u{ffff}", r#""\uffff""#),
        ("\u{10000}", r#""\ud800\udc00""#),
        ("a\u{1f600}b", r#""a\ud83d\ude00b""#),
        ("\u{10ffff}", r#""\udbff\udfff""#),
    ] {
        assert_eq!(string(text), want);
    }
}

#[test]
fn integers_of_every_length_have_no_leading_zero() {
    assert_eq!(integer(0), "0");
    assert_eq!(integer(u64::MAX), "18446744073709551615");
    for exponent in 1..20 {
        let power = 10u64.pow(exponent);
        assert_eq!(integer(power), format!("1{}", "0".repeat(exponent as usize)));
        assert_eq!(integer(power - 1), "9".repeat(exponent as usize));
    }
}

#[test]
fn text_is_appended_to_what_is_there() {
    let mut out = "[".to_owned();
    json::push_integer(&mut out, 10);
    out.push(',');
    json::push_quoted(&mut out, r"already \u00e9scaped");
    out.push(',');
    json::push_string(&mut out, "\u{e9}");
    assert_eq!(out, r#"[10,"already \u00e9scaped","\u00e9""#);
}
