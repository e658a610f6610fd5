//! Reading lists of producers, which the API and the console share.

use std::collections::HashSet;

use lamplight_wire::Producer;

use super::params::{CURSOR, PRODUCER, PRODUCER_ID, Params, SOURCE};
use crate::app::App;
use crate::http::problem::Problem;
use crate::openapi::{Form, Param};
use crate::store::{
    Completeness, ProducerCursor, ProducerPage, ProducerQuery, ProducerRow, Reader, StoreError,
};

/// The values of the parameter `verdict`.
const VERDICTS: &str = "complete, in_flight, declared, lost or incomplete";
/// The parameters that select producers.
pub(crate) const PRODUCERS_FILTER: &[Param] = &[
    Param::new(
        "verdict",
        Form::OneOf(&["complete", "in_flight", "declared", "lost", "incomplete"]),
        "Only producers of which this is known. `incomplete` is all but `complete`",
    ),
    SOURCE,
    PRODUCER_ID,
    CURSOR,
];

/// Which producers a list has.
#[derive(Debug, Clone)]
pub(crate) struct ProducerList {
    pub(crate) query: ProducerQuery,
    /// All that are not complete. The query then has no verdict.
    pub(crate) is_incomplete: bool,
}

impl ProducerList {
    /// Takes the parameters that select producers.
    pub(crate) fn read(app: &App, params: &mut Params, limit: u32) -> Result<Self, Problem> {
        let verdict = params.value("verdict", VERDICTS, |text| match text {
            "incomplete" => Some(None),
            text => Completeness::from_name(text).map(Some),
        })?;
        Ok(Self {
            is_incomplete: verdict == Some(None),
            query: ProducerQuery {
                verdict: verdict.flatten(),
                source: params.text("source"),
                producer: params.value("producer", PRODUCER, Producer::parse)?,
                after_number: 0,
                after: params.value(
                    "cursor",
                    "the `next` of a page with the same filters",
                    read_cursor,
                )?,
                limit,
                now_ms: app.known_now_ms(),
            },
        })
    }

    /// The value of `verdict`, if there is one.
    pub(crate) fn verdict(&self) -> Option<&'static str> {
        if self.is_incomplete {
            return Some("incomplete");
        }
        self.query.verdict.map(Completeness::name)
    }

    /// A page of the producers, most recently heard from first.
    pub(crate) async fn page(&self, reader: &dyn Reader) -> Result<ProducerPage, StoreError> {
        let of = |verdict| reader.producers(ProducerQuery { verdict, ..self.query.clone() });
        if !self.is_incomplete {
            return of(self.query.verdict).await;
        }
        // Each verdict has its own index, so this never reads complete producers.
        let mut pages =
            vec![of(Some(Completeness::Declared)).await?, of(Some(Completeness::InFlight)).await?];
        if pages.last().is_some_and(|page| page.next.is_none()) {
            // Lost producers were heard from before all that are in flight.
            pages.push(of(Some(Completeness::Lost)).await?);
        }
        Ok(merged(pages, self.query.limit as usize))
    }
}

/// The producers of several pages as one. It ends where the first of them ends, because the rest of
/// that one is not known.
fn merged(pages: Vec<ProducerPage>, limit: usize) -> ProducerPage {
    let end = pages.iter().filter_map(|page| page.next.clone()).max();
    let mut seen = HashSet::new();
    let mut producers: Vec<ProducerRow> = pages
        .into_iter()
        .flat_map(|page| page.producers)
        .filter(|row| end.as_ref().is_none_or(|end| row.cursor() >= *end))
        // One that changed between the reads is in two of them.
        .filter(|row| seen.insert((row.producer, row.ledger.scope().to_owned())))
        .collect();
    producers.sort_by_key(|row| std::cmp::Reverse(row.cursor()));
    let is_cut = producers.len() > limit;
    producers.truncate(limit);
    let next = if is_cut { producers.last().map(ProducerRow::cursor) } else { end };
    ProducerPage { producers, next }
}

/// A cursor as the parameter that continues a list.
pub(crate) fn write_cursor(cursor: &ProducerCursor) -> String {
    format!("{}-{}-{}", cursor.last_heard_ms, cursor.producer, cursor.scope)
}

fn read_cursor(text: &str) -> Option<ProducerCursor> {
    let (last_heard_ms, rest) = text.split_once('-')?;
    let (producer, scope) = rest.split_once('-')?;
    Some(ProducerCursor {
        last_heard_ms: last_heard_ms.parse().ok()?,
        producer: Producer::parse(producer)?,
        scope: scope.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::ledger::Ledger;

    fn row(heard_ms: i64) -> ProducerRow {
        let query = ProducerQuery {
            verdict: None,
            source: None,
            producer: None,
            after_number: 0,
            after: None,
            limit: 1,
            now_ms: 0,
        };
        let ledger = Ledger::new("web", heard_ms);
        let producer = Producer::from_bits(u128::from(heard_ms.unsigned_abs()));
        query.row(producer, ledger.sums(), &ledger)
    }

    fn page(heard_ms: &[i64], next: Option<i64>) -> ProducerPage {
        let producers = heard_ms.iter().copied().map(row).collect();
        ProducerPage { producers, next: next.map(|at| row(at).cursor()) }
    }

    fn heard(page: &ProducerPage) -> (Vec<i64>, Option<i64>) {
        let rows = page.producers.iter().map(|row| row.last_heard_ms).collect();
        (rows, page.next.as_ref().map(|next| next.last_heard_ms))
    }

    #[test]
    fn merged_pages_are_in_order_and_leave_none_out() {
        let all = merged(vec![page(&[9, 5, 1], None), page(&[8, 5, 2], None)], 10);
        assert_eq!(heard(&all), (vec![9, 8, 5, 2, 1], None));
        let cut = merged(vec![page(&[9, 5, 1], None), page(&[8, 2], None)], 3);
        assert_eq!(heard(&cut), (vec![9, 8, 5], Some(5)));
        // The first page ended at 5, so what it has between 5 and 2 is not known.
        let ended = merged(vec![page(&[9, 5], Some(5)), page(&[8, 2], None)], 10);
        assert_eq!(heard(&ended), (vec![9, 8, 5], Some(5)));
        let scanned = merged(vec![page(&[], Some(7)), page(&[8, 6], Some(6))], 10);
        assert_eq!(heard(&scanned), (vec![8], Some(7)));
    }

    #[test]
    fn a_cursor_is_read_as_it_was_written() {
        let mut cursor = row(5).cursor();
        for scope in ["", "web", "a-b-c", "ü\n"] {
            cursor.scope = scope.to_owned();
            assert_eq!(read_cursor(&write_cursor(&cursor)), Some(cursor.clone()));
        }
        assert_eq!(read_cursor("1-x"), None);
    }
}
