//! What the demo's page shows, and what it means.

use std::io::{self, Write};

use serde::{Deserialize, Serialize};

use crate::terminal::{Column, Output, Table};

/// Reads the page. A figure that it does not know yet is null.
pub(super) const READ: &str = "(() => {
  const number = (text) => /^[\\d,]+$/.test(text) ? Number(text.replaceAll(',', '')) : null
  const text = (id) => document.getElementById(id).textContent.trim()
  const cell = (row, name) => row.querySelector('.' + name)?.textContent.trim() ?? ''
  return {
    state: document.getElementById('equation').dataset.state,
    rows_counted: document.getElementById('equation').dataset.rows === 'counted',
    text: text('evaluation'),
    made: number(text('made')), stored: number(text('stored')),
    on_the_way: number(text('on-the-way')), dropped: number(text('dropped')),
    lost: number(text('lost')), duplicates: number(text('duplicates')),
    in_memory: number(document.querySelector('#waiting-memory .count').textContent),
    tabs: [...document.querySelectorAll('#tabs tr')].map((row) => ({
      name: cell(row, 'name'), state: cell(row, 'life'), made: number(cell(row, 'made')),
      stored: number(cell(row, 'stored')), waiting: number(cell(row, 'waiting')),
    })),
    tabs_not_listed: Number(/^\\d*/.exec(text('tabs-older'))[0]),
  }
})()";

/// What the page shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Reading {
    pub(super) state: String,
    /// Whether the page has counted the rows of all events. Until then it knows of no duplicates.
    pub(super) rows_counted: bool,
    /// What the page says about it.
    pub(super) text: String,
    pub(super) made: Option<u64>,
    pub(super) stored: Option<u64>,
    pub(super) on_the_way: Option<u64>,
    pub(super) dropped: Option<u64>,
    pub(super) lost: Option<u64>,
    pub(super) duplicates: Option<u64>,
    /// Events that only the memory of a tab has, and so are not promised to survive it.
    #[serde(skip_serializing)]
    pub(super) in_memory: Option<u64>,
    pub(super) tabs: Vec<TabReading>,
    /// Ended tabs that the page counts, but does not list.
    pub(super) tabs_not_listed: u64,
}

/// What the page shows about one tab.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct TabReading {
    name: String,
    state: String,
    made: Option<u64>,
    stored: Option<u64>,
    waiting: Option<u64>,
}

impl Reading {
    /// Whether every event that was made is stored exactly once. This asks the figures, not only
    /// what the page says about them.
    pub(super) fn holds(&self) -> bool {
        let nothing = [self.on_the_way, self.dropped, self.lost, self.duplicates];
        self.state == "holds"
            && self.rows_counted
            && self.made.is_some_and(|made| made > 0)
            && self.made == self.stored
            && nothing == [Some(0); 4]
    }

    /// Whether it may change by itself.
    pub(super) fn is_final(&self) -> bool {
        self.rows_counted
            && self.on_the_way == Some(0)
            && matches!(self.state.as_str(), "holds" | "dropped" | "broken")
    }
}

/// What was done.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(super) struct Damage {
    pub(super) tabs_killed: u32,
    pub(super) server_kills: u32,
    pub(super) network_cuts: u32,
    pub(super) server_faults: u32,
}

/// The result of chaos.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Report {
    pub(super) seed: u64,
    pub(super) damage: Damage,
    #[serde(flatten)]
    pub(super) reading: Reading,
}

impl Report {
    pub(super) fn holds(&self) -> bool {
        self.reading.holds()
    }

    /// Writes it as a table, or as JSON.
    pub(super) fn write(&self, out: &mut Output, is_json: bool) -> io::Result<()> {
        if is_json {
            let mut json = serde_json::to_value(self)?;
            json["holds"] = self.holds().into();
            writeln!(out, "{json:#}")?;
            return out.flush();
        }
        for line in self.lines(out) {
            writeln!(out, "{line}")?;
        }
        out.flush()
    }

    fn lines(&self, out: &Output) -> Vec<String> {
        let (columns, paint) = (out.columns(), out.paint());
        let mut lines = self.figures().lines(columns, paint);
        lines.push(String::new());
        lines.extend(self.tabs().lines(columns, paint));
        if self.reading.tabs_not_listed > 0 {
            let count = self.reading.tabs_not_listed;
            lines.push(format!("{count} older tabs are counted above, and not listed."));
        }
        lines.push(String::new());
        lines.push(crate::terminal::escape::text(&self.verdict()).into_owned());
        lines
    }

    fn verdict(&self) -> String {
        match &self.reading {
            reading if reading.holds() => reading.text.clone(),
            // The page has only words for what it found.
            Reading { state, text, .. } => format!("The equation does not hold ({state}): {text}"),
        }
    }

    fn figures(&self) -> Table {
        let Reading { made, stored, on_the_way, dropped, lost, duplicates, .. } = &self.reading;
        let figures = [
            ("made", made),
            ("stored", stored),
            ("on the way", on_the_way),
            ("dropped", dropped),
            ("lost", lost),
            ("duplicates", duplicates),
        ];
        let mut table = Table::new(figures.map(|(name, _)| Column::number(name)));
        table.row(figures.map(|(_, figure)| shown(*figure)));
        table
    }

    fn tabs(&self) -> Table {
        let numbers = ["made", "stored", "waiting"].map(Column::number);
        let columns = std::iter::once(Column::text("tab")).chain(numbers);
        let mut table = Table::new(columns.chain([Column::text("state")]));
        for tab in &self.reading.tabs {
            let numbers = [tab.made, tab.stored, tab.waiting].map(shown);
            let cells = std::iter::once(tab.name.clone()).chain(numbers);
            table.row(cells.chain([tab.state.clone()]));
        }
        table
    }
}

/// A figure, or a dash where it is not known.
fn shown(figure: Option<u64>) -> String {
    figure.map_or_else(|| "–".to_owned(), |figure| figure.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holding() -> Reading {
        let tab = |name: &str, state: &str, made| TabReading {
            name: name.to_owned(),
            state: state.to_owned(),
            made: Some(made),
            stored: Some(made),
            waiting: Some(0),
        };
        Reading {
            state: "holds".to_owned(),
            rows_counted: true,
            text: "Holds: each of the 30 events is in the database exactly once.".to_owned(),
            made: Some(30),
            stored: Some(30),
            on_the_way: Some(0),
            dropped: Some(0),
            lost: Some(0),
            duplicates: Some(0),
            in_memory: Some(0),
            tabs: vec![
                tab("Tab 1", "killed; tab 2 adopted its events", 10),
                tab("Tab 2", "open", 20),
            ],
            tabs_not_listed: 0,
        }
    }

    fn changed(change: impl FnOnce(&mut Reading)) -> Reading {
        let mut reading = holding();
        change(&mut reading);
        reading
    }

    #[test]
    fn the_equation_holds_only_if_every_figure_says_so() {
        assert!(holding().holds());
        for broken in [
            changed(|it| it.state = "broken".into()),
            changed(|it| it.state = "idle".into()),
            changed(|it| it.rows_counted = false),
            changed(|it| it.stored = Some(29)),
            changed(|it| it.stored = Some(31)),
            changed(|it| it.on_the_way = Some(1)),
            changed(|it| it.dropped = Some(1)),
            changed(|it| it.lost = Some(1)),
            changed(|it| it.duplicates = Some(1)),
            changed(|it| it.lost = None),
            changed(|it| (it.made, it.stored) = (None, None)),
            changed(|it| (it.made, it.stored) = (Some(0), Some(0))),
        ] {
            assert!(!broken.holds(), "{broken:?}");
        }
    }

    #[test]
    fn what_waits_is_waited_for_and_a_loss_is_not() {
        assert!(holding().is_final());
        assert!(changed(|it| it.state = "broken".into()).is_final());
        assert!(!changed(|it| it.state = "on_the_way".into()).is_final());
        assert!(!changed(|it| (it.state, it.on_the_way) = ("broken".into(), Some(3))).is_final());
        assert!(!changed(|it| it.on_the_way = None).is_final());
        assert!(!changed(|it| it.rows_counted = false).is_final());
    }

    #[test]
    fn the_table_has_the_figures_of_the_page_and_of_each_tab() {
        let report = Report { seed: 7, damage: Damage::default(), reading: holding() };
        let lines = report.lines(&Output::stdout());
        assert_eq!(
            lines,
            [
                "made  stored  on the way  dropped  lost  duplicates",
                "  30      30           0        0     0           0",
                "",
                "tab    made  stored  waiting  state",
                "Tab 1    10      10        0  killed; tab 2 adopted its events",
                "Tab 2    20      20        0  open",
                "",
                "Holds: each of the 30 events is in the database exactly once.",
            ]
        );
        let reading = changed(|it| {
            (it.state, it.text) = ("broken".into(), "Broken: 1 is missing.".into());
            (it.lost, it.duplicates, it.tabs_not_listed) = (Some(1), None, 4);
        });
        let lines = Report { seed: 7, damage: Damage::default(), reading }.lines(&Output::stdout());
        assert_eq!(lines[1], "  30      30           0        0     1           –");
        assert!(lines.iter().any(|line| line.starts_with("4 older tabs are counted")));
        assert_eq!(
            lines.last().unwrap(),
            "The equation does not hold (broken): Broken: 1 is missing."
        );
    }
}
