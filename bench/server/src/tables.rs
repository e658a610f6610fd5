//! The tables and plots of the document.

use std::collections::BTreeSet;

use crate::contender::Contender;
use crate::document::{Bar, Plot, Table};
use crate::footprint::Footprint;
use crate::growth_table;
use crate::numbers::{Spread, readable};
use crate::processing::{ANONYMOUS, BARE, BY_WORKERS, NEW_PAGES, PAGES};
use crate::results::{Kind, Results, Turn};

/// All tables of what was measured.
pub(crate) fn all(results: &Results) -> Vec<Table> {
    let mut tables = turns(results, Kind::Intake);
    tables.extend(turns(results, Kind::EndToEnd));
    let others =
        [processing(results), growth_table::of(results), footprint(results), sinks(results)];
    tables.extend(others.into_iter().flatten());
    tables
}

/// A table for each number of events in a request.
fn turns(results: &Results, kind: Kind) -> Vec<Table> {
    let of_kind = || results.turns.iter().filter(|turn| turn.kind == kind);
    let sizes: BTreeSet<usize> = of_kind().map(|turn| turn.events).collect();
    let table = |events: usize| {
        let levels: BTreeSet<usize> =
            of_kind().filter(|turn| turn.events == events).map(|turn| turn.connections).collect();
        let rows = levels.into_iter().flat_map(|connections| {
            let cell = move |peer: &Contender| results.cell(kind, peer.name(), connections, events);
            let peers = contenders(kind).iter().filter(move |peer| !cell(peer).is_empty());
            peers.map(move |peer| row(connections, peer.name(), &cell(peer), kind))
        });
        let requests =
            if events == 1 { "one event".to_owned() } else { format!("{events} events") };
        let (title, note) = match kind {
            Kind::Intake => (
                format!("Durable intake, requests of {requests}"),
                "Each request is answered once it is on disk. Lamplight's processing is held meanwhile by a lock on \
                 its database, because none of the peers processes anything. Every turn begins with nothing stored.",
            ),
            Kind::EndToEnd => (
                format!("End to end, requests of {requests}"),
                "The highest rate at which the backlog stays flat: raw requests in, enriched and deduplicated rows \
                 out. One request in fifty is sent twice, and every distinct event was stored once. CPU and bytes \
                 written include what was left when the requests ended. PostgreSQL's log is part of what it writes, \
                 and not of what it keeps. Both keep the raw requests, too.",
            ),
        };
        Table { title, note: note.into(), columns: columns(kind), rows: rows.collect() }
    };
    sizes.into_iter().map(table).collect()
}

const fn contenders(kind: Kind) -> &'static [Contender] {
    match kind {
        Kind::Intake => &Contender::INTAKE,
        Kind::EndToEnd => &Contender::END_TO_END,
    }
}

fn columns(kind: Kind) -> Vec<String> {
    let rate = match kind {
        Kind::Intake => "requests/s",
        Kind::EndToEnd => "events/s",
    };
    let mut columns = vec!["connections", "peer", rate, "range", "p50 ms", "p99 ms"];
    columns.extend(["CPU µs an event", "bytes written an event"]);
    if kind == Kind::EndToEnd {
        columns.push("bytes kept an event");
    }
    columns.push("turns");
    columns.into_iter().map(str::to_owned).collect()
}

fn row(connections: usize, peer: &str, turns: &[&Turn], kind: Kind) -> Vec<String> {
    let spread = |of: &dyn Fn(&Turn) -> f64| Spread::of(turns.iter().map(|turn| of(turn)));
    let median = |of: &dyn Fn(&Turn) -> f64| {
        spread(of).map_or("–".into(), |spread| readable(spread.median))
    };
    let rate = |turn: &Turn| match kind {
        Kind::Intake => turn.requests_per_s,
        Kind::EndToEnd => turn.events_per_s(),
    };
    let mut cells = vec![connections.to_string(), peer.to_owned(), median(&rate)];
    cells.push(spread(&rate).map_or("–".into(), range));
    cells.extend([median(&|turn| turn.p50_ms), median(&|turn| turn.p99_ms)]);
    cells.extend([median(&|turn| turn.cpu_us), median(&|turn| turn.written_bytes)]);
    if kind == Kind::EndToEnd {
        cells.push(median(&|turn| turn.kept_bytes.unwrap_or(f64::NAN)));
    }
    cells.push(turns.len().to_string());
    cells
}

/// From the lowest to the highest.
pub(crate) fn range(spread: Spread) -> String {
    format!("{} to {}", readable(spread.low), readable(spread.high))
}

fn processing(results: &Results) -> Option<Table> {
    let spread = |name: &str| Spread::of(results.processing_per_s.get(name)?.iter().copied());
    let bare = spread(BARE)?;
    let names = [BARE, ANONYMOUS, PAGES, NEW_PAGES].into_iter().chain(BY_WORKERS.map(|it| it.1));
    let rows = names.filter_map(|name| {
        let rates = spread(name)?;
        let turns = results.processing_per_s.get(name)?.len();
        let share = format!("{} %", readable(rates.median / bare.median * 100.0));
        let rate = readable(rates.median);
        Some(vec![name.to_owned(), rate, range(rates), share, turns.to_string()])
    });
    Some(Table {
        title: "Processing".into(),
        note: "Payloads of 10 events that are staged become rows, on an empty store. The bare loop inserts the same \
               rows into the same table with the same indexes, by prepared statements, and commits as often."
            .into(),
        columns: ["", "events/s", "range", "of the bare loop", "turns"].map(str::to_owned).into(),
        rows: rows.collect(),
    })
}

fn footprint(results: &Results) -> Option<Table> {
    type Of = fn(&Footprint) -> f64;
    let of: [(&str, Of); 6] = [
        ("ms from the start to the first durable answer", |it| it.first_answer_ms),
        ("idle memory, MiB", |it| it.idle_mib),
        ("most memory with 2,560 connections, MiB", |it| it.overload_mib),
        ("answers/s meanwhile", |it| it.overload_per_s),
        #[allow(clippy::cast_precision_loss)]
        ("requests that were told to come back", |it| it.overload_refused as f64),
        ("the program, MiB", |it| it.binary_mib),
    ];
    let rows = of.into_iter().filter_map(|(name, of)| {
        let spread = Spread::of(results.footprint.iter().map(of))?;
        let turns = results.footprint.len().to_string();
        Some(vec![name.to_owned(), readable(spread.median), range(spread), turns])
    });
    (!results.footprint.is_empty()).then(|| Table {
        title: "Start and memory".into(),
        note: "Lamplight alone, with nothing stored.".into(),
        columns: ["", "median", "range", "turns"].map(str::to_owned).into(),
        rows: rows.collect(),
    })
}

fn sinks(results: &Results) -> Option<Table> {
    let sent = Spread::of(results.sinks.iter().map(|it| it.events_per_s))?;
    let prepared = Spread::of(results.sinks.iter().map(|it| it.prepared_per_s))?;
    let turns = results.sinks.len().to_string();
    let line =
        |name: &str, it: Spread| vec![name.into(), readable(it.median), range(it), turns.clone()];
    Some(Table {
        title: "Delivery of a backlog to Mixpanel".into(),
        note:
            "200,000 events into a stand-in on the same machine, which decompresses each request."
                .into(),
        columns: ["", "events/s", "range", "turns"].map(str::to_owned).into(),
        rows: vec![
            line("Lamplight's sink, from the database", sent),
            line("the same requests, prepared in advance", prepared),
        ],
    })
}

/// What is worth a picture: requests of 10 events.
pub(crate) fn plots(results: &Results) -> Vec<Plot> {
    let plot = |title: &str, unit: &str, kind, connections, of: fn(&Turn) -> f64| {
        let bars = contenders(kind).iter().filter_map(|peer| {
            let turns = results.cell(kind, peer.name(), connections, 10);
            Some(Bar::of(peer.name(), Spread::of(turns.into_iter().map(of))?))
        });
        let bars: Vec<Bar> = bars.collect();
        let better = if unit.ends_with("/s") { "more" } else { "less" };
        let plot = Plot { title: title.into(), unit: unit.into(), better, bars };
        (plot.bars.len() > 1).then_some(plot)
    };
    let (intake, both) = (Kind::Intake, Kind::EndToEnd);
    let all = [
        plot("Durable intake, 64 connections", "requests/s", intake, 64, |it| it.requests_per_s),
        plot("Durable intake, 256 connections", "requests/s", intake, 256, |it| it.requests_per_s),
        plot("Slowest hundredth, 64 connections", "ms", intake, 64, |it| it.p99_ms),
        plot("End to end, sustained, 64 connections", "events/s", both, 64, Turn::events_per_s),
        plot("Written, end to end", "bytes an event", both, 64, |it| it.written_bytes),
    ];
    all.into_iter().flatten().collect()
}
