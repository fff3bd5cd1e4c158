//! Which bytes of a file are asked for (RFC 9110 section 14). The crates for this give up on a set of which one range is
//! beyond the end, drop what they cannot read out of the middle of a set, or fail on large numbers; so it is done here.

use std::ops::Range;

/// More than this nobody needs; the whole file is answered in their place.
const MAX_RANGES: usize = 16;
/// What another part costs on the wire: to send a gap that is shorter is cheaper (RFC 9110 section 15.3.7.2).
const PART_COST_BYTES: u64 = 80;

/// What a `Range` comes to for a file of a certain size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Selection {
    /// There is no range that we follow.
    Whole,
    /// At least one; they have gaps between them, and none is empty.
    Parts(Vec<Range<u64>>),
    /// All of them are beyond the end.
    Unsatisfiable,
}

/// The bytes that this value of a `Range` asks for. What is not understood is not there (RFC 9110 section 14.2), and so
/// are floods; ranges that overlap are joined, so nobody gets more than one file's worth (CVE-2011-3192).
pub(crate) fn select(range: &str, size_bytes: u64) -> Selection {
    let Some(specs) = parse(range) else { return Selection::Whole };
    if size_bytes == 0 && specs.iter().any(|spec| matches!(spec, Spec::Last(1..))) {
        return Selection::Whole;
    }
    let mut parts = Vec::new();
    for part in specs.iter().filter_map(|spec| spec.within(size_bytes)) {
        join(&mut parts, part);
    }
    if parts.is_empty() { Selection::Unsatisfiable } else { Selection::Parts(parts) }
}

/// Adds a part; those that it touches become one with it.
fn join(parts: &mut Vec<Range<u64>>, mut part: Range<u64>) {
    while let Some(place) = parts.iter().position(|other| touch(other, &part)) {
        let other = parts.remove(place);
        part = other.start.min(part.start)..other.end.max(part.end);
    }
    parts.push(part);
}

fn touch(one: &Range<u64>, other: &Range<u64>) -> bool {
    let reaches = |end: u64, start: u64| end.saturating_add(PART_COST_BYTES) >= start;
    reaches(one.end, other.start) && reaches(other.end, one.start)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spec {
    From(u64),
    /// Both are included.
    Between(u64, u64),
    Last(u64),
}

/// None unless all of it is right and there is not too much of it.
fn parse(range: &str) -> Option<Vec<Spec>> {
    let (unit, set) = range.split_once('=')?;
    if !unit.eq_ignore_ascii_case("bytes") {
        return None;
    }
    let members = set.split(',').map(|member| member.trim_matches([' ', '\t']));
    let members = members.filter(|member| !member.is_empty()).take(MAX_RANGES + 1);
    let specs: Vec<Spec> = members.map(Spec::parse).collect::<Option<_>>()?;
    (1..=MAX_RANGES).contains(&specs.len()).then_some(specs)
}

impl Spec {
    fn parse(text: &str) -> Option<Self> {
        match text.split_once('-')? {
            ("", last) => number(last).map(Self::Last),
            (first, "") => number(first).map(Self::From),
            (first, last) => {
                let (first, last) = (number(first)?, number(last)?);
                (first <= last).then_some(Self::Between(first, last))
            }
        }
    }

    /// None if it is not satisfiable.
    fn within(self, size_bytes: u64) -> Option<Range<u64>> {
        let part = match self {
            Self::From(first) => first..size_bytes,
            Self::Between(first, last) => first..size_bytes.min(last.saturating_add(1)),
            Self::Last(length) => size_bytes.saturating_sub(length)..size_bytes,
        };
        (!part.is_empty()).then_some(part)
    }
}

/// Digits of any number: what is beyond 64 bits is beyond the end of any file.
fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    const HUGE: &str = "99999999999999999999999999";

    #[test]
    fn a_range_is_what_the_standard_says() {
        let parts = |parts: &[(u64, u64)]| {
            Selection::Parts(parts.iter().map(|(start, end)| *start..*end).collect())
        };
        let table = [
            ("bytes=0-0", parts(&[(0, 1)])),
            ("bytes=0-", parts(&[(0, 1000)])),
            ("BYTES=10-19", parts(&[(10, 20)])),
            ("bytes=990-2000", parts(&[(990, 1000)])),
            (&format!("bytes=990-{HUGE}"), parts(&[(990, 1000)])),
            ("bytes=-1", parts(&[(999, 1000)])),
            ("bytes=-5000", parts(&[(0, 1000)])),
            (&format!("bytes=-{HUGE}"), parts(&[(0, 1000)])),
            ("bytes=0-0, ,\t500-500,", parts(&[(0, 1), (500, 501)])),
            ("bytes=500-500,0-0", parts(&[(500, 501), (0, 1)])),
            ("bytes=0-0,5000-", parts(&[(0, 1)])),
            ("bytes=0-99,50-149", parts(&[(0, 150)])),
            ("bytes=0-0,900-900,1-899", parts(&[(0, 901)])),
            ("bytes=0-9,90-99", parts(&[(0, 100)])),
            ("bytes=0-9,91-99", parts(&[(0, 10), (91, 100)])),
            ("bytes=1000-", Selection::Unsatisfiable),
            ("bytes=1000-2000,3000-", Selection::Unsatisfiable),
            (&format!("bytes={HUGE}-"), Selection::Unsatisfiable),
            ("bytes=-0", Selection::Unsatisfiable),
            ("bytes=-00,-0", Selection::Unsatisfiable),
        ];
        for (range, expected) in table {
            assert_eq!(select(range, 1000), expected, "{range}");
        }
    }

    #[test]
    fn what_is_not_understood_or_too_much_is_the_whole_file() {
        let flood = |count: usize| {
            let ranges: Vec<String> =
                (0..count).map(|n| format!("{}-{}", n * 200, n * 200)).collect();
            format!("bytes={}", ranges.join(","))
        };
        let table = [
            "",
            "bytes",
            "bytes=",
            "bytes=,",
            "bytes=-",
            "bytes=a-b",
            "bytes=1",
            "bytes=5-2",
            "bytes=1-2-3",
            "bytes=0x1-2",
            "bytes=+1-2",
            "bytes=0-1,5-2",
            "bytes=0-1;2-3",
            "bytes =0-1",
            "items=0-1",
            "bytes=--1",
            "bytes=1 - 2",
            "bytes=\u{661}-\u{662}",
            "bytes=0-1,x",
            &flood(17),
            &flood(1000),
            &flood(10_000),
        ];
        for range in table {
            assert_eq!(select(range, 1000), Selection::Whole, "{range}");
        }
        assert!(matches!(select(&flood(16), 10_000), Selection::Parts(parts) if parts.len() == 16));
    }

    #[test]
    fn of_an_empty_file_only_its_end_can_be_had() {
        assert_eq!(select("bytes=-5", 0), Selection::Whole);
        for range in ["bytes=0-", "bytes=0-0", "bytes=-0"] {
            assert_eq!(select(range, 0), Selection::Unsatisfiable, "{range}");
        }
    }

    /// One place after the other, as nobody would do it.
    fn asked(specs: &[(Option<u64>, Option<u64>)], size: u64) -> Vec<bool> {
        let is_asked = |place: u64| {
            specs.iter().any(|spec| match *spec {
                (Some(first), Some(last)) => first <= place && place <= last,
                (Some(first), None) => first <= place,
                (None, last) => place + last.unwrap_or(0) >= size,
            })
        };
        (0..size).map(is_asked).collect()
    }

    fn written((first, last): &(Option<u64>, Option<u64>)) -> String {
        let text = |number: &Option<u64>| number.map(|it| it.to_string()).unwrap_or_default();
        format!("{}-{}", text(first), text(last))
    }

    /// A first and a last one, a first one alone, or a length from the end.
    fn spec() -> impl Strategy<Value = (Option<u64>, Option<u64>)> {
        prop_oneof![
            (0..1500_u64, 0..1500_u64).prop_map(|(a, b)| (Some(a.min(b)), Some(a.max(b)))),
            (0..1500_u64, 0..20_u64).prop_map(|(a, length)| (Some(a), Some(a + length))),
            (0..1500_u64).prop_map(|first| (Some(first), None)),
            (0..1500_u64).prop_map(|last| (None, Some(last))),
        ]
    }

    proptest! {
        #[test]
        fn all_that_is_asked_is_sent_once_and_little_else(
            specs in vec(spec(), 1..=MAX_RANGES),
            size in 1..1200_u64,
        ) {
            let range: Vec<String> = specs.iter().map(written).collect();
            let asked = asked(&specs, size);
            let parts = match select(&format!("bytes={}", range.join(",")), size) {
                Selection::Parts(parts) => parts,
                Selection::Unsatisfiable => vec![],
                Selection::Whole => return Err(TestCaseError::fail("whole")),
            };
            let mut sent = vec![0; asked.len()];
            for part in &parts {
                prop_assert!(part.start < part.end && part.end <= size);
                let part = part.start as usize..part.end as usize;
                prop_assert!(asked[part.start] && asked[part.end - 1]);
                let gaps = asked[part.clone()].split(|asked| *asked);
                prop_assert!(gaps.map(<[bool]>::len).all(|gap| gap as u64 <= PART_COST_BYTES));
                sent[part].iter_mut().for_each(|times| *times += 1);
            }
            for (asked, sent) in asked.iter().zip(sent) {
                prop_assert!(sent == u8::from(*asked) || !asked && sent == 1);
            }
        }

        #[test]
        fn no_text_and_no_size_is_too_strange(range in "bytes=[-0-9, ]{0,60}|.{0,40}", size: u64) {
            if let Selection::Parts(parts) = select(&range, size) {
                prop_assert!(parts.iter().all(|part| part.start < part.end && part.end <= size));
            }
        }
    }
}
