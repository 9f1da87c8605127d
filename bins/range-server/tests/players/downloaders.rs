//! curl and aria2.

use seedbed_testkit::{Tool, sha256, sha256_file};

use crate::{Origin, client, content};

#[test]
fn curl_gets_single_suffix_and_several_ranges() {
    let origin = Origin::start(&[]);
    let file = content(100_000);
    origin.write("file", &file, 0);
    let url = origin.server.url("/file").to_string();
    let out = origin.path("out");
    let get = |args: &[&str]| {
        let all = [&["-sS", "--fail", "-o", out.to_str().unwrap(), &url], args].concat();
        let _empty = client(Tool::CURL, &all);
        std::fs::read(&out).unwrap()
    };
    assert!(get(&["-r", "5-99"]) == file[5..100]);
    assert!(get(&["-r", "-10"]) == file[99_990..]);
    let several = get(&["-r", "0-99,50000-59999,-1"]);
    for part in [&file[..100], &file[50_000..60_000], &file[99_999..]] {
        assert!(several.windows(part.len()).any(|window| window == part));
    }
    assert_eq!(several.windows(14).filter(|window| window == b"Content-Range:").count(), 3);
    // A download that broke off is taken up where it ended.
    std::fs::write(&out, &file[..60_000]).unwrap();
    assert!(get(&["-C", "-"]) == file);
}

#[test]
fn aria2_downloads_over_sixteen_connections() {
    let origin = Origin::start(&["--log-level", "debug"]);
    let file = content(32 << 20);
    origin.write("file", &file, 0);
    let out = tempfile::tempdir().unwrap();
    let url = origin.server.url("/file").to_string();
    let dir = out.path().to_str().unwrap();
    let args =
        ["-q", "--no-conf", "-x16", "-s16", "-k1M", "--file-allocation=none", "-d", dir, &url];
    let _quiet = client(Tool::ARIA2, &args);
    assert_eq!(sha256_file(&out.path().join("file")), sha256(&file));
    assert!(crate::first_positions(&origin, "/file").len() >= 15, "{}", origin.server.log());
}
