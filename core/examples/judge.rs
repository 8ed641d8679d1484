//! Says of each token on its input whether Kanvas takes it: a JSON object a line in (`token`, `now` in milliseconds,
//! `issuer` or null, `parties`, `audience`), a word a line out: `ok` or the name of the refusal. The first line is the public
//! key, as a JSON text. For holding against other libraries; see `tests/judges/`.

use std::error::Error;
use std::io::{BufRead, Write};

use kanvas_core::Time;
use kanvas_core::auth::{Checks, Keys, check};
use serde_json::Value;

fn texts(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut lines = std::io::stdin().lock().lines();
    let pem: String = serde_json::from_str(&lines.next().ok_or("no key")??)?;
    let keys = Keys::from_pem(&pem)?;
    let mut out = std::io::stdout().lock();
    for line in lines {
        let case: Value = serde_json::from_str(&line?)?;
        let token = case["token"].as_str().ok_or("no token")?;
        let checks = Checks {
            issuer: case["issuer"].as_str().map(str::to_owned),
            parties: texts(&case["parties"]),
            audience: texts(&case["audience"]),
        };
        let now = Time::from_millis(case["now"].as_u64().ok_or("no time")?);
        let word = check(token.as_bytes(), &keys, &checks, now).map_or_else(|refusal| refusal.as_str(), |_| "ok");
        writeln!(out, "{word}")?;
    }
    Ok(())
}
