//! Compose files that were written for other images.

use std::path::Path;

use seedbed_tests::containers::{Bed, beside_others};

fn becomes_healthy(file: &str) {
    let _guard = beside_others();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("containers/drop_in").join(file);
    drop(Bed::of_file(&file).up());
}

#[test]
fn a_compose_file_with_lists_as_probes_becomes_healthy_with_our_images() {
    becomes_healthy("compose.yaml");
}

#[test]
fn a_compose_file_with_shell_lines_as_probes_becomes_healthy_with_our_images() {
    becomes_healthy("shell.yaml");
}
