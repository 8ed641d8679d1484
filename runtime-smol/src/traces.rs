//! Traces of what took long, as OpenTelemetry, for those who set a collector's address; without one nothing is made. What
//! is told has happened already: nothing waits for it, and what happens a million times a second is not in it.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use hyper::{HeaderMap, Method};
use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::{Span as _, SpanKind, Tracer as _, TracerProvider as _};
use opentelemetry::{Context, KeyValue};
use opentelemetry_http::{Bytes, HeaderExtractor, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use url::Url;

use crate::api;
use crate::routes;
use crate::words::unanswered;

/// A whole delivery to the collector.
const DELIVERY: Duration = Duration::from_secs(5);
/// What is read of a collector's answer.
const ANSWER_BYTES: u64 = 64 * 1024;
/// How long the last traces may take to leave.
const LAST: Duration = Duration::from_secs(2);

/// See the module.
#[derive(Default)]
pub(crate) struct Traces(Option<Told>);

/// To whom, and what.
struct Told {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
    /// Less than this is not told.
    slow: Duration,
}

impl fmt::Debug for Traces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Traces").field(&self.0.is_some()).finish()
    }
}

/// Reads `--otlp-endpoint`. The error says what is allowed.
pub(crate) fn endpoint(text: &str) -> Result<Url, &'static str> {
    let url = Url::parse(text).ok().filter(|url| ["http", "https"].contains(&url.scheme()) && url.has_host());
    let url = url.filter(|url| url.username().is_empty() && url.password().is_none() && url.query().is_none());
    url.ok_or("the address of a collector, such as http://127.0.0.1:4318, without a user's name and password")
}

impl Traces {
    /// Tells a collector what takes at least so long. The error is a sentence for the operator.
    pub(crate) fn start(endpoint: &Url, slow: Duration) -> Result<Traces, String> {
        let address = format!("{}/v1/traces", endpoint.as_str().trim_end_matches('/'));
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(Post::new(endpoint.origin().ascii_serialization()))
            .with_endpoint(address)
            .with_timeout(DELIVERY)
            .build()
            .map_err(|error| format!("traces cannot be sent to {endpoint} ({error}); check --otlp-endpoint"))?;
        let mut resource = Resource::builder();
        if std::env::var_os("OTEL_SERVICE_NAME").is_none() {
            resource = resource.with_service_name("kanvas");
        }
        let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_resource(resource.with_attribute(version).build())
            .build();
        let tracer = provider.tracer("kanvas");
        Ok(Traces(Some(Told { provider, tracer, slow })))
    }

    /// Something of the server's own is over that took so long.
    pub(crate) fn took(&self, name: &'static str, took: Duration, about: impl FnOnce() -> Vec<KeyValue>) {
        self.tell(SpanKind::Internal, took, &Context::new(), || (name.to_owned(), about()));
    }

    /// Somebody else has answered, or has not, after so long.
    pub(crate) fn asked(&self, name: &'static str, took: Duration, about: impl FnOnce() -> Vec<KeyValue>) {
        self.tell(SpanKind::Client, took, &Context::new(), || (name.to_owned(), about()));
    }

    /// A request was answered after so long. `within` has the head of one who may say what it is part of.
    pub(crate) fn answered(&self, request: &Asked, status: u16, took: Duration, within: Option<&HeaderMap>) {
        let within = within.map_or_else(Context::new, |head| {
            TraceContextPropagator::new().extract_with_context(&Context::new(), &HeaderExtractor(head))
        });
        self.tell(SpanKind::Server, took, &within, || {
            let Asked { method, route } = request;
            let about = vec![
                KeyValue::new("http.request.method", method.as_str().to_owned()),
                KeyValue::new("http.route", *route),
                KeyValue::new("http.response.status_code", i64::from(status)),
            ];
            (format!("{method} {route}"), about)
        });
    }

    fn tell(&self, kind: SpanKind, took: Duration, within: &Context, about: impl FnOnce() -> (String, Vec<KeyValue>)) {
        let Some(told) = self.0.as_ref().filter(|told| took >= told.slow) else { return };
        let ended = SystemTime::now();
        let (name, attributes) = about();
        let span = told.tracer.span_builder(name).with_kind(kind).with_attributes(attributes);
        let began = ended.checked_sub(took).unwrap_or(ended);
        let mut span = told.tracer.build_with_context(span.with_start_time(began), within);
        span.end_with_timestamp(ended);
    }

    /// Sends what waits.
    pub(crate) fn stop(&self) {
        if let Some(told) = &self.0
            && let Err(error) = told.provider.shutdown_with_timeout(LAST)
        {
            tracing::warn!("the last traces did not reach their collector: {error}");
        }
    }
}

/// What of a request may be told: an address may hold the token of a link.
pub(crate) struct Asked {
    method: Method,
    route: &'static str,
}

impl Asked {
    pub(crate) fn of<B>(request: &Request<B>) -> Asked {
        let path = request.uri().path();
        let route = if api::owns(path) { "/api" } else { routes::find(path).template() };
        Asked { method: request.method().clone(), route }
    }
}

/// The way to the collector.
#[derive(Debug)]
struct Post {
    agent: ureq::Agent,
    collector: String,
    /// Said once, and once more when it is over.
    fails: AtomicBool,
}

impl Post {
    fn new(collector: String) -> Post {
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(DELIVERY))
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .user_agent(concat!("kanvas/", env!("CARGO_PKG_VERSION")))
            .build();
        Post { agent: ureq::Agent::new_with_config(config), collector, fails: AtomicBool::new(false) }
    }

    fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, String> {
        let (head, body) = request.into_parts();
        let request = Request::from_parts(head, body.to_vec());
        let answer = self.agent.run(request).map_err(|error| unanswered(&error, DELIVERY))?;
        let (head, mut body) = answer.into_parts();
        let body = body.with_config().limit(ANSWER_BYTES).read_to_vec();
        let answer = Response::from_parts(head, body.map_err(|error| unanswered(&error, DELIVERY))?.into());
        match answer.status().is_success() {
            true => Ok(answer),
            false => Err(format!("it answered {}", answer.status().as_u16())),
        }
    }
}

#[async_trait]
impl HttpClient for Post {
    /// On the thread that sends traces, which has nothing else to do.
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let sent = self.send(request);
        let failed = self.fails.swap(sent.is_err(), Ordering::Relaxed);
        match &sent {
            Err(why) if !failed => {
                tracing::warn!("traces cannot be sent to {} ({why}); they are dropped until they can", self.collector);
            }
            Ok(_) if failed => tracing::info!("traces are sent to {} again", self.collector),
            Err(_) | Ok(_) => {}
        }
        sent.map_err(Into::into)
    }
}
