//! Compares a server's responses with its OpenAPI document.

use std::{collections::BTreeSet, net::SocketAddr};

use serde_json::Value;

use crate::{Response, Server, get_json, request_with};

/// The methods that a document describes. HEAD goes with GET and is not described.
const METHODS: [&str; 7] = ["get", "put", "post", "delete", "patch", "options", "trace"];

/// The document of a running server, and which of its operations have been called.
///
/// An operation is named by its method and its path: `get /torrents/{key}`.
#[derive(Debug)]
pub struct OpenApi {
    address: SocketAddr,
    document: Value,
    called: BTreeSet<String>,
}

impl OpenApi {
    /// The document at `/openapi.json`.
    ///
    /// # Panics
    /// There is no document, or its version is not OpenAPI 3.1.
    #[must_use]
    pub fn of(server: &Server) -> Self {
        let document = get_json(&server.url("/openapi.json"));
        assert_eq!(document["openapi"], "3.1.0");
        Self { address: server.address("http"), document, called: BTreeSet::new() }
    }

    /// The document itself.
    #[must_use]
    pub fn document(&self) -> &Value {
        &self.document
    }

    /// All operations.
    #[must_use]
    pub fn operations(&self) -> BTreeSet<String> {
        let methods = |path| self.methods(path, true).map(move |method| format!("{method} {path}"));
        self.paths().flat_map(methods).collect()
    }

    /// Calls an operation at `target`, with header fields and JSON as content.
    ///
    /// # Panics
    /// The content or the response differs from the document; see [`OpenApi::check`].
    pub fn call(
        &mut self,
        operation: &str,
        target: &str,
        fields: &[(&str, &str)],
        content: Option<&Value>,
    ) -> Response {
        if let Some(content) = content {
            let described = &self.operation(operation)["requestBody"]["content"];
            self.assert_valid(&described["application/json"]["schema"], content, operation);
        }
        let (method, _) = split(operation);
        let mut head = format!("{} {target} HTTP/1.1", method.to_uppercase());
        for (name, value) in fields {
            head += &format!("\n{name}: {value}");
        }
        let content = content.map(ToString::to_string).unwrap_or_default();
        let answer = request_with(self.address, &head, content.as_bytes());
        self.check(operation, &answer);
        answer
    }

    /// Counts the operation as called, and compares the response with its description.
    ///
    /// # Panics
    /// The document lacks the status or the content type, or the JSON does not match its schema.
    pub fn check(&mut self, operation: &str, answer: &Response) {
        let status = answer.status;
        let described = &self.operation(operation)["responses"][&status.to_string()];
        assert!(described.is_object(), "{operation}: {status} is not described: {answer:?}");
        let came = answer.header("content-type");
        match described["content"].as_object() {
            None => assert_eq!((came, &*answer.text()), (None, ""), "{operation}: {status}"),
            Some(types) => {
                let came = came.unwrap_or_default();
                let schema = types.get(came).or_else(|| types.get("*/*"));
                let Some(schema) = schema.map(|described| &described["schema"]) else {
                    panic!("{operation}: {came} is not described for {status}")
                };
                // What is not described as JSON is a string to a schema.
                let is_json = came == "application/json" && types.contains_key(came);
                let value = if is_json { answer.json() } else { answer.text().into() };
                self.assert_valid(schema, &value, operation);
            }
        }
        self.called.insert(operation.to_owned());
    }

    /// # Panics
    /// An operation has not been called.
    pub fn assert_all_called(&self) {
        assert_eq!(self.called, self.operations(), "each operation is called");
    }

    /// `target` puts values into a path.
    ///
    /// # Panics
    /// A path accepts a method that the document lacks, or does not refuse it with 405 and `Allow`.
    pub fn assert_refuses_other_methods(&self, target: impl Fn(&str) -> String) {
        for path in self.paths() {
            for method in self.methods(path, false) {
                // OPTIONS is for preflights, which the server answers itself.
                if method == "options" {
                    continue;
                }
                let request = format!("{} {}", method.to_uppercase(), target(path));
                let refused = request_with(self.address, &format!("{request} HTTP/1.1"), b"");
                assert_eq!(refused.status, 405, "{request}");
                assert_eq!(refused.json()["status"], 405, "{request}");
                let allow = refused.header("allow").unwrap_or_default().to_lowercase();
                for described in self.methods(path, true) {
                    assert!(allow.contains(described), "{request}: {allow}");
                }
            }
        }
    }

    fn paths(&self) -> impl Iterator<Item = &str> {
        self.document["paths"].as_object().into_iter().flatten().map(|(path, _)| path.as_str())
    }

    /// The methods that a path is described with, or the others.
    fn methods(&self, path: &str, described: bool) -> impl Iterator<Item = &'static str> {
        let item = &self.document["paths"][path];
        METHODS.into_iter().filter(move |method| item[*method].is_object() == described)
    }

    fn operation(&self, operation: &str) -> &Value {
        let (method, path) = split(operation);
        let described = &self.document["paths"][path][method];
        assert!(described.is_object(), "{operation} is not described");
        described
    }

    fn assert_valid(&self, schema: &Value, value: &Value, what: &str) {
        let mut schema = schema.clone();
        schema["components"] = self.document["components"].clone();
        let validator = jsonschema::validator_for(&schema)
            .unwrap_or_else(|error| panic!("{what}: a schema that is none: {error}"));
        let errors: Vec<_> = validator.iter_errors(value).map(|it| it.to_string()).collect();
        assert!(errors.is_empty(), "{what}: {errors:#?} in {value:#}");
    }
}

fn split(operation: &str) -> (&str, &str) {
    operation.split_once(' ').unwrap_or_else(|| panic!("wanted a method and a path: {operation}"))
}
