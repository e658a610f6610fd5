//! Problem documents for requests that hyper cannot read.
//!
//! hyper answers them by itself, with a status and without a body. This stream replaces such an
//! answer while it is written.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::Bytes;
use http::StatusCode;
use tokio::io::AsyncWrite;

use super::layered::{self, Layer, Layered};
use super::problem::Problem;
use super::requests::Requests;

/// Longest answer of hyper to a request that it cannot read, in bytes.
const BARE_BYTES_MAX: usize = 256;

/// A stream that replaces hyper's answers to requests that it cannot read.
pub(super) type ErrorAnswers<S> = Layered<S, BareAnswers>;

/// Finds the answers to replace.
#[derive(Debug)]
pub(super) struct BareAnswers {
    requests: Requests,
    /// The number of requests that had begun when something was last written.
    written_begun: u64,
    replacing: Option<Replacing>,
}

/// An answer that is being written in place of another one.
#[derive(Debug)]
struct Replacing {
    rest: Bytes,
    /// The length of the answer that it replaces.
    replaced_bytes: usize,
}

impl<S> Layered<S, BareAnswers> {
    pub(super) fn new(stream: S, requests: Requests) -> Self {
        Self { stream, layer: BareAnswers { requests, written_begun: 0, replacing: None } }
    }
}

impl BareAnswers {
    /// The answer to write in place of `bytes`, if hyper wrote them without having read a request.
    fn replacement(&mut self, bytes: &[u8]) -> Option<Replacing> {
        let begun = self.requests.begun();
        // The first bytes after a request has begun are its own answer.
        let is_own = self.written_begun != begun || !self.requests.are_ended();
        self.written_begun = begun;
        if is_own || bytes.len() > BARE_BYTES_MAX {
            return None;
        }
        let rest = Bytes::from(written(&problem(bare_status(bytes)?)?));
        Some(Replacing { rest, replaced_bytes: bytes.len() })
    }
}

/// The status of a whole answer that has no body.
fn bare_status(bytes: &[u8]) -> Option<StatusCode> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (status, headers) = text.strip_prefix("HTTP/1.1 ")?.split_once("\r\n")?;
    let headers = headers.strip_suffix("\r\n\r\n")?;
    let is_whole = !headers.contains("\r\n\r\n");
    let is_empty = headers.split("\r\n").any(|line| line.eq_ignore_ascii_case("content-length: 0"));
    if is_whole && is_empty { status.split(' ').next()?.parse().ok() } else { None }
}

fn problem(status: StatusCode) -> Option<Problem> {
    let (code, detail) = match status {
        StatusCode::BAD_REQUEST => (
            "request_invalid",
            "the request is not valid HTTP/1.1: its first line, a header, or the length of its body \
             is wrong",
        ),
        StatusCode::URI_TOO_LONG => {
            ("address_too_long", "the request's address is too long: send a shorter one")
        }
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => (
            "headers_too_large",
            "the request's headers are larger than 32 KiB, or more than 100: send fewer or shorter \
             ones",
        ),
        _ => return None,
    };
    Some(Problem::new(status, code, detail).close())
}

/// A whole answer, after which the connection is closed.
pub(super) fn written(problem: &Problem) -> Vec<u8> {
    let body = problem.json(None);
    let retry_after = problem
        .retry_after_s
        .map_or_else(String::new, |seconds| format!("retry-after: {seconds}\r\n"));
    let head = format!(
        "HTTP/1.1 {}\r\ncontent-type: application/problem+json\r\ncache-control: no-store\r\n\
         x-content-type-options: nosniff\r\naccess-control-allow-origin: *\r\n\
         access-control-expose-headers: Retry-After\r\n{retry_after}connection: close\r\n\
         content-length: {}\r\n\r\n",
        problem.status,
        body.len()
    );
    [head, body].concat().into_bytes()
}

impl BareAnswers {
    fn poll_replace<S: AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<Option<usize>>> {
        while let Some(replacing) = &mut self.replacing {
            if replacing.rest.is_empty() {
                let replaced_bytes = replacing.replaced_bytes;
                self.replacing = None;
                return Poll::Ready(Ok(Some(replaced_bytes)));
            }
            let written = ready!(Pin::new(&mut *stream).poll_write(context, &replacing.rest))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            drop(replacing.rest.split_to(written));
        }
        Poll::Ready(Ok(None))
    }
}

impl Layer for BareAnswers {
    fn poll_write<S: AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.replacing.is_none() {
            let first = slices.iter().find(|slice| !slice.is_empty());
            self.replacing = self.replacement(first.map_or(&[], |first| first));
        }
        match ready!(self.poll_replace(stream, context))? {
            Some(replaced_bytes) => Poll::Ready(Ok(replaced_bytes)),
            None => layered::poll_write(stream, context, slices),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    const BARE: &[u8] = b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\
                          date: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n";

    /// What arrives when `bytes` are written after `begun` requests, all of them answered.
    async fn arrives(begun: u64, bytes: &[u8]) -> String {
        let (near, mut far) = duplex(16);
        let requests = Requests::default();
        let mut stream = ErrorAnswers::new(near, requests.clone());
        let writing = async move {
            for _ in 0..begun {
                drop(requests.begin());
                stream.write_all(b"own").await.unwrap();
            }
            stream.write_all(bytes).await.unwrap();
        };
        let mut text = String::new();
        let ((), read) = tokio::join!(writing, far.read_to_string(&mut text));
        read.unwrap();
        text
    }

    #[tokio::test]
    async fn an_answer_of_hyper_itself_becomes_a_problem_document() {
        for begun in [0, 1] {
            let text = arrives(begun, BARE).await;
            let (head, body) = text.split_once("\r\n\r\n").unwrap();
            assert!(head.contains("content-type: application/problem+json"), "{head}");
            assert!(head.contains(&format!("content-length: {}", body.len())), "{head}");
            let json: serde_json::Value = serde_json::from_str(body).unwrap();
            assert_eq!((&json["status"], &json["code"]), (&400.into(), &"request_invalid".into()));
        }
    }

    #[tokio::test]
    async fn every_other_answer_stays_as_it_is() {
        for bytes in [
            &b"HTTP/1.1 400 Bad Request\r\ncontent-length: 2\r\n\r\n{}"[..],
            b"HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n",
            b"HTTP/1.1 100 Continue\r\n\r\n",
            b"{\"events\": []}",
            b"",
        ] {
            assert_eq!(arrives(0, bytes).await.as_bytes(), bytes);
        }
        let (near, mut far) = duplex(1_024);
        let requests = Requests::default();
        let open = requests.begin();
        let mut stream = ErrorAnswers::new(near, requests);
        stream.write_all(BARE).await.unwrap();
        drop((open, stream));
        let mut own = Vec::new();
        far.read_to_end(&mut own).await.unwrap();
        assert_eq!(own, BARE, "an answer of a handler");
    }
}
