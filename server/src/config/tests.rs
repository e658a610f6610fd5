//! Which layer counts, what is an error, and what is shown.

use std::path::{Path, PathBuf};

use clap::CommandFactory;

use super::*;
use crate::cli::Cli;
use crate::sinks::SinkConfig;

/// The configuration of `serve` with this file, these flags and these variables.
fn try_resolve(toml: &str, flags: &[&str], variables: &[(&str, &str)]) -> Result<Config, String> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("lamplight.toml");
    std::fs::write(&path, toml).unwrap();
    let line = ["lamplight", "serve", "--config", path.to_str().unwrap()];
    let matches = Cli::command().get_matches_from(line.iter().chain(flags));
    let env = |name: &str| {
        variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    };
    Config::resolve(matches.subcommand().unwrap().1, &env).map_err(|error| error.to_string())
}

fn resolve(toml: &str, flags: &[&str]) -> Config {
    try_resolve(toml, flags, &[]).unwrap()
}

fn error(toml: &str) -> String {
    try_resolve(toml, &[], &[]).unwrap_err()
}

fn printed(config: &Config) -> String {
    let mut printed = Vec::new();
    print(&config.effective, &mut printed).unwrap();
    String::from_utf8(printed).unwrap()
}

fn token(config: &Config) -> &str {
    match &config.sinks[0].config {
        SinkConfig::Mixpanel(config) => config.token.reveal(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn without_any_configuration_every_setting_has_its_default() {
    let config = resolve("", &[]);
    assert_eq!(config.listen.to_string(), "127.0.0.1:8787");
    assert_eq!(config.data, PathBuf::from("./lamplight-data"));
    assert_eq!((config.retention.keep_days, config.retention.keep_id_days), (None, 30));
    assert!(config.sinks.is_empty() && config.trusted_proxies.is_empty());
}

#[test]
fn a_backslash_between_double_quotes_is_an_error_that_says_how_to_write_paths() {
    for path in [r"C:\data", r"C:\Users\me"] {
        let said = error(&format!("data = \"{path}\""));
        assert!(said.contains("line 1") && said.contains(r"such as 'C:\data'"), "{said}");
        assert_eq!(resolve(&format!("data = '{path}'"), &[]).data, PathBuf::from(path));
    }
}

#[test]
fn a_flag_counts_more_than_the_file_and_the_file_more_than_the_default() {
    let toml = "listen = '127.0.0.1:1'\ndata = '/d'\nkeep_days = 90\nkeep_payload_days = 3\n\
                geo_file = 'g'\nadd_properties = { release = '7,8', 'a b' = 'c=d' }";
    let config = resolve(toml, &["--listen", "127.0.0.1:2", "--keep-days", "30"]);
    assert_eq!(config.listen.to_string(), "127.0.0.1:2");
    assert_eq!(config.data, PathBuf::from("/d"));
    let rules = config.retention.rules();
    assert_eq!((rules.events_days, rules.payload_days, rules.id_days), (Some(30), 3, 30));
    assert_eq!(config.enrichment.geo_file, Some("g".into()));
    let property = |name: &str, value: &str| Property { name: name.into(), value: value.into() };
    assert_eq!(
        config.enrichment.add_properties,
        [property("a b", "c=d"), property("release", "7,8")]
    );
    let config = resolve(toml, &["--add-property", "region=eu,tier=1"]);
    assert_eq!(config.enrichment.add_properties, [property("region", "eu"), property("tier", "1")]);
}

#[test]
fn a_key_and_the_file_that_holds_it_are_one_setting() {
    let toml = "admin_token = 'at_from_lamplight_toml'";
    let config = resolve(toml, &["--admin-token-file", "token"]);
    assert!(config.keys.admin_token.is_none());
    assert_eq!(config.keys.admin_token_file, Some("token".into()));
    let both = error("admin_token = 'at_from_lamplight_toml'\nadmin_token_file = 'token'");
    assert!(both.contains("`admin_token` and `admin_token_file`"), "{both}");
    assert!(!both.contains("at_from"), "{both}");
}

#[test]
fn rust_log_counts_more_than_the_file_and_less_than_the_flag() {
    let rust_log = [("RUST_LOG", "debug")];
    let log = |flags: &[&str]| try_resolve("log = 'warn'", flags, &rust_log).unwrap().logging.log;
    assert_eq!(log(&[]), "debug");
    assert_eq!(log(&["--log", "error"]), "error");
    assert_eq!(resolve("log = 'warn'", &[]).logging.log, "warn");
    let wrong = try_resolve("", &[], &[("RUST_LOG", "inof")]).unwrap_err();
    assert!(wrong.contains("RUST_LOG") && wrong.contains("did you mean `info`?"), "{wrong}");
}

#[test]
fn a_wrong_file_is_an_error_that_names_the_line_and_the_remedy() {
    for (toml, wants) in [
        ("data = 'd'\nlisen = '127.0.0.1:1'", &["line 2", "`lisen`", "did you mean `listen`?"][..]),
        ("keep-days = 1", &["did you mean `keep_days`?"]),
        ("[retention]\nkeep_days = 1", &["line 1", "`retention` is not a setting"]),
        ("listen = 'here'", &["line 1", "`listen`", "`here`", "an address and a port"]),
        ("keep_days = '9'", &["must be a whole number, not text"]),
        ("keep_days = -1", &["line 1", "`-1`"]),
        ("keep_id_days = 6", &["line 1", "`keep_id_days`", "6 is not in 7.."]),
        ("client_network = 'all'", &["must be one of `cut`, `drop`"]),
        ("trusted_proxies = ['10.0.0.1/8']", &["first address of the network"]),
        ("trusted_proxies = [1]", &["must be a list of texts"]),
        ("data = \n", &["line 1"]),
        ("[sinks]\nx = 1", &["[sinks.x]"]),
        ("[sinks.x]\nkind = 'file'", &["sink `x`", "`path` is missing", "LAMPLIGHT_SINK_X_PATH"]),
        ("[sinks.x]\npath = 'a'", &["sink `x`", "`kind` is missing", "`webhook`"]),
        ("[sinks.x]\nkind = 'mixpanle'", &["line 2", "did you mean `mixpanel`?"]),
        ("[sinks.X]\nkind = 'file'\npath = 'a'", &["its name must be"]),
        ("[sinks.x]\nkind = 'file'\npaht = 'a'", &["line 3", "did you mean `sinks.x.path`?"]),
        (
            "[sinks.x]\nkind = 'file'\npath = 'a'\n[sinks.x.route]\ntypes = ['other']",
            &["line 5", "sinks.x.route.types", "`default`, `critical`, `monitor`"],
        ),
        (
            "[sinks.x]\nkind = 'file'\npath = 'a'\n[sinks.x.retry]\nhorizon = 1",
            &["line 5", "did you mean `sinks.x.retry.horizon_hours`?"],
        ),
        (
            "[sinks.x]\nkind = 'file'\npath = 'a'\nkeep_days = 9",
            &["line 4", "move it above the first [table]"],
        ),
    ] {
        let error = error(toml);
        for want in wants {
            assert!(error.contains(want), "{toml}\n{error}\nwithout {want}");
        }
    }
}

#[test]
fn no_error_quotes_a_secret() {
    for secret in ["12345678", "'12345678", "[12345678]", "{ a = 12345678 }", "12345678.5"] {
        for table in ["admin_token =", "[sinks.x]\nkind = 'mixpanel'\ntoken ="] {
            let error = error(&format!("{table} {secret}"));
            assert!(!error.contains("12345678") && error.contains("line "), "{error}");
        }
    }
    let unknown = error("[sinks.x]\nkind = 'mixpanel'\ntoken = '12345678'\ntoken2 = '12345678'");
    assert!(!unknown.contains("12345678") && unknown.contains("token2"), "{unknown}");
}

#[test]
fn a_file_that_is_named_must_exist() {
    let matches =
        Cli::command().get_matches_from(["lamplight", "serve", "--config", "nowhere.toml"]);
    let error = Config::resolve(matches.subcommand().unwrap().1, &|_| None).unwrap_err();
    assert!(matches!(error, ConfigError::Read { .. }), "{error}");
}

#[test]
fn a_setting_of_a_sink_from_the_environment_counts_more_than_the_file() {
    let toml = "[sinks.my-panel]\nkind = 'mixpanel'\ntoken = 'weak'\nroute.only = ['a,b']";
    assert_eq!(token(&resolve(toml, &[])), "weak");
    let strong = [
        ("LAMPLIGHT_SINK_MY_PANEL_TOKEN", "strong"),
        ("LAMPLIGHT_SINK_MY_PANEL_EVENTS_MAX", "7"),
        ("LAMPLIGHT_SINK_MY_PANEL_ROUTE_TYPES", "default,critical"),
    ];
    let config = try_resolve(toml, &[], &strong).unwrap();
    assert_eq!(token(&config), "strong");
    let SinkConfig::Mixpanel(mixpanel) = &config.sinks[0].config else { panic!("{config:?}") };
    assert_eq!((mixpanel.events_max, mixpanel.route.types.len()), (7, 2));
    assert_eq!(mixpanel.route.only, ["a,b"]);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("token");
    std::fs::write(&path, "from a file\n").unwrap();
    let file = [("LAMPLIGHT_SINK_MY_PANEL_TOKEN_FILE", path.to_str().unwrap())];
    assert_eq!(token(&try_resolve(toml, &[], &file).unwrap()), "from a file");
    let without = "[sinks.my-panel]\nkind = 'mixpanel'";
    assert_eq!(token(&try_resolve(without, &[], &strong).unwrap()), "strong");
}

#[test]
fn every_setting_is_printed_with_its_origin_and_no_secret_is() {
    let toml = "data = '/d'\nadmin_token = 'at_very_secret'\nkeep_days = 9\n[sinks.hook]\n\
                kind = 'webhook'\nurl = 'https://secret.example/?secret'\n\
                secret = 'very_secret very_secret'\nevents_max = 7";
    let flags = ["--listen", "127.0.0.1:2", "--secret-key", "sk_very_secret"];
    let proxies = ["--trusted-proxies", "10.0.0.0/8,::1"];
    let config = resolve(toml, &[&flags[..], &proxies].concat());
    let printed = printed(&config);
    for line in [
        "listen = \"127.0.0.1:2\"  # flag --listen",
        "secret_key = \"(hidden)\"  # flag --secret-key",
        "disk_floor_mib = 256  # default",
        "# write_key is not set",
        "client_network = \"cut\"  # default",
        "trusted_proxies = [\"10.0.0.0/8\", \"::1\"]  # flag --trusted-proxies",
        "sinks.hook.timeout_ms = 30000  # default",
        "sinks.hook.retry.cap_ms = 60000  # default",
        "log = \"info\"  # default",
    ] {
        assert!(printed.lines().any(|it| it == line), "{line}:\n{printed}");
    }
    for (begin, end) in [
        ("data = \"/d\"  # ", "lamplight.toml, line 1"),
        ("admin_token = \"(hidden)\"  # ", "lamplight.toml, line 2"),
        ("keep_days = 9  # ", "lamplight.toml, line 3"),
        ("sinks.hook.kind = \"webhook\"  # ", "lamplight.toml, line 5"),
        ("sinks.hook.url = \"(hidden)\"  # ", "lamplight.toml, line 6"),
        ("sinks.hook.events_max = 7  # ", "lamplight.toml, line 8"),
    ] {
        let line = printed.lines().find(|it| it.starts_with(begin));
        assert!(line.is_some_and(|it| it.ends_with(end)), "{begin}:\n{printed}");
    }
    for text in [printed, format!("{config:?}")] {
        assert!(!text.contains("very_secret") && !text.contains("secret.example"), "{text}");
    }
}

#[test]
fn every_setting_has_one_name_as_flag_variable_and_key() {
    use clap::Args;
    for setting in setting::Setting::all(&Config::augment_args(clap::Command::new("settings"))) {
        let key = setting.key();
        assert_eq!(setting.flag(), key.replace('_', "-"));
        assert_eq!(setting.variable(), Some(&*format!("LAMPLIGHT_{}", key.to_uppercase())));
        assert!(!setting.help().is_empty(), "{key} has no help");
    }
    for kind in sinks::kinds() {
        for setting in setting::Setting::all(&kind) {
            assert_eq!(setting.flag().replace('-', "_"), setting.key());
            assert!(!setting.help().is_empty(), "{} has no help", setting.key());
        }
    }
}

#[test]
fn the_example_file_is_current_and_each_of_its_lines_is_valid() {
    let stored = include_str!("../../lamplight.example.toml");
    assert!(
        stored == example(),
        "server/lamplight.example.toml is stale; rewrite it with: \
         cargo run -p lamplight-server -- config example > server/lamplight.example.toml"
    );
    let defaults = resolve("", &[]);
    assert_eq!(printed(&resolve(stored, &[])), printed(&defaults), "only comments, as it stands");
    // With every setting switched on, but not both a key and the file that holds it.
    let on: Vec<&str> = stored
        .lines()
        .filter(|line| !line.starts_with("# ") && !line.contains("_file = \"/run"))
        .map(|line| line.strip_prefix('#').unwrap_or(line))
        .collect();
    let config = resolve(&on.join("\n"), &[]);
    let kinds: Vec<&str> = config.sinks.iter().map(|sink| sink.config.kind()).collect();
    assert_eq!(kinds, ["file", "webhook", "datadog", "mixpanel"]);
}

#[test]
fn the_reference_of_all_settings_is_current() {
    assert!(
        include_str!("../../../docs/configuration.md") == reference(),
        "docs/configuration.md is stale; rewrite it with: \
         cargo run -p lamplight-server -- config reference > docs/configuration.md"
    );
}

#[test]
fn a_sink_can_be_parsed_from_the_text_of_its_table() {
    let sink = parse_sink("x", "kind = 'file'\npath = 'a'\nretry.base_ms = 5").unwrap();
    assert_eq!(sink.retry().base_ms, 5);
    assert!(parse_sink("x", "kind = 'file'").is_err());
    assert_eq!(Path::new(DEFAULT_FILE), Path::new("lamplight.toml"));
}

#[test]
fn a_misspelled_variable_is_named_with_the_nearest_right_one() {
    let toml =
        "[sinks.mix-eu]\nkind = 'mixpanel'\ntoken = 't'\n[sinks.file]\nkind = 'file'\npath = 'p'";
    let sinks = resolve(toml, &[]).sinks;
    let said = |name: &str| {
        let unknown = unknown_variables(&sinks, [name.to_owned()]);
        unknown.first().map(ToString::to_string)
    };
    for (name, meant) in [
        ("LAMPLIGHT_KEEP_DAY", "LAMPLIGHT_KEEP_DAYS"),
        ("LAMPLIGHT_LISTEN_ADDRESS", "LAMPLIGHT_LISTEN"),
        ("LAMPLIGHT_WRITEKEY", "LAMPLIGHT_WRITE_KEY"),
        ("LAMPLIGHT_ADMIN_TOKEN_FILES", "LAMPLIGHT_ADMIN_TOKEN_FILE"),
        ("LAMPLIGHT_SINK_MIX_EU_TOKN", "LAMPLIGHT_SINK_MIX_EU_TOKEN"),
        ("LAMPLIGHT_SINK_FILE_PATHS", "LAMPLIGHT_SINK_FILE_PATH"),
    ] {
        let expected = format!("{name}: no setting has this variable, did you mean {meant}?");
        assert_eq!(said(name), Some(expected));
    }
    for name in ["LAMPLIGHT_BIN", "LAMPLIGHT_"] {
        assert!(said(name).unwrap().ends_with("(docs/configuration.md lists all)"), "{name}");
    }
    assert!(said("LAMPLIGHT_SINK_XYZ").unwrap().contains("declared in lamplight.toml"));
    for name in [
        "PATH",
        "LAMPLIGHT_CONFIG",
        "LAMPLIGHT_LISTEN",
        "LAMPLIGHT_ADMIN_TOKEN_FILE",
        "LAMPLIGHT_SINK_MIX_EU_TOKEN",
        "LAMPLIGHT_SINK_MIX_EU_TOKEN_FILE",
        "LAMPLIGHT_SINK_FILE_PATH",
    ] {
        assert_eq!(said(name), None, "{name}");
    }
}

#[test]
fn programs_on_this_machine_reach_a_server_that_listens_everywhere() {
    let tls = "tls_cert = '/c'\ntls_key = '/k'";
    for (toml, listen, want) in [
        ("", "127.0.0.1:1", Some("http://127.0.0.1:1")),
        ("", "0.0.0.0:8787", Some("http://127.0.0.1:8787")),
        ("", "[::]:8787", Some("http://[::1]:8787")),
        ("", ":8787,192.0.2.1:80", Some("http://127.0.0.1:8787")),
        ("", "localhost:8787", Some("http://127.0.0.1:8787")),
        (tls, "example.com:443", Some("https://example.com:443")),
        ("", "127.0.0.1:0", None),
    ] {
        let config = resolve(toml, &["--listen", listen]);
        assert_eq!(config.local_url().as_deref(), want, "{listen}");
    }
}
