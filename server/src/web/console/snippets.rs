//! Examples that send a first event, ready to paste: with the address of this server and a key.

use askama::Template;
use form_urlencoded::byte_serialize;

use super::shown::{self, Markup};
use crate::api::KeyJson;
use crate::http::problem::Problem;
use crate::web::script;

#[derive(Template)]
#[template(path = "snippets.html")]
struct Snippets<'a> {
    url: &'a str,
    key: &'a str,
    origins: &'a [String],
    has_script: bool,
}

/// The examples for the server at `url`, with the oldest write key among `keys` that can be used.
/// `None` if there is no such key.
pub(super) fn render(url: &str, keys: &[KeyJson]) -> Result<Option<Markup>, Problem> {
    let Some((key, origins)) = usable_write_key(keys) else { return Ok(None) };
    let snippets = Snippets { url, key, origins, has_script: script::is_built() };
    snippets.render().map(|text| Some(Markup(text))).map_err(|error| Problem::internal(&error))
}

fn usable_write_key(keys: &[KeyJson]) -> Option<(&str, &[String])> {
    let usable = keys.iter().filter(|it| it.disabled.is_none() && it.kind == "write");
    let oldest = usable.min_by_key(|it| (it.made, it.id.as_str()))?;
    Some((oldest.key.as_deref()?, &oldest.origins))
}

/// A key given by an operator may have any sign, so it is written for each place.
impl Snippets<'_> {
    /// The package, in JavaScript.
    fn package(&self) -> String {
        format!(
            "import {{ init }} from 'lamplight'\n\
             const lamplight = init({{ url: '{}', key: {} }})\n\
             lamplight.track('hello', {{ from: 'a page' }})",
            self.url,
            javascript(self.key)
        )
    }

    /// The script, in HTML.
    fn tag(&self) -> String {
        format!(
            "<script async src=\"{}/lamplight.js\" data-key=\"{}\" data-auto></script>",
            self.url,
            shown::escape(self.key)
        )
    }

    /// A request, for a shell.
    fn curl(&self) -> String {
        let key: String = byte_serialize(self.key.as_bytes()).collect();
        format!(
            "curl '{}/v1/events?key={key}' \\\n  -H 'content-type: application/json' \\\n  \
             -d '[{{\"name\": \"hello\", \"properties\": {{\"from\": \"a shell\"}}}}]'",
            self.url
        )
    }

    /// A request of a backend, for a shell.
    fn backend(&self) -> String {
        format!(
            "curl '{}/v1/logs' \\\n  -H \"authorization: Bearer $LAMPLIGHT_SECRET_KEY\" \\\n  \
             -H 'content-type: application/json' \\\n  \
             -d '[{{\"id\": \"order-1042-paid\", \"name\": \"order_paid\", \"user\": {{\"id\": \"u7\"}}}}]'",
            self.url
        )
    }
}

/// Text as a JavaScript string.
fn javascript(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_with_any_sign_stays_one_text_in_every_example() {
        let key = r#"wk_'"\<&>$(x)"#;
        let snippets = Snippets { url: "http://h:1", key, origins: &[], has_script: true };
        assert!(
            snippets.package().contains(r#"key: 'wk_\'"\\<&>$(x)' }"#),
            "{}",
            snippets.package()
        );
        assert!(snippets.tag().contains("data-key=\"wk_&#39;&quot;\\&lt;&amp;&gt;$(x)\""));
        assert!(snippets.curl().contains("?key=wk_%27%22%5C%3C%26%3E%24%28x%29'"));
    }
}
