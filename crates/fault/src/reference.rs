//! The reference documentation of rules and faults, written out of the types.

use std::fmt::Write as _;

use crate::{
    faults::{FaultInfo, FaultSet as _, RangeFault, SeederFault, TrackerFault},
    presets,
    rule::KEYS,
    words::Server,
};

const HEAD: &str = include_str!("reference.md");

/// The text of `docs/faults.md`.
#[must_use]
pub fn markdown() -> String {
    let mut text = HEAD.to_owned();
    text.push_str("\n## Match keys\n\n| key | matches | example |\n|---|---|---|\n");
    for key in KEYS {
        let (name, example) = (format!("`{}`", key.name), format!("`{}`", key.example));
        row(&mut text, [name.as_str(), key.meaning, &example]);
    }
    section(&mut text, "Tracker", Server::Tracker, TrackerFault::infos());
    section(&mut text, "Seeder", Server::Seeder, SeederFault::infos());
    section(&mut text, "Range server", Server::Range, RangeFault::infos());
    text.push_str("\n## Presets\n\n| name | what happens |\n|---|---|\n");
    for preset in presets::all() {
        let name = format!("`{}`", preset.name);
        row(&mut text, [name.as_str(), preset.description]);
    }
    text
}

fn section(text: &mut String, title: &str, server: Server, infos: &[FaultInfo]) {
    let _ = write!(
        text,
        "\n## {title}\n\n| type | what happens | parameters | counts each | example |\n|---|---|---|---|---|\n"
    );
    for info in infos {
        let mut parameters = Vec::new();
        for parameter in &info.parameters {
            let default = match parameter.default.as_deref() {
                None => "required".to_owned(),
                Some("null") => "optional".to_owned(),
                Some(default) => format!("default `{default}`"),
            };
            let (name, kind, meaning) = (parameter.name, parameter.kind, &parameter.meaning);
            parameters.push(format!("`{name}` ({kind}, {default}): {meaning}"));
        }
        let mut meaning = info.meaning.clone();
        if info.in_progress {
            meaning.push_str(" A new rule acts on transfers in progress, too.");
        }
        let example = format!("`{}`", info.example);
        let name = format!("`{}`", info.name);
        let counted = info.point.counted();
        row(text, [name.as_str(), &meaning, &parameters.join("<br>"), counted, &example]);
    }
    text.push_str("\nMatch keys: ");
    let mut points: Vec<_> = infos.iter().map(|info| info.point).collect();
    points.sort();
    points.dedup();
    if let [only] = points.as_slice() {
        text.push_str(&list(only.keys(server)));
        text.push_str(".\n");
        return;
    }
    text.push_str(
        "they depend on what the fault counts.\n\n| counts each | match keys |\n|---|---|\n",
    );
    for point in points {
        row(text, [point.counted(), &list(point.keys(server))]);
    }
}

fn list(keys: &[&str]) -> String {
    keys.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ")
}

fn row<'a>(text: &mut String, cells: impl IntoIterator<Item = &'a str>) {
    for cell in cells {
        let _ = write!(text, "| {} ", cell.replace('|', "\\|"));
    }
    text.push_str("|\n");
}
