//! Reading JSON as received, compared with a JSON library.

use lamplight_wire::json::{elements, fields, is_empty_array, members, string, valid_unicode};
use proptest::prelude::*;
use serde_json::Value;

#[test]
fn only_halves_of_surrogate_pairs_are_replaced() {
    for (text, want) in [
        (r#""\ud83d""#, r#""\ufffd""#),
        (r#""\uDE00x""#, r#""\ufffdx""#),
        (r#""\ud83d\ude00""#, r#""\ud83d\ude00""#),
        (r#""\ud83d\ud83d\ude00""#, r#""\ufffd\ud83d\ude00""#),
        (r#""\ude00\ud83d""#, r#""\ufffd\ufffd""#),
        (r#""\ud83d\n\ude00""#, r#""\ufffd\n\ufffd""#),
        (r#""\\ud83d""#, r#""\\ud83d""#),
        (r#""\\\ud83d""#, r#""\\\ufffd""#),
        (r#""\ud7ff\ue000\ufffd""#, r#""\ud7ff\ue000\ufffd""#),
        (r#"{"\ud800":"\udfff"}"#, r#"{"\ufffd":"\ufffd"}"#),
        (r"\ud8", r"\ud8"),
        (r"\ud800\", r"\ufffd\"),
        ("\\é\\ud800", "\\é\\ufffd"),
    ] {
        assert_eq!(valid_unicode(text), want, "{text}");
        assert_eq!(valid_unicode(want), want);
    }
}

/// A piece of a JSON string, and the UTF-16 that it stands for.
fn piece() -> impl Strategy<Value = (String, Vec<u16>)> {
    prop_oneof![
        (0xd7f0u16..0xe010).prop_map(|unit| (format!("\\u{unit:04x}"), vec![unit])),
        (0xd7f0u16..0xe010).prop_map(|unit| (format!("\\u{unit:04X}"), vec![unit])),
        Just(("\\\\".to_owned(), vec![u16::from(b'\\')])),
        Just(("\\\"".to_owned(), vec![u16::from(b'"')])),
        "[a-fé\u{1f600}u]{1,3}".prop_map(|text| (text.clone(), text.encode_utf16().collect())),
    ]
}

proptest! {
    #[test]
    fn a_string_is_read_as_its_utf_16_with_replacements(pieces in prop::collection::vec(piece(), 0..12)) {
        let (texts, units): (Vec<String>, Vec<Vec<u16>>) = pieces.into_iter().unzip();
        let json = format!("\"{}\"", texts.concat());
        let valid = valid_unicode(&json);
        prop_assert_eq!(valid.len(), json.len());
        let read = string(&valid);
        prop_assert_eq!(read.as_deref(), Some(&*String::from_utf16_lossy(&units.concat())));
        let spaced = format!(" {valid}");
        prop_assert_eq!(string(&spaced), None);
        prop_assert_eq!(valid_unicode(&valid), valid.clone());
    }

    #[test]
    fn any_text_is_repaired_without_a_panic(text in r#"(\\|u|d8|dc|00|"|é|\\u){0,20}"#) {
        prop_assert_eq!(valid_unicode(&text).len(), text.len());
    }

    #[test]
    fn members_are_what_a_json_library_reads(names in prop::collection::vec("[ab\\\\\"é]{0,2}", 0..8)) {
        let name = |name: &String| serde_json::to_string(name).unwrap();
        let list: Vec<String> =
            (0..).zip(&names).map(|(at, text)| format!("{} : {at}", name(text))).collect();
        let json = format!("{{ {} }}", list.join(" ,"));
        let want: Value = serde_json::from_str(&json).unwrap();
        let read = members(&json).unwrap();
        prop_assert_eq!(read.len(), want.as_object().unwrap().len());
        for (name, value) in read {
            prop_assert_eq!(want[&*name].to_string(), value.get());
            prop_assert_eq!(fields(&json, [&*name]).unwrap(), [Some(value.get())]);
        }
    }
}

#[test]
fn fields_are_those_of_an_object_and_null_is_absent() {
    let json = r#"{"a":1,"b":null,"c":[ ],"\u0061":"last","x":{"a":3}}"#;
    let read = fields(json, ["x", "a", "b", "none", "c"]).unwrap();
    assert_eq!(read, [Some(r#"{"a":3}"#), Some("\"last\""), None, None, Some("[ ]")]);
    for json in ["[1]", "[]", "1", "null", "\"a\"", "", "{", "{} x"] {
        assert!(fields(json, ["a"]).is_err() && members(json).is_err(), "{json}");
    }
    assert_eq!(elements("[1, [2] ,{}]").unwrap(), ["1", "[2]", "{}"]);
    for json in ["{}", "1", "null", "[1", "[1] 2"] {
        assert!(elements(json).is_err(), "{json}");
    }
    for (json, want) in [("[]", true), ("[ \n]", true), ("[0]", false), ("{}", false), ("[", false)]
    {
        assert_eq!(is_empty_array(json), want, "{json}");
    }
}
