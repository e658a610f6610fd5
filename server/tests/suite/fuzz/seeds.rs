//! Seeds: the golden files of the wire contract, and a few inputs for corner cases.

use std::io::Write;
use std::path::Path;

use lamplight_server::store::stream::group::encode;
use serde_json::Value;

const P: &str = "01ARZ3NDEKTSV4RRFFQ69G5FAV";

fn golden(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/wire");
    std::fs::read_to_string(folder.join(name)).unwrap()
}

/// Every text in a golden file that could be JSON itself, and every object in it.
fn parts(value: &Value, found: &mut Vec<Vec<u8>>) {
    match value {
        Value::String(text) => found.push(text.clone().into_bytes()),
        Value::Array(values) => values.iter().for_each(|value| parts(value, found)),
        Value::Object(members) => {
            found.push(value.to_string().into_bytes());
            members.values().for_each(|value| parts(value, found));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn parts_of(name: &str) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    parts(&serde_json::from_str(&golden(name)).unwrap(), &mut found);
    found
}

/// Request bodies.
pub(crate) fn bodies() -> Vec<Vec<u8>> {
    let mut seeds = parts_of("bodies.json");
    seeds.extend(parts_of("batch.json"));
    seeds.push(
        format!(
            r#"{{"v":1,"sent_at":1700000000000,"producers":{{"{P}":{{"next":9,"dropped":{{"quota":[[3,4],[6,6]]}}}}}},"events":[{{"name":"a","producer":"{P}","seq":1,"properties":{{"x":[1,{{"y":null}}]}}}}]}}"#
        )
        .into_bytes(),
    );
    seeds.push("[".repeat(70).into_bytes());
    seeds.extend(parts_of("events.json"));
    seeds
}

/// Bodies with each compression.
pub(crate) fn packed() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for text in [b"[]".to_vec(), bodies().concat(), vec![b' '; 1 << 20]] {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        gzip.write_all(&text).unwrap();
        seeds.push(gzip.finish().unwrap());
        seeds.push(zstd::stream::encode_all(&text[..], 3).unwrap());
        let mut packed = Vec::new();
        brotli::CompressorWriter::new(&mut packed, 4096, 5, 22).write_all(&text).unwrap();
        seeds.push(packed);
    }
    seeds
}

/// Events.
pub(crate) fn events() -> Vec<Vec<u8>> {
    let mut seeds = parts_of("events.json");
    seeds.push(
        br#"{"name":"took","ts":"2026-01-31T12:00:00.5+01:00","id":"x","user":{"id":7,"anonymous_id":"a"},"session":"s","monitor":{"kind":"timer","value":1.5,"rate":0.5,"tags":{"a":"b"}},"context":{}}"#
            .to_vec(),
    );
    seeds
}

/// Producers' names and ranges.
pub(crate) fn names() -> Vec<Vec<u8>> {
    let mut seeds = parts_of("producers.json");
    seeds.push(P.as_bytes().to_vec());
    seeds.push(b"[[1,3],[5,9],[4294967295,4294967295]]".to_vec());
    seeds
}

/// Groups of the intake stream, and what begins like one.
pub(crate) fn groups() -> Vec<Vec<u8>> {
    let payload = |number, body: &str| crate::store::sample::payload(number, body);
    let payloads = [payload(1, "[{},{}]"), payload(u128::MAX, ""), payload(3, &"x".repeat(300))];
    let mut seeds: Vec<Vec<u8>> =
        (0..=payloads.len()).map(|count| encode(&payloads[..count]).unwrap().to_vec()).collect();
    seeds.push(b"LMPG\x02".to_vec());
    seeds.push(b"LMPG\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01".to_vec());
    seeds
}
