//! `lamplight tail`: events as they are stored.

use std::io::Write;
use std::pin::pin;
use std::time::Duration;

use clap::Args;

use super::event_filter::EventFilterArgs;
use super::outcome::{CommandError, Outcome, at_place, interrupt};
use crate::client::event::Event;
use crate::client::event_stream::{Message, Parser};
use crate::client::{Api, Chunks, Need, Params, PlaceArgs};
use crate::terminal::{Output, event_line, pipe_closed};

/// An idle stream sends something every 10 s. One that is silent for longer is broken.
const SILENCE_MAX: Duration = Duration::from_secs(35);
/// How long to wait before the first new attempt to connect. It doubles up to the next.
const WAIT_MIN: Duration = Duration::from_secs(1);
const WAIT_MAX: Duration = Duration::from_secs(10);

const EXAMPLES: &str = "\
Examples:
  Show every event that is stored from now on:
    lamplight tail
  Show what one user of the pro plan does:
    lamplight tail --user u7 --prop plan=pro
  Collect payments in a file, one JSON object on each line:
    lamplight tail --name order_paid --json > payments.ndjson";

/// Which events to show, and how.
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES)]
pub struct TailArgs {
    /// Print each event as JSON on a line of its own
    #[arg(long)]
    pub json: bool,
    /// Which events.
    #[command(flatten)]
    pub filter: EventFilterArgs,
    /// Where to work.
    #[command(flatten)]
    pub place: PlaceArgs,
}

/// Shows events until Ctrl-C, or until nobody reads them any more.
///
/// # Errors
/// [`CommandError`], when the server cannot be reached at first, or refuses the token later.
pub async fn tail(args: &TailArgs, out: &mut Output) -> Result<Outcome, CommandError> {
    let (mut stop, mut closed) = (pin!(interrupt()), pin!(pipe_closed()));
    at_place(&args.place, None, Need::Live("show events as they are stored"), async |api: &Api| {
        let follow = Follow { json: args.json, params: args.filter.params(), last: None };
        tokio::select! {
            followed = follow.run(api, out) => followed,
            () = &mut stop => Ok(Outcome::Done),
            () = &mut closed => Ok(Outcome::Done),
        }
    })
    .await
}

struct Follow {
    json: bool,
    params: Params,
    /// The id of the last message that was shown.
    last: Option<String>,
}

impl Follow {
    async fn run(mut self, api: &Api, out: &mut Output) -> Result<Outcome, CommandError> {
        let (mut wait, mut was_connected, mut is_told) = (WAIT_MIN, false, false);
        loop {
            match api.stream("/api/live", &self.params, self.last.as_deref()).await {
                Ok(chunks) => {
                    Output::note(if was_connected {
                        "connected again: nothing is missing in between"
                    } else {
                        "showing events as they are stored; stop with Ctrl-C"
                    });
                    (was_connected, is_told) = (true, false);
                    let before = self.last.clone();
                    let why = self.read(chunks, out).await?;
                    if self.last != before {
                        wait = WAIT_MIN;
                    }
                    Output::note(&format!("the connection has ended ({why}); connecting again"));
                }
                Err(error) if was_connected && error.is_temporary() => {
                    if !std::mem::replace(&mut is_told, true) {
                        Output::note(&format!("failed to {error}; retrying until it is back"));
                    }
                    let asked = error.retry_after_s().map(Duration::from_secs);
                    wait = wait.max(asked.unwrap_or_default().min(WAIT_MAX));
                }
                Err(error) => return Err(error.into()),
            }
            tokio::time::sleep(wait).await;
            wait = (2 * wait).min(WAIT_MAX);
        }
    }

    /// Shows what arrives, and gives the reason why no more does.
    async fn read(&mut self, mut chunks: Chunks, out: &mut Output) -> Result<String, CommandError> {
        let mut parser = Parser::after(self.last.clone());
        loop {
            let chunk = match tokio::time::timeout(SILENCE_MAX, chunks.next()).await {
                Err(_) => return Ok("the server was silent for too long".into()),
                Ok(Err(why)) => return Ok(why),
                Ok(Ok(None)) => return Ok("the server has ended it".into()),
                Ok(Ok(Some(chunk))) => chunk,
            };
            let Ok(messages) = parser.read(&chunk) else {
                return Ok("a message is larger than any event".into());
            };
            for message in messages {
                self.show(&message, out)?;
            }
            out.flush()?;
            // Only what was shown is done.
            self.last = parser.last_id().map(str::to_owned).or(self.last.take());
        }
    }

    fn show(&self, message: &Message, out: &mut Output) -> Result<(), CommandError> {
        match message.kind.as_str() {
            "event" if self.json => writeln!(out, "{}", message.data)?,
            "event" => match serde_json::from_str::<Event<'_>>(&message.data) {
                Ok(event) => writeln!(out, "{}", event_line(&event, out.columns(), out.paint()))?,
                Err(error) => {
                    Output::note(&format!("an event has an unknown form ({error}): use --json"));
                }
            },
            "gap" => Output::note(
                "some events in between are not shown, because they were stored too long ago: list \
                 them with `lamplight export`",
            ),
            _ => {}
        }
        Ok(())
    }
}
