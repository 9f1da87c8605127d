//! The compose files, by the Compose Specification's schema: what `docker compose` v2 accepts.

use std::process::Command;

use seedbed_testkit::{Tool, require};
use seedbed_tests::{
    bed::repository,
    containers::{run, succeeded},
};

#[test]
fn compose_files_are_valid_by_the_specification() {
    const CHECKER: Tool = Tool {
        command: concat!(env!("CARGO_MANIFEST_DIR"), "/../.tools/bin/check-jsonschema"),
        probe: &["--version"],
        install: "make setup-containers",
    };
    let mut command = Command::new(require(CHECKER));
    command.args(["--builtin-schema", "vendor.compose-spec"]).current_dir(repository());
    command.args(["compose/compose.yaml", "compose/examples/streaming-app/compose.yaml"]);
    command.arg("tests/containers/drop_in/compose.yaml");
    command.arg("tests/containers/drop_in/shell.yaml");
    succeeded("check-jsonschema", &run(&mut command));
}
