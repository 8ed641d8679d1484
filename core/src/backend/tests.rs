//! That the document and the code name the same addresses.

use alloc::borrow::ToOwned as _;
use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use serde_json::Value;

use super::routes::{Operation, ROUTES, find, parts};
use super::{Found, Recordings};

const DOCUMENT: &str = include_str!("../../../runtime-smol/api/openapi.json");

fn document() -> Value {
    serde_json::from_str(DOCUMENT).unwrap()
}

#[test]
fn api2_the_document_has_the_addresses_and_methods_of_the_code_and_no_others() {
    let document = document();
    let mut written = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap().iter().filter(|(key, _)| *key != "parameters") {
            let name = operation["operationId"].as_str().unwrap().to_owned();
            written.insert((path.clone(), method.to_uppercase(), name));
        }
    }
    let mut known = BTreeSet::new();
    for (path, operations, methods) in ROUTES {
        let mut listed: Vec<&str> = vec![];
        for (method, operation) in *operations {
            let name = match operation {
                Operation::Document => "Document".to_owned(),
                Operation::Own(own) => format!("{own:?}"),
                Operation::Do(deed) => format!("{deed:?}"),
            };
            let (first, rest) = name.split_at(1);
            known.insert(((*path).to_owned(), (*method).to_owned(), first.to_lowercase() + rest));
            listed.push(method);
            if *method == "GET" {
                listed.push("HEAD");
            }
        }
        listed.push("OPTIONS");
        assert_eq!(listed.join(", "), *methods, "{path}");
    }
    assert_eq!(written, known);
}

#[test]
fn api2_every_reference_in_the_document_leads_somewhere() {
    fn walk(value: &Value, whole: &Value) {
        match value {
            Value::Object(members) => {
                if let Some(place) = members.get("$ref").and_then(Value::as_str) {
                    assert!(whole.pointer(place.trim_start_matches('#')).is_some(), "{place}");
                }
                members.values().for_each(|member| walk(member, whole));
            }
            Value::Array(list) => list.iter().for_each(|member| walk(member, whole)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let whole = document();
    assert_eq!(whole["openapi"], "3.1.0");
    walk(&whole, &whole);
}

#[test]
fn api2_an_address_is_of_one_template() {
    let found = |path: &str| ROUTES.iter().filter(|(template, ..)| parts(template, path).is_some()).count();
    assert_eq!(parts("/api/rooms/{room}/members/{userId}", "/api/rooms/a/members/b%2Fc"), Some(vec!["a", "b%2Fc"]));
    for path in ["/api/rooms", "/api/rooms/a", "/api/rooms/a/members/u/ban", "/api/rooms/a/restore"] {
        assert_eq!(found(path), 1, "{path}");
    }
    for path in ["/api", "/api/", "/api/rooms/", "/api/rooms//close", "/api/rooms/a/", "/api/rooms/a/members/u/ban/x"] {
        assert_eq!(found(path), 0, "{path}");
    }
}

#[test]
fn api2_a_host_without_recordings_has_no_addresses_for_them() {
    for path in ["/api/rooms/a/recording", "/api/rooms/a/recording/file"] {
        assert!(matches!(find("GET", path, Recordings::Kept), Ok(Found::Own(..))), "{path}");
        assert_eq!(find("GET", path, Recordings::None).unwrap_err().status, 404, "{path}");
    }
    let paths = document()["paths"].as_object().unwrap().keys().cloned().collect::<Vec<String>>();
    let gone = paths.iter().filter(|path| find("OPTIONS", path, Recordings::None).unwrap_err().status == 404);
    assert_eq!(gone.count(), 2);
}
