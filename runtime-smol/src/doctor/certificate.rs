//! The certificate: whether it and its key can be used together, for how long, and for the public address.

use std::fs;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::client::verify_server_name;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::server::ParsedCertificate;
use url::Url;
use x509_parser::parse_x509_certificate;

use super::settings::is_open_to_all;
use super::{Finding, Verdict};
use crate::config::Serve;

const ABOUT: &str = "certificate";
const DAY: u64 = 86_400;
/// Whoever renews by hand needs so long.
const SOON: u64 = 14 * DAY;

pub(super) fn look(serve: &Serve) -> Vec<Finding> {
    let (Some(certificate), Some(key)) = (&serve.tls_cert, &serve.tls_key) else { return Vec::new() };
    if let Err(problem) = serve.tls() {
        return vec![Finding::told(Verdict::Problem, ABOUT, &problem)];
    }
    let first = fs::read(certificate).ok().and_then(|pem| CertificateDer::from_pem_slice(&pem).ok());
    let mut findings = Vec::new();
    if let Some(first) = &first {
        let public = serve.public_url.as_ref().map(|url| url.as_str());
        findings.extend(life(first, SystemTime::now()));
        findings.extend(public.and_then(|url| covers(first, url)));
    }
    if is_open_to_all(key) {
        let shown = key.display();
        let says = format!("everybody on this machine may read the private key {shown}");
        findings.push(Finding::problem(ABOUT, says, format!("take that right away: `chmod o-r {shown}`")));
    }
    findings
}

/// From when and until when it counts.
fn life(certificate: &CertificateDer<'_>, now: SystemTime) -> Option<Finding> {
    let Ok((_, parsed)) = parse_x509_certificate(certificate) else {
        return Some(Finding::problem(ABOUT, "its times cannot be read", "have it made anew"));
    };
    let time = |seconds: i64| UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).unwrap_or_default());
    let validity = parsed.validity();
    Some(judge(time(validity.not_before.timestamp()), time(validity.not_after.timestamp()), now))
}

fn judge(from: SystemTime, until: SystemTime, now: SystemTime) -> Finding {
    let day = |time| httpdate::fmt_http_date(time);
    if now < from {
        let says = format!("it does not count before {}", day(from));
        return Finding::problem(ABOUT, says, "compare the clocks, or have it made anew");
    }
    let Ok(left) = until.duration_since(now) else {
        let says = format!("it has expired, on {}: browsers refuse the server", day(until));
        return Finding::problem(ABOUT, says, "renew it: the server takes a new one up by itself");
    };
    let days = left.as_secs() / DAY;
    let says = format!("it fits its key and holds for {days} more days, until {}", day(until));
    if left.as_secs() < SOON {
        return Finding::warning(ABOUT, says, "renew it now, and see why that did not happen by itself");
    }
    Finding::ok(ABOUT, says)
}

/// Whether it is for the host of the public address.
fn covers(certificate: &CertificateDer<'_>, public: &str) -> Option<Finding> {
    let url = Url::parse(public).ok()?;
    let host = url.host_str()?.trim_start_matches('[').trim_end_matches(']');
    let name = ServerName::try_from(host).ok()?;
    let parsed = ParsedCertificate::try_from(certificate).ok()?;
    verify_server_name(&parsed, &name).err().map(|_| {
        let says = format!("it is not for {host}, the host of --public-url: browsers refuse the server");
        Finding::problem(ABOUT, says, "have one made for that name")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doctor14_a_certificate_is_renewed_in_time() {
        let at = |days: u64| UNIX_EPOCH + Duration::from_secs(1_800_000_000 + days * DAY);
        let verdict = |now| judge(at(10), at(100), now).verdict;
        assert_eq!(verdict(at(9)), Verdict::Problem);
        assert_eq!(verdict(at(10)), Verdict::Ok);
        assert_eq!(verdict(at(86)), Verdict::Ok);
        assert_eq!(verdict(at(87)), Verdict::Warning);
        assert_eq!(verdict(at(101)), Verdict::Problem);
    }
}
