//! Secrets that services repeat: many answer an error with the address of the request, and some
//! with its credentials. What they answer is shown in timelines and in the log.

use std::sync::Arc;

use reqwest::Url;

use super::http::Answer;

/// A shorter part is a word, such as `import`, and hiding it would only hide what went wrong.
const PART_BYTES_MIN: usize = 8;
const HIDDEN: &str = "(hidden)";

/// Parts of a sink's requests that nobody may see.
#[derive(Clone)]
pub(crate) struct HiddenParts(Arc<[String]>);

impl HiddenParts {
    /// Hides `parts`, and with them what `url` may hold.
    pub(crate) fn new(url: Option<&Url>, parts: impl IntoIterator<Item = String>) -> Self {
        let mut hidden: Vec<String> = url.into_iter().flat_map(parts_of_url).collect();
        hidden.extend(parts);
        hidden.retain(|part| part.len() >= PART_BYTES_MIN);
        // One part may be in another.
        hidden.sort_by_key(|part| std::cmp::Reverse(part.len()));
        Self(hidden.into())
    }

    /// The same answer without the parts.
    pub(crate) fn hide(&self, mut answer: Answer) -> Answer {
        let text = String::from_utf8_lossy(&answer.body);
        if self.0.iter().any(|part| text.contains(part.as_str())) {
            let hide = |text: String, part: &String| text.replace(part.as_str(), HIDDEN);
            answer.body = self.0.iter().fold(text.into_owned(), hide).into_bytes();
        }
        answer
    }
}

/// User name, password, segments of the path, and names and values of the query, as they are
/// written and as they are meant.
fn parts_of_url(url: &Url) -> Vec<String> {
    let mut parts = vec![url.username().to_owned(), url.password().unwrap_or_default().to_owned()];
    parts.extend(url.path().split('/').map(str::to_owned));
    parts.extend(url.query().unwrap_or_default().split(['&', '=']).map(str::to_owned));
    let meant = |part: &String| {
        let plain = part.replace('+', "%2B");
        form_urlencoded::parse(plain.as_bytes()).map(|(name, _)| name.into_owned()).next()
    };
    let decoded: Vec<String> = parts.iter().filter_map(meant).collect();
    parts.extend(decoded);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_answer_repeats_of_the_address_is_hidden_in_every_form() {
        let url = "https://username:pass%2Fw0rd@h.example/services/T0000000/pa%20th%2Fsecret?key=k+v/secret";
        let hidden = HiddenParts::new(Url::parse(url).ok().as_ref(), ["token-of-it".to_owned()]);
        for (body, shown) in [
            (
                "Cannot POST /services/T0000000/pa%20th%2Fsecret",
                "Cannot POST /(hidden)/(hidden)/(hidden)",
            ),
            (r#"{"path":"\/services\/pa th/secret"}"#, r#"{"path":"\/(hidden)\/(hidden)"}"#),
            ("?key=k+v/secret", "?key=(hidden)"),
            ("username pass/w0rd pass%2Fw0rd", "(hidden) (hidden) (hidden)"),
            ("wrong token-of-it", "wrong (hidden)"),
            ("h.example is down", "h.example is down"),
        ] {
            let answer = Answer { status: 404, retry_after_ms: None, body: body.into() };
            assert_eq!(String::from_utf8(hidden.hide(answer).body).unwrap(), shown);
        }
        let bytes = Answer { status: 404, retry_after_ms: None, body: vec![0xff, 0xfe] };
        assert_eq!(hidden.hide(bytes.clone()), bytes, "nothing to hide");
    }
}
