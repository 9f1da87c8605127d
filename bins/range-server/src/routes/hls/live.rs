//! The playlist of a video that is played in a loop, as a pure function of time: RFC 8216
//! sections 4.3.3 and 6.2.2.

use std::{fmt::Write as _, time::Duration};

/// Fewest segments in the window.
const FEWEST: u64 = 5;

/// The segments of a video, one or more, each of some length.
#[derive(Clone, Debug, PartialEq)]
pub struct Loop {
    version: u32,
    /// The line `#EXT-X-MAP` of fragmented MP4.
    map: Option<String>,
    segments: Vec<Segment>,
}

#[derive(Clone, Debug, PartialEq)]
struct Segment {
    duration: Duration,
    uri: String,
}

/// A playlist that cannot be looped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadPlaylist {
    /// Its first line is another.
    #[error("wanted a playlist that begins with #EXTM3U")]
    NoPlaylist,
    /// A segment without a duration, or with one that is none.
    #[error("wanted a duration above 0 for segment {0}")]
    NoDuration(String),
    /// There is nothing to play.
    #[error("wanted a playlist with segments")]
    Empty,
}

impl Loop {
    /// Parses a media playlist that lists all segments.
    ///
    /// # Errors
    /// See [`BadPlaylist`].
    pub fn parse(playlist: &str) -> Result<Self, BadPlaylist> {
        if playlist.lines().next().map(str::trim_end) != Some("#EXTM3U") {
            return Err(BadPlaylist::NoPlaylist);
        }
        let mut parsed = Self { version: 3, map: None, segments: Vec::new() };
        let mut duration = None;
        for line in playlist.lines().map(str::trim_end) {
            if let Some(value) = line.strip_prefix("#EXTINF:") {
                let seconds = value.split(',').next().unwrap_or_default().parse::<f64>().ok();
                duration = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
            } else if let Some(value) = line.strip_prefix("#EXT-X-VERSION:") {
                parsed.version = value.parse().unwrap_or(parsed.version);
            } else if line.starts_with("#EXT-X-MAP:") {
                parsed.map = Some(line.to_owned());
            } else if !line.is_empty() && !line.starts_with('#') {
                let duration = duration.take().filter(|duration| !duration.is_zero());
                let duration = duration.ok_or_else(|| BadPlaylist::NoDuration(line.to_owned()))?;
                parsed.segments.push(Segment { duration, uri: line.to_owned() });
            }
        }
        if parsed.segments.is_empty() { Err(BadPlaylist::Empty) } else { Ok(parsed) }
    }

    /// The playlist when the loop has run for so long. It begins with a full window.
    #[must_use]
    pub fn at(&self, elapsed: Duration) -> String {
        let newest = self.newest(elapsed);
        let oldest = self.oldest(newest);
        let count = self.count();
        let mut text = format!(
            "#EXTM3U\n#EXT-X-VERSION:{}\n#EXT-X-TARGETDURATION:{}\n#EXT-X-MEDIA-SEQUENCE:{oldest}\n",
            self.version,
            self.target().as_secs(),
        );
        // Of the discontinuities, one before each turn but the first, those that left the window.
        let left = oldest.saturating_sub(1) / count;
        let _infallible = writeln!(text, "#EXT-X-DISCONTINUITY-SEQUENCE:{left}");
        if let Some(map) = &self.map {
            let _infallible = writeln!(text, "{map}");
        }
        for number in oldest..=newest {
            if number > 0 && number % count == 0 {
                text.push_str("#EXT-X-DISCONTINUITY\n");
            }
            let Segment { duration, uri } = self.segment(number);
            let _infallible = writeln!(text, "#EXTINF:{:.6},\n{uri}", duration.as_secs_f64());
        }
        text
    }

    /// No segment is longer, rounded to the second (section 4.3.3.1).
    fn target(&self) -> Duration {
        let rounded = self.segments.iter().map(|s| s.duration.as_secs_f64().round());
        Duration::from_secs_f64(rounded.fold(1.0, f64::max))
    }

    /// The segment that came last: its end is over.
    fn newest(&self, elapsed: Duration) -> u64 {
        let count = self.count();
        let first = (0..).find(|newest| self.is_enough(0, *newest)).unwrap_or_default();
        let prefix = |turns: u64| (0..turns).map(|n| self.segment(n).duration).sum::<Duration>();
        let now = elapsed + prefix(first + 1);
        let turn = prefix(count).as_nanos();
        let turns = u64::try_from(now.as_nanos() / turn).unwrap_or(u64::MAX / count);
        let mut rest = now.as_nanos() % turn;
        let mut newest = turns * count;
        for segment in &self.segments {
            let Some(later) = rest.checked_sub(segment.duration.as_nanos()) else { break };
            rest = later;
            newest += 1;
        }
        newest - 1
    }

    /// The segment that leaves the window next.
    fn oldest(&self, newest: u64) -> u64 {
        (0..=newest).rev().find(|oldest| self.is_enough(*oldest, newest)).unwrap_or_default()
    }

    /// Whether these make a window: at least three target durations (section 6.2.2).
    fn is_enough(&self, oldest: u64, newest: u64) -> bool {
        let length: Duration = (oldest..=newest).map(|number| self.segment(number).duration).sum();
        newest - oldest + 1 >= FEWEST && length >= self.target() * 3
    }

    fn segment(&self, number: u64) -> &Segment {
        let index = number % self.count();
        &self.segments[usize::try_from(index).expect("an index is less than a length")]
    }

    fn count(&self) -> u64 {
        self.segments.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn vod(durations: &[f64]) -> Loop {
        let segments: String = (0..)
            .zip(durations)
            .map(|(n, seconds)| format!("#EXTINF:{seconds:.6},\nseg-{n:05}.ts\n"))
            .collect();
        Loop::parse(&format!("#EXTM3U\n#EXT-X-VERSION:3\n{segments}#EXT-X-ENDLIST\n")).unwrap()
    }

    fn at(playlist: &Loop, seconds: f64) -> String {
        playlist.at(Duration::from_secs_f64(seconds))
    }

    fn tag(playlist: &str, name: &str) -> u64 {
        let value = playlist.lines().find_map(|line| line.strip_prefix(name));
        value.unwrap().parse().unwrap()
    }

    #[test]
    fn it_begins_with_a_full_window_and_does_not_end() {
        let text = at(&vod(&[6.0; 10]), 0.0);
        assert_eq!(
            text,
            "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:6\n#EXT-X-MEDIA-SEQUENCE:0\n\
             #EXT-X-DISCONTINUITY-SEQUENCE:0\n\
             #EXTINF:6.000000,\nseg-00000.ts\n#EXTINF:6.000000,\nseg-00001.ts\n\
             #EXTINF:6.000000,\nseg-00002.ts\n#EXTINF:6.000000,\nseg-00003.ts\n\
             #EXTINF:6.000000,\nseg-00004.ts\n"
        );
    }

    #[test]
    fn it_slides_by_one_segment_once_that_is_over() {
        let playlist = vod(&[6.0; 10]);
        assert_eq!(at(&playlist, 0.0), at(&playlist, 5.999));
        assert_eq!(tag(&at(&playlist, 6.0), "#EXT-X-MEDIA-SEQUENCE:"), 1);
        assert!(at(&playlist, 6.0).ends_with("seg-00005.ts\n"));
    }

    #[test]
    fn a_discontinuity_stands_where_it_starts_over_and_is_counted_once_it_has_left() {
        let playlist = vod(&[6.0; 10]);
        let count = |seconds| {
            let text = at(&playlist, seconds);
            let there = text.matches("#EXT-X-DISCONTINUITY\n").count();
            (there, tag(&text, "#EXT-X-DISCONTINUITY-SEQUENCE:"))
        };
        assert_eq!(count(35.0), (0, 0));
        assert_eq!(count(36.0), (1, 0));
        // It is the first of the window.
        assert_eq!(count(60.0), (1, 0));
        assert!(
            at(&playlist, 60.0).contains(":0\n#EXT-X-DISCONTINUITY\n#EXTINF:6.000000,\nseg-00000")
        );
        assert_eq!(count(66.0), (0, 1));
        assert_eq!(count(126.0), (0, 2));
    }

    #[test]
    fn fragmented_mp4_keeps_its_map_and_version() {
        let text = "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-MAP:URI=\"init.mp4\"\n#EXTINF:2,\na.m4s\n";
        let live = at(&Loop::parse(text).unwrap(), 100.0);
        assert!(live.contains("#EXT-X-VERSION:7\n"));
        assert!(live.contains("#EXT-X-MAP:URI=\"init.mp4\"\n"));
    }

    #[test]
    fn what_cannot_be_looped_is_refused() {
        assert_eq!(Loop::parse("hello"), Err(BadPlaylist::NoPlaylist));
        assert_eq!(Loop::parse("#EXTM3U\n"), Err(BadPlaylist::Empty));
        for extinf in ["", "#EXTINF:0,\n", "#EXTINF:-1,\n", "#EXTINF:x,\n", "#EXTINF:NaN,\n"] {
            let text = format!("#EXTM3U\n{extinf}a.ts\n");
            assert_eq!(Loop::parse(&text), Err(BadPlaylist::NoDuration("a.ts".into())), "{extinf}");
        }
    }

    proptest! {
        #[test]
        fn every_playlist_is_right_and_never_goes_back(
            durations in prop::collection::vec(0.2f64..9.0, 1..8),
            mut times in prop::collection::vec(0.0f64..500.0, 2..20),
        ) {
            let playlist = vod(&durations);
            times.sort_by(f64::total_cmp);
            let (mut sequence, mut discontinuities) = (0, 0);
            for seconds in times {
                let text = at(&playlist, seconds);
                let target = tag(&text, "#EXT-X-TARGETDURATION:") as f64;
                let lengths: Vec<f64> = text.lines()
                    .filter_map(|line| line.strip_prefix("#EXTINF:")?.strip_suffix(',')?.parse().ok())
                    .collect();
                prop_assert!(lengths.iter().all(|length| length.round() <= target));
                prop_assert!(lengths.iter().sum::<f64>() >= target * 3.0 - 0.001);
                let (now, left) = (tag(&text, "#EXT-X-MEDIA-SEQUENCE:"), tag(&text, "#EXT-X-DISCONTINUITY-SEQUENCE:"));
                prop_assert!(now >= sequence && left >= discontinuities);
                // All that ever were: those that left, and those that are there.
                let newest = now + lengths.len() as u64 - 1;
                let there = text.matches("#EXT-X-DISCONTINUITY\n").count() as u64;
                prop_assert_eq!(left + there, newest / durations.len() as u64);
                (sequence, discontinuities) = (now, left);
            }
        }
    }
}
