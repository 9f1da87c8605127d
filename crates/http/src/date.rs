//! The Date header field, formatted once a second.

use std::{
    cell::RefCell,
    time::{SystemTime, UNIX_EPOCH},
};

thread_local! {
    static FORMATTED: RefCell<(u64, String)> = const { RefCell::new((u64::MAX, String::new())) };
}

/// Appends the date of `now`. A clock that shows a time before 1970 counts as 1970.
pub(crate) fn append(output: &mut Vec<u8>, now: SystemTime) {
    let elapsed = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    FORMATTED.with_borrow_mut(|(second, text)| {
        if *second != elapsed.as_secs() {
            *second = elapsed.as_secs();
            *text = httpdate::fmt_http_date(UNIX_EPOCH + elapsed);
        }
        output.extend_from_slice(text.as_bytes());
    });
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_date_follows_the_clock_in_either_direction() {
        let date = |seconds| {
            let mut output = Vec::new();
            append(&mut output, UNIX_EPOCH + Duration::from_secs(seconds));
            String::from_utf8(output).unwrap()
        };
        assert_eq!(date(784_111_777), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(date(784_111_777), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(date(784_111_776), "Sun, 06 Nov 1994 08:49:36 GMT");
        let mut output = Vec::new();
        append(&mut output, UNIX_EPOCH - Duration::from_secs(1));
        assert_eq!(output, b"Thu, 01 Jan 1970 00:00:00 GMT");
    }
}
