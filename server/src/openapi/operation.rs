//! What one method of one path does.

use super::param::Param;

/// Describes one method of one path, for people and for programs. A route cannot be registered
/// without it.
#[derive(Debug, Clone, Copy)]
pub struct Operation {
    /// Its name in generated clients.
    pub id: &'static str,
    /// The chapter that it belongs to.
    pub group: Group,
    /// What it does, in one line.
    pub summary: &'static str,
    /// Everything else about it, as Markdown.
    pub about: &'static str,
    /// The variable part of its path, if it has one.
    pub part: Option<Param>,
    /// The query parameters that it takes, in lists that operations share.
    pub query: &'static [&'static [Param]],
    /// The request headers that mean something to it.
    pub headers: &'static [Param],
    /// A body that it accepts, as JSON text. Empty if it takes none.
    pub body_example: &'static str,
    /// The codes of problems that its handler answers by itself.
    pub problems: &'static [&'static str],
}

impl Operation {
    /// An operation without parameters and without problems of its own.
    pub const fn new(group: Group, id: &'static str, summary: &'static str) -> Self {
        Self {
            id,
            group,
            summary,
            about: "",
            part: None,
            query: &[],
            headers: &[],
            body_example: "",
            problems: &[],
        }
    }

    /// Adds everything else that there is to say, as Markdown.
    #[must_use]
    pub const fn about(self, about: &'static str) -> Self {
        Self { about, ..self }
    }

    /// Describes the variable part of the path.
    #[must_use]
    pub const fn part(self, part: Param) -> Self {
        Self { part: Some(part), ..self }
    }

    /// Adds the query parameters.
    #[must_use]
    pub const fn query(self, query: &'static [&'static [Param]]) -> Self {
        Self { query, ..self }
    }

    /// Adds the request headers that mean something.
    #[must_use]
    pub const fn headers(self, headers: &'static [Param]) -> Self {
        Self { headers, ..self }
    }

    /// Adds a body that is accepted.
    #[must_use]
    pub const fn body_example(self, body_example: &'static str) -> Self {
        Self { body_example, ..self }
    }

    /// Adds the codes of problems that the handler answers by itself. Those of its arguments are
    /// known already.
    #[must_use]
    pub const fn problems(self, problems: &'static [&'static str]) -> Self {
        Self { problems, ..self }
    }
}

/// A chapter of the description.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// Send events.
    Intake,
    /// Query events and counts.
    Query,
    /// Operate the server.
    Operate,
    /// Manage keys and tokens.
    Keys,
    /// Whether the server works.
    Health,
    /// What browsers load.
    Browser,
}

impl Group {
    /// Every group, in the order of the document.
    pub const ALL: [Self; 6] =
        [Self::Intake, Self::Query, Self::Operate, Self::Keys, Self::Health, Self::Browser];

    /// Its name, as a tag.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Intake => "Send events",
            Self::Query => "Query",
            Self::Operate => "Operate",
            Self::Keys => "Keys",
            Self::Health => "Health",
            Self::Browser => "Pages and scripts",
        }
    }

    /// What it contains.
    pub const fn about(self) -> &'static str {
        match self {
            Self::Intake => "Events from pages (write key) and from backends (secret key).",
            Self::Query => {
                "Events, the outcome of every arrival, counts, and events that never arrived. Needs \
                 an admin or viewer token, except for SQL, which needs an admin token."
            }
            Self::Operate => "Sinks, dead letters, replays and retention.",
            Self::Keys => "Write keys, secret keys and tokens. Needs an admin token.",
            Self::Health => "Health checks, without a token.",
            Self::Browser => "What browsers load from the server, without a token.",
        }
    }
}
