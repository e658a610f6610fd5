//! The configuration of a node that the guide shows. Tests start their nodes with it, so that
//! nobody copies what does not work.

use std::path::Path;

/// The guide.
pub(crate) fn guide() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/jetstream.md");
    std::fs::read_to_string(path).unwrap()
}

/// The only configuration of a node in the guide.
pub(crate) fn config() -> String {
    let guide = guide();
    let lines =
        guide.lines().map(|line| line.strip_prefix("    ").or((line.is_empty()).then_some("")));
    let lines: Vec<Option<&str>> = lines.collect();
    let blocks = lines.split(Option::is_none).map(|block| {
        let lines: Vec<&str> = block.iter().flatten().copied().collect();
        lines.join("\n")
    });
    let mut configs = blocks.filter(|block| block.contains("server_name"));
    let config = configs.next().unwrap();
    assert_eq!(configs.next(), None);
    config
}

/// `text` with one part of it replaced, which must be there once.
pub(crate) fn replaced(text: &str, from: &str, to: &str) -> String {
    assert_eq!(text.matches(from).count(), 1, "{from:?} in {text}");
    text.replace(from, to)
}
