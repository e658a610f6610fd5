//! The rules of alerts: those that every server has, and `[alerts.<name>]`.

use std::collections::BTreeMap;
use std::path::Path;

use super::ConfigError;
use super::effective::{EffectiveSetting, effective};
use super::file::{Entry, File, FileValue};
use super::layers;
use super::origin::Origin;
use super::setting::Setting;
use super::sinks::{check_name, with_place};
use super::suggest::nearest;
use crate::alerts::config::{KINDS, Kind};
use crate::alerts::rule::Rule;

/// Most rules there may be.
const RULES_MAX: usize = 32;

/// A rule, and what its settings came from.
#[derive(Debug)]
pub(super) struct ResolvedRule {
    pub(super) rule: Rule,
    pub(super) effective: Vec<EffectiveSetting>,
}

/// Every rule: one of each kind that needs no configuration, changed as `given` says, and those
/// that `given` adds.
pub(super) fn resolve_all(
    given: &BTreeMap<String, Vec<Entry>>,
) -> Result<Vec<ResolvedRule>, ConfigError> {
    let defaults: Vec<&Kind> = KINDS.iter().filter(|kind| kind.is_default()).collect();
    let is_added = |name: &&String| defaults.iter().all(|kind| kind.name != name.as_str());
    let added: Vec<&String> = given.keys().filter(is_added).collect();
    if let Some(name) = added.last().filter(|_| defaults.len() + added.len() > RULES_MAX) {
        let (count, own) = (added.len(), RULES_MAX - defaults.len());
        let why = format!("there are {count} rules of your own, and at most {own} are allowed");
        return Err(ConfigError::Alert { name: (*name).clone(), why });
    }
    let names = defaults.iter().map(|kind| kind.name).chain(added.iter().map(|it| it.as_str()));
    names
        .map(|name| resolve(name, given.get(name).map(Vec::as_slice).unwrap_or_default()))
        .collect()
}

/// The rule with this name. One that is named like a default rule changes it, so it has its kind.
fn resolve(name: &str, entries: &[Entry]) -> Result<ResolvedRule, ConfigError> {
    let failed = |why: String| ConfigError::Alert { name: name.to_owned(), why };
    check_name(name).map_err(failed)?;
    let prefix = format!("alerts.{name}.");
    let given_kind = entries.iter().find(|entry| entry.key == "kind");
    let kind = kind_of(&prefix, name, given_kind)?;
    let command = kind.command();
    let settings = Setting::all(&command);
    let others: Vec<Entry> = entries.iter().filter(|entry| entry.key != "kind").cloned().collect();
    let values = layers::from_entries(&settings, &prefix, &others)
        .map_err(|error| with_place(error, "the rule", &others))?;
    let is_missing = |it: &&Setting| {
        it.is_required() && values.get(it.key()).is_none_or(|given| given.texts.is_empty())
    };
    if let Some(missing) = settings.iter().find(is_missing) {
        return Err(failed(format!("`{}` is missing; set it in [alerts.{name}]", missing.key())));
    }
    let mut shown = vec![EffectiveSetting {
        key: format!("{prefix}kind"),
        value: Some(format!("\"{}\"", kind.name)),
        origin: given_kind.map_or(Origin::Default, |given| given.origin.clone()),
    }];
    shown.extend(effective(&settings, &prefix, &values));
    let matches = layers::parse(command, &prefix, &values)?;
    Ok(ResolvedRule { rule: kind.rule(name, &matches).map_err(failed)?, effective: shown })
}

/// The rules of the text of a configuration file, for tests and tools.
///
/// # Errors
/// [`ConfigError`].
pub fn parse_rules(text: &str) -> Result<Vec<Rule>, ConfigError> {
    let file = File::parse(text, Path::new(super::DEFAULT_FILE))?;
    Ok(resolve_all(&file.alerts)?.into_iter().map(|resolved| resolved.rule).collect())
}

fn kind_of(prefix: &str, name: &str, kind: Option<&Entry>) -> Result<Kind, ConfigError> {
    let find = |wanted: &str| KINDS.into_iter().find(|kind| kind.name == wanted);
    let own = find(name).filter(Kind::is_default);
    let names = || KINDS.iter().map(|kind| kind.name);
    let all = names().map(|kind| format!("`{kind}`")).collect::<Vec<_>>().join(", ");
    let meant = |text: &str| {
        let near = nearest(text, names()).map(|near| format!("; did you mean `{near}`?"));
        near.unwrap_or_default()
    };
    let Some(Entry { value, origin, .. }) = kind else {
        let why = format!("`kind` is missing; it must be one of {all}{}", meant(name));
        return own.or(find(name)).ok_or(ConfigError::Alert { name: name.to_owned(), why });
    };
    let failed =
        |why| ConfigError::Value { key: format!("{prefix}kind"), origin: origin.clone(), why };
    let text = match value {
        FileValue::Text(text) => text.as_str(),
        _ => "",
    };
    match (find(text), own) {
        (Some(found), Some(own)) if found.name != own.name => Err(failed(format!(
            "`{name}` is the name of a rule that every server has; choose another name for a rule \
             of kind `{text}`"
        ))),
        (Some(found), _) => Ok(found),
        (None, _) => Err(failed(format!("`{text}` is not one of {all}{}", meant(text)))),
    }
}
