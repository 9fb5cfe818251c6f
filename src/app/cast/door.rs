//! Where names and passwords come from, and the door that they open: every outlet that asks for them has one.

use crate::admission::door::Door;
use crate::admission::password::Passwords;
use crate::app::argument::Argument;
use crate::app::exit::{ExitError, usage};
use crate::shown::shown;
use crate::sys::random_u64;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// The longest password file, in bytes.
const MAX_PASSWORDS: u64 = 64 * 1024;

/// What systemd hands over, if it is told to (systemd.exec, `LoadCredential=`).
const CREDENTIAL: &str = "camcast.password";

/// The names and passwords of the file that was typed, or else of the service's credential; none if there is neither.
///
/// # Errors
/// One line and its exit code: without the passwords that somebody meant to be asked for, nothing is served.
pub fn passwords(typed: Option<&Argument>) -> Result<Option<Passwords>, ExitError> {
    if let Some(file) = typed {
        let path = file.path();
        let (passwords, others) =
            read(File::open(path)).map_err(|why| usage(format!("--password-file {}: {why}", shown(path))))?;
        if others {
            log::warn!("whoever is on this machine can read {}: chmod 600 it", shown(path));
        }
        return Ok(Some(passwords));
    }
    let Some(folder) = std::env::var_os("CREDENTIALS_DIRECTORY") else { return Ok(None) };
    let path = Path::new(&folder).join(CREDENTIAL);
    let opened = File::open(&path);
    if opened.as_ref().is_err_and(|error| error.kind() == ErrorKind::NotFound) {
        return Ok(None);
    }
    let (passwords, _) = read(opened).map_err(|why| usage(format!("credential {}: {why}", shown(&path))))?;
    log::info!("names and passwords are those of the credential {CREDENTIAL}");
    Ok(Some(passwords))
}

/// What the file says, and whether others can read it.
fn read(opened: io::Result<File>) -> Result<(Passwords, bool), String> {
    let file = opened.map_err(|error| error.to_string())?;
    let others = file.metadata().is_ok_and(|found| found.mode() & 0o004 != 0);
    let mut text = String::new();
    // a device without end is none
    file.take(MAX_PASSWORDS + 1).read_to_string(&mut text).map_err(|error| error.to_string())?;
    if text.len() as u64 > MAX_PASSWORDS {
        return Err(format!("longer than {MAX_PASSWORDS} bytes"));
    }
    // what Windows writes before a text
    Passwords::parse(text.trim_start_matches('\u{feff}')).map(|passwords| (passwords, others))
}

/// A door for an outlet, if a password is asked for.
///
/// # Errors
/// The kernel gives no random numbers.
pub fn open(passwords: Option<&Passwords>) -> Result<Option<Door>, ExitError> {
    let Some(passwords) = passwords else { return Ok(None) };
    let random = || random_u64().map_err(|error| ExitError::system("random numbers", &error));
    Ok(Some(Door::new(passwords.clone(), [random()?, random()?, random()?])))
}
