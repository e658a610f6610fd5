//! Names of events, and their properties.

use super::counts::Counts;
use super::facts::PropertyFacts;

/// A name of events of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogueName {
    /// The source.
    pub source: String,
    /// The name. Empty for all names together for which there is no room.
    pub name: String,
    /// How many, and when.
    pub counts: Counts,
}

/// The last name of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogueCursor {
    /// Its source.
    pub source: String,
    /// The name.
    pub name: String,
}

/// Which names to read, by source and name.
#[derive(Debug, Clone, Default)]
pub struct CatalogueQuery {
    /// Only of this source.
    pub source: Option<String>,
    /// Only this name.
    pub name: Option<String>,
    /// Only names that begin like this.
    pub prefix: Option<String>,
    /// Only those after this one.
    pub after: Option<CatalogueCursor>,
    /// The most names.
    pub limit: u32,
}

impl CatalogueQuery {
    /// Whether a name is wanted.
    pub fn wants(&self, source: &str, name: &str) -> bool {
        self.source.as_ref().is_none_or(|it| it == source)
            && self.name.as_ref().is_none_or(|it| it == name)
            && self.prefix.as_ref().is_none_or(|it| name.starts_with(it.as_str()))
            && self.after.as_ref().is_none_or(|it| (source, name) > (&it.source, &it.name))
    }
}

/// Names, by source and name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CataloguePage {
    /// The names.
    pub names: Vec<CatalogueName>,
    /// The last one, if there are more.
    pub next: Option<CatalogueCursor>,
}

impl CataloguePage {
    /// The page of names that were read, at most one more than `limit`.
    pub fn new(mut names: Vec<CatalogueName>, limit: u32) -> Self {
        let has_more = names.len() > limit as usize;
        names.truncate(limit as usize);
        let last = names.last().filter(|_| has_more);
        let next =
            last.map(|it| CatalogueCursor { source: it.source.clone(), name: it.name.clone() });
        Self { names, next }
    }
}

/// What is known about the properties of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameProperties {
    /// The name.
    pub name: CatalogueName,
    /// Its properties.
    pub facts: PropertyFacts,
}
