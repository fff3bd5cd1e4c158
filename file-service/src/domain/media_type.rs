//! What a file is, by its bytes and not by what its uploader says; and which of them a browser may show.

use crate::domain::file::MediaType;

/// As far as the signatures of the formats reach.
const FIRST_BYTES: usize = 4096;
/// Formats without a signature, which are believed if the bytes are text. No browser runs anything in them.
const TEXT_TYPES: [&str; 10] = [
    "text/plain",
    "text/csv",
    "text/tab-separated-values",
    "text/markdown",
    "text/calendar",
    "text/vcard",
    "application/json",
    "application/x-ndjson",
    "application/yaml",
    "application/toml",
];
/// Formats that are a ZIP archive inside; their own signature may lie deeper than we look.
const ZIP_TYPES: [&str; 8] = [
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "application/vnd.oasis.opendocument.text",
    "application/vnd.oasis.opendocument.spreadsheet",
    "application/vnd.oasis.opendocument.presentation",
    "application/hwp+zip",
    "application/epub+zip",
];
/// A character set changes what a text says, but only these are safe in every browser.
const CHARSETS: [&str; 3] = ["utf-8", "us-ascii", "euc-kr"];
/// What a browser shows without running anything in it. Not PDF, which may hold scripts, and whose viewer our
/// `Content-Security-Policy` stops; never HTML, SVG or any other XML.
const SHOWN_INLINE: [&str; 6] =
    ["image/png", "image/jpeg", "image/gif", "image/webp", "image/avif", "text/plain"];
const PLAIN_TEXT: &str = "text/plain";
const BYTES: &str = "application/octet-stream";

/// The beginning of a file, gathered as its pieces come: the first one may be a single byte.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FirstBytes(Vec<u8>);

impl FirstBytes {
    pub(crate) fn take(&mut self, piece: &[u8]) {
        let wanted = FIRST_BYTES.saturating_sub(self.0.len()).min(piece.len());
        self.0.extend_from_slice(&piece[..wanted]);
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.0
    }
}

/// What a file is that begins so and is declared to be that. Formats with a signature are what their signature says; text
/// is what it is declared to be, if that is one of the harmless kinds. What a browser would run is plain text.
pub(crate) fn sniffed(first_bytes: &[u8], declared: &MediaType) -> MediaType {
    let declared_essence = essence(declared);
    match infer::get(first_bytes).map(|signature| signature.mime_type()) {
        Some("application/zip") => {
            MediaType::known(one_of(&ZIP_TYPES, &declared_essence).unwrap_or("application/zip"))
        }
        Some(signature) if !is_markup(signature) => MediaType::known(signature),
        _ if !is_text(first_bytes) => MediaType::known(BYTES),
        _ if begins_as_markup(first_bytes) => MediaType::known(PLAIN_TEXT),
        _ => text_type(declared, &declared_essence),
    }
}

/// What the answer says of a file: files from before there was sniffing may have any type.
pub(crate) fn served(media_type: &MediaType) -> &str {
    if is_markup(&essence(media_type)) { BYTES } else { media_type.as_str() }
}

/// Whether a browser may show it, if the caller wants that.
pub(crate) fn may_be_shown(media_type: &MediaType) -> bool {
    one_of(&SHOWN_INLINE, &essence(media_type)).is_some()
}

fn text_type(declared: &MediaType, declared_essence: &str) -> MediaType {
    match (one_of(&TEXT_TYPES, declared_essence), charset(declared)) {
        (None, _) if declared.as_str() == BYTES => MediaType::known(BYTES),
        (None, _) => MediaType::known(PLAIN_TEXT),
        (Some(known), None) => MediaType::known(known),
        (Some(known), Some(charset)) => MediaType::known(&format!("{known}; charset={charset}")),
    }
}

/// Type and subtype in lower case.
fn essence(media_type: &MediaType) -> String {
    let text = media_type.as_str();
    text.split(';').next().unwrap_or(text).trim().to_ascii_lowercase()
}

fn charset(media_type: &MediaType) -> Option<&'static str> {
    let mut parameters = media_type.as_str().split(';').skip(1);
    let value = parameters.find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("charset").then_some(value)
    })?;
    one_of(&CHARSETS, &value.trim().trim_matches('"').to_ascii_lowercase())
}

fn one_of(known: &[&'static str], text: &str) -> Option<&'static str> {
    known.iter().copied().find(|known| *known == text)
}

/// Whether a browser may run what is in it.
fn is_markup(essence: &str) -> bool {
    let words = ["html", "xml", "svg", "script", "shockwave"];
    words.iter().any(|word| essence.contains(word)) && one_of(&ZIP_TYPES, essence).is_none()
}

/// The first visible character of all markup; a byte order mark may stand before it.
fn begins_as_markup(bytes: &[u8]) -> bool {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    bytes.trim_ascii_start().starts_with(b"<")
}

/// No byte that only a binary format has (WHATWG MIME Sniffing section 3).
fn is_text(bytes: &[u8]) -> bool {
    let binary = |byte: &u8| matches!(byte, 0..=8 | 0x0b | 0x0e..=0x1a | 0x1c..=0x1f);
    !bytes.iter().any(binary)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
    const ZIP: &[u8] = b"PK\x03\x04\x14\0\0\0\0\0";
    const DOCX: &str = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";

    fn of(bytes: &[u8], declared: &str) -> String {
        let declared = MediaType::parse(declared).unwrap_or_default();
        sniffed(bytes, &declared).as_str().to_owned()
    }

    #[test]
    fn a_signature_is_believed_and_its_uploader_is_not() {
        let table: [(&[u8], &str, &str); 9] = [
            (PNG, "image/png", "image/png"),
            (PNG, "text/html", "image/png"),
            (b"\xff\xd8\xff\xe0\0\x10JFIF", "image/svg+xml", "image/jpeg"),
            (b"%PDF-1.7\n", "application/octet-stream", "application/pdf"),
            (ZIP, "image/png", "application/zip"),
            (ZIP, DOCX, DOCX),
            (b"\0\x01\x02\x03", "image/png", BYTES),
            (b"\0\x01\x02\x03", "text/csv", BYTES),
            (b"MZ\x90\0", "text/plain", "application/vnd.microsoft.portable-executable"),
        ];
        for (bytes, declared, expected) in table {
            assert_eq!(of(bytes, declared), expected, "{bytes:?} as {declared}");
        }
    }

    #[test]
    fn what_a_browser_would_run_is_plain_text_whatever_it_is_called() {
        let markup: [&[u8]; 9] = [
            b"<!DOCTYPE html><script>alert(1)</script>",
            b"  \n\t<HTML ><body>",
            b"<svg xmlns=\"http://www.w3.org/2000/svg\" onload=\"alert(1)\"/>",
            b"<?xml version=\"1.0\"?><?xml-stylesheet href=\"x\"?>",
            b"\xef\xbb\xbf<script>alert(1)</script>",
            b"<!-- a comment --><script>",
            b"<x:script xmlns:x=\"http://www.w3.org/1999/xhtml\">",
            b"#!/bin/sh\nrm -rf /\n",
            b"alert(document.cookie)",
        ];
        for bytes in markup {
            for declared in ["image/png", "text/html", "image/svg+xml", "application/javascript"] {
                assert_eq!(of(bytes, declared), PLAIN_TEXT, "{bytes:?} as {declared}");
            }
        }
        // The second half of a polyglot does not matter: it is an image, and nobody sniffs it again.
        let polyglot = [PNG, b"<script>alert(1)</script>"].concat();
        assert_eq!(of(&polyglot, "text/html"), "image/png");
    }

    #[test]
    fn text_is_what_it_is_declared_to_be_if_that_is_harmless() {
        let table: [(&[u8], &str, &str); 10] = [
            (b"a,b\n1,2\n", "text/csv", "text/csv"),
            (b"a,b\n", "Text/CSV; header=present; charset=\"UTF-8\"", "text/csv; charset=utf-8"),
            ("주문,금액\n".as_bytes(), "text/csv", "text/csv"),
            (b"\xc1\xd6\xb9\xae", "text/csv;charset=EUC-KR", "text/csv; charset=euc-kr"),
            (b"+ADw-script+AD4-", "text/plain; charset=utf-7", "text/plain"),
            (b"{}", "application/json", "application/json"),
            (b"hello", BYTES, BYTES),
            (b"hello", "font/woff2", PLAIN_TEXT),
            (b"", "text/csv", "text/csv"),
            (b"<a>,<b>\n", "text/csv", PLAIN_TEXT),
        ];
        for (bytes, declared, expected) in table {
            assert_eq!(of(bytes, declared), expected, "{bytes:?} as {declared}");
        }
    }

    #[test]
    fn the_beginning_is_gathered_whatever_the_pieces() {
        let mut first = FirstBytes::default();
        for byte in b"<svg " {
            first.take(&[*byte]);
        }
        assert_eq!(first.as_slice(), b"<svg ");
        first.take(&[7; 2 * FIRST_BYTES]);
        assert_eq!(first.as_slice().len(), FIRST_BYTES);
    }

    #[test]
    fn what_was_stored_before_there_was_sniffing_is_not_run_either() {
        let types = [
            "text/html",
            "image/svg+xml",
            "TEXT/XML; a=b",
            "application/xhtml+xml",
            "text/javascript",
        ];
        for text in types {
            let media_type = MediaType::parse(text).unwrap_or_default();
            assert_eq!((served(&media_type), may_be_shown(&media_type)), (BYTES, false), "{text}");
        }
        let png = MediaType::known("image/png");
        assert_eq!((served(&png), may_be_shown(&png)), ("image/png", true));
        assert!(!may_be_shown(&MediaType::known("application/pdf")));
        assert_eq!(served(&MediaType::known(DOCX)), DOCX);
    }
}
