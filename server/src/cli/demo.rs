//! The options of `lamplight demo`.

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, Command};

use super::chaos::ChaosArgs;
use crate::config::Config;

const EXAMPLES: &str = "\
Examples:
  lamplight demo
  lamplight demo --listen 127.0.0.1:9000
  Kill tabs and the server for a minute, in a browser without a window:
    lamplight demo --chaos --seconds 60";

/// How to run the demo.
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES)]
pub struct DemoArgs {
    /// The settings of its server.
    #[command(flatten)]
    pub config: Config,
    /// How to run it headless.
    #[command(flatten)]
    pub chaos: ChaosArgs,
}

impl DemoArgs {
    /// Refuses settings of a server that chaos does not start.
    pub(super) fn check(&self, given: &ArgMatches) -> Result<(), clap::Error> {
        let settings = Config::augment_args(Command::new("settings"));
        let is_given = |id: &str| given.value_source(id) == Some(ValueSource::CommandLine);
        let mut settings = settings.get_arguments();
        let setting = settings.find(|setting| is_given(setting.get_id().as_str()));
        let Some(flag) = setting.and_then(|it| it.get_long()).filter(|_| self.chaos.chaos) else {
            return Ok(());
        };
        let text = format!(
            "--{flag} cannot be used with --chaos, which starts a server of its own, with temporary \
             data and on a free port: leave --{flag} out"
        );
        Err(super::command_line().error(ErrorKind::ArgumentConflict, text))
    }
}

#[cfg(test)]
mod tests {
    use clap::FromArgMatches;

    use super::*;

    /// The options, or what is said when they are refused.
    fn parsed(line: &str) -> Result<DemoArgs, String> {
        let words = ["lamplight", "demo"].into_iter().chain(line.split_whitespace());
        let matches = super::super::command_line().try_get_matches_from(words);
        let matches = matches.map_err(|error| error.to_string())?;
        let (_, given) = matches.subcommand().unwrap();
        let args = DemoArgs::from_arg_matches(given).map_err(|error| error.to_string())?;
        args.check(given).map_err(|error| error.to_string())?;
        Ok(args)
    }

    #[test]
    fn chaos_takes_its_own_options_and_no_settings_of_a_server() {
        let args = parsed("--chaos").unwrap().chaos;
        assert_eq!((args.seconds, args.tabs, args.seed, args.json), (30, 5, None, false));
        let line = "--chaos --seconds 8 --tabs 2 --seed 7 --browser /x --json";
        let args = parsed(line).unwrap().chaos;
        assert_eq!((args.seconds, args.tabs, args.seed, args.json), (8, 2, Some(7), true));
        assert!(!parsed("--listen 127.0.0.1:0").unwrap().chaos.chaos);
        for (line, why) in [
            ("--chaos --listen 127.0.0.1:0", "--listen cannot be used with --chaos"),
            ("--chaos --data x", "--data cannot be used with --chaos"),
            ("--seconds 8", "--chaos"),
            ("--json", "--chaos"),
            ("--chaos --seconds 0", "0 is not in"),
            ("--chaos --tabs 21", "21 is not in"),
            ("--chaos --seed x", "invalid value"),
        ] {
            let said = parsed(line).unwrap_err();
            assert!(said.contains(why), "{line}: {said}");
        }
    }
}
