//! Section 12.5.1: Accept, which tells what the index is made as.

use crate::OneFile;

#[test]
fn the_index_is_what_is_wanted_more() {
    let file = OneFile::start();
    for (accept, html) in [
        ("text/html", true),
        ("text/html, */*;q=0.8", true),
        ("text/html, application/json;q=0.9", true),
        ("text/*", true),
        ("TEXT/HTML", true),
        ("*/*, application/json;q=0", true),
        ("text/html, application/json", false),
        ("text/html;q=0.5, application/json", false),
        ("text/html;q=0", false),
        ("text/html;q=0, */*", false),
        ("text/*, text/html;q=0.1, application/json;q=0.2", false),
        ("*/*", false),
        ("image/png", false),
        ("text/html;q=x", false),
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
