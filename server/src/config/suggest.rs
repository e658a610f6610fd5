//! The nearest right name for a wrong one.

/// How alike two names must be, from 0 to 1, to be taken for each other.
const LIKENESS_MIN: f64 = 0.8;

/// The one of `names` that `wrong` was most likely meant to be.
pub(crate) fn nearest<'a>(
    wrong: &str,
    names: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let likeness = |name: &str| strsim::jaro_winkler(&wrong.replace('-', "_"), name);
    let near = names.into_iter().map(|name| (likeness(name), name));
    let near = near.filter(|(likeness, _)| *likeness >= LIKENESS_MIN);
    near.max_by(|one, other| one.0.total_cmp(&other.0)).map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelled_name_is_recognised_and_another_word_is_not() {
        let names = ["listen", "keep_days", "keep_payload_days", "log"];
        assert_eq!(nearest("lisen", names), Some("listen"));
        assert_eq!(nearest("keep-days", names), Some("keep_days"));
        assert_eq!(nearest("keep_payloads_days", names), Some("keep_payload_days"));
        assert_eq!(nearest("retention", names), None);
    }
}
