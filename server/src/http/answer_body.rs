//! The body of an answer, on its way to the connection.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes, HttpBody};
use http_body::{Frame, SizeHint};

use super::connections::CountedRequest;
use super::requests::OpenRequest;
use super::unread::{PIECE_BYTES, UnreadAnswer};

/// What a request holds until its answer is written.
pub(super) type Held = (OpenRequest, CountedRequest);

/// The body of an answer. Its request lasts until all of it was given to the connection.
pub(super) struct AnswerBody {
    body: Body,
    /// Data that was not given out yet.
    rest: Bytes,
    kind: Kind,
}

enum Kind {
    /// The connection takes it as fast as the client reads it.
    Http1(#[allow(dead_code, reason = "it is dropped")] Held),
    /// A connection has too many requests, and says so.
    Uncounted,
    /// The connection takes all of it, and the client may leave it there.
    Http2(UnreadAnswer<Held>),
}

impl AnswerBody {
    pub(super) fn http1(body: Body, held: Held) -> Self {
        Self { body, rest: Bytes::new(), kind: Kind::Http1(held) }
    }

    pub(super) fn uncounted(body: Body) -> Self {
        Self { body, rest: Bytes::new(), kind: Kind::Uncounted }
    }

    pub(super) fn http2(body: Body, answer: UnreadAnswer<Held>) -> Self {
        Self { body, rest: Bytes::new(), kind: Kind::Http2(answer) }
    }
}

impl HttpBody for AnswerBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let Self { body, rest, kind } = &mut *self;
        let Kind::Http2(answer) = kind else { return Pin::new(body).poll_frame(context) };
        while rest.is_empty() {
            match ready!(Pin::new(&mut *body).poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => *rest = data,
                    Err(other) => return Poll::Ready(Some(Ok(other))),
                },
                ended => return Poll::Ready(ended),
            }
        }
        let piece = rest.split_to(rest.len().min(PIECE_BYTES));
        Poll::Ready(Some(Ok(Frame::data(answer.piece(piece)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let hint = HttpBody::size_hint(&self.body);
        let rest = self.rest.len() as u64;
        let mut whole = SizeHint::new();
        if let Some(upper) = hint.upper() {
            whole.set_upper(upper + rest);
        }
        whole.set_lower(hint.lower() + rest);
        whole
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use http_body_util::BodyExt;

    use super::*;
    use crate::http::client_address::ClientAddresses;
    use crate::http::connections::Connections;
    use crate::http::patience::Patience;
    use crate::http::requests::Requests;
    use crate::http::unread::UnreadAnswers;

    #[tokio::test]
    async fn an_answer_over_http2_is_given_out_in_pieces_and_whole() {
        let connections = Connections::new(64, Arc::new(ClientAddresses::default()));
        let place = connections.admit("203.0.113.9".parse().unwrap()).await.unwrap();
        let patience = Patience { slack: Duration::from_secs(30), bytes_per_s_min: 10 };
        let answers = UnreadAnswers::new(patience);
        for length in [0, 1, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES] {
            let bytes: Vec<u8> = (0..=250_u8).cycle().take(length).collect();
            let held = (Requests::default().begin().0, place.begin().unwrap());
            let mut body = AnswerBody::http2(Body::from(bytes.clone()), answers.begin(held));
            let mut collected = Vec::new();
            while let Some(frame) = body.frame().await {
                let data = frame.unwrap().into_data().unwrap();
                assert!(data.len() <= PIECE_BYTES);
                collected.extend_from_slice(&data);
                let left = (length - collected.len()) as u64;
                assert_eq!(HttpBody::size_hint(&body).exact(), Some(left));
                assert_eq!(body.is_end_stream(), left == 0);
            }
            assert!(collected == bytes);
        }
    }
}
