//! Reading what a batch declares about producers, within the limits.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{
    Deserializer, Error, Expected, IgnoredAny, MapAccess, SeqAccess, Unexpected, Visitor,
};

use super::ProducerNote;
use crate::{Producer, Ranges, limits};

/// The `producers` object. Reading stops at the first value over a limit, before anything is built
/// from it.
#[derive(Debug, Default)]
pub(super) struct ProducerNotes(pub(super) Vec<(Producer, ProducerNote)>);

impl<'de> Deserialize<'de> for ProducerNotes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let entries = Entries::<RawNote> {
            at_most: limits::PRODUCERS_MAX,
            what: "producers",
            value: PhantomData,
        };
        let notes = deserializer.deserialize_any(entries)?;
        notes.into_iter().map(validated).collect::<Result<_, _>>().map(Self)
    }
}

fn validated<E: Error>((name, note): (String, RawNote)) -> Result<(Producer, ProducerNote), E> {
    let invalid = |why: fmt::Arguments<'_>| E::custom(format_args!("in `producers`: {why}"));
    let producer = Producer::parse(&name)
        .ok_or_else(|| invalid(format_args!("a key is not 26 characters of Crockford base32")))?;
    // `next` may be one more than the largest possible number.
    if note.next > limits::SEQ_MAX + 1 {
        return Err(invalid(format_args!(
            "`next` is {}; at most {} is accepted",
            note.next,
            limits::SEQ_MAX + 1
        )));
    }
    let mut dropped = Vec::with_capacity(note.dropped.0.len());
    for (reason, Pairs(pairs)) in note.dropped.0 {
        if reason.is_empty() || reason.len() > limits::REASON_BYTES_MAX {
            return Err(invalid(format_args!(
                "a drop reason has {} bytes; 1 to {} are accepted",
                reason.len(),
                limits::REASON_BYTES_MAX
            )));
        }
        let is_invalid = |(from, to): &&(u64, u64)| *from < 1 || from > to || *to > limits::SEQ_MAX;
        if let Some((from, to)) = pairs.iter().find(is_invalid) {
            return Err(invalid(format_args!(
                "[{from}, {to}] is not a range with 1 <= from <= to <= {}",
                limits::SEQ_MAX
            )));
        }
        dropped.push((reason, pairs.into_iter().collect::<Ranges>()));
    }
    Ok((producer, ProducerNote { next: note.next, dropped }))
}

#[derive(Default)]
struct RawNote {
    next: u64,
    dropped: RawDropped,
}

impl<'de> Deserialize<'de> for RawNote {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NoteVisitor)
    }
}

struct NoteVisitor;

impl<'de> Visitor<'de> for NoteVisitor {
    type Value = RawNote;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of `next` and `dropped`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<RawNote, A::Error> {
        let mut note = RawNote::default();
        while let Some(name) = members.next_key::<String>()? {
            match name.as_str() {
                "next" => note.next = members.next_value::<Option<_>>()?.unwrap_or_default(),
                "dropped" => note.dropped = members.next_value()?,
                _ => drop(members.next_value::<IgnoredAny>()?),
            }
        }
        Ok(note)
    }

    fn visit_unit<E: Error>(self) -> Result<RawNote, E> {
        Ok(RawNote::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, elements: A) -> Result<RawNote, A::Error> {
        expect_empty(elements, &self).map(|()| RawNote::default())
    }
}

/// Languages whose arrays are also their maps write an empty object as `[]`.
fn expect_empty<'de, A: SeqAccess<'de>>(
    mut elements: A,
    expected: &dyn Expected,
) -> Result<(), A::Error> {
    match elements.next_element::<IgnoredAny>()? {
        None => Ok(()),
        Some(_) => Err(A::Error::invalid_type(Unexpected::Seq, expected)),
    }
}

#[derive(Default)]
struct RawDropped(Vec<(String, Pairs)>);

impl<'de> Deserialize<'de> for RawDropped {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let entries =
            Entries::<Pairs> { at_most: limits::REASONS_MAX, what: "reasons", value: PhantomData };
        deserializer.deserialize_any(entries).map(Self)
    }
}

/// The members of an object, up to a limit. If a name is repeated, the last value counts. `null`
/// and an empty array count as an empty object.
struct Entries<T> {
    at_most: usize,
    what: &'static str,
    value: PhantomData<T>,
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for Entries<T> {
    type Value = Vec<(String, T)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object of at most {} {}", self.at_most, self.what)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut entries = std::collections::BTreeMap::new();
        while let Some(name) = members.next_key::<String>()? {
            if entries.len() >= self.at_most && !entries.contains_key(&name) {
                return Err(A::Error::invalid_length(entries.len() + 1, &self));
            }
            entries.insert(name, members.next_value()?);
        }
        Ok(entries.into_iter().collect())
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Vec::new())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, elements: A) -> Result<Self::Value, A::Error> {
        expect_empty(elements, &self).map(|()| Vec::new())
    }
}

struct Pairs(Vec<(u64, u64)>);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PairsVisitor).map(Self)
    }
}

struct PairsVisitor;

impl<'de> Visitor<'de> for PairsVisitor {
    type Value = Vec<(u64, u64)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an array of at most {} ranges [from, to]", limits::RANGES_MAX)
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Vec::new())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Self::Value, A::Error> {
        let mut pairs = Vec::new();
        while pairs.len() < limits::RANGES_MAX {
            match elements.next_element()? {
                Some(pair) => pairs.push(pair),
                None => return Ok(pairs),
            }
        }
        match elements.next_element::<IgnoredAny>()? {
            None => Ok(pairs),
            Some(_) => Err(A::Error::invalid_length(limits::RANGES_MAX + 1, &self)),
        }
    }
}
