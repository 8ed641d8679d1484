//! Where the server listens and how people reach it: whether its address is free or it runs there already, and whether the
//! public address, the origins and the proxies make sense together.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use ipnet::IpNet;
use serde::Deserialize;
use ureq::tls::TlsConfig;

use super::{Finding, Verdict};
use crate::auth::AuthMode;
use crate::config::Serve;
use crate::door::Door;
use crate::listen::{self, Unbound};
use crate::origin::Origin;
use crate::store::look::Use;

const PATIENCE: Duration = Duration::from_secs(3);
const ANSWER_BYTES: u64 = 4096;

pub(super) fn look(serve: &Serve, used: Use) -> Vec<Finding> {
    let mut findings = Vec::new();
    // That it may not listen there is told with the settings.
    if !serve.may_not_listen() {
        findings.push(listens(serve, used));
    }
    findings.extend(operators(serve));
    findings.extend(public(serve));
    findings.extend(origins(serve));
    findings.extend(serve.trusted_proxies.iter().flat_map(|proxies| proxies_of(proxies.networks())));
    findings
}

/// Who is at an address.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Who {
    Ready,
    /// A Kanvas that cannot do its work, in its words.
    Unready(String),
    Stranger,
}

#[derive(Deserialize)]
struct Trouble {
    error: String,
    message: String,
}

fn listens(serve: &Serve, used: Use) -> Finding {
    let (about, address) = ("address", serve.listen);
    match (listen::socket(address, Door::Public), used) {
        (Ok(_), Use::Nobody) if address.port() == 0 => {
            Finding::ok(about, format!("each start takes a free port of {}", address.ip()))
        }
        (Ok(_), Use::Nobody) => Finding::ok(about, format!("{address} is free")),
        (Ok(_), Use::Live) => {
            let says = format!("a Kanvas runs on the data directory, and not at {address}");
            Finding::warning(about, says, "see that these are the settings it was started with")
        }
        (Err(Unbound::Taken(_)), used) => taken(address, who(serve), used),
        (Err(Unbound::Unusable(_)), _) if address.port() < first_open_port() => {
            let says = format!(
                "{address} cannot be listened on by this account: ports below {} are not for all",
                first_open_port()
            );
            let todo = "choose a higher port with --listen, or let the service have CAP_NET_BIND_SERVICE";
            Finding::problem(about, says, todo)
        }
        (Err(Unbound::Unusable(sentence)), _) => Finding::told(Verdict::Problem, about, &sentence),
    }
}

/// Whoever reaches that address may do everything.
fn operators(serve: &Serve) -> Option<Finding> {
    let (about, address) = ("operators", serve.admin_listen.filter(|address| serve.exposed(*address).is_none())?);
    if address.ip().is_loopback() {
        return Some(Finding::ok(about, format!("They are served at {address}, for this machine alone")));
    }
    let says = format!("whoever reaches {address} may do everything, without a secret");
    Some(Finding::warning(
        about,
        says,
        "see that a firewall lets operators and their programs through, and nobody else",
    ))
}

fn taken(address: SocketAddr, who: Who, used: Use) -> Finding {
    let about = "address";
    match (who, used) {
        (Who::Ready, Use::Live) => Finding::ok(about, format!("Kanvas runs at {address} and is ready")),
        (Who::Unready(why), Use::Live) => {
            let says = format!("Kanvas runs at {address} and is not ready: {}", why.trim_end_matches('.'));
            Finding::problem(about, says, "look at its log, and at what is said of storage and keys here")
        }
        (Who::Ready | Who::Unready(_), Use::Nobody) => {
            let says = format!("{address} is taken by a Kanvas with another data directory");
            Finding::problem(about, says, "stop that one, or choose another port with --listen")
        }
        (Who::Stranger, Use::Nobody | Use::Live) => {
            let says = format!("{address} is taken by another program, which does not answer as Kanvas does");
            Finding::problem(about, says, "stop that one, or choose another port with --listen")
        }
    }
}

/// Asks who is there, whatever its certificate: this machine is asked for nothing secret.
fn who(serve: &Serve) -> Who {
    let config = ureq::Agent::config_builder()
        .timeout_global(Some(PATIENCE))
        .max_redirects(0)
        .max_redirects_will_error(false)
        .http_status_as_error(false)
        .proxy(None)
        .tls_config(TlsConfig::builder().disable_verification(true).build())
        .user_agent(concat!("kanvas/", env!("CARGO_PKG_VERSION")))
        .build();
    let scheme = if serve.tls_cert.is_some() { "https" } else { "http" };
    let url = format!("{scheme}://{}/readyz", from_here(serve.listen));
    let Ok(mut answer) = ureq::Agent::new_with_config(config).get(&url).call() else { return Who::Stranger };
    let status = answer.status().as_u16();
    let body = answer.body_mut().with_config().limit(ANSWER_BYTES).read_to_vec().unwrap_or_default();
    match (status, serde_json::from_slice::<Trouble>(&body)) {
        (200, _) if body == b"ready" => Who::Ready,
        (503, Ok(Trouble { error, message })) if error == "unavailable" || error == "stopping" => Who::Unready(message),
        (_, _) => Who::Stranger,
    }
}

/// How a server that listens on every address is reached on this machine.
fn from_here(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => ip,
    };
    SocketAddr::new(ip, address.port())
}

fn first_open_port() -> u16 {
    let text = fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start").unwrap_or_default();
    text.trim().parse().unwrap_or(1024)
}

/// The address by which people come, and who speaks TLS there.
fn public(serve: &Serve) -> Option<Finding> {
    let about = "public";
    let (has_tls, has_proxy) = (serve.tls_cert.is_some(), serve.trusted_proxies.is_some());
    let Some(url) = &serve.public_url else {
        let open = !serve.listen.ip().is_loopback() && !has_tls && !has_proxy;
        return open.then(|| {
            let says = "other machines reach the server without TLS, and tokens can be read on their way";
            Finding::warning(
                about,
                says,
                "give --tls-cert and --tls-key, or name the proxy that speaks TLS in --trusted-proxies",
            )
        });
    };
    let shown = url.as_str();
    if !url.is_secure() {
        return Some(match has_tls {
            true => Finding::problem(
                about,
                format!("--public-url is {shown}, and the server speaks nothing but TLS"),
                "write it with https",
            ),
            false if url.is_loopback() => Finding::ok(about, format!("people reach it at {shown}")),
            false => Finding::warning(
                about,
                format!("--public-url is {shown}: without TLS tokens can be read on their way"),
                "set up TLS, here or in a proxy, and write it with https",
            ),
        });
    }
    if !has_tls && !has_proxy && serve.mode() != AuthMode::Dev {
        let says =
            format!("--public-url is {shown}, and nobody is named who speaks TLS: all people count as one address");
        return Some(Finding::warning(
            about,
            says,
            "name the proxy in --trusted-proxies, or give --tls-cert and --tls-key",
        ));
    }
    Some(Finding::ok(about, format!("people reach it at {shown}")))
}

fn origins(serve: &Serve) -> Vec<Finding> {
    let about = "origins";
    let lists = [&serve.allowed_origins, &serve.clerk_authorized_parties];
    let mut named: Vec<&str> = lists.into_iter().flatten().flat_map(|list| &list.0).map(Origin::as_str).collect();
    named.sort_unstable();
    named.dedup();
    let plain: Vec<_> = named.iter().filter(|origin| !origin.starts_with("https://")).copied().collect();
    let mut findings = Vec::new();
    if !named.is_empty() {
        findings.push(Finding::ok(about, format!("pages of {} may use the server", named.join(", "))));
    }
    if !plain.is_empty() && serve.mode() != AuthMode::Dev {
        let says =
            format!("pages of {} come without TLS, so that whoever is on their way can change them", plain.join(", "));
        findings.push(Finding::warning(about, says, "serve them by https, and write the origin so"));
    }
    findings
}

/// Whose word on the client's address is believed.
fn proxies_of(networks: &[IpNet]) -> Vec<Finding> {
    let about = "proxies";
    let is_wide = |network: &IpNet| match network {
        IpNet::V4(network) => network.prefix_len() < 8,
        IpNet::V6(network) => network.prefix_len() < 16,
    };
    let names = |wanted: &dyn Fn(&IpNet) -> bool| {
        let names: Vec<_> = networks.iter().filter(|network| wanted(network)).map(ToString::to_string).collect();
        names.join(", ")
    };
    let (all, wide) =
        (names(&|network| network.prefix_len() == 0), names(&|network| network.prefix_len() > 0 && is_wide(network)));
    let mut findings = Vec::new();
    if !all.is_empty() {
        let says = format!(
            "--trusted-proxies has {all}, which is everybody: whoever comes may choose the address they count as"
        );
        findings.push(Finding::problem(about, says, "name the proxies' own addresses"));
    }
    if !wide.is_empty() {
        let says = format!("--trusted-proxies has {wide}, which is a large part of the internet");
        findings.push(Finding::warning(about, says, "name the proxies' own addresses"));
    }
    if findings.is_empty() {
        findings.push(Finding::ok(about, format!("those of {} are believed", names(&|_| true))));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doctor12_who_has_the_address_tells_what_is_wrong() {
        let address = "127.0.0.1:1999".parse().unwrap();
        let verdict = |who, used| taken(address, who, used).verdict;
        assert_eq!(verdict(Who::Ready, Use::Live), Verdict::Ok);
        assert_eq!(verdict(Who::Ready, Use::Nobody), Verdict::Problem);
        assert_eq!(verdict(Who::Stranger, Use::Live), Verdict::Problem);
        let unready = taken(address, Who::Unready("The storage does not answer.".into()), Use::Live);
        assert!(unready.verdict == Verdict::Problem && unready.says.ends_with("The storage does not answer"));
        assert_eq!(from_here("0.0.0.0:80".parse().unwrap()).to_string(), "127.0.0.1:80");
        assert_eq!(from_here("[::]:80".parse().unwrap()).to_string(), "[::1]:80");
    }

    #[test]
    fn doctor13_proxies_that_are_everybody_are_a_problem() {
        let verdicts = |text: &str| -> Vec<_> {
            let proxies = crate::proxy::list(text).unwrap();
            proxies_of(proxies.networks()).iter().map(|finding| finding.verdict).collect()
        };
        assert_eq!(verdicts("10.0.0.7, 10.0.0.0/8, fd00::/16"), [Verdict::Ok]);
        assert_eq!(verdicts("0.0.0.0/0, 64.0.0.0/2"), [Verdict::Problem, Verdict::Warning]);
        assert_eq!(verdicts("::/0"), [Verdict::Problem]);
    }
}
