//! The files that keys are in, those of sealed mode and those that sign: made here, and read by both programs.

use super::argument::Argument;
use super::exit::{Exit, ExitError, usage};
use super::say;
use crate::key_text::KeyError;
use crate::seal::Key;
use crate::shown::shown;
use crate::sign::{PublicKey, SigningKey, keys};
use crate::sys::random_secret;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use zeroize::Zeroizing;

/// The longest key file, in bytes.
const MAX_FILE: u64 = 1024;

/// What there is to say of a private key where the public one belongs.
const OWN: &str = "the camera's own key, which has to stay there: this needs the public one, which camcast says when it starts";

/// Who besides its owner may read or change it.
const OTHERS: u32 = 0o066;

/// Makes a file with a new key, which only its owner can read.
///
/// # Errors
/// There is such a file, or it cannot be written.
pub fn create(file: &Argument) -> Result<Exit, ExitError> {
    make("--new-key", file, |random| {
        let name = shown(file.path());
        let said = format!(
            "{name} has a new key: camcast --key-file {name} streams to those alone that have it too; copy it to each \
             machine that records, as by scp, for camrec --key-file"
        );
        (Key::new(random).to_text(), said)
    })
}

/// Makes a file with a new key that signs, which only its owner can read, and says the public one.
///
/// # Errors
/// There is such a file, or it cannot be written.
pub fn create_signing(file: &Argument) -> Result<Exit, ExitError> {
    make("--new-sign-key", file, |random| {
        let (name, key) = (shown(file.path()), SigningKey::new(&random));
        let said = format!(
            "{name} has a new key, which stays on this machine: camcast --sign {name} signs with it; whoever checks a \
             recording needs its public key:\n{}",
            key.public()
        );
        (key.to_text(), said)
    })
}

/// A file with what `new` makes of random bytes: its text, and what is said of it.
fn make(
    option: &str,
    file: &Argument,
    new: impl FnOnce(Zeroizing<[u8; 32]>) -> (Zeroizing<String>, String),
) -> Result<Exit, ExitError> {
    if file.is_stdio() {
        return Err(usage(format!("{option} -: a key is not shown; give it the name of a file")));
    }
    no_secret(option, file)?;
    let path = file.path();
    let (text, said) = new(random_secret().map_err(|error| ExitError::system("random numbers", &error))?);
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let written = made.and_then(|mut made| {
        let written = made.write_all(text.as_bytes()).and_then(|()| made.sync_all());
        // what is half a key is none
        written.inspect_err(|_| drop(std::fs::remove_file(path)))
    });
    let name = shown(path);
    match written {
        Ok(()) => {
            said.lines().for_each(say);
            Ok(Exit::Ok)
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(usage(format!(
            "{option} {name}: there is such a file, and it may be a key that somebody has: name another one"
        ))),
        Err(error) => Err(ExitError::new(Exit::NotWritable, format!("{option} {name}: {error}"))),
    }
}

/// The key of the file that was typed, or else of the first of these credentials that the service has; none if there is neither.
///
/// # Errors
/// One line and its exit code: without the key that somebody meant, nothing is said in the open.
pub fn read(typed: Option<&Argument>, credentials: &[&str]) -> Result<Option<Key>, ExitError> {
    read_private(("--key-file", typed), credentials, Key::parse)
}

/// The key that signs, likewise.
///
/// # Errors
/// One line and its exit code: without the key that somebody meant, nothing is streamed.
pub fn read_signing(typed: Option<&Argument>, credential: &str) -> Result<Option<SigningKey>, ExitError> {
    read_private(("--sign", typed), &[credential], SigningKey::parse)
}

/// The public key that was typed, or that is in the file of this name.
///
/// # Errors
/// One line and its exit code.
pub fn read_public(option: &str, typed: &Argument) -> Result<PublicKey, ExitError> {
    if typed.text().is_some_and(keys::is_private) {
        return Err(usage(format!("{option}: {OWN}")));
    }
    no_secret(option, typed)?;
    let bad = |why: String| usage(format!("{option} {typed}: {why}"));
    if let Some(text) = typed.text().filter(|text| PublicKey::is_meant(text)) {
        return PublicKey::parse(text).map_err(|why| bad(why.to_string()));
    }
    let text = File::open(typed.path()).map_err(|error| error.to_string()).and_then(text_of).map_err(bad)?;
    if keys::is_private(&text) {
        return Err(bad(OWN.to_owned()));
    }
    PublicKey::parse(&text).map_err(|why| bad(why.to_string()))
}

/// A secret key that is typed itself, in the place of a file's name, is not said once more.
fn no_secret(option: &str, typed: &Argument) -> Result<(), ExitError> {
    let text = typed.os().to_string_lossy();
    if keys::is_private(&text) || Key::is_meant(&text) {
        let why = "a secret key was typed, which others may have seen by now: make another one, and type the name of a file";
        return Err(usage(format!("{option}: {why}")));
    }
    Ok(())
}

fn read_private<K>(
    (option, typed): (&str, Option<&Argument>),
    credentials: &[&str],
    parse: fn(&str) -> Result<K, KeyError>,
) -> Result<Option<K>, ExitError> {
    let key = |file| text_of(file).and_then(|text| parse(&text).map_err(|why| why.to_string()));
    if let Some(file) = typed {
        no_secret(option, file)?;
        let path = file.path();
        let bad = |why: String| usage(format!("{option} {}: {why}", shown(path)));
        let file = File::open(path).map_err(|error| bad(error.to_string()))?;
        let mode = file.metadata().map_err(|error| bad(error.to_string()))?.mode();
        if mode & OTHERS != 0 {
            return Err(bad(format!("others can read or change it: chmod 600 {}", shown(path))));
        }
        return key(file).map(Some).map_err(bad);
    }
    let Some(folder) = std::env::var_os("CREDENTIALS_DIRECTORY") else { return Ok(None) };
    for credential in credentials {
        let path = Path::new(&folder).join(credential);
        let bad = |why: String| usage(format!("credential {}: {why}", shown(&path)));
        match File::open(&path) {
            Ok(file) => return key(file).map(Some).map_err(bad),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(bad(error.to_string())),
        }
    }
    Ok(None)
}

fn text_of(file: File) -> Result<Zeroizing<String>, String> {
    let mut text = Zeroizing::new(Vec::with_capacity(MAX_FILE as usize + 1));
    // a device without end is none
    file.take(MAX_FILE + 1).read_to_end(&mut text).map_err(|error| error.to_string())?;
    if text.len() as u64 > MAX_FILE {
        return Err(format!("longer than {MAX_FILE} bytes, which no key is"));
    }
    // what Windows writes before a text
    let text = text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&text);
    let text = std::str::from_utf8(text).map_err(|_| "no key: it is no text".to_owned())?;
    Ok(Zeroizing::new(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    fn argument(path: &Path) -> Argument {
        path.to_str().unwrap().into()
    }

    #[test]
    fn a_new_key_is_its_owner_s_alone_and_replaces_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        assert_eq!(create(&argument(&path)), Ok(Exit::Ok));
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        let text = fs::read_to_string(&path).unwrap();
        assert!(read(Some(&argument(&path)), &["x"]).unwrap().is_some());
        let again = create(&argument(&path)).unwrap_err();
        assert!(again.to_string().contains("there is such a file"), "{again}");
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
        let other = folder.path().join("other");
        create(&argument(&other)).unwrap();
        assert_ne!(fs::read_to_string(&other).unwrap(), text);
        let nowhere = create(&argument(&folder.path().join("no/key"))).unwrap_err();
        assert_eq!(nowhere.exit, Exit::NotWritable);
    }

    #[test]
    fn a_file_that_others_can_read_or_that_is_no_key_is_named_with_its_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let said = || read(Some(&argument(&path)), &["x"]).unwrap_err().to_string();
        assert!(said().contains("No such file"));
        create(&argument(&path)).unwrap();
        for mode in [0o644, 0o640, 0o604, 0o620] {
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            assert!(said().contains("chmod 600"), "{mode:o}: {}", said());
        }
        fs::set_permissions(&path, Permissions::from_mode(0o400)).unwrap();
        assert!(read(Some(&argument(&path)), &["x"]).is_ok());
        for (bytes, expected) in [
            (&b"geheim"[..], "no key: a line that begins with camcast-key-1:"),
            (b"\xff\xfe", "no text"),
            (&[b'x'; 2000], "longer than 1024 bytes"),
        ] {
            let other = folder.path().join("other");
            fs::write(&other, bytes).unwrap();
            fs::set_permissions(&other, Permissions::from_mode(0o600)).unwrap();
            let error = read(Some(&argument(&other)), &["x"]).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn a_key_that_signs_is_kept_like_the_other_and_its_public_half_is_anybody_s() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sign");
        assert_eq!(create_signing(&argument(&path)), Ok(Exit::Ok));
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        let again = create_signing(&argument(&path)).unwrap_err();
        assert!(
            again.to_string().contains("--new-sign-key")
                && again.to_string().contains("there is such a file")
        );
        let key = read_signing(Some(&argument(&path)), "x").unwrap().unwrap();
        let public = key.public().to_string();
        assert!(public.starts_with("camcast-ed25519:"), "{public}");
        // typed, or in a file that all may read
        let file = folder.path().join("public");
        fs::write(&file, format!("{public}\n")).unwrap();
        for typed in [Argument::from(&*public), argument(&file)] {
            assert_eq!(read_public("--signed-by", &typed), Ok(key.public()));
        }
        let said = |typed: &Argument| read_public("--signed-by", typed).unwrap_err().to_string();
        assert!(said(&argument(&path)).contains("has to stay there"), "{}", said(&argument(&path)));
        assert!(said(&public[..60].into()).contains("copy it again"));
        assert!(said(&"nowhere".into()).contains("--signed-by nowhere: No such file"));
        // one kind is not the other
        let sealing = folder.path().join("key");
        create(&argument(&sealing)).unwrap();
        let error = read_signing(Some(&argument(&sealing)), "x").unwrap_err().to_string();
        assert!(error.contains("--new-sign-key FILE makes it"), "{error}");
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        let error = read_signing(Some(&argument(&path)), "x").unwrap_err().to_string();
        assert!(error.contains("--sign") && error.contains("chmod 600"), "{error}");
    }
    #[test]
    fn a_secret_key_that_is_typed_itself_is_never_said_again() {
        let folder = tempfile::tempdir().unwrap();
        let [key, sign] = ["key", "sign"].map(|name| argument(&folder.path().join(name)));
        create(&key).unwrap();
        create_signing(&sign).unwrap();
        for file in [&key, &sign] {
            let text = fs::read_to_string(file.path()).unwrap();
            let secret = text.trim().split_once(':').unwrap().1;
            let typed = [text.trim(), &text[..text.len() - 10], &format!(" {text}")].map(Argument::from);
            for typed in &typed {
                let errors = [
                    read(Some(typed), &["x"]).unwrap_err(),
                    read_signing(Some(typed), "x").unwrap_err(),
                    read_public("--signed-by", typed).unwrap_err(),
                    create(typed).unwrap_err(),
                    create_signing(typed).unwrap_err(),
                ];
                for error in errors.map(|error| error.to_string()) {
                    assert!(!error.contains(&secret[..8]) && error.lines().count() == 1, "{error}");
                }
            }
        }
        let own = Argument::from(fs::read_to_string(sign.path()).unwrap().trim());
        let error = read_public("--signed-by", &own).unwrap_err().to_string();
        assert!(error.contains("has to stay there"), "{error}");
        let error = read_signing(Some(&own), "x").unwrap_err().to_string();
        assert!(error.contains("the name of a file"), "{error}");
    }
}
