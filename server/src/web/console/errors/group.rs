//! `/errors/group`: one group of errors, and its open members.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use uuid::Uuid;

use super::selection::{Selection, Verb};
use super::{GroupRow, meaning};
use crate::api::cost::List;
use crate::api::{Params, read_dead_letters, read_errors, read_set_aside};
use crate::app::App;
use crate::http::problem::Problem;
use crate::openapi::{Form, Param};
use crate::store::{DeadLetterQuery, ErrorQuery, ErrorStage, PayloadId, RowId, StoreError};
use crate::web::console::caller::Viewer;
use crate::web::console::form::invalid;
use crate::web::console::frame::Frame;
use crate::web::console::page::Page;
use crate::web::console::shown::{self, Markup, foreign};

/// How many members a page lists.
const MEMBERS: u32 = 50;
/// The most pages of groups that are searched for one.
const PAGES_MAX: usize = 20;

/// What the page takes.
const QUERY: &[Param] = &[
    Param::new("stage", Form::OneOf(&["intake", "event", "process", "delivery"]), "The stage"),
    Param::new("code", Form::Text, "The code"),
    Param::new("source", Form::Text, "The source"),
    Param::new("sink", Form::Text, "The sink"),
    Param::new("state", Form::OneOf(&["open", "discarded"]), "Which members are listed"),
    Param::new("cursor", Form::Uuid, "Where the list starts"),
    Param::new("done", Form::OneOf(&["retry", "discard", "restore"]), "What was done"),
    Param::new("count", Form::Number(0, u64::MAX), "For how many"),
    Param::new("of", Form::Uuid, "For which one"),
];

/// A delivery that was given up, or a payload that was set aside.
#[derive(Debug)]
struct Member {
    id: String,
    link: String,
    at_ms: Option<i64>,
    what: Markup,
    selection: Selection,
}

/// What a button did.
#[derive(Debug)]
struct Done {
    verb: Verb,
    count: u64,
    /// What undoes it.
    undo: Option<Selection>,
}

impl Done {
    fn text(&self) -> String {
        let noun = if self.count == 1 { "is" } else { "are" };
        format!("{} {noun} {}.", shown::count(self.count), self.verb.done())
    }
}

#[derive(Template)]
#[template(path = "errors/group.html")]
struct GroupPage {
    frame: Option<Frame>,
    stage: &'static str,
    code: Option<String>,
    source: Option<String>,
    sink: Option<String>,
    group: Option<GroupRow>,
    of_stage: &'static str,
    of_code: Option<&'static str>,
    /// What the whole group is, if it can have open members.
    selection: Option<Selection>,
    is_discarded: bool,
    members: Vec<Member>,
    next: Option<String>,
    done: Option<Done>,
}

impl GroupPage {
    fn is_admin(&self) -> bool {
        self.frame.as_ref().is_some_and(|frame| frame.is_admin)
    }

    fn now_ms(&self) -> i64 {
        self.frame.as_ref().map_or(0, |frame| frame.now_ms)
    }
}

/// `GET /errors/group`.
pub(in crate::web::console) async fn show(
    viewer: Viewer<List>,
    State(app): State<Arc<App>>,
    mut params: Params,
) -> Result<Page, Problem> {
    let uuid = |text: &str| Uuid::try_parse(text).ok();
    let expected = "intake, event, process or delivery";
    let stage = params.value("stage", expected, ErrorStage::from_name)?;
    let stage = stage.ok_or_else(|| invalid("`stage` is missing: open the page of errors"))?;
    let (code, source, sink) = (params.text("code"), params.text("source"), params.text("sink"));
    let is_discarded = params.value("state", "open or discarded", |text| match text {
        "open" => Some(false),
        "discarded" => Some(true),
        _ => None,
    })?;
    let is_discarded = is_discarded.unwrap_or(false);
    let cursor = params.value("cursor", "where the list starts", uuid)?;
    let verb = params.value("done", "retry, discard or restore", Verb::from_name)?;
    let count = params.value("count", "a number", |text| text.parse::<u64>().ok())?;
    let of = params.value("of", "an id", uuid)?;
    params.finish(&[QUERY])?;
    let selection = match stage {
        ErrorStage::Delivery => sink.clone().map(|sink| Selection::Deliveries {
            sink,
            reason: code.clone(),
            event: None,
        }),
        ErrorStage::Process => Some(Selection::Payloads { source: source.clone(), payload: None }),
        ErrorStage::Intake | ErrorStage::Event => None,
    };
    let (members, next) = match &selection {
        Some(selection) => members(&app, selection, is_discarded, cursor).await?,
        None => (Vec::new(), None),
    };
    let next = next.zip(selection.as_ref()).map(|(next, selection)| {
        let shown = if is_discarded { "discarded" } else { "open" };
        format!("{}&state={shown}&cursor={next}", selection.page())
    });
    let undo = selection.clone().filter(|_| verb == Some(Verb::Discard)).map(|it| match it {
        Selection::Deliveries { sink, reason, .. } => {
            Selection::Deliveries { sink, reason, event: of.map(RowId) }
        }
        Selection::Payloads { source, .. } => {
            Selection::Payloads { source, payload: of.map(PayloadId) }
        }
    });
    let done = verb.zip(count).map(|(verb, count)| Done { verb, count, undo });
    let group = find(&app, stage, [&code, &source, &sink].map(Option::as_deref)).await?;
    let json = selection.as_ref().map(|selection| selection.api(is_discarded));
    Page::render(&GroupPage {
        frame: viewer.frame("/errors").map(|mut frame| {
            frame.json = json;
            frame
        }),
        of_stage: meaning::of_stage(stage.name()),
        of_code: code.as_deref().and_then(|code| meaning::of_code(stage.name(), code)),
        stage: meaning::stage(stage.name()),
        code,
        source,
        sink,
        group,
        selection,
        is_discarded,
        members,
        next,
        done,
    })
}

/// The group, if its errors are still counted.
async fn find(
    app: &App,
    stage: ErrorStage,
    [code, source, sink]: [Option<&str>; 3],
) -> Result<Option<GroupRow>, StoreError> {
    let mut after = None;
    for _ in 0..PAGES_MAX {
        let query = ErrorQuery {
            stage: Some(stage),
            source: source.map(str::to_owned),
            sink: sink.map(str::to_owned),
            after,
            limit: 500,
        };
        let page = read_errors(app, query).await?;
        let found = page.groups.into_iter().find(|group| {
            [&group.code, &group.source, &group.sink].map(Option::as_deref) == [code, source, sink]
        });
        if let Some(json) = found {
            return Ok(Some(GroupRow::new(json, app.clock.now_ms())));
        }
        after = page.next.as_deref().and_then(crate::api::read_error_cursor);
        if after.is_none() {
            break;
        }
    }
    Ok(None)
}

/// A page of the open members of a group, or of those that were discarded.
async fn members(
    app: &App,
    selection: &Selection,
    is_discarded: bool,
    after: Option<Uuid>,
) -> Result<(Vec<Member>, Option<String>), StoreError> {
    match selection {
        Selection::Deliveries { sink, reason, .. } => {
            let query = DeadLetterQuery {
                sink: sink.clone(),
                reason: reason.clone(),
                is_discarded,
                after: after.map(RowId),
                limit: MEMBERS,
            };
            let (letters, next) = read_dead_letters(app, query).await?;
            let member = |letter: crate::store::DeadLetter| Member {
                id: letter.event.to_string(),
                link: format!("/events/{}", letter.event),
                at_ms: letter.at_ms,
                what: foreign(
                    letter.detail.as_deref().unwrap_or(&letter.reason).trim_end_matches([':', ' ']),
                    300,
                ),
                selection: Selection::Deliveries {
                    sink: sink.clone(),
                    reason: reason.clone(),
                    event: Some(letter.event),
                },
            };
            let next = next.map(|next| next.to_string());
            Ok((letters.into_iter().map(member).collect(), next))
        }
        Selection::Payloads { source, .. } => {
            let (page, next) =
                read_set_aside(app, is_discarded, after.map(PayloadId), MEMBERS).await?;
            let of_source = |it: &str| source.as_deref().is_none_or(|source| source == it);
            let page = page.into_iter().filter(|it| of_source(&it.metadata.source));
            let member = |aside: crate::store::SetAsidePayload| {
                let kept = aside.metadata.id;
                let events = shown::counted(u64::from(aside.metadata.events), "event", "events");
                let error = foreign(&aside.error, 300);
                Member {
                    id: kept.to_string(),
                    link: format!("/payloads/{kept}"),
                    at_ms: Some(aside.discarded_ms.unwrap_or(aside.set_aside_ms)),
                    what: Markup(format!("{events}, {} attempts: {error}", aside.attempts)),
                    selection: Selection::Payloads { source: source.clone(), payload: Some(kept) },
                }
            };
            Ok((page.map(member).collect(), next.map(|next| next.to_string())))
        }
    }
}
