//! Answers that lack what databases have which are down.
//!
//! Where there are several databases, an answer has what the others have. It says so: by a header,
//! and in JSON by a member `partial` with the numbers of the databases.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderName, HeaderValue};

use crate::store::partial::{Missing, taking_parts};

/// The header with the numbers of the databases that did not answer.
pub(crate) const PARTIAL: HeaderName = HeaderName::from_static("lamplight-partial");
/// The address that a part is no answer for: a counter that is smaller than before looks like one
/// that was reset. Figures that cannot be read are missing there.
const WHOLE: &str = "/metrics";

/// Takes a part for an answer, and says in the answer what it lacks.
pub(crate) async fn mark(request: Request, next: Next) -> Response {
    if request.uri().path() == WHOLE {
        return next.run(request).await;
    }
    let missing = Missing::default();
    let mut response = taking_parts(missing.clone(), next.run(request)).await;
    if let Some(numbers) = listed(&missing)
        && let Ok(value) = HeaderValue::try_from(numbers)
    {
        response.headers_mut().insert(PARTIAL, value);
    }
    response
}

/// The numbers of the databases that this answer lacks, as text.
pub(crate) fn missing_here() -> Option<String> {
    listed(&Missing::of_this_answer()?)
}

fn listed(missing: &Missing) -> Option<String> {
    let numbers: Vec<String> = missing.numbers().iter().map(ToString::to_string).collect();
    (!numbers.is_empty()).then(|| numbers.join(", "))
}

/// An object in JSON, which says what it lacks.
pub(super) fn marked(mut json: Vec<u8>) -> Vec<u8> {
    if let Some(numbers) = missing_here()
        && json.pop_if(|last| *last == b'}').is_some()
    {
        if json.last() != Some(&b'{') {
            json.push(b',');
        }
        json.extend_from_slice(format!("\"partial\":[{numbers}]}}").as_bytes());
    }
    json
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn lacking(numbers: &[u16], json: &str) -> String {
        let missing = Missing::default();
        for number in numbers {
            missing.add(*number);
        }
        let marked = taking_parts(missing, async { marked(json.into()) }).await;
        String::from_utf8(marked).unwrap()
    }

    #[tokio::test]
    async fn an_answer_says_which_databases_it_lacks_and_otherwise_stays_as_it_is() {
        assert_eq!(lacking(&[], r#"{"a":1}"#).await, r#"{"a":1}"#);
        assert_eq!(lacking(&[3, 2], r#"{"a":1}"#).await, r#"{"a":1,"partial":[2, 3]}"#);
        assert_eq!(lacking(&[2], "{}").await, r#"{"partial":[2]}"#);
        assert_eq!(lacking(&[2], "[1]").await, "[1]");
        assert_eq!(marked(b"{}".to_vec()), b"{}", "nobody takes a part");
    }
}
