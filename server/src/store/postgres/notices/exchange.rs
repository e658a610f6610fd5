//! The connection over which a server hears and tells news.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_postgres::{Client, Notification};

use super::Notices;
use super::news::News;
use crate::store::postgres::connection::database::Database;
use crate::store::postgres::connection::failure::{Failure, described};

/// How long to gather what others are told together. So they are told at most 20 times a second.
const GATHER: Duration = Duration::from_millis(50);
/// How often it is looked whether there are others, and whether the connection still works.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long an answer may take.
const ANSWER_MAX: Duration = Duration::from_secs(5);
/// How long to wait before connecting again, at first and at most.
const AGAIN: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(5));

/// Listens, under a name by which others find who listens.
const LISTEN: &str = "SET application_name = 'lamplight notices'; LISTEN lamplight";
const OTHERS: &str = "SELECT count(*), current_setting('transaction_read_only') = 'on' FROM pg_stat_activity WHERE datname = current_database() \
     AND application_name = 'lamplight notices' AND pid <> pg_backend_pid()";
const PUBLISH: &str = "SELECT pg_notify('lamplight', word) FROM unnest($1::text[]) AS news (word)";

/// Hears and tells news until `open` is no more. Connects again whenever the connection is lost.
pub(crate) async fn exchange(
    notices: Arc<Notices>,
    database: Arc<Database>,
    mut open: watch::Receiver<bool>,
) {
    let mut wait = AGAIN.0;
    loop {
        tokio::select! {
            // There is no other value: this is the end of the sender.
            _ = open.changed() => return,
            failure = connected(&notices, &database, &mut wait) => {
                let error = described(&failure);
                tracing::debug!(error, "the connection for notices is lost: connecting again");
            }
        }
        tokio::select! {
            _ = open.changed() => return,
            () = tokio::time::sleep(wait) => wait = (wait * 2).min(AGAIN.1),
        }
    }
}

/// Hears and tells news over one connection. Returns why that ended.
async fn connected(notices: &Arc<Notices>, database: &Database, wait: &mut Duration) -> Failure {
    let client = match connect(notices, database).await {
        Ok(client) => client,
        Err(failure) => return failure,
    };
    *wait = AGAIN.0;
    // Nobody told this server what happened before.
    for news in News::ALL {
        notices.received(news);
    }
    let mut look = tokio::time::interval(LOOK_EVERY);
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut has_others = false;
    loop {
        let done = tokio::select! {
            _ = look.tick() => others(&client).await.map(|others| {
                has_others = others > 0;
                if has_others {
                    // A notice may have been lost. What else is waited for is polled by itself.
                    notices.received(News::Stored);
                }
            }),
            () = notices.more.notified() => {
                tokio::time::sleep(GATHER).await;
                let words = notices.take_unpublished();
                if has_others { publish(&client, words).await } else { Ok(()) }
            }
        };
        if let Err(failure) = done {
            return failure;
        }
    }
}

async fn connect(notices: &Arc<Notices>, database: &Database) -> Result<Client, Failure> {
    let heard = Arc::clone(notices);
    // What this server tells comes back to it over the same connection.
    let hear = move |notice: &Notification, own: i32| {
        if notice.process_id() != own
            && let Some(news) = News::from_word(notice.payload())
        {
            heard.received(news);
        }
    };
    answer(async {
        let client = database.listening(hear).await?;
        client.batch_execute(LISTEN).await?;
        Ok(client)
    })
    .await
}

async fn others(client: &Client) -> Result<i64, Failure> {
    answer(async {
        let row = client.query_one(OTHERS, &[]).await?;
        if row.try_get(1)? {
            return Err(Failure::NoConnection("the host takes no writes".to_owned()));
        }
        Ok(row.try_get(0)?)
    })
    .await
}

async fn publish(client: &Client, words: Vec<&'static str>) -> Result<(), Failure> {
    answer(async { Ok(client.execute(PUBLISH, &[&words]).await.map(drop)?) }).await
}

async fn answer<T>(asked: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let answered = tokio::time::timeout(ANSWER_MAX, asked).await;
    answered
        .unwrap_or_else(|_| Err(Failure::NoConnection(format!("no answer within {ANSWER_MAX:?}"))))
}
