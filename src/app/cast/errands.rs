//! What camcast does instead of streaming, and then ends.

use super::config::Config;
use super::options::Options;
use super::{doctor, list};
use crate::app::config_file::FINE;
use crate::app::exit::{Exit, ExitError, usage};
use crate::app::{args, key_file, say};

/// Does what was asked for, if it was one of these.
pub fn run(options: &Options) -> Option<Result<Exit, ExitError>> {
    if let Err(several) = one_at_most(options) {
        return Some(Err(several));
    }
    if options.mask && !options.doctor {
        return Some(Err(usage("--mask is for --doctor")));
    }
    if options.version {
        say(concat!("camcast ", env!("CARGO_PKG_VERSION")));
        return Some(Ok(Exit::Ok));
    }
    if options.list {
        return Some(Ok(list::print()));
    }
    if options.doctor {
        return Some(Config::try_from(options.clone()).map(|config| doctor::run(&config, options.mask)));
    }
    if options.check_config {
        return Some(Config::try_from(options.clone()).map(|_| {
            say(FINE);
            Exit::Ok
        }));
    }
    let new_key = options.new_key.as_ref().map(key_file::create);
    new_key.or_else(|| options.new_sign_key.as_ref().map(key_file::create_signing))
}

/// Of several one alone would be done, and the others would be left out without a word.
fn one_at_most(options: &Options) -> Result<(), ExitError> {
    let asked = [
        ("--version", options.version),
        ("--list", options.list),
        ("--doctor", options.doctor),
        ("--check-config", options.check_config),
        ("--new-key", options.new_key.is_some()),
        ("--new-sign-key", options.new_sign_key.is_some()),
    ];
    args::one_at_most("camcast", &asked)
}

#[cfg(test)]
mod tests {
    use super::*;
    use argh::FromArgs;

    #[test]
    fn two_at_once_are_refused_and_neither_is_done() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let (key, sign) = (file("key"), file("sign"));
        let errands = [
            &["--version"][..],
            &["--list"],
            &["--doctor"],
            &["--check-config"],
            &["--new-key", &key],
            &["--new-sign-key", &sign],
        ];
        for (place, one) in errands.iter().enumerate() {
            for other in &errands[place + 1..] {
                let typed = [*one, *other].concat();
                let options = Options::from_args(&["camcast"], &typed).unwrap();
                let refused = run(&options).unwrap().unwrap_err();
                assert_eq!(refused.exit, Exit::Usage);
                assert!(
                    refused.to_string().starts_with(&format!("{} and {}: ", one[0], other[0])),
                    "{refused}"
                );
            }
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        let options = Options::from_args(&["camcast"], &["--new-key", &key]).unwrap();
        assert_eq!(run(&options), Some(Ok(Exit::Ok)));
        assert!(run(&Options::from_args(&["camcast"], &[]).unwrap()).is_none());
    }
}
