//! A producer's numbers as a strip of cells. Each way to end has a shape of its own, so that the
//! strip can be read without colours.

use std::fmt::Write;

use crate::store::ledger_strip::StripCell;
use crate::store::{Completeness, ProducerRow};
use crate::web::console::shown::{Markup, count, escape};

/// The height of the strip, and the distance between cells.
const HEIGHT: u64 = 24;
const STEP: u64 = 4;

/// How the numbers of a cell ended: the worst of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Arrived,
    Declared,
    InFlight,
    Lost,
    Uncounted,
}

impl Shape {
    const ALL: [Self; 5] =
        [Self::Arrived, Self::InFlight, Self::Declared, Self::Lost, Self::Uncounted];

    fn of(cell: &StripCell, missing: Self) -> Self {
        if cell.missing > 0 {
            missing
        } else if cell.declared > 0 {
            Self::Declared
        } else if cell.received > 0 {
            Self::Arrived
        } else {
            Self::Uncounted
        }
    }

    const fn class(self) -> &'static str {
        match self {
            Self::Arrived => "arrived",
            Self::InFlight => "in-flight",
            Self::Declared => "declared",
            Self::Lost => "lost",
            Self::Uncounted => "uncounted",
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Arrived => "arrived",
            Self::InFlight => "in flight",
            Self::Declared => "declared as dropped",
            Self::Lost => "lost",
            Self::Uncounted => "does not count",
        }
    }

    /// A bar, a hollow bar, half a bar, a cross, or a line on the ground.
    fn path(self, at: u64) -> String {
        let (x, end) = (at * STEP, at * STEP + 3);
        match self {
            Self::Arrived => format!("M{x} {HEIGHT}v-{HEIGHT}h3v{HEIGHT}z"),
            Self::InFlight => format!("M{x} 23v-15h3v15z"),
            Self::Declared => format!("M{x} {HEIGHT}v-9h3v9z"),
            Self::Lost => format!("M{x} 2L{end} 22M{end} 2L{x} 22"),
            Self::Uncounted => format!("M{x} {HEIGHT}v-2h3v2z"),
        }
    }
}

/// The strip of a producer in at most `cells_max` cells. With `tells`, each cell tells its numbers
/// on hover.
pub(super) fn draw(row: &ProducerRow, cells_max: u64, tells: bool) -> Markup {
    let missing = if row.verdict == Completeness::Lost { Shape::Lost } else { Shape::InFlight };
    let cells = row.ledger.strip(cells_max);
    let Some(last) = cells.last().map(|cell| cell.last) else {
        return Markup("–".into());
    };
    let mut out = String::new();
    let label = format!(
        "Numbers 1 to {}: {} arrived, {} declared as dropped, {} {}",
        count(last),
        count(row.received),
        count(row.declared()),
        count(row.missing),
        missing.name()
    );
    // A short strip has cells of the same width as a long one.
    let width = STEP * (cells.len() as u64).max(cells_max.min(40));
    let _ = write!(
        out,
        "<svg class=\"strip\" viewBox=\"0 0 {width} {HEIGHT}\" preserveAspectRatio=\"none\" role=\"img\" \
         aria-label=\"{0}\">",
        escape(&label)
    );
    for shape in Shape::ALL {
        let paths: String = (0..)
            .zip(&cells)
            .filter(|(_, cell)| Shape::of(cell, missing) == shape)
            .map(|(at, _)| shape.path(at))
            .collect();
        if !paths.is_empty() {
            let _ = write!(out, "<path class=\"{}\" d=\"{paths}\"/>", shape.class());
        }
    }
    for (at, cell) in (0_u64..).zip(&cells).filter(|_| tells) {
        let _ = write!(
            out,
            "<rect x=\"{}\" width=\"{STEP}\" height=\"{HEIGHT}\"><title>{}</title></rect>",
            at * STEP,
            told(cell, missing)
        );
    }
    out.push_str("</svg>");
    Markup(out)
}

/// The numbers of a cell, and how they ended.
fn told(cell: &StripCell, missing: Shape) -> String {
    let mut text = count(cell.first);
    if cell.last > cell.first {
        let _ = write!(text, "–{}", count(cell.last));
    }
    let uncounted = cell.numbers().saturating_sub(cell.received + cell.declared + cell.missing);
    let parts: Vec<String> = [
        (cell.received, Shape::Arrived),
        (cell.declared, Shape::Declared),
        (cell.missing, missing),
        (uncounted, Shape::Uncounted),
    ]
    .into_iter()
    .filter(|(number, _)| *number > 0)
    .map(|(number, shape)| format!("{} {}", count(number), shape.name()))
    .collect();
    format!("{text}: {}", parts.join(", "))
}

/// What each shape means.
pub(super) fn legend() -> Markup {
    let entry = |shape: Shape| {
        format!(
            "<li><svg class=\"strip\" viewBox=\"0 0 3 {HEIGHT}\" preserveAspectRatio=\"none\" aria-hidden=\"true\"><path class=\"{}\" d=\"{}\"/></svg>{}</li>",
            shape.class(),
            shape.path(0),
            shape.name()
        )
    };
    Markup(format!("<ul class=\"legend\">{}</ul>", Shape::ALL.map(entry).concat()))
}
