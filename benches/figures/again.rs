//! What docs/ has of an earlier run of the same sources, with the model fitted anew: instructions may have been counted since.

use crate::model::{Measured, fit as fitted};
use crate::report;
use serde_json::Value;
use std::fs;
use std::path::Path;

/// Writes the last parts of `docs/BENCHMARKS.md`, and the model of `docs/benchmarks.json`.
pub(crate) fn fit() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let (json_path, text_path) = (docs.join("benchmarks.json"), docs.join("BENCHMARKS.md"));
    let stands = fs::read_to_string(&json_path).unwrap();
    let json: Value = serde_json::from_str(&stands).unwrap();
    let rows: Vec<Measured> =
        json["sender"].as_array().expect("the sender was measured").iter().filter_map(measured).collect();
    let model = fitted(&rows).expect("enough was measured");
    let text = fs::read_to_string(&text_path).unwrap();
    let (before, _) = text.split_once("\n## Instructions\n").expect("it has that part");
    fs::write(&text_path, format!("{before}{}", report::last_parts(&model))).unwrap();
    // it comes last, and all else stays as it was written
    let (before, _) = stands.split_once("\n  \"model\": ").expect("there was a model");
    let model = serde_json::to_string_pretty(&model).unwrap().replace('\n', "\n  ");
    fs::write(&json_path, format!("{before}\n  \"model\": {model}\n}}\n")).unwrap();
    eprintln!("written to {}", docs.display());
}

/// None if not all frames came.
fn measured(row: &Value) -> Option<Measured> {
    let number = |value: &Value| value.as_f64().expect("a number");
    (number(&row["rounds"]) > 0.0).then(|| Measured {
        picture: row["picture"].as_str().expect("a name").to_owned(),
        clients: number(&row["clients"]) as usize,
        bytes: number(&row["bytes"]) as usize,
        wakes: number(&row["camcast_wakes"]),
        us: number(&row["camcast_us"]["median"]),
        source_us: number(&row["source_us"]),
    })
}
