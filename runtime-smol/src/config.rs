//! The settings. It owns each setting's name, type, bounds, default and words, once: flags, variables of
//! the environment, keys of the settings file, completions and reference pages all come from here. Where a value came
//! from is `settings`' business, what it means that of those who use it.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Arg, Args, ValueHint, value_parser};
use kanvas_core::access::Role;
use kanvas_core::auth::{Checks, Instance, Keys};
use kanvas_core::{Config, Limits, Span};
use url::Url;

use crate::api::AdminSecret;
use crate::assets::AssetLimits;
use crate::assets::files::charge;
use crate::auth::AuthMode;
use crate::chaos::{self, Weather};
use crate::edge::Edge;
use crate::logging::{self, LogFormat};
use crate::origin::{self, Origin, Origins};
use crate::proxy::{self, Proxies};
use crate::signin::Source;
use crate::tls::Tls;
use crate::traces::{self, Traces};
use crate::webhooks::{self, Events, Hook, Secret};

/// Every setting of the server.
#[derive(Clone, Debug, Args)]
pub(crate) struct Serve {
    /// Where to listen; port 0 takes a free one. In development mode the server is for this machine only, so the
    /// address must be a loopback one
    #[arg(long, env = "KANVAS_LISTEN", value_name = "ADDRESS:PORT", default_value = "127.0.0.1:1999", value_parser = address)]
    pub(crate) listen: SocketAddr,

    /// Who may come in: those with a token, guests too, or, without sign-in, whoever is on this machine [default: required if there are keys of Clerk, else dev]
    #[arg(long, env = "KANVAS_AUTH", value_name = "MODE", value_parser = value_parser!(AuthMode))]
    pub(crate) auth: Option<AuthMode>,

    /// Clerk's publishable key: it says whose tokens are good and where their keys are [default: none]
    #[arg(long, env = "CLERK_PUBLISHABLE_KEY", value_name = "KEY", value_parser = instance)]
    pub(crate) clerk_publishable_key: Option<Instance>,

    /// The same, under the name that a Next.js app has for it [default: none]
    #[arg(long, env = "NEXT_PUBLIC_CLERK_PUBLISHABLE_KEY", value_name = "KEY", value_parser = instance)]
    pub(crate) next_public_clerk_publishable_key: Option<Instance>,

    /// Clerk's public key as PEM text: tokens are then checked with no network at all [default: none]
    #[arg(long, env = "CLERK_JWT_KEY", value_name = "PEM", value_parser = jwt_key, allow_hyphen_values = true)]
    pub(crate) clerk_jwt_key: Option<Keys>,

    /// Where Clerk's keys are fetched, if not at the address that the publishable key names [default: none]
    #[arg(long, env = "CLERK_JWKS_URL", value_name = "URL", value_parser = jwks_url)]
    pub(crate) clerk_jwks_url: Option<Url>,

    /// Origins for which tokens may have been made, with commas between [default: any]
    #[arg(long, env = "CLERK_AUTHORIZED_PARTIES", value_name = "ORIGINS", value_parser = origin::list)]
    pub(crate) clerk_authorized_parties: Option<Origins>,

    /// For whom tokens may have been made (their `aud`), with commas between [default: any]
    #[arg(long, env = "CLERK_AUDIENCE", value_name = "NAMES", value_parser = names)]
    pub(crate) clerk_audience: Option<Names>,

    /// How long a connection outlives its token if the client sends no fresh one, in seconds; 25 is strict
    #[arg(long, env = "KANVAS_LEASE_GRACE", value_name = "SECONDS", default_value = "300", value_parser = whole::<u64>(25, 86_400))]
    pub(crate) lease_grace: u64,

    /// Origins whose pages may use the server, with commas between [default: none; in development mode those of this machine may in any case]
    #[arg(long, env = "KANVAS_ALLOWED_ORIGINS", value_name = "ORIGINS", value_parser = origin::list)]
    pub(crate) allowed_origins: Option<Origins>,

    /// The address by which browsers reach the server; pages of this origin may use it [default: none]
    #[arg(long, env = "KANVAS_PUBLIC_URL", value_name = "URL", value_parser = origin::public)]
    pub(crate) public_url: Option<Origin>,

    /// Proxies in front of the server, with commas between; what they say of the client's address is believed [default: none]
    #[arg(long, env = "KANVAS_TRUSTED_PROXIES", value_name = "ADDRESSES", value_parser = proxy::list)]
    pub(crate) trusted_proxies: Option<Proxies>,

    /// The secret by which your own back end uses `/api`; give it by the environment or the file, since everybody on the machine sees flags [default: none, and `/api` is off]
    #[arg(long, env = "KANVAS_ADMIN_SECRET", value_name = "SECRET", value_parser = admin_secret, hide_env_values = true, allow_hyphen_values = true)]
    pub(crate) admin_secret: Option<AdminSecret>,

    /// A second address, for operators alone: whoever reaches it has `/metrics`, `/dashboard` and `/api` without a secret [default: none]
    #[arg(long, env = "KANVAS_ADMIN_LISTEN", value_name = "ADDRESS:PORT", value_parser = address)]
    pub(crate) admin_listen: Option<SocketAddr>,

    /// The certificate and its chain, in PEM: the server then speaks TLS, and takes a new one up by itself [default: none]
    #[arg(long, env = "KANVAS_TLS_CERT", value_name = "FILE", value_hint = ValueHint::FilePath, value_parser = path())]
    pub(crate) tls_cert: Option<PathBuf>,

    /// The certificate's private key, in PEM [default: none]
    #[arg(long, env = "KANVAS_TLS_KEY", value_name = "FILE", value_hint = ValueHint::FilePath, value_parser = path())]
    pub(crate) tls_key: Option<PathBuf>,

    /// The directory for everything that is kept; made if it is not there
    #[arg(long, env = "KANVAS_DATA", value_name = "DIR", default_value = "./kanvas-data", value_hint = ValueHint::DirPath, value_parser = path())]
    pub(crate) data: PathBuf,

    /// Threads that run rooms [default: one a core]
    #[arg(long, env = "KANVAS_THREADS", value_name = "N", value_parser = whole::<u16>(1, 256))]
    pub(crate) threads: Option<u16>,

    /// What to log: error, warn, info, debug, trace, or a filter such as `info,kanvas::host=debug`
    #[arg(long, env = "KANVAS_LOG", value_name = "FILTER", default_value = "info", value_parser = filter)]
    pub(crate) log: String,

    /// How to log: lines of text, or JSON, one object a line
    #[arg(long, env = "KANVAS_LOG_FORMAT", value_name = "FORMAT", default_value = "text", value_parser = value_parser!(LogFormat))]
    pub(crate) log_format: LogFormat,

    /// Connections in all [default: 10000, or what the limit on open files leaves]
    #[arg(long, env = "KANVAS_MAX_CONNECTIONS", value_name = "N", value_parser = whole::<u32>(1, 1_000_000))]
    pub(crate) max_connections: Option<u32>,

    /// Connections of one address that have not joined a room yet [default: 5000 in development mode, else 50]
    #[arg(long, env = "KANVAS_MAX_WAITING", value_name = "N", value_parser = whole::<u32>(1, 1_000_000))]
    pub(crate) max_waiting: Option<u32>,

    /// Rooms that one person may make in an hour [default: 5000 in development mode, else 50]
    #[arg(long, env = "KANVAS_NEW_ROOMS", value_name = "N", value_parser = whole::<u32>(1, 1_000_000))]
    pub(crate) new_rooms: Option<u32>,

    /// Rooms loaded at once
    #[arg(long, env = "KANVAS_MAX_ROOMS", value_name = "N", default_value = "10000", value_parser = whole::<u32>(1, 1_000_000))]
    pub(crate) max_rooms: u32,

    /// How long a public room stays on the list of rooms after anything last happened there or anybody was in it, in
    /// seconds; what is in it stays
    #[arg(long, env = "KANVAS_LIST_IDLE", value_name = "SECONDS", default_value = "1800", value_parser = whole::<u64>(1, 31_536_000))]
    pub(crate) list_idle: u64,

    /// Connections in one room
    #[arg(long, env = "KANVAS_ROOM_CONNECTIONS", value_name = "N", default_value = "1000", value_parser = whole::<u32>(1, 100_000))]
    pub(crate) room_connections: u32,

    /// Connections of one person in one room
    #[arg(long, env = "KANVAS_USER_CONNECTIONS", value_name = "N", default_value = "10", value_parser = whole::<u32>(1, 100_000))]
    pub(crate) user_connections: u32,

    /// Images in one room
    #[arg(long, env = "KANVAS_ROOM_IMAGES", value_name = "N", default_value = "5000", value_parser = whole::<u32>(1, 100_000))]
    pub(crate) room_images: u32,

    /// Seconds that a lost connection's person stays present, to come back
    #[arg(long, env = "KANVAS_GRACE", value_name = "SECONDS", default_value = "15", value_parser = whole::<u64>(0, 3600))]
    pub(crate) grace: u64,

    /// Seconds that an empty room stays loaded
    #[arg(long, env = "KANVAS_UNLOAD_AFTER", value_name = "SECONDS", default_value = "60", value_parser = whole::<u64>(0, 86_400))]
    pub(crate) unload_after: u64,

    /// Milliseconds between two places of a cursor for people who look elsewhere; 0 for as often as it moves
    #[arg(long, env = "KANVAS_FAR_CURSORS", value_name = "MS", default_value = "500", value_parser = whole::<u64>(0, 60_000))]
    pub(crate) far_cursors: u64,

    /// Seconds between two pings to a connection
    #[arg(long, env = "KANVAS_PING_EVERY", value_name = "SECONDS", default_value = "20", value_parser = whole::<u64>(1, 3600))]
    pub(crate) ping_every: u64,

    /// Seconds without a frame after which a connection is given up
    #[arg(long, env = "KANVAS_DEAD_AFTER", value_name = "SECONDS", default_value = "45", value_parser = whole::<u64>(2, 7200))]
    pub(crate) dead_after: u64,

    /// Bytes of one image file that is uploaded
    #[arg(long, env = "KANVAS_ASSET_BYTES", value_name = "N", default_value = "10485760", value_parser = whole::<u64>(1, 1 << 30))]
    pub(crate) asset_bytes: u64,

    /// Bytes of image files that one person may upload in a day
    #[arg(long, env = "KANVAS_ASSET_DAY_BYTES", value_name = "N", default_value = "104857600", value_parser = whole::<u64>(4096, 1 << 50))]
    pub(crate) asset_day_bytes: u64,

    /// Bytes of image files in all
    #[arg(long, env = "KANVAS_ASSET_TOTAL_BYTES", value_name = "N", default_value = "10737418240", value_parser = whole::<u64>(4096, 1 << 50))]
    pub(crate) asset_total_bytes: u64,

    /// Seconds that an image file is kept after the last room has stopped referring to it
    #[arg(long, env = "KANVAS_ASSET_KEEP", value_name = "SECONDS", default_value = "604800", value_parser = whole::<u64>(1, 1 << 32))]
    pub(crate) asset_keep: u64,

    /// Where traces of what takes long are sent, by OTLP over HTTP, such as http://127.0.0.1:4318 [default: nowhere]
    #[arg(long, env = "KANVAS_OTLP_ENDPOINT", value_name = "URL", value_parser = traces::endpoint)]
    pub(crate) otlp_endpoint: Option<Url>,

    /// Milliseconds that something must take to be sent as a trace
    #[arg(long, env = "KANVAS_TRACE_SLOW", value_name = "MS", default_value = "100", value_parser = whole::<u64>(0, 60_000))]
    pub(crate) trace_slow: u64,

    /// A bad day to try a front end on, in development mode, such as `latency=80ms,cut=1%,crash=2/min` [default: none]
    #[arg(long, env = "KANVAS_CHAOS", value_name = "FAULTS", value_parser = chaos::parse)]
    pub(crate) chaos: Option<Weather>,

    /// Where to tell what happens in rooms, as webhooks [default: nowhere]
    #[arg(long, env = "KANVAS_WEBHOOK_URL", value_name = "URL", value_parser = webhooks::address)]
    pub(crate) webhook_url: Option<Url>,

    /// What webhooks are signed with; in the environment other programs of the machine do not see it [default: none]
    #[arg(long, env = "KANVAS_WEBHOOK_SECRET", hide_env_values = true, value_name = "SECRET", value_parser = Secret::parse)]
    pub(crate) webhook_secret: Option<Secret>,

    /// Which events are told, with commas between [default: all]
    #[arg(long, env = "KANVAS_WEBHOOK_EVENTS", value_name = "NAMES", value_parser = Events::parse)]
    pub(crate) webhook_events: Option<Events>,
}

// A value parser's error says what is allowed, whatever the value: the sentence for the operator and the reference page
// have it from there.

/// A whole number within these bounds.
pub(crate) fn whole<T: FromStr + Clone + Send + Sync + 'static>(
    least: u64,
    most: u64,
) -> impl Fn(&str) -> Result<T, String> + Clone + Send + Sync {
    move |text| {
        let within = text.parse().is_ok_and(|number| (least..=most).contains(&number));
        let number = text.parse().ok().filter(|_| within);
        number.ok_or_else(|| format!("a whole number from {least} to {most}"))
    }
}

fn address(text: &str) -> Result<SocketAddr, &'static str> {
    text.parse().map_err(|_| "an address and a port, such as 127.0.0.1:1999 or [::1]:1999")
}

fn instance(text: &str) -> Result<Instance, &'static str> {
    // Clerk's own words say what is wrong; what is allowed is the same for all.
    Instance::from_publishable_key(text)
        .map_err(|_| "a publishable key of Clerk, whole, such as pk_test_Y2xlcmsuZXhhbXBsZS5jb20k")
}

fn jwt_key(text: &str) -> Result<Keys, &'static str> {
    Keys::from_pem(text)
        .map_err(|_| "the PEM text of an RSA public key of 2048 to 4096 bits, with its first and last line")
}

fn admin_secret(text: &str) -> Result<AdminSecret, &'static str> {
    AdminSecret::new(text)
        .ok_or("16 to 512 letters, digits and signs of ASCII without a space, such as `openssl rand -hex 32` prints")
}

/// Why a value of this setting cannot be used, where the value itself must not be repeated: in the place of a public
/// key people put secret ones. `None` for the other settings.
pub(crate) fn unsaid(id: &str, value: &str) -> Option<String> {
    match id {
        "clerk_jwt_key" => Some(Keys::from_pem(value).err()?.to_string()),
        "clerk_publishable_key" | "next_public_clerk_publishable_key" => {
            Some(Instance::from_publishable_key(value).err()?.to_string())
        }
        "webhook_secret" => Some(format!("it must be {}", Secret::parse(value).err()?)),
        "admin_secret" => Some(format!("it must be {}", admin_secret(value).err()?)),
        _ => None,
    }
}

/// Whether this setting's value is never shown.
pub(crate) fn is_secret(arg: &Arg) -> bool {
    ["admin_secret", "webhook_secret"].contains(&arg.get_id().as_str())
}

fn jwks_url(text: &str) -> Result<Url, &'static str> {
    let here = |url: &Url| url.scheme() == "http" && url.host_str().is_some_and(origin::is_loopback_host);
    let url = Url::parse(text).ok().filter(|url| url.scheme() == "https" || here(url));
    url.ok_or("an https address, or an http one of this machine")
}

/// Names with commas between them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Names(pub(crate) Vec<String>);

fn names(text: &str) -> Result<Names, &'static str> {
    let names: Vec<_> = text.split(',').map(|name| name.trim().to_owned()).collect();
    if names.iter().any(String::is_empty) { Err("names with commas between them") } else { Ok(Names(names)) }
}

fn filter(text: &str) -> Result<String, String> {
    logging::filter(text).map(|_| text.to_owned())
}

/// Any path, in UTF-8 or not.
pub(crate) fn path() -> impl TypedValueParser<Value = PathBuf> {
    let named = |path: OsString| if path.is_empty() { Err("a path") } else { Ok(PathBuf::from(path)) };
    OsStringValueParser::new().try_map(named)
}

impl Serve {
    /// What no single setting's bounds can say. Each is a sentence for the operator.
    pub(crate) fn check(&self) -> Vec<String> {
        let mut problems = Vec::new();
        problems.extend(self.check_edge());
        if self.webhook_url.is_some() != self.webhook_secret.is_some() {
            problems.push("--webhook-url and --webhook-secret belong together; give both or neither".into());
        }
        if self.dead_after <= self.ping_every {
            problems.push(format!(
                "--dead-after {} must be longer than --ping-every {}: a connection must have time to answer",
                self.dead_after, self.ping_every
            ));
        }
        if charge(self.asset_bytes) > self.asset_day_bytes.min(self.asset_total_bytes) {
            problems.push(format!(
                "--asset-bytes {}, in whole blocks of 4096, must not be more than --asset-day-bytes {} or \
                 --asset-total-bytes {}: such a file could never be taken",
                self.asset_bytes, self.asset_day_bytes, self.asset_total_bytes
            ));
        }
        problems
    }

    /// What of the edge does not go together.
    fn check_edge(&self) -> Vec<String> {
        let mut problems = Vec::new();
        problems.extend(self.exposed(self.listen));
        problems.extend(self.admin_listen.and_then(|address| self.exposed(address)));
        if self.admin_listen.is_some_and(|address| address == self.listen && address.port() != 0) {
            problems.push(format!("--admin-listen and --listen are both {}; choose another port for one", self.listen));
        }
        if self.tls_cert.is_some() != self.tls_key.is_some() {
            problems.push("--tls-cert and --tls-key belong together; give both or neither".into());
        }
        let mode = match self.mode() {
            AuthMode::Dev => {
                if self.trusted_proxies.is_some() {
                    let why = "a development server answers to no proxy; leave it out, or choose another --auth";
                    problems.push(format!("--trusted-proxies is given, and {why}"));
                }
                return problems;
            }
            AuthMode::Optional => "optional",
            AuthMode::Required => "required",
        };
        if self.chaos.is_some() {
            problems.push(format!("--chaos is for development, and --auth is {mode}; leave one of them out"));
        }
        if self.clerk_jwt_key.is_none() && self.clerk_instance().is_none() {
            problems.push(format!(
                "--auth {mode} needs keys to check tokens with; give CLERK_PUBLISHABLE_KEY, or CLERK_JWT_KEY with it"
            ));
        }
        let origins: Vec<_> = self.origins().chain(&self.public_url).collect();
        if origins.is_empty() {
            problems.push(format!(
                "with --auth {mode} it must be said whose pages may use the server; give --allowed-origins, --public-url or CLERK_AUTHORIZED_PARTIES"
            ));
        }
        if let Some(here) = origins.iter().find(|origin| origin.is_loopback()) {
            problems.push(format!(
                "{} is a page of whichever machine it is opened on, which only --auth dev allows; leave it out",
                here.as_str()
            ));
        }
        problems
    }

    /// Whether the address would let strangers in without sign-in.
    pub(crate) fn may_not_listen(&self) -> bool {
        self.exposed(self.listen).is_some()
    }

    /// Why the server may not be at this address, if so.
    pub(crate) fn exposed(&self, address: SocketAddr) -> Option<String> {
        (self.mode() == AuthMode::Dev && !address.ip().is_loopback()).then(|| {
            format!(
                "{address} can be reached from other machines, and without sign-in anybody there could change \
                 everything; listen on 127.0.0.1 or [::1]"
            )
        })
    }

    fn origins(&self) -> impl Iterator<Item = &Origin> {
        let lists = [&self.allowed_origins, &self.clerk_authorized_parties];
        lists.into_iter().flatten().flat_map(|origins| &origins.0)
    }

    /// Who may come in.
    pub(crate) fn mode(&self) -> AuthMode {
        let keys = self.clerk_jwt_key.is_some() || self.clerk_instance().is_some();
        self.auth.unwrap_or(if keys { AuthMode::Required } else { AuthMode::Dev })
    }

    fn clerk_instance(&self) -> Option<&Instance> {
        self.clerk_publishable_key.as_ref().or(self.next_public_clerk_publishable_key.as_ref())
    }

    /// What tokens are checked with; `None` in development mode, where the server's own key is.
    pub(crate) fn token_checks(&self) -> Option<(Source, Checks)> {
        if self.mode() == AuthMode::Dev {
            return None;
        }
        let instance = self.clerk_instance();
        let address = self.clerk_jwks_url.as_ref().map(Url::to_string);
        let source = match &self.clerk_jwt_key {
            Some(keys) => Source::Pinned(keys.clone()),
            None => Source::Fetched(address.or_else(|| instance.map(|instance| instance.jwks_url.clone()))?),
        };
        let parties = self.clerk_authorized_parties.iter().flat_map(|parties| &parties.0);
        let checks = Checks {
            issuer: instance.map(|instance| instance.issuer.clone()),
            parties: parties.map(|party| party.as_str().to_owned()).collect(),
            audience: self.clerk_audience.as_ref().map(|names| names.0.clone()).unwrap_or_default(),
        };
        Some((source, checks))
    }

    /// The certificate, if there is one. The error is a sentence for the operator.
    pub(crate) fn tls(&self) -> Result<Option<Arc<Tls>>, String> {
        match (&self.tls_cert, &self.tls_key) {
            (Some(certificate), Some(key)) => Tls::load(certificate, key).map(|tls| Some(Arc::new(tls))),
            (Some(_), None) | (None, Some(_)) | (None, None) => Ok(None),
        }
    }

    /// Which requests are heard.
    pub(crate) fn edge(&self) -> Result<Edge, String> {
        Ok(Edge {
            mode: self.mode(),
            origins: self.origins().cloned().collect(),
            public: self.public_url.clone(),
            proxies: self.trusted_proxies.clone().unwrap_or_default(),
            tls: self.tls()?,
        })
    }

    /// Connections of one address that have not joined a room.
    pub(crate) fn max_waiting(&self) -> u32 {
        self.max_waiting.unwrap_or(match self.mode() {
            AuthMode::Dev => 5000,
            AuthMode::Optional | AuthMode::Required => 50,
        })
    }

    /// Rooms that one person may make in an hour.
    pub(crate) fn new_rooms(&self) -> u32 {
        self.new_rooms.unwrap_or(match self.mode() {
            AuthMode::Dev => 5000,
            AuthMode::Optional | AuthMode::Required => 50,
        })
    }

    /// How its rooms behave.
    pub(crate) fn room_config(&self) -> Config {
        let limits = Limits {
            room_connections: self.room_connections,
            user_connections: self.user_connections,
            images: self.room_images,
            grace: Span::from_secs(self.grace),
            empty: Span::from_secs(self.unload_after),
            listed_idle: Some(Span::from_secs(self.list_idle)),
            far_cursors: Span::from_millis(self.far_cursors),
            ..Limits::default()
        };
        let is_dev = self.mode() == AuthMode::Dev;
        let mut config = Config { limits, ..Config::default() };
        (config.guests, config.http_loopback) = (is_dev.then_some(Role::Editor), is_dev);
        config
    }

    /// How much is kept of uploaded files, and how long.
    pub(crate) fn asset_limits(&self) -> AssetLimits {
        AssetLimits {
            file: self.asset_bytes,
            day: self.asset_day_bytes,
            total: self.asset_total_bytes,
            keep: Duration::from_secs(self.asset_keep),
        }
    }

    /// What takes long, for a collector. The error is a sentence for the operator.
    pub(crate) fn traces(&self) -> Result<Traces, String> {
        let slow = Duration::from_millis(self.trace_slow);
        self.otlp_endpoint.as_ref().map_or_else(|| Ok(Traces::default()), |endpoint| Traces::start(endpoint, slow))
    }

    /// Where webhooks go, if they go anywhere.
    pub(crate) fn hook(&self) -> Option<Hook> {
        let (url, secret) = self.webhook_url.clone().zip(self.webhook_secret.clone())?;
        Some(Hook { url, secret, events: self.webhook_events.clone().unwrap_or_default() })
    }

    pub(crate) fn ping_every(&self) -> Duration {
        Duration::from_secs(self.ping_every)
    }

    pub(crate) fn dead_after(&self) -> Duration {
        Duration::from_secs(self.dead_after)
    }
}
