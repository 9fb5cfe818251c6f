//! Options typed and options of a file, made one: what was typed wins. Which options there are, each program's `Options::or`
//! says, in a literal that names all of them; [`config_file`](super::config_file) reads the file.

/// As [`Option::or`], for what is not an [`Option`].
pub(super) trait Or {
    /// What was typed, or else what the file says.
    fn or(self, file: Self) -> Self;
}

/// A switch.
impl Or for bool {
    fn or(self, file: Self) -> Self {
        self | file
    }
}

/// A switch that is counted.
impl Or for u16 {
    fn or(self, file: Self) -> Self {
        if self == 0 { file } else { self }
    }
}

/// A list, which is not added to: who types one says all of it.
impl<T> Or for Vec<T> {
    fn or(self, file: Self) -> Self {
        if self.is_empty() { file } else { self }
    }
}

/// Tries a merge with each option of `Options`, typed alone and beside all others of a file. An option that is mistaken for
/// another, or left out, is found.
#[cfg(test)]
pub(super) fn keeps_what_was_typed<Options>(or: fn(Options, Options) -> Options)
where
    Options: argh::FromArgs + argh::ArgsInfo + PartialEq + std::fmt::Debug + Default,
{
    let info = Options::get_args_info();
    // each value is another one, and is a number as well as text
    let flags =
        info.flags.iter().filter(|flag| flag.long != "--help").zip(1..).map(|(flag, value)| {
            match flag.kind {
                argh::FlagInfoKind::Switch => vec![flag.long.to_owned()],
                argh::FlagInfoKind::Option { .. } => vec![flag.long.to_owned(), value.to_string()],
            }
        });
    let each: Vec<Vec<String>> = flags.chain([vec!["here".to_owned()]]).collect();
    let of = |line: &[String]| {
        let line: Vec<&str> = line.iter().map(String::as_str).collect();
        Options::from_args(&["test"], &line).unwrap()
    };
    let all = each.concat();
    assert_eq!(or(of(&all), Options::default()), of(&all));
    assert_eq!(or(Options::default(), of(&all)), of(&all));
    for (at, one) in each.iter().enumerate() {
        assert_ne!(of(one), Options::default(), "{one:?}");
        assert_eq!(or(of(one), Options::default()), of(one));
        assert_eq!(or(Options::default(), of(one)), of(one));
        // the file has another value for it
        if let [flag, _] = &one[..] {
            let other = [flag.clone(), "99".to_owned()];
            assert_eq!(or(of(one), of(&other)), of(one));
            assert_eq!(or(of(&other), of(one)), of(&other));
        }
        let rest = [&each[..at], &each[at + 1..]].concat().concat();
        assert_ne!(of(&rest), of(&all), "{one:?}");
    }
}
