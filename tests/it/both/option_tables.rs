//! The option tables of the documents name each option that there is, and none besides.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

fn document(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name)).unwrap()
}

/// All options in a piece of text: `-o`, `--output`.
fn options(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'));
    let is_option = |word: &&str| {
        let name = word.trim_start_matches('-');
        let hyphens = word.len() - name.len();
        !name.is_empty() && (hyphens == 2 || hyphens == 1 && name.len() == 1)
    };
    words.filter(is_option).map(str::to_owned).collect()
}

/// Those that a program's help lists.
fn of_help(program: &str, command: &[&str]) -> BTreeSet<String> {
    let output = Command::new(program).args(command).arg("--help").output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    let (_, list) = help.split_once("\nOptions:\n").unwrap();
    // a line that begins an option has it in the first column
    let lines = list.lines().filter_map(|line| line.strip_prefix("  ")).filter(|line| line.starts_with('-'));
    lines.flat_map(|line| options(&line[..line.len().min(28)])).collect()
}

/// The cells of a table's rows, whose heading begins with `heading`.
fn table(document: &str, heading: &str) -> Vec<Vec<String>> {
    let lines = document.lines().skip_while(|line| !line.starts_with(heading));
    let rows = lines.skip(2).take_while(|line| line.starts_with('|'));
    let cells =
        |row: &str| row.replace("\\|", "/").split('|').skip(1).map(|cell| cell.trim().to_owned()).collect();
    rows.map(cells).collect()
}

#[test]
fn each_programs_table_has_its_options() {
    for (name, program, heading) in [
        ("camcast.md", env!("CARGO_BIN_EXE_camcast"), "| option |"),
        ("camrec.md", env!("CARGO_BIN_EXE_camrec"), "| option |"),
    ] {
        let rows = table(&document(name), heading);
        assert!(rows.len() > 15, "{name}: {} rows under {heading:?}", rows.len());
        let said: BTreeSet<String> = rows.iter().flat_map(|row| options(&row[0])).collect();
        assert_eq!(said, of_help(program, &[]), "{name} on the left, --help on the right");
    }
}

#[test]
fn each_subcommands_row_has_its_options() {
    let rows = table(&document("camrec.md"), "| subcommand |");
    assert_eq!(rows.len(), 3);
    for row in rows {
        let command = row[0].trim_matches('`').split(' ').nth(1).unwrap().to_owned();
        assert_eq!(options(&row[2]), of_help(env!("CARGO_BIN_EXE_camrec"), &[&command]), "camrec {command}");
    }
}
