//! The table of flags, environment names and defaults of a command, as `docs/flags.md` shows it.

use std::fmt::Write as _;

use clap::{Arg, Command};

/// A Markdown table of the flags of `command`.
#[must_use]
pub fn table(command: &Command) -> String {
    let mut table = String::from("| flag | environment | default | meaning |\n|---|---|---|---|\n");
    for arg in
        command.get_arguments().filter(|arg| !matches!(arg.get_id().as_str(), "help" | "version"))
    {
        let default = default(arg);
        let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
        let env = arg.get_env().map(|env| code(&env.to_string_lossy())).unwrap_or_default();
        // A default that clap does not know stands in the help in brackets.
        let (help, own) = match help.split_once(" [default: ") {
            Some((help, own)) => (help.to_owned(), code(own.trim_end_matches(']'))),
            None => (help, default),
        };
        let help = help.replace('|', "\\|");
        writeln!(table, "| {} | {env} | {own} | {help} |", code(&flag(arg)))
            .expect("a string can be written to");
    }
    table
}

fn flag(arg: &Arg) -> String {
    let name = arg.get_long().map_or_else(|| arg.get_id().to_string(), |long| format!("--{long}"));
    let takes_value = arg.get_action().takes_values();
    match arg.get_value_names() {
        Some([value, ..]) if takes_value && arg.get_long().is_some() => format!("{name} {value}"),
        _ => name,
    }
}

fn default(arg: &Arg) -> String {
    let values: Vec<_> =
        arg.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
    if values.is_empty() || !arg.get_action().takes_values() {
        String::new()
    } else {
        code(&values.join(","))
    }
}

fn code(text: &str) -> String {
    format!("`{text}`")
}
