//! The index of a folder of recordings.

use camcast::record::index::{HEAD, Index, IndexEvent};

/// An index.
pub fn check(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let mut index = Index::parse(&text);
    let mut by_lines = Index::default();
    for line in text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')) {
        if let Some(event) = IndexEvent::parse(line) {
            assert_eq!(event.to_string(), format!("{}\n", event.to_string().trim_end_matches('\n')));
            assert_eq!(IndexEvent::parse(event.to_string().strip_suffix('\n').unwrap()), Some(event.clone()));
            by_lines.apply(&event);
        }
    }
    assert_eq!(index, by_lines);
    check_names(&index);
    check_text(&index);
    // the disk has the last word; from then on the sums are right whatever follows
    index.revise(|entry| (entry.name.len() % 5 != 0).then_some(entry.name.len() as u64 * 1000));
    check_sums(&index);
    for line in text.lines().rev() {
        match IndexEvent::parse(line) {
            Some(IndexEvent::Finished { name, ended, .. }) => {
                index.apply(&IndexEvent::Finished { name, bytes: name.len() as u64, ended });
            }
            Some(event) => index.apply(&event),
            None => continue,
        }
        check_sums(&index);
    }
    check_text(&index);
    by_lines.entries().next().is_some()
}

/// None leads out of the folder, or to what is hidden there.
fn check_names(index: &Index) {
    for entry in index.entries() {
        let is_plain = |part: &str| !part.starts_with('.') && !part.contains('\n');
        let mut parts = entry.name.split('/').filter(|part| !part.is_empty());
        assert!(!entry.name.starts_with('/') && parts.all(is_plain), "{:?}", entry.name);
        assert!(!entry.name.is_empty() && entry.name.len() < 4096);
        assert_eq!(index.get(&entry.name), Some(entry));
    }
}

fn check_text(index: &Index) {
    assert_eq!(&Index::parse(&index.text()), index);
    assert_eq!(index.text().len() as u64, index.text_len());
    assert!(index.text().starts_with(HEAD));
}

fn check_sums(index: &Index) {
    let finished = index.entries().filter_map(|entry| entry.finished);
    assert_eq!(index.bytes(), finished.map(|(bytes, _)| bytes).sum::<u64>());
}

/// Indexes as camrec writes them, and torn.
pub fn seeds() -> Vec<(String, Vec<u8>)> {
    let begun = |number: u32| format!("2026-11-23/14-03-{number:02}.mkv");
    let mut text = HEAD.to_owned();
    let mut seeds = vec![("empty".to_owned(), text.clone())];
    for number in 0..8 {
        let name = begun(number);
        text += &IndexEvent::Begun(&name).to_string();
        if number % 3 == 1 {
            text += &IndexEvent::Asked(&name).to_string();
        }
        if number != 5 {
            let ended = 1_795_821_207 + i64::from(number) * 600;
            text += &IndexEvent::Finished { name: &name, bytes: 146_012_345, ended }.to_string();
        }
        if number < 2 {
            text += &IndexEvent::Gone(&name).to_string();
        }
    }
    seeds.push(("eight-files".to_owned(), text.clone()));
    seeds.push(("rewritten".to_owned(), Index::parse(&text).text()));
    seeds.push(("torn".to_owned(), text[..text.len() - 9].to_owned()));
    let out = ["../a.mkv", "/etc/passwd", "a/./b", "a/../b", ".hidden", "a/.b", "a b/c d.mkv", "\u{e4}.avi"];
    let lines: String = out.iter().map(|name| IndexEvent::Begun(name).to_string()).collect();
    seeds.push(("bad-names".to_owned(), format!("{HEAD}{lines}")));
    let most = IndexEvent::Finished { name: "a", bytes: u64::MAX, ended: i64::MIN };
    seeds.push(("sums".to_owned(), format!("{HEAD}begun a\n{most}begun b\nfinished 1 2 b\n{most}gone a\n")));
    seeds.into_iter().map(|(name, text)| (name, text.into_bytes())).collect()
}
