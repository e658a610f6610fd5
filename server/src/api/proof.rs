//! `GET /api/producers/proof`.

use std::fmt::Write;
use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use data_encoding::HEXLOWER;
use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use lamplight_wire::Ranges;
use schemars::JsonSchema;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::access::Reader;
use super::cost::Count;
use super::params::Params;
use super::producer_list::{PRODUCERS_FILTER, ProducerList, write_cursor};
use crate::app::App;
use crate::http::problem::Problem;
use crate::openapi::{Answered, Group, Operation, Shape};
use crate::store::{Completeness, ProducerPage, ProducerRow};

/// The most producers of one file.
const PRODUCERS_MAX: u32 = 10_000;

/// A proof of which numbers arrived: two lines and a brace. The second line is `content`.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Proof")]
pub(super) struct ProofJson {
    /// The SHA-256 of the file's second line with its line break, in hexadecimal.
    sha256: String,
    content: ContentJson,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ProofContent")]
struct ContentJson {
    /// The version of the server that wrote it.
    server: &'static str,
    /// When it was written, by the server's clock.
    at: i64,
    /// The same as text, in UTC.
    at_text: String,
    /// The time that decides between in flight and lost.
    judged_at: i64,
    filter: FilterJson,
    sums: SumsJson,
    /// The sums as a sentence.
    equation: String,
    /// The `cursor` of the file that continues this one, if there are more producers.
    next: Option<String>,
    producers: Vec<ProvenJson>,
}

/// Which producers are in the file.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ProofFilter")]
struct FilterJson {
    verdict: Option<&'static str>,
    source: Option<String>,
    producer: Option<String>,
}

/// `made = received + declared + in_flight + lost`, over the producers of the file.
#[derive(Default, Serialize, JsonSchema)]
#[schemars(rename = "ProofSums")]
struct SumsJson {
    producers: u64,
    made: u64,
    received: u64,
    declared: u64,
    in_flight: u64,
    lost: u64,
}

/// A producer. Each of its numbers is in one of the three lists of ranges, unless it does not
/// count.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ProvenProducer")]
struct ProvenJson {
    producer: String,
    source: String,
    #[schemars(extend("enum" = ["complete", "in_flight", "declared", "lost"]))]
    verdict: &'static str,
    made: u64,
    received: u64,
    declared: u64,
    missing: u64,
    /// Numbers that arrived: the first and the last of each range.
    received_ranges: Vec<(u64, u64)>,
    /// Numbers that were declared as dropped, by reason.
    declared_ranges: Vec<ReasonJson>,
    /// Numbers that neither arrived nor were declared.
    missing_ranges: Vec<(u64, u64)>,
    /// Numbers up to this one count only if they arrived.
    forgotten: u64,
    first_heard: i64,
    last_heard: i64,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ProofReason")]
struct ReasonJson {
    reason: String,
    ranges: Vec<(u64, u64)>,
}

impl ProvenJson {
    fn new(row: &ProducerRow) -> Self {
        let pairs = |ranges: &Ranges| ranges.as_slice().to_vec();
        let reason =
            |(reason, ranges): (String, Ranges)| ReasonJson { reason, ranges: pairs(&ranges) };
        Self {
            producer: row.producer.to_string(),
            source: row.source.clone(),
            verdict: row.verdict.name(),
            made: row.made,
            received: row.received,
            declared: row.declared(),
            missing: row.missing,
            received_ranges: pairs(&row.ledger.received),
            declared_ranges: row.ledger.declared().into_iter().map(reason).collect(),
            missing_ranges: pairs(&row.ledger.holes()),
            forgotten: row.ledger.forgotten,
            first_heard: row.first_heard_ms,
            last_heard: row.last_heard_ms,
        }
    }
}

impl SumsJson {
    fn new(rows: &[ProducerRow]) -> Self {
        let mut sums = Self::default();
        for row in rows {
            sums.producers += 1;
            sums.made += row.made;
            sums.received += row.received;
            sums.declared += row.declared();
            let is_lost = row.verdict == Completeness::Lost;
            *(if is_lost { &mut sums.lost } else { &mut sums.in_flight }) += row.missing;
        }
        sums
    }

    fn equation(&self) -> String {
        let Self { made, received, declared, in_flight, lost, .. } = self;
        format!(
            "made {made} = received {received} + declared {declared} + in flight {in_flight} + lost {lost}"
        )
    }
}

/// Describes [`proof`].
pub const PROOF: Operation = Operation::new(
    Group::Query,
    "getProof",
    "Export which numbers arrived, with a checksum",
)
.about(
    "A JSON file with every number of up to 10,000 producers: those that arrived, were declared as \
     dropped, and are missing, with their sums. `next` continues it. The second line of the file is \
     the content, and the first has its SHA-256.",
)
.query(&[PRODUCERS_FILTER]);

/// The answer of [`proof`].
#[derive(Debug)]
pub struct ProofFile(Response);

impl Answered for ProofFile {
    fn describe(shape: &mut Shape<'_>) {
        shape.answer::<ProofJson>(StatusCode::OK, "The file, as an attachment");
    }
}

impl IntoResponse for ProofFile {
    fn into_response(self) -> Response {
        self.0
    }
}

/// `GET /api/producers/proof`: every number of up to 10,000 producers, as a file with a checksum.
pub async fn proof(
    _: Reader<Count>,
    State(app): State<Arc<App>>,
    mut params: Params,
) -> Result<ProofFile, Problem> {
    let list = ProducerList::read(&app, &mut params, PRODUCERS_MAX)?;
    params.finish(PROOF.query)?;
    let page = list.page(&*app.storage.reader).await?;
    let content = content(&list, &page, app.clock.now_ms());
    let name = format!("lamplight-proof-{}.json", content.at_text.replace(':', ""));
    let file = file(content).map_err(|error| Problem::internal(&error))?;
    let headers = [
        (CONTENT_TYPE, "application/json".to_owned()),
        (CACHE_CONTROL, "no-store".to_owned()),
        (CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
    ];
    Ok(ProofFile((headers, file).into_response()))
}

fn content(list: &ProducerList, page: &ProducerPage, now_ms: i64) -> ContentJson {
    let sums = SumsJson::new(&page.producers);
    let time = jiff::Timestamp::from_millisecond(now_ms).unwrap_or_default();
    ContentJson {
        server: env!("CARGO_PKG_VERSION"),
        at: now_ms,
        at_text: time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        judged_at: list.query.now_ms,
        filter: FilterJson {
            verdict: list.verdict(),
            source: list.query.source.clone(),
            producer: list.query.producer.map(|it| it.to_string()),
        },
        equation: sums.equation(),
        sums,
        next: page.next.as_ref().map(write_cursor),
        producers: page.producers.iter().map(ProvenJson::new).collect(),
    }
}

/// The text of a file with this content. It is the JSON of a [`ProofJson`].
fn file(content: ContentJson) -> Result<String, serde_json::Error> {
    let line = serde_json::to_string(&content)? + "\n";
    let sha256 = HEXLOWER.encode(&Sha256::digest(line.as_bytes()));
    let mut file = String::with_capacity(line.len() + 100);
    let _ = write!(file, "{{\"sha256\":\"{sha256}\",\"content\":\n{line}}}\n");
    debug_assert_eq!(
        serde_json::from_str::<serde_json::Value>(&file).ok(),
        serde_json::to_value(ProofJson { sha256, content }).ok()
    );
    Ok(file)
}
