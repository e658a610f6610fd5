//! The server's answer to the question which numbers of a producer have arrived.

use lamplight_wire::{Producer, Ranges};

use crate::text;

/// The numbers of `producer` that an answer says have arrived: the member
/// `"<producer>":[[from,to],…]`. Anything malformed ends the list, because a number that is not in
/// it is sent again.
pub fn arrived_numbers(answer: &str, producer: Producer) -> Ranges {
    let mut seqs = Ranges::new();
    let mut rest = answer;
    while let Some((name, after)) = text::split_once(rest, b'"') {
        rest = after;
        if Producer::parse(name) == Some(producer) {
            let mut pairs = after.strip_prefix(":[[");
            while let Some((from, to, after)) = pairs.and_then(next_pair) {
                seqs.insert_range(from, to);
                pairs = after.strip_prefix(",[");
            }
        }
    }
    seqs
}

/// The pair `from,to]` at the beginning of a text, and what follows it.
fn next_pair(text: &str) -> Option<(u64, u64, &str)> {
    let (from, rest) = text::split_once(text, b',')?;
    let (to, after) = text::split_once(rest, b']')?;
    Some((text::parse_number(from)?, text::parse_number(to)?, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASKED: Producer = Producer::from_bits(7);

    fn read(ranges: &str) -> Vec<(u64, u64)> {
        let other = Producer::from_bits(8);
        let body = format!(
            r#"{{"status":"OK","arrived":{{"{other}":[[90,99]],"{ASKED}":{ranges},"x":[[70,79]]}}}}"#
        );
        arrived_numbers(&body, ASKED).as_slice().to_vec()
    }

    #[test]
    fn only_the_numbers_of_the_producer_are_read() {
        assert_eq!(read("[[1,3]]"), [(1, 3)]);
        assert_eq!(read("[[1,3],[5,5],[7,4294967295]]"), [(1, 3), (5, 5), (7, 4_294_967_295)]);
        assert_eq!(read("[]"), []);
    }

    #[test]
    fn an_answer_without_the_producer_says_that_nothing_arrived() {
        for body in [
            String::new(),
            String::from(r#"{"status":"OK","payload":"1","events":0}"#),
            String::from(r#"{"status":"OK","arrived":{}}"#),
            format!(r#"{{"status":"OK","arrived":{{"{ASKED}":null}}}}"#),
            format!(r#"{{"status":"OK","arrived":["{ASKED}",[[1,3]]]}}"#),
        ] {
            assert_eq!(arrived_numbers(&body, ASKED), Ranges::new(), "{body}");
        }
    }

    #[test]
    fn a_malformed_range_ends_the_list() {
        for ranges in
            ["[[1,3],[5", "[[1,3],5,6]", "[[1,3] ,[5,6]]", "[[1,3],[-5,6]]", "[[1,3],[5,6e3]]"]
        {
            assert_eq!(read(ranges), [(1, 3)], "{ranges}");
        }
        assert_eq!(read("[[3,1]]"), []);
        assert_eq!(read("[[\"1\",3]]"), []);
    }
}
