//! Subtitles: a cue for each second, with the language and the number of the second.

use std::fmt::Write as _;

use crate::catalog::Language;

/// The text of the cue for a second.
#[must_use]
pub(crate) fn text(language: &Language, second: u32) -> String {
    format!("{} {second}", language.as_str())
}

/// All cues, as a `SubRip` file.
#[must_use]
pub(crate) fn srt(language: &Language, seconds: u32) -> String {
    let mut srt = String::new();
    for second in 0..seconds {
        let (number, from, to) = (second + 1, time(second), time(second + 1));
        let text = text(language, second);
        let _infallible = writeln!(srt, "{number}\n{from} --> {to}\n{text}\n");
    }
    srt
}

fn time(second: u32) -> String {
    format!("{:02}:{:02}:{:02},000", second / 3600, second / 60 % 60, second % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_second_has_a_cue() {
        let language = Language::try_from("eng".to_owned()).unwrap();
        let srt = srt(&language, 61);
        assert!(srt.starts_with("1\n00:00:00,000 --> 00:00:01,000\neng 0\n\n2\n"), "{srt}");
        assert!(srt.ends_with("\n61\n00:01:00,000 --> 00:01:01,000\neng 60\n\n"), "{srt}");
    }
}
