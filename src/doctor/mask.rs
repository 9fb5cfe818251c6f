//! Addresses and names that nobody else has to see: each becomes a word, and the same one the same word.

use std::collections::HashMap;
use std::net::IpAddr;

/// What has been replaced so far.
#[derive(Debug, Default)]
pub struct Mask {
    /// In small letters.
    words: HashMap<String, String>,
    addresses: usize,
}

impl Mask {
    /// This name becomes this word from now on, wherever it stands by itself.
    pub fn hide(&mut self, name: &str, word: &str) {
        if !name.is_empty() {
            self.words.insert(name.to_lowercase(), word.into());
        }
    }

    /// The text, without what is to be hidden: IP addresses but those of this machine itself (`127.0.0.1`, `::1`) and of all
    /// (`0.0.0.0`, `::`), hardware addresses, and the names of [`hide`](Self::hide).
    pub fn apply(&mut self, text: &str) -> String {
        let mut masked = String::with_capacity(text.len());
        let mut rest = text;
        while !rest.is_empty() {
            let end = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
            let (word, more) = rest.split_at(end);
            masked.push_str(&self.word(word));
            let mut chars = more.chars();
            masked.extend(chars.next());
            rest = chars.as_str();
        }
        masked
    }

    fn word(&mut self, word: &str) -> String {
        // what a sentence puts behind a word
        let marks = word.len() - word.trim_end_matches(['.', ':']).len();
        (0..=marks)
            .find_map(|tail| {
                let (bare, tail) = word.split_at(word.len() - tail);
                Some(self.host(bare)? + tail)
            })
            .unwrap_or_else(|| word.to_owned())
    }

    /// A host, or a host with its port.
    fn host(&mut self, text: &str) -> Option<String> {
        if let Some(hidden) = self.name(text) {
            return Some(hidden);
        }
        // what has colons of its own is not cut
        let (host, port) = text.rsplit_once(':').filter(|(host, _)| !host.contains(':'))?;
        let is_port = !port.is_empty() && port.bytes().all(|digit| digit.is_ascii_digit());
        if is_port { Some(format!("{}:{port}", self.name(host)?)) } else { None }
    }

    fn name(&mut self, text: &str) -> Option<String> {
        self.words.get(&text.to_lowercase()).cloned().or_else(|| self.address(text))
    }

    /// What stands for it, if it is an address that says something.
    fn address(&mut self, text: &str) -> Option<String> {
        let (bare, _zone) = text.split_once('%').unwrap_or((text, ""));
        let tells = match bare.parse::<IpAddr>() {
            Ok(ip) => !(ip.is_loopback() || ip.is_unspecified()),
            Err(_) => is_hardware(bare),
        };
        if !tells {
            return None;
        }
        let bare = bare.to_ascii_lowercase();
        if let Some(known) = self.words.get(&bare) {
            return Some(known.clone());
        }
        self.addresses += 1;
        let word = format!("address-{}", self.addresses);
        self.words.insert(bare, word.clone());
        Some(word)
    }
}

/// The text without the names of people: what is in `home`, and what is below the folders in which each has one of his own.
pub fn without_people(text: &str, home: Option<&str>) -> String {
    let mut text = text.to_owned();
    if let Some(home) = home.map(|home| home.trim_end_matches('/')).filter(|home| home.len() > 1) {
        text = replace_folder(&text, home, "~");
    }
    for folder in ["/home/", "/media/", "/run/media/"] {
        let mut done = 0;
        while let Some(at) = text[done..].find(folder).map(|at| done + at + folder.len()) {
            let name = text[at..].find(|c: char| !is_word(c) || c == ':').map_or(text.len(), |end| at + end);
            if name > at {
                text.replace_range(at..name, "USER");
            }
            done = at;
        }
    }
    text
}

/// Where this folder stands, and not another one whose name begins so.
fn replace_folder(text: &str, folder: &str, by: &str) -> String {
    let mut replaced = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(folder) {
        let (before, found) = rest.split_at(at);
        let after = &found[folder.len()..];
        let ends = !after.starts_with(|c: char| is_word(c) && c != ':' && c != '.');
        replaced += before;
        replaced += if ends { by } else { folder };
        rest = after;
    }
    replaced + rest
}

/// It may be part of an address or of a host's name.
fn is_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '.' | ':' | '%' | '-' | '_')
}

/// `dc:a6:32:01:02:03`.
fn is_hardware(text: &str) -> bool {
    let mut pairs = 0;
    let all = text.split(':').all(|pair| {
        pairs += 1;
        pair.len() == 2 && pair.bytes().all(|digit| digit.is_ascii_hexdigit())
    });
    all && pairs == 6
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn masked(text: &str) -> String {
        let mut mask = Mask::default();
        mask.hide("garden-pi.local", "HOST");
        mask.hide("b\u{fc}cher.local", "OTHER");
        mask.apply(text)
    }

    #[test]
    fn addresses_are_hidden_and_stay_told_from_each_other() {
        for (open, hidden) in [
            ("cannot reach 192.168.1.7:9999: no route", "cannot reach address-1:9999: no route"),
            ("10.0.0.1, 10.0.0.2 and 10.0.0.1.", "address-1, address-2 and address-1."),
            ("[2001:db8::1]:9999 and [fe80::2%wlan0]", "[address-1]:9999 and [address-2]"),
            ("fe80::: and dc:a6:32:01:02:03", "address-1: and address-2"),
            ("joined Garden-Pi.local:9999", "joined HOST:9999"),
            ("garden-pi.local: is it on?", "HOST: is it on?"),
            (
                "listening on [::]:9999 and 127.0.0.1, 0.0.0.0:80",
                "listening on [::]:9999 and 127.0.0.1, 0.0.0.0:80",
            ),
            (
                "kernel 6.6.31, 12:34:56, 1.5 GB, mean 85.2 kB",
                "kernel 6.6.31, 12:34:56, 1.5 GB, mean 85.2 kB",
            ),
            ("b\u{fc}cher.local said 30.00 fps\n", "OTHER said 30.00 fps\n"),
        ] {
            assert_eq!(masked(open), hidden);
        }
    }

    #[test]
    fn folders_do_not_tell_whose_they_are() {
        for (open, hidden) in [
            ("cannot write to /media/peter/STICK: full", "cannot write to /media/USER/STICK: full"),
            ("/home/al/rec, /home/alice/rec and /home/bob", "~/rec, /home/USER/rec and /home/USER"),
            ("/run/media/eve/x: no; /home/", "/run/media/USER/x: no; /home/"),
            ("cannot write to /home/al: full", "cannot write to ~: full"),
            ("/srv/camera", "/srv/camera"),
        ] {
            assert_eq!(without_people(open, Some("/home/al")), hidden);
        }
        assert_eq!(without_people("/a/b", Some("/")), "/a/b");
        assert_eq!(without_people("/root/b", None), "/root/b");
    }

    proptest! {
        #[test]
        fn no_address_is_left(ip: std::net::Ipv4Addr, six: std::net::Ipv6Addr, before in "[ (,=/]", after in "[ ),;/]") {
            prop_assume!(!ip.is_loopback() && !ip.is_unspecified() && !six.is_loopback() && !six.is_unspecified());
            let text = masked(&format!("at{before}{ip}{after}{before}{six}{after}"));
            prop_assert!(!text.contains(&ip.to_string()) && !text.contains(&six.to_string()), "{}", text);
        }

        #[test]
        fn any_text_is_taken(text: String, home in "/[a-z/]{0,5}") {
            masked(&text);
            without_people(&text, Some(&home));
        }

        #[test]
        fn no_user_is_left(user in "[a-z][a-zäöü0-9_-]{0,9}", folder in "/home|/media|/run/media", rest in "|/x|: no|, y") {
            let text = without_people(&format!("in {folder}/{user}{rest}"), None);
            prop_assert_eq!(text, format!("in {folder}/USER{rest}"));
        }
    }
}
