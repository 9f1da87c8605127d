//! Changed HLS playlists (RFC 8216).

use crate::{faults::range::TruncatePlaylist, units::SignedSpan};

/// Leaves the last segments out of a media playlist. A master playlist stays as it is.
#[must_use]
pub fn truncate_playlist(fault: &TruncatePlaylist, playlist: &str) -> String {
    let mut segments = 0;
    let mut kept = String::with_capacity(playlist.len());
    // Tags belong to the segment behind them, so they wait for it.
    let mut pending = String::new();
    for line in playlist.split_inclusive('\n') {
        let text = line.trim_end();
        let is_uri = !text.is_empty() && !text.starts_with('#');
        if text == "#EXT-X-ENDLIST" {
            if !fault.live {
                kept.push_str(line);
            }
        } else if is_uri && is_media(playlist) {
            if segments < fault.keep {
                kept.push_str(&pending);
                kept.push_str(line);
            }
            segments += 1;
            pending.clear();
        } else if segments == 0 && !belongs_to_segment(text) {
            kept.push_str(line);
        } else {
            pending.push_str(line);
        }
    }
    kept
}

fn is_media(playlist: &str) -> bool {
    playlist.contains("#EXTINF")
}

fn belongs_to_segment(tag: &str) -> bool {
    const TAGS: [&str; 5] = [
        "#EXTINF",
        "#EXT-X-BYTERANGE",
        "#EXT-X-DISCONTINUITY",
        "#EXT-X-PROGRAM-DATE-TIME",
        "#EXT-X-GAP",
    ];
    TAGS.iter().any(|name| tag.starts_with(name))
        && !tag.starts_with("#EXT-X-DISCONTINUITY-SEQUENCE")
}

/// A time in a playlist is not one of ISO 8601 with a zone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("wanted a time such as \"2026-01-31T12:00:00.000Z\", got {0:?}")]
pub struct InvalidTime(String);

/// Moves the times of `#EXT-X-PROGRAM-DATE-TIME`.
///
/// # Errors
/// A time cannot be read.
pub fn clock_skew(by: SignedSpan, playlist: &str) -> Result<String, InvalidTime> {
    const TAG: &str = "#EXT-X-PROGRAM-DATE-TIME:";
    let mut skewed = String::with_capacity(playlist.len());
    for line in playlist.split_inclusive('\n') {
        match line.strip_prefix(TAG) {
            None => skewed.push_str(line),
            Some(rest) => {
                let time = rest.trim_end();
                let moved = shift(time, by).ok_or_else(|| InvalidTime(time.to_owned()))?;
                skewed.extend([TAG, &moved, &rest[time.len()..]]);
            }
        }
    }
    Ok(skewed)
}

/// Moves a time; its zone and its number of decimals stay.
fn shift(time: &str, by: SignedSpan) -> Option<String> {
    let (date, rest) = time.split_once('T')?;
    let clock_length = rest.find(['Z', '+', '-']).unwrap_or(rest.len());
    let (clock, zone) = rest.split_at(clock_length);
    let [year, month, day] = numbers(date, '-')?;
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, ""));
    let [hour, minute, second] = numbers(clock, ':')?;
    let is_time = (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && (0..24).contains(&hour)
        && (0..60).contains(&minute)
        && (0..=60).contains(&second)
        && (0..=9999).contains(&year)
        && fraction.len() <= 9
        && fraction.bytes().all(|byte| byte.is_ascii_digit());
    if !is_time {
        return None;
    }
    let nanos: i128 = format!("{fraction:0<9}").parse().ok()?;
    let seconds = ((days(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
    let by_nanos = i128::try_from(by.span.0.as_nanos()).ok()?;
    let moved = i128::from(seconds) * 1_000_000_000
        + nanos
        + if by.negative { -by_nanos } else { by_nanos };
    let seconds = i64::try_from(moved.div_euclid(1_000_000_000)).ok()?;
    let (year, month, day) = date_of(seconds.div_euclid(86_400));
    let (second, minute, hour) = (
        seconds.rem_euclid(60),
        seconds.div_euclid(60).rem_euclid(60),
        seconds.div_euclid(3600).rem_euclid(24),
    );
    let mut text = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
    if !fraction.is_empty() {
        let nanos = format!("{:09}", moved.rem_euclid(1_000_000_000));
        text.push('.');
        text.push_str(&nanos[..fraction.len()]);
    }
    text.push_str(zone);
    Some(text)
}

fn numbers(text: &str, separator: char) -> Option<[i64; 3]> {
    let mut parts = text.split(separator);
    let mut next = || {
        let part = parts.next()?;
        part.bytes().all(|byte| byte.is_ascii_digit()).then(|| part.parse().ok())?
    };
    let numbers = [next()?, next()?, next()?];
    parts.next().is_none().then_some(numbers)
}

/// Days from 1970-01-01 to a date of the proleptic Gregorian calendar, counted in years that begin
/// in March.
const fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// The inverse of [`days`].
const fn date_of(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + if month <= 2 { 1 } else { 0 };
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAYLIST: &str = "#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXTINF:6.0,\nsegment-0.ts\n\
        #EXTINF:6.0,\nsegment-1.ts\n#EXTINF:3.0,\nsegment-2.ts\n#EXT-X-ENDLIST\n";

    #[test]
    fn a_truncated_playlist_keeps_its_first_segments_and_its_head() {
        let fault = TruncatePlaylist { keep: 1, live: false };
        let short = truncate_playlist(&fault, PLAYLIST);
        let wanted =
            "#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXTINF:6.0,\nsegment-0.ts\n#EXT-X-ENDLIST\n";
        assert_eq!(short, wanted);
        let live = truncate_playlist(&TruncatePlaylist { keep: 0, live: true }, PLAYLIST);
        assert_eq!(live, "#EXTM3U\n#EXT-X-TARGETDURATION:6\n");
        let all = truncate_playlist(&TruncatePlaylist { keep: 9, live: false }, PLAYLIST);
        assert_eq!(all, PLAYLIST);
    }

    #[test]
    fn a_skewed_playlist_has_its_times_moved_and_nothing_else() {
        let playlist = "#EXTM3U\n#EXT-X-PROGRAM-DATE-TIME:2024-03-01T00:00:10.500Z\nx.ts\n";
        let skewed = clock_skew("-30s".parse().unwrap(), playlist).unwrap();
        assert_eq!(
            skewed,
            playlist.replace("2024-03-01T00:00:10.500Z", "2024-02-29T23:59:40.500Z")
        );
        let later = shift("2025-12-31T23:59:59+01:00", "1s".parse().unwrap());
        assert_eq!(later.as_deref(), Some("2026-01-01T00:00:00+01:00"));
        assert!(clock_skew("1s".parse().unwrap(), "#EXT-X-PROGRAM-DATE-TIME:yesterday\n").is_err());
    }

    #[test]
    fn every_day_of_four_centuries_is_its_own_inverse() {
        for day in -146_097..146_097 {
            let (year, month, date) = date_of(day);
            assert_eq!(days(year, month, date), day);
        }
    }
}
