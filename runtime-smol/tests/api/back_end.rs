//! A back end: it asks with the secret and reads JSON.

use serde_json::{Value, json};

use crate::common::{Answer, Server};

pub(crate) const SECRET: &str = "a-secret-of-the-operator";

/// A server whose API is on.
pub(crate) struct BackEnd {
    pub(crate) server: Server,
}

impl BackEnd {
    pub(crate) fn start() -> BackEnd {
        BackEnd { server: Server::start(&["--admin-secret", SECRET]) }
    }

    /// With the server as it is shipped, which can be killed and started again.
    pub(crate) fn start_shipped() -> BackEnd {
        BackEnd { server: Server::start_shipped(&["--admin-secret", SECRET]) }
    }

    pub(crate) fn kill_and_start(&mut self) {
        self.server.signal("KILL");
        self.server.child.wait().unwrap();
        self.server.restart_shipped(&["--admin-secret", SECRET]);
    }

    /// A request with these header lines, and a body if it is not empty.
    pub(crate) fn raw(&self, method: &str, path: &str, headers: &str, body: &str) -> Answer {
        let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
        self.server.raw(format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\n{headers}{length}Connection: close\r\n\r\n{body}"
        ))
    }

    /// A request with the secret, and a body of JSON if it is not null.
    pub(crate) fn ask(&self, method: &str, path: &str, body: &Value) -> Answer {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let kind = if body.is_empty() { "" } else { "Content-Type: application/json\r\n" };
        self.raw(method, path, &format!("Authorization: Bearer {SECRET}\r\n{kind}"), &body)
    }

    /// The JSON of an answer that must have this status.
    pub(crate) fn told(&self, status: u16, method: &str, path: &str, body: &Value) -> Value {
        let answer = self.ask(method, path, body);
        assert_eq!(answer.status, status, "{method} {path}: {answer:?}");
        assert_eq!(answer.header("access-control-allow-origin"), None);
        if answer.body.is_empty() { Value::Null } else { serde_json::from_str(&answer.body).unwrap() }
    }

    pub(crate) fn get(&self, path: &str) -> Value {
        self.told(200, "GET", path, &Value::Null)
    }

    /// The code of a refusal with this status.
    pub(crate) fn refused(&self, status: u16, method: &str, path: &str, body: &Value) -> String {
        let told = self.told(status, method, path, body);
        assert!(told["message"].as_str().is_some_and(|message| message.ends_with('.')), "{told}");
        told["error"].as_str().unwrap().to_owned()
    }

    pub(crate) fn make(&self, id: &str) -> Value {
        self.told(201, "POST", "/api/rooms", &json!({ "id": id }))
    }

    /// Adds an image, and says its place in the log.
    pub(crate) fn add(&self, room: &str, image: &str, x: i64) -> u64 {
        let event = json!({"type": "image:add", "data": picture(image, x)});
        self.told(200, "POST", &format!("/api/rooms/{room}/events"), &event)["seq"].as_u64().unwrap()
    }

    /// The ids on a canvas.
    pub(crate) fn images(&self, room: &str) -> Vec<String> {
        let canvas = self.get(&format!("/api/rooms/{room}/canvas"));
        let id = |image: &Value| image["id"].as_str().unwrap().to_owned();
        canvas["images"].as_array().unwrap().iter().map(id).collect()
    }
}

pub(crate) fn picture(id: &str, x: i64) -> Value {
    json!({"id": id, "src": "https://example.com/a.png", "x": x, "y": 2, "width": 30, "height": 40})
}

/// The reason in an answer.
pub(crate) fn code(answer: &Answer) -> (u16, String) {
    let body: Value = serde_json::from_str(&answer.body).unwrap_or_default();
    (answer.status, body["error"].as_str().unwrap_or_default().to_owned())
}
