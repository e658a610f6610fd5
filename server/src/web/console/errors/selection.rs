//! Which deliveries or payloads a button is for.

use crate::api::Params;
pub(super) use crate::api::Verb;
use crate::app::App;
use crate::http::problem::Problem;
use crate::store::{DiscardAsk, PayloadId, RetryAsk, RowId, StoreError};
use crate::web::console::form::{Form, invalid};
use uuid::Uuid;

/// The most payloads that one button changes.
pub(super) const PAYLOADS_MAX: usize = 10_000;
/// How many payloads are read at a time.
const PAGE: u32 = 500;
/// The longest time over which retries are spread, in minutes.
const SPREAD_MIN_MAX: u32 = 24 * 60;

/// Deliveries of one sink, or payloads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Selection {
    Deliveries { sink: String, reason: Option<String>, event: Option<RowId> },
    Payloads { source: Option<String>, payload: Option<PayloadId> },
}

impl Selection {
    /// Reads what a form or a query selects.
    fn read(text: &mut dyn FnMut(&'static str) -> Option<String>) -> Result<Self, Problem> {
        let id = |text: Option<String>| match text.filter(|text| !text.is_empty()) {
            Some(text) => Uuid::try_parse(&text).map(Some).map_err(|_| {
                invalid("the id is not one of a row or a payload: open the page again")
            }),
            None => Ok(None),
        };
        let filled = |text: Option<String>| text.filter(|text| !text.is_empty());
        let (sink, reason) = (filled(text("sink")), filled(text("reason")));
        let (event, payload) = (id(text("event"))?, id(text("payload"))?);
        let source = filled(text("source"));
        Ok(match sink {
            Some(sink) => Self::Deliveries { sink, reason, event: event.map(RowId) },
            None => Self::Payloads { source, payload: payload.map(PayloadId) },
        })
    }

    pub(super) fn of_form(form: &Form) -> Result<Self, Problem> {
        Self::read(&mut |name| form.text(name).map(str::to_owned))
    }

    pub(super) fn of_params(params: &mut Params) -> Result<Self, Problem> {
        Self::read(&mut |name| params.text(name))
    }

    /// The fields of a form that select the same.
    pub(super) fn fields(&self) -> Vec<(&'static str, String)> {
        let mut fields = Vec::new();
        let mut add = |name, value: Option<String>| fields.extend(value.map(|it| (name, it)));
        match self {
            Self::Deliveries { sink, reason, event } => {
                add("sink", Some(sink.clone()));
                add("reason", reason.clone());
                add("event", event.map(|it| it.to_string()));
            }
            Self::Payloads { source, payload } => {
                add("source", source.clone());
                add("payload", payload.map(|it| it.to_string()));
            }
        }
        fields
    }

    /// The address of the group's page.
    pub(super) fn page(&self) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        match self {
            Self::Deliveries { sink, reason, .. } => {
                query.append_pair("stage", "delivery").append_pair("sink", sink);
                if let Some(reason) = reason {
                    query.append_pair("code", reason);
                }
            }
            Self::Payloads { source, .. } => {
                query.append_pair("stage", "process");
                if let Some(source) = source {
                    query.append_pair("source", source);
                }
            }
        }
        format!("/errors/group?{}", query.finish())
    }

    /// The page that asks before something is done to it.
    pub(super) fn confirm(&self, verb: &str) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("action", verb);
        query.extend_pairs(self.fields());
        format!("/errors/confirm?{}", query.finish())
    }

    /// The address of the API that lists the members of the group.
    pub(super) fn api(&self, is_discarded: bool) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        if is_discarded {
            query.append_pair("state", "discarded");
        }
        match self {
            Self::Deliveries { sink, reason, .. } => {
                query.append_pair("sink", sink);
                if let Some(reason) = reason {
                    query.append_pair("reason", reason);
                }
                format!("/api/deliveries/dead?{}", query.finish())
            }
            Self::Payloads { .. } => format!("/api/payloads/set-aside?{}", query.finish()),
        }
    }

    pub(super) const fn action(&self) -> &'static str {
        match self {
            Self::Deliveries { .. } => "/errors/deliveries",
            Self::Payloads { .. } => "/errors/payloads",
        }
    }

    /// Does it, or only counts in a dry run. Returns for how many, and whether there are more.
    pub(super) async fn apply(
        &self,
        app: &App,
        verb: Verb,
        spread_min: u32,
        dry_run: bool,
    ) -> Result<(u64, bool), Problem> {
        if spread_min > SPREAD_MIN_MAX {
            return Err(invalid(format!("spread over at most {SPREAD_MIN_MAX} minutes")));
        }
        let now_ms = app.clock.now_ms();
        match self {
            Self::Deliveries { sink, reason, event } => {
                let letters = RetryAsk {
                    sink: Some(sink.clone()),
                    reason: reason.clone(),
                    event: *event,
                    over_ms: i64::from(spread_min) * 60_000,
                    now_ms,
                    dry_run,
                    ..RetryAsk::default()
                };
                let queue = &app.storage.delivery_queue;
                let changed = match verb {
                    Verb::Retry => queue.retry_dead(letters).await?,
                    Verb::Discard => {
                        queue.discard_dead(DiscardAsk { letters, restore: false }).await?
                    }
                    Verb::Restore => {
                        queue.discard_dead(DiscardAsk { letters, restore: true }).await?
                    }
                };
                Ok((changed.count, changed.is_more))
            }
            Self::Payloads { source, payload } => {
                let ids = match payload {
                    Some(id) => vec![*id],
                    None => payloads(app, verb == Verb::Restore, source.as_deref()).await?,
                };
                let is_more = ids.len() > PAYLOADS_MAX;
                let all = ids.len().min(PAYLOADS_MAX) as u64;
                let over_ms = i64::from(spread_min) * 60_000;
                let spread = RetryAsk { over_ms, now_ms, ..RetryAsk::default() };
                let mut count = 0;
                for (index, id) in (0..).zip(ids.into_iter().take(PAYLOADS_MAX)) {
                    let is_retry = verb == Verb::Retry;
                    let at_ms = if is_retry { spread.due_ms(index, all) } else { now_ms };
                    let is_changed = dry_run || verb.apply_to_payload(app, id, at_ms).await?;
                    count += u64::from(is_changed);
                }
                Ok((count, is_more))
            }
        }
    }
}

/// Payloads that are set aside, or were discarded: one more than one button changes.
async fn payloads(
    app: &App,
    is_discarded: bool,
    source: Option<&str>,
) -> Result<Vec<PayloadId>, StoreError> {
    let (mut ids, mut after) = (Vec::new(), None);
    loop {
        let (page, next) = crate::api::read_set_aside(app, is_discarded, after, PAGE).await?;
        let of_source = |it: &str| source.is_none_or(|source| source == it);
        let page = page.into_iter().filter(|it| of_source(&it.metadata.source));
        ids.extend(page.map(|it| it.metadata.id));
        if next.is_none() || ids.len() > PAYLOADS_MAX {
            return Ok(ids);
        }
        after = next;
    }
}
