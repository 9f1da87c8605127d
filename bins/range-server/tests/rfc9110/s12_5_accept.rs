//! Section 12.5.1: Accept, which tells whether the index is a page or JSON.

use crate::OneFile;

#[test]
fn the_index_is_a_page_for_who_names_html() {
    let file = OneFile::start();
    for (accept, html) in [
        ("text/html", true),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", true),
        ("application/json, TEXT/HTML;q=0.9", true),
        ("application/json", false),
        ("text/*", false),
        ("*/*", false),
        ("image/png", false),
        ("", false),
    ] {
        let index = file.origin.send("GET /", &[("Accept", accept)]);
        assert_eq!((index.status, index.header("vary")), (200, Some("Accept")));
        let content_type = index.header("content-type").unwrap();
        assert_eq!(content_type.starts_with("text/html"), html, "{accept}: {content_type}");
    }
    assert!(file.origin.send("GET /", &[]).json().is_array());
    let lines = [("Accept", "application/json;q=0.1"), ("Accept", "text/html")];
    assert!(file.origin.send("GET /", &lines).text().starts_with("<!doctype html>"));
}
