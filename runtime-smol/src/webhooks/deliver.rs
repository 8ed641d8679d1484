//! One attempt to deliver a webhook: a signed `POST`, and what its answer means. When it is made, and made again, is the
//! courier's business.

use std::time::{Duration, SystemTime};

use kanvas_core::{Span, Time};
use url::Url;

use super::sign::Secret;
use crate::words::unanswered;

/// How long an attempt may take in all.
const ATTEMPT: Duration = Duration::from_secs(10);
/// How much of an answer is read, so that its connection can be used again.
const ANSWER: u64 = 4096;
/// For how many connections there is a use.
pub(crate) const AT_ONCE: usize = 8;

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Delivered(u16),
    /// The receiver wants no more of them, ever.
    Unwanted,
    Failed {
        /// In words, nothing of the receiver's among them.
        why: String,
        /// How long the receiver asks to be left alone.
        asked: Option<Span>,
    },
}

/// The way to the receiver.
#[derive(Clone, Debug)]
pub(crate) struct Post {
    agent: ureq::Agent,
    url: Url,
    secret: Secret,
}

impl Post {
    pub(crate) fn new(url: Url, secret: Secret) -> Post {
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(ATTEMPT))
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .max_idle_connections(AT_ONCE)
            .max_idle_connections_per_host(AT_ONCE)
            .user_agent(concat!("kanvas/", env!("CARGO_PKG_VERSION")))
            .build();
        Post { agent: ureq::Agent::new_with_config(config), url, secret }
    }

    /// Whom it goes to, as far as that may be told: a path or a query may hold a secret (RUN15).
    pub(crate) fn receiver(&self) -> String {
        self.url.origin().ascii_serialization()
    }

    /// Sends it once and waits for the answer.
    pub(crate) fn send(&self, now: Time, id: &str, body: &str) -> Outcome {
        let seconds = now.as_millis() / 1000;
        let sent = self
            .agent
            .post(self.url.as_str())
            .header("content-type", "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", seconds.to_string())
            .header("webhook-signature", self.secret.sign(id, seconds, body))
            .send(body);
        let mut answer = match sent {
            Ok(answer) => answer,
            Err(error) => return Outcome::Failed { why: unanswered(&error, ATTEMPT), asked: None },
        };
        let outcome = match answer.status().as_u16() {
            status @ 200..=299 => Outcome::Delivered(status),
            410 => Outcome::Unwanted,
            status => {
                let wait = answer.headers().get("retry-after").and_then(|value| value.to_str().ok());
                let asked = wait.and_then(|wait| retry_after(wait, SystemTime::now()));
                Outcome::Failed { why: format!("the answer was {status}"), asked }
            }
        };
        // The status has said it; what follows is read for the connection's sake alone.
        drop(answer.body_mut().with_config().limit(ANSWER).read_to_vec());
        outcome
    }
}

/// What `Retry-After` asks for: seconds, or a date.
fn retry_after(value: &str, now: SystemTime) -> Option<Span> {
    let value = value.trim();
    let wait = || httpdate::parse_http_date(value).ok()?.duration_since(now).ok().map(|wait| wait.as_secs());
    value.parse().ok().or_else(wait).map(Span::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hook6_retry_after_is_seconds_or_a_date() {
        let now = httpdate::parse_http_date("Wed, 21 Oct 2026 07:28:00 GMT").unwrap();
        let asked = |value| retry_after(value, now).map(|span| span.as_millis());
        assert_eq!(asked("120"), Some(120_000));
        assert_eq!(asked(" 0 "), Some(0));
        assert_eq!(asked("Wed, 21 Oct 2026 07:28:30 GMT"), Some(30_000));
        for none in ["Wed, 21 Oct 2026 07:27:30 GMT", "-1", "soon", "", "1.5"] {
            assert_eq!(asked(none), None, "{none}");
        }
    }

    #[test]
    fn hook10_the_receiver_is_named_without_its_path_and_query() {
        let url = Url::parse("https://hooks.example:8443/secret/path?token=1").unwrap();
        let secret = Secret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let post = Post::new(url, secret);
        assert_eq!(post.receiver(), "https://hooks.example:8443");
    }
}
