//! `lamplight.example.toml`: every setting with its help and its default, ready to be edited.

use std::fmt::Write;

use clap::{Args, Command};

use super::setting::Setting;
use super::{Config, sinks};
use crate::alerts::config::KINDS;

/// Longest line of a comment.
const COLUMNS: usize = 100;

const HEAD: &str = "\
# Every setting of lamplight, with its default. `lamplight config example` prints this file.
# To change a setting, remove the `#` before it. Flags and LAMPLIGHT_* variables count more than
# this file. An unknown key is an error. `lamplight config print` shows what is in effect.
";

const RULES: &str = "\
# Every server has these rules, except for the last one, which needs names of events. A table
# `[alerts.<name>]` changes the rule with that name, or adds one with a name that you choose.
";

const SINKS: &str = "\
# Sinks: where events are delivered to. The name after `sinks.` is yours to choose.
# A setting of a sink can also come from the variable LAMPLIGHT_SINK_<NAME>_<KEY>, and a secret from
# the file that the variable LAMPLIGHT_SINK_<NAME>_<KEY>_FILE names.
";

/// Values to show for settings that have no default, by key; those of sinks by name and key.
pub(super) const SAMPLES: [(&str, &str); 49] = [
    ("database_url", r#""postgres://lamplight@db.internal/lamplight?sslmode=verify-full""#),
    ("database_url_file", r#""/run/secrets/lamplight-database-url""#),
    (
        "sql_database_url",
        r#""postgres://lamplight_reader@db.internal/lamplight?sslmode=verify-full""#,
    ),
    ("sql_database_url_file", r#""/run/secrets/lamplight-sql-database-url""#),
    ("intake_url", r#""nats://n1,n2,n3?monitor=http://n1:8222,http://n2:8222,http://n3:8222""#),
    ("intake_url_file", r#""/run/secrets/lamplight-intake-url""#),
    ("trusted_proxies", r#"["127.0.0.1", "10.0.0.0/8"]"#),
    ("api_origins", r#"["https://console.example.com"]"#),
    ("tls_cert", r#""/etc/lamplight/cert.pem""#),
    ("tls_key", r#""/etc/lamplight/key.pem""#),
    ("write_key", r#""wk_choose_your_own""#),
    ("write_key_file", r#""/run/secrets/lamplight-write-key""#),
    ("secret_key", r#""sk_choose_your_own_long_key""#),
    ("secret_key_file", r#""/run/secrets/lamplight-secret-key""#),
    ("admin_token", r#""at_choose_your_own_long_token""#),
    ("admin_token_file", r#""/run/secrets/lamplight-admin-token""#),
    ("keep_days", "400"),
    ("keep_bytes", "100_000_000_000"),
    ("geo_file", r#""/var/lib/geoip/GeoLite2-City.mmdb""#),
    ("add_properties", r#"{ environment = "production" }"#),
    ("alerts_webhook_url", r#""https://alerts.example.com/lamplight""#),
    ("alerts_webhook_url_file", r#""/run/secrets/lamplight-alerts-webhook-url""#),
    ("alerts_webhook_secret", r#""whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw""#),
    ("alerts_webhook_secret_file", r#""/run/secrets/lamplight-alerts-webhook-secret""#),
    ("alerts_webhook_ca_file", r#""/etc/ssl/our-authority.pem""#),
    ("checkout.names", r#"["order_paid", "signed_up"]"#),
    ("product.token", r#""your project token""#),
    ("product.url", r#""https://mixpanel-proxy.example.com""#),
    ("product.service_account", r#""lamplight.1234ab.mp-service-account""#),
    ("product.service_account_secret", r#""your service account's secret""#),
    ("product.project_id", r#""1234567""#),
    ("product.ca_file", r#""/etc/ssl/our-authority.pem""#),
    ("product.route.types", r#"["default"]"#),
    ("product.route.only", r#"["signed_up", "order_*"]"#),
    ("product.route.except", r#"["order_debug"]"#),
    ("metrics.address", r#""127.0.0.1:8125""#),
    ("metrics.socket", r#""/var/run/datadog/dsd.socket""#),
    ("metrics.tags", r#"["env:prod"]"#),
    ("metrics.route.types", r#"["monitor"]"#),
    ("metrics.route.only", r#"["checkout.*"]"#),
    ("metrics.route.except", r#"["checkout.debug"]"#),
    ("crm.url", r#""https://crm.example.com/hooks/lamplight""#),
    ("crm.secret", r#""whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw""#),
    ("crm.ca_file", r#""/etc/ssl/our-authority.pem""#),
    ("crm.route.types", r#"["default", "critical"]"#),
    ("crm.route.only", r#"["signed_up", "order_*"]"#),
    ("crm.route.except", r#"["order_debug"]"#),
    ("archive.path", r#""./archive/events.ndjson""#),
    ("archive.route.types", r#"["default", "critical", "monitor"]"#),
];

/// The name that the example gives to a sink of this kind.
fn sink_name(kind: &str) -> &str {
    match kind {
        "mixpanel" => "product",
        "datadog" => "metrics",
        "webhook" => "crm",
        "file" => "archive",
        other => other,
    }
}

/// The text of the example.
pub fn example() -> String {
    let mut text = HEAD.to_owned();
    let mut heading = None;
    for setting in Setting::all(&Config::augment_args(Command::new("settings"))) {
        if setting.heading() != heading.as_deref() {
            heading = setting.heading().map(str::to_owned);
            let _ = write!(text, "\n# --- {} ---\n", heading.as_deref().unwrap_or_default());
        }
        text += "\n";
        text += &described(&setting, None);
    }
    text += "\n# --- Rules of alerts ---\n\n";
    text += RULES;
    for rule_kind in KINDS {
        let kind = rule_kind.command();
        let about = kind.get_about().map(ToString::to_string).unwrap_or_default();
        let name = if rule_kind.is_default() { rule_kind.name } else { "checkout" };
        let _ = write!(text, "\n# {about}.\n#[alerts.{name}]\n#kind = \"{}\"\n", kind.get_name());
        for setting in Setting::all(&kind) {
            text += &described(&setting, Some(name));
        }
    }
    text += "\n# --- Sinks ---\n\n";
    text += SINKS;
    for kind in sinks::kinds() {
        let name = sink_name(kind.get_name());
        let about = kind.get_about().map(ToString::to_string).unwrap_or_default();
        let _ = write!(text, "\n# {about}.\n#[sinks.{name}]\n#kind = \"{}\"\n", kind.get_name());
        for setting in Setting::all(&kind) {
            text += &described(&setting, Some(name));
        }
    }
    text
}

/// A setting with its help above it.
fn described(setting: &Setting, sink: Option<&str>) -> String {
    let mut help = setting.help();
    if let Some(words) = setting.default_in_words() {
        let _ = write!(help, " (default: {words})");
    }
    let choices: Vec<String> = setting
        .choices()
        .iter()
        .map(|choice| match choice.get_help() {
            Some(help) => format!("\"{}\": {help}", choice.get_name()),
            None => format!("\"{}\"", choice.get_name()),
        })
        .collect();
    let mut text = wrapped(&format!("{help}."));
    for choice in choices {
        text += &wrapped(&format!("  {choice}"));
    }
    let value = setting.toml(&setting.default_texts()).or_else(|| sample(setting.key(), sink));
    text + &format!("#{} = {}\n", setting.key(), value.unwrap_or_else(|| "[]".into()))
}

fn sample(key: &str, sink: Option<&str>) -> Option<String> {
    let name = sink.map_or_else(|| key.to_owned(), |sink| format!("{sink}.{key}"));
    let found = SAMPLES.iter().find(|(sample, _)| *sample == name);
    found.map(|(_, value)| (*value).to_owned())
}

/// `text` as lines of a comment.
fn wrapped(text: &str) -> String {
    let indent = text.len() - text.trim_start().len();
    let mut lines = vec![format!("#{:indent$}", "")];
    for word in text.split_whitespace() {
        let is_full = lines.last().is_some_and(|line| line.len() + 1 + word.len() > COLUMNS);
        if is_full {
            lines.push(format!("#{:indent$}", ""));
        }
        if let Some(line) = lines.last_mut() {
            line.push(' ');
            line.push_str(word);
        }
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sample_is_of_a_setting_and_shown() {
        let text = example();
        for (name, value) in SAMPLES {
            let is_table = |(table, _): &(&str, &str)| {
                ["sinks", "alerts"].iter().any(|kind| text.contains(&format!("#[{kind}.{table}]")))
            };
            let key = name.split_once('.').filter(is_table);
            let key = key.map_or(name, |(_, key)| key);
            assert!(text.contains(&format!("\n#{key} = {value}\n")), "{name}");
        }
    }

    #[test]
    fn no_comment_is_longer_than_a_line_may_be() {
        let long: Vec<String> =
            example().lines().filter(|line| line.len() > COLUMNS).map(str::to_owned).collect();
        assert!(long.is_empty(), "{long:#?}");
    }
}
