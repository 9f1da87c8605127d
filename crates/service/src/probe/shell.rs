//! The part of `sh -c` that health checks written as a string use: commands separated by `&&`, `||`
//! and `;`, quotes, and output sent to `/dev/null`.

use super::{
    Ended,
    tool::{self, Tool},
};

/// The operator between two commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    /// `&&`
    And,
    /// `||`
    Or,
    /// `;` or a new line
    Sequence,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    Operator(Operator),
    /// `>`, with the stream that stands before it: 1, 2, or both.
    Redirect(Stream),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stream {
    Output,
    Errors,
    Both,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Command {
    words: Vec<String>,
    no_output: bool,
    no_errors: bool,
}

/// Runs `sh` with these arguments.
pub(super) fn run(args: &[String]) -> Ended {
    let [option, script, ..] = args else {
        return failed("this image has no shell, only -c \"wget ... || exit 1\"");
    };
    // `-ec` and the like: the other letters make no difference here.
    if !(option.starts_with('-') && option.ends_with('c')) {
        return failed(&format!("wanted -c and a command, got {option:?}"));
    }
    match parse(script) {
        Ok(list) => execute(&list),
        Err(message) => failed(&message),
    }
}

fn failed(message: &str) -> Ended {
    Ended::failed(2, format!("sh: {message}"))
}

fn execute(list: &[(Operator, Command)]) -> Ended {
    let mut last = Ended::with_code(0);
    for (operator, command) in list {
        let runs = match operator {
            Operator::Sequence => true,
            Operator::And => last.code == 0,
            Operator::Or => last.code != 0,
        };
        if !runs {
            continue;
        }
        let Some((name, args)) = command.words.split_first() else { continue };
        let base = name.rsplit('/').next().unwrap_or(name);
        let mut ended = match base {
            "exit" => {
                last.code = args.first().map_or(last.code, |code| code.parse().unwrap_or(2));
                return last;
            }
            "true" | ":" => Ended::with_code(0),
            "false" => Ended::with_code(1),
            _ => match Tool::named(base) {
                Some(tool) => tool::run(tool, args),
                None => Ended::failed(
                    127,
                    format!("sh: {name}: not in this image, which has wget, curl and exit"),
                ),
            },
        };
        if command.no_output {
            ended.output.clear();
        }
        if command.no_errors {
            ended.message = None;
        }
        last = Ended {
            code: ended.code,
            output: [last.output, ended.output].concat(),
            message: ended.message.or(last.message),
        };
    }
    last
}

fn parse(script: &str) -> Result<Vec<(Operator, Command)>, String> {
    let mut list = Vec::new();
    let mut operator = Operator::Sequence;
    let mut command = Command::default();
    let mut tokens = tokens(script)?.into_iter();
    while let Some(token) = tokens.next() {
        match token {
            Token::Word(word) => command.words.push(word),
            Token::Operator(next) => {
                if command.words.is_empty() && next != Operator::Sequence {
                    return Err(format!("wanted a command before && or ||, in {script:?}"));
                }
                list.push((operator, std::mem::take(&mut command)));
                operator = next;
            }
            Token::Redirect(stream) => {
                let target = match tokens.next() {
                    Some(Token::Word(target)) => target,
                    _ => return Err("wanted a file after >".to_owned()),
                };
                match (stream, target.as_str()) {
                    (Stream::Output, "/dev/null") => command.no_output = true,
                    (Stream::Errors, "/dev/null") => command.no_errors = true,
                    (Stream::Both, "/dev/null") => {
                        (command.no_output, command.no_errors) = (true, true);
                    }
                    (Stream::Errors, "&1") => command.no_errors |= command.no_output,
                    (Stream::Output, "&2") => command.no_output |= command.no_errors,
                    _ => {
                        return Err(format!("wanted /dev/null after >, got {target}"));
                    }
                }
            }
        }
    }
    list.push((operator, command));
    Ok(list)
}

fn tokens(script: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut word: Option<String> = None;
    let mut rest = script.chars().peekable();
    while let Some(c) = rest.next() {
        let end = |word: &mut Option<String>, tokens: &mut Vec<Token>| {
            tokens.extend(word.take().map(Token::Word));
        };
        match c {
            ' ' | '\t' => end(&mut word, &mut tokens),
            ';' | '\n' => {
                end(&mut word, &mut tokens);
                tokens.push(Token::Operator(Operator::Sequence));
            }
            '&' | '|' if rest.peek() == Some(&c) => {
                rest.next();
                end(&mut word, &mut tokens);
                tokens.push(Token::Operator(if c == '&' { Operator::And } else { Operator::Or }));
            }
            '&' if rest.peek() == Some(&'>') => {
                rest.next();
                end(&mut word, &mut tokens);
                tokens.push(Token::Redirect(Stream::Both));
            }
            // The target of `2>&1`.
            '&' if word.is_none() && matches!(tokens.last(), Some(Token::Redirect(_))) => {
                word = Some("&".to_owned());
            }
            '>' => {
                let stream = match word.take() {
                    None => Stream::Output,
                    Some(digit) if digit == "1" => Stream::Output,
                    Some(digit) if digit == "2" => Stream::Errors,
                    Some(other) => {
                        tokens.push(Token::Word(other));
                        Stream::Output
                    }
                };
                rest.next_if_eq(&'>');
                tokens.push(Token::Redirect(stream));
            }
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match rest.next() {
                        Some('\'') => break,
                        Some(c) => word.push(c),
                        None => return Err(format!("wanted a closing quote in {script:?}")),
                    }
                }
            }
            '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match rest.next() {
                        Some('"') => break,
                        Some('\\') => word.extend(rest.next()),
                        Some(c @ ('$' | '`')) => return Err(unsupported(c, script)),
                        Some(c) => word.push(c),
                        None => return Err(format!("wanted a closing quote in {script:?}")),
                    }
                }
            }
            '\\' => word.get_or_insert_default().extend(rest.next()),
            '&' | '|' | '<' | '(' | ')' | '$' | '`' | '#' | '!' if word.is_none() => {
                return Err(unsupported(c, script));
            }
            '&' | '|' | '<' | '(' | ')' | '$' | '`' => return Err(unsupported(c, script)),
            c => word.get_or_insert_default().push(c),
        }
    }
    tokens.extend(word.map(Token::Word));
    Ok(tokens)
}

fn unsupported(c: char, script: &str) -> String {
    format!("this image has no shell, and {c:?} needs one, in {script:?}")
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use socket2::{Domain, Socket, Type};

    use super::*;

    fn code(script: &str) -> u8 {
        run(&["-c".to_owned(), script.to_owned()]).code
    }

    fn words(script: &str) -> Vec<Vec<String>> {
        parse(script).unwrap().into_iter().map(|(_, command)| command.words).collect()
    }

    #[test]
    fn lists_run_from_left_to_right() {
        for (script, wanted) in [
            ("true", 0),
            ("false", 1),
            ("false || exit 1", 1),
            ("false || exit 3", 3),
            ("true || exit 1", 0),
            ("true && false", 1),
            ("false && true || true", 0),
            ("false; true", 0),
            ("exit", 0),
            ("false || exit", 1),
            ("", 0),
        ] {
            assert_eq!(code(script), wanted, "{script}");
        }
    }

    #[test]
    fn quotes_and_backslashes_keep_words_together() {
        let list = words(r#"wget --header="A: b" 'c d' e\ f "" g;h"#);
        assert_eq!(list, [vec!["wget", "--header=A: b", "c d", "e f", "", "g"], vec!["h"]]);
    }

    #[test]
    fn output_may_go_to_dev_null() {
        for script in ["wget a >/dev/null 2>&1 || exit 1", "wget a &> /dev/null || exit 1"] {
            let list = parse(script).unwrap();
            assert_eq!(list[0].1.words, ["wget", "a"], "{script}");
            assert!(list[0].1.no_output && list[0].1.no_errors, "{script}");
            assert_eq!(list[1], (Operator::Or, parse("exit 1").unwrap()[0].1.clone()), "{script}");
        }
        let errors_only = parse("wget a 2> /dev/null").unwrap();
        assert!(!errors_only[0].1.no_output && errors_only[0].1.no_errors);
        assert!(parse("wget a > file").is_err());
    }

    #[test]
    fn errors_quote_what_only_a_shell_can_do() {
        for script in ["wget $URL", "wget \"$URL\"", "curl a | grep b", "(true)", "a & b", "a < b"]
        {
            let ended = run(&["-c".to_owned(), script.to_owned()]);
            assert_eq!(ended.code, 2, "{script}");
            assert!(ended.message.unwrap().contains("no shell"), "{script}");
        }
        assert_eq!(code("nc -z localhost 8000"), 127);
        assert_eq!(code("&& true"), 2);
        assert_eq!(run(&[]).code, 2);
    }

    #[test]
    fn a_query_is_not_expanded_and_a_refused_connection_is_a_failure() {
        // A socket that is bound but does not listen refuses connections.
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        let silent = socket.local_addr().unwrap().as_socket().unwrap();
        assert_eq!(words("curl a?b=c*"), [["curl", "a?b=c*"]]);
        assert_eq!(code(&format!("/usr/bin/wget -q --spider http://{silent}/ || exit 5")), 5);
        assert_eq!(code(&format!("curl -sf http://{silent}/health")), 7);
    }
}
