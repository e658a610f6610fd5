//! Uses a new certificate soon after it is in the files.
//!
//! The files are compared by content, so it does not matter how they are replaced: in place, by a
//! rename, or by a link that leads elsewhere (certbot, Kubernetes). A program writes one file after
//! the other, so what is there in between does not fit together. Then the certificate in use stays
//! in use, and only what is wrong for longer is an error in the log.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::expiry::{Expiry, date};
use super::pair::{Certificate, Pair};
use super::{Tls, TlsError};
use crate::system::clock::Clock;
use crate::system::hang_up::HangUp;
use crate::system::other_readers::OtherReaders;
use crate::system::supervisor::run_blocking;

/// How often the files are read.
const EVERY: Duration = Duration::from_secs(5);
const DAY_MS: i64 = 86_400_000;

/// What is known of the files.
pub(super) struct Seen {
    /// What they held when they were last usable.
    pair: Pair,
    certificate: Certificate,
    failing: Option<Failing>,
    /// The day of the last warning about the time in which the certificate is valid.
    warned_day: Option<i64>,
}

/// The files cannot be used at the moment.
struct Failing {
    why: String,
    is_logged: bool,
}

/// What a look at the files has found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    Same,
    New,
    /// They cannot be used, which may be because they are being written.
    Unusable,
    /// They could not be used the time before either, for the same reason.
    StillUnusable(String),
}

impl Tls {
    /// Follows the files until `stop` holds true. After a signal to reload, it looks at once.
    pub async fn follow_files(
        self: Arc<Self>,
        clock: Arc<dyn Clock>,
        mut hang_up: HangUp,
        mut stop: watch::Receiver<bool>,
    ) {
        let mut seen = self.seen();
        seen.warn_of_readers(&self);
        while !*stop.borrow() {
            seen.warn_of_expiry(&self, clock.now_ms());
            let is_asked = tokio::select! {
                () = tokio::time::sleep(EVERY) => false,
                () = hang_up.next() => true,
                _ = stop.changed() => break,
            };
            let tls = Arc::clone(&self);
            seen = run_blocking(move || {
                let found = seen.look(&tls, is_asked);
                seen.log(&tls, &found, is_asked);
                seen
            })
            .await;
        }
    }

    /// What is known at the start.
    pub(super) fn seen(&self) -> Seen {
        let (pair, certificate) = &self.first;
        let certificate =
            Certificate { key: Arc::clone(&certificate.key), validity: certificate.validity };
        Seen { pair: pair.clone(), certificate, failing: None, warned_day: None }
    }
}

impl Seen {
    /// Reads the files, and uses what they hold if it is new. If somebody has asked for it, what is
    /// wrong is said at once.
    pub(super) fn look(&mut self, tls: &Tls, is_asked: bool) -> Found {
        let read = Pair::read(&tls.files).and_then(|pair| {
            let is_same = pair == self.pair;
            Ok((!is_same).then_some((Certificate::of(&pair, &tls.files)?, pair)))
        });
        match read {
            Ok(None) => {
                self.failing = None;
                Found::Same
            }
            Ok(Some((certificate, pair))) => {
                tls.replace(&certificate);
                *self = Self { pair, certificate, failing: None, warned_day: None };
                Found::New
            }
            Err(error) => self.fail(text(&error), is_asked),
        }
    }

    fn fail(&mut self, why: String, is_asked: bool) -> Found {
        let before = self.failing.take().filter(|failing| failing.why == why);
        let is_due = is_asked || before.as_ref().is_some_and(|failing| !failing.is_logged);
        let was_logged = before.is_some_and(|failing| failing.is_logged);
        self.failing = Some(Failing { why: why.clone(), is_logged: was_logged || is_due });
        if is_due { Found::StillUnusable(why) } else { Found::Unusable }
    }

    fn log(&self, tls: &Tls, found: &Found, is_asked: bool) {
        match found {
            Found::New => {
                let valid_to = self.certificate.validity.map(|validity| date(validity.to_ms));
                let path = tls.files.cert.display();
                tracing::info!(%path, valid_to, "a new certificate is in use");
                self.warn_of_readers(tls);
            }
            Found::StillUnusable(why) => {
                tracing::error!("failed to {why}. The certificate from before stays in use");
            }
            Found::Same if is_asked => {
                tracing::info!("the files of the certificate have not changed");
            }
            Found::Same | Found::Unusable => {}
        }
    }

    fn warn_of_readers(&self, tls: &Tls) {
        if let Some(OtherReaders { because, remedy }) = self.pair.key_readers() {
            let path = tls.files.key.display();
            tracing::warn!(
                "other users of this machine can read the private key in {path} ({because}): \
                 close it with `{remedy}`"
            );
        }
    }

    /// Warns once a day.
    fn warn_of_expiry(&mut self, tls: &Tls, now_ms: i64) {
        let day = Some(now_ms.div_euclid(DAY_MS));
        let Some(validity) = self.certificate.validity.filter(|_| self.warned_day != day) else {
            return;
        };
        if let Some(expiry) = Expiry::of(validity, &tls.files.cert, now_ms) {
            tracing::warn!("{expiry}");
            self.warned_day = day;
        }
    }
}

/// The error with its causes.
fn text(error: &TlsError) -> String {
    let causes = std::iter::successors(std::error::Error::source(error), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
