//! Splits a command line into options and operands, as `getopt_long` does.

/// The options of a command. A short option is a character; `long` are names without their dashes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    pub(super) short: &'static str,
    pub(super) short_with_value: &'static str,
    pub(super) long: &'static [&'static str],
    pub(super) long_with_value: &'static [&'static str],
}

/// One parsed argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Argument {
    /// An option without its dashes, and its value, which is empty if it takes none.
    Option(String, String),
    /// An argument that is no option.
    Operand(String),
}

/// Parses arguments.
///
/// # Errors
/// An option is not known, or its value is missing.
pub(super) fn parse(known: &Known, args: &[String]) -> Result<Vec<Argument>, String> {
    let mut parsed = Vec::new();
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let mut value_of = |option: &str| {
            args.next().cloned().ok_or_else(|| format!("wanted a value for {option}"))
        };
        if arg == "--" {
            parsed.extend(args.by_ref().cloned().map(Argument::Operand));
        } else if let Some(long) = arg.strip_prefix("--") {
            let (name, value) = long.split_once('=').map_or((long, None), |(n, v)| (n, Some(v)));
            let value = match value {
                Some(value) if known.long_with_value.contains(&name) => value.to_owned(),
                None if known.long_with_value.contains(&name) => value_of(arg)?,
                None if known.long.contains(&name) => String::new(),
                _ => return Err(unknown(arg)),
            };
            parsed.push(Argument::Option(name.to_owned(), value));
        } else if let Some(cluster) = arg.strip_prefix('-').filter(|rest| !rest.is_empty()) {
            let mut rest = cluster.chars();
            while let Some(letter) = rest.next() {
                if known.short_with_value.contains(letter) {
                    let attached = rest.as_str();
                    let value = match attached {
                        "" => value_of(&format!("-{letter}"))?,
                        attached => attached.to_owned(),
                    };
                    parsed.push(Argument::Option(letter.to_string(), value));
                    break;
                }
                if !known.short.contains(letter) {
                    return Err(unknown(&format!("-{letter}")));
                }
                parsed.push(Argument::Option(letter.to_string(), String::new()));
            }
        } else {
            parsed.push(Argument::Operand(arg.clone()));
        }
    }
    Ok(parsed)
}

fn unknown(option: &str) -> String {
    format!("the option {option} is not supported by this probe")
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: Known =
        Known { short: "fs", short_with_value: "o", long: &["fail"], long_with_value: &["output"] };

    fn parsed(line: &str) -> Result<Vec<Argument>, String> {
        parse(&KNOWN, &line.split(' ').map(str::to_owned).collect::<Vec<_>>())
    }

    fn option(name: &str, value: &str) -> Argument {
        Argument::Option(name.into(), value.into())
    }

    #[test]
    fn a_value_is_attached_or_follows() {
        let file = [option("output", "F"), Argument::Operand("U".into())];
        assert_eq!(parsed("--output=F U").unwrap(), file);
        assert_eq!(parsed("--output F U").unwrap(), file);
        let short = [option("s", ""), option("o", "F")];
        for line in ["-so F", "-soF", "-s -oF"] {
            assert_eq!(parsed(line).unwrap(), short, "{line}");
        }
        assert_eq!(parsed("-- -s").unwrap(), [Argument::Operand("-s".into())]);
    }

    #[test]
    fn errors_name_unknown_options() {
        for (line, name) in [("-sx", "-x"), ("--post U", "--post"), ("--fail=1", "--fail=1")] {
            assert!(parsed(line).unwrap_err().contains(name), "{line}");
        }
        assert!(parsed("-o").unwrap_err().contains("-o"));
    }
}
