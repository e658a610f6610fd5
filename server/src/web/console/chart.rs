//! Small charts, drawn on the server as SVG.

use std::fmt::Write;

use super::shown::{Markup, count, escape};

/// A row of bars, for the course of a count. `label` says what is counted, for those who cannot see
/// it.
pub(super) fn bars(values: &[u64], label: &str) -> Markup {
    const HEIGHT: u64 = 24;
    let max = values.iter().copied().max().unwrap_or(0).max(1);
    let mut path = String::new();
    for (at, value) in values.iter().enumerate().filter(|(_, value)| **value > 0) {
        // What is there is seen, however small.
        let height = u64::try_from(u128::from(*value) * u128::from(HEIGHT) / u128::from(max));
        let height = height.unwrap_or(HEIGHT).max(1);
        let _ = write!(path, "M{} {HEIGHT}v-{height}h3v{height}z", at * 4);
    }
    let width = (values.len() * 4).max(4);
    let sum = values.iter().fold(0_u64, |sum, value| sum.saturating_add(*value));
    let text = escape(&format!("{label}: {} in all, at most {}", count(sum), count(max.min(sum))));
    Markup(format!(
        "<svg class=\"bars\" viewBox=\"0 0 {width} {HEIGHT}\" preserveAspectRatio=\"none\" role=\"img\" \
         aria-label=\"{text}\"><title>{text}</title><path d=\"{path}\"/></svg>"
    ))
}

/// A line through values over time. Where nothing was measured, it has a gap. `label` says what is
/// shown, for those who cannot see it.
pub(super) fn line(values: &[Option<i64>], label: &str) -> Markup {
    const HEIGHT: i128 = 40;
    let known = || values.iter().flatten().map(|value| i128::from(*value));
    let (low, high) = (known().min().unwrap_or(0).min(0), known().max().unwrap_or(0));
    let span = (high - low).max(1);
    let mut path = String::new();
    let mut is_drawn = false;
    for (at, value) in values.iter().enumerate() {
        let Some(value) = value else {
            is_drawn = false;
            continue;
        };
        let y = HEIGHT - (i128::from(*value) - low) * HEIGHT / span;
        // A lone value is a point, drawn as a line of no length.
        let _ = if is_drawn { write!(path, "L{at} {y}") } else { write!(path, "M{at} {y}h0") };
        is_drawn = true;
    }
    let (width, text) = (values.len().max(2) - 1, escape(label));
    Markup(format!(
        "<svg class=\"line\" viewBox=\"0 -1 {width} {}\" preserveAspectRatio=\"none\" role=\"img\" \
         aria-label=\"{text}\"><title>{text}</title><path d=\"{path}\"/></svg>",
        HEIGHT + 2
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_as_high_as_their_values_and_never_vanish() {
        let svg = bars(&[0, 1, 1_000, 500], "Events <by> minute").0;
        assert!(svg.contains("viewBox=\"0 0 16 24\""), "{svg}");
        assert!(svg.contains("d=\"M4 24v-1h3v1zM8 24v-24h3v24zM12 24v-12h3v12z\""), "{svg}");
        assert!(svg.contains("Events &lt;by&gt; minute: 1,501 in all, at most 1,000"), "{svg}");
        assert!(bars(&[], "Nothing").0.contains("0 in all, at most 0"));
        assert!(bars(&[u64::MAX, u64::MAX], "Much").0.contains("v-24"));
    }

    #[test]
    fn a_line_has_a_gap_where_nothing_was_measured() {
        let svg = line(&[Some(0), Some(10), None, Some(5)], "Memory").0;
        assert!(svg.contains("d=\"M0 40h0L1 0M3 20h0\""), "{svg}");
        assert!(line(&[], "None").0.contains("d=\"\""));
        assert!(line(&[Some(i64::MIN), Some(i64::MAX)], "Extremes").0.contains("M0 40h0L1 0"));
    }
}
