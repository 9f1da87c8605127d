//! Nothing but the files of the root is served.

use std::{fs, os::unix::fs::symlink, process::Command};

use crate::Origin;

/// An origin with `/file` and `/deep/file`, beside a secret.
fn origin() -> Origin {
    let origin = Origin::start(&[]);
    origin.write("file", "content", 0);
    fs::create_dir(origin.path("deep")).unwrap();
    origin.write("deep/file", "deep content", 0);
    origin
}

fn status(origin: &Origin, path: &str) -> u16 {
    let response = origin.send(&format!("GET {path}"), &[]);
    assert_eq!(response.header("location"), None, "{path}");
    assert_eq!(response.header("access-control-allow-origin"), Some("*"), "{path}");
    response.status
}

#[test]
fn files_below_the_root_are_served_by_their_decoded_path() {
    let origin = origin();
    origin.write("a b%ü.mp4", "x", 0);
    for path in ["/file", "/deep/file", "/file?v=1", "/f%69le", "/a%20b%25%C3%BC.mp4"] {
        assert_eq!(status(&origin, path), 200, "{path}");
    }
}

#[test]
fn no_path_leads_out() {
    let origin = origin();
    // What these would find, were they to be followed: the root by its own name.
    let name = origin.path("file");
    let name = name.parent().unwrap().file_name().unwrap().to_str().unwrap();
    for path in [
        format!("/../{name}/file"),
        format!("/deep/../../{name}/file"),
        format!("/%2e%2e/{name}/file"),
        format!("/.%2e%2f{name}%2ffile"),
        format!("/..%5c{name}%5cfile"),
        format!("/..\\{name}\\file"),
        "/deep/../file".into(),
        "/./file".into(),
        "/deep%2ffile".into(),
        "/file%00".into(),
        "/file%00.mp4".into(),
        "//etc/passwd".into(),
        "/%2fetc%2fpasswd".into(),
        "//example.org/file".into(),
        "/file/".into(),
        "/file/x".into(),
        "/%".into(),
    ] {
        assert_eq!(status(&origin, &path), 404, "{path}");
    }
}

#[test]
fn a_symlink_is_followed_only_inside_the_root() {
    let origin = origin();
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("secret"), "secret").unwrap();
    symlink(outside.path().join("secret"), origin.path("secret")).unwrap();
    symlink(outside.path(), origin.path("out")).unwrap();
    symlink("file", origin.path("link")).unwrap();
    assert_eq!(status(&origin, "/secret"), 404);
    assert_eq!(status(&origin, "/out/secret"), 404);
    assert_eq!(status(&origin, "/link"), 200);
}

#[test]
fn hidden_files_are_not_there() {
    let origin = origin();
    origin.write(".secret", "secret", 0);
    fs::create_dir(origin.path(".git")).unwrap();
    origin.write(".git/config", "secret", 0);
    for path in ["/.secret", "/%2esecret", "/.git/config", "/deep/.secret"] {
        assert_eq!(status(&origin, path), 404, "{path}");
    }
}

#[test]
fn what_is_no_regular_file_is_not_there() {
    let origin = origin();
    let made = Command::new("mkfifo").arg(origin.path("pipe")).status().unwrap();
    assert!(made.success());
    let _socket = std::os::unix::net::UnixListener::bind(origin.path("socket")).unwrap();
    for path in ["/deep", "/deep/", "/pipe", "/socket", &format!("/{}", "x".repeat(300))] {
        assert_eq!(status(&origin, path), 404, "{path}");
    }
}

#[test]
fn a_root_that_was_made_anew_is_found() {
    let origin = origin();
    let root = origin.path("file").parent().unwrap().to_owned();
    fs::remove_dir_all(&root).unwrap();
    assert_eq!(status(&origin, "/file"), 404);
    let health = origin.send("GET /health", &[]);
    assert_eq!((health.status, &health.json()["status"]), (503, &"degraded".into()));
    assert_eq!(status(&origin, "/"), 500);
    fs::create_dir(&root).unwrap();
    origin.write("file", "new", 0);
    assert_eq!(status(&origin, "/file"), 200);
    assert_eq!(status(&origin, "/health"), 200);
}
