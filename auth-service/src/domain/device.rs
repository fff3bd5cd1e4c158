//! What a user agent calls itself, in words that its user knows: "Chrome, Windows". Only for showing; nothing is decided by it.

/// In this order: most also name those they descend from.
const BROWSERS: [(&str, &str); 12] = [
    ("KAKAOTALK", "KakaoTalk"),
    ("NAVER(", "Naver"),
    ("Whale/", "Whale"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
    ("curl/", "curl"),
];

const SYSTEMS: [(&str, &str); 7] = [
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
];

/// Browser and system, as far as they are known; empty where neither is.
pub(crate) fn device_name(user_agent: &str) -> String {
    let first = |known: &[(&str, &'static str)]| {
        known.iter().find(|(mark, _)| user_agent.contains(mark)).map(|(_, name)| *name)
    };
    let names = [first(&BROWSERS), first(&SYSTEMS)];
    names.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_browsers_are_known_by_name() {
        let webkit = "AppleWebKit/537.36 (KHTML, like Gecko)";
        let table = [
            (format!("Mozilla/5.0 (Windows NT 10.0; Win64; x64) {webkit} Chrome/156.0.0.0 Safari/537.36"), "Chrome, Windows"),
            (format!("Mozilla/5.0 (Windows NT 10.0; Win64; x64) {webkit} Chrome/156.0.0.0 Safari/537.36 Edg/156.0.0.0"), "Edge, Windows"),
            (format!("Mozilla/5.0 (X11; Linux x86_64) {webkit} HeadlessChrome/156.0.0.0 Safari/537.36"), "Chrome, Linux"),
            (format!("Mozilla/5.0 (Linux; Android 16; SM-S931N) {webkit} SamsungBrowser/29.0 Chrome/140.0.0.0 Mobile Safari/537.36"), "Samsung Internet, Android"),
            ("Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 Version/19.0 Mobile/15E148 Safari/604.1".to_owned(), "Safari, iPhone"),
            ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:150.0) Gecko/20100101 Firefox/150.0".to_owned(), "Firefox, macOS"),
            ("curl/8.5.0".to_owned(), "curl"),
            (String::new(), ""),
        ];
        for (user_agent, name) in table {
            assert_eq!(device_name(&user_agent), name, "{user_agent}");
        }
    }
}
